// Records of bytes on their way from a thread that fetches them to the one that decodes them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "murmur/status.h"

namespace murmur {

// Records, one after the other.
template <class ReadAt>
struct Page {
  std::string bytes;
  std::vector<size_t> ends;
  ReadAt read_at{};  // of which all of them were read

  size_t size() const noexcept { return ends.size(); }
  std::string_view operator[](size_t i) const noexcept {
    const size_t begin = i == 0 ? 0 : ends[i - 1];
    return std::string_view(bytes).substr(begin, ends[i] - begin);
  }
  void Clear() {
    bytes.clear();
    ends.clear();
  }
};

// `ReadAt` says of which moment a page is; a page has records of one. A `Mark` says that there is
// nothing more up to some place.
template <class ReadAt, class Mark>
class PageQueue {
 public:
  struct Ending {
    Status status;
    ReadAt read_at{};
  };

  // The fetching thread calls `wake`, which may be empty, when something arrives in the empty
  // queue; not after Close.
  explicit PageQueue(std::function<void()> wake) : wake_(std::move(wake)) {}

  // --- for the fetching thread

  // Waits while it is full. False: nobody reads any more.
  bool Put(std::string_view record, ReadAt read_at = {}) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || HasRoom(read_at); });
    if (closed_) return false;
    page_.read_at = read_at;
    page_.bytes.append(record);
    page_.ends.push_back(page_.bytes.size());
    mark_.reset();
    if (page_.size() == 1) Notify();
    return true;
  }
  // Waits until it is not full, at most for `time`. False: it is.
  bool WaitForRoom(std::chrono::milliseconds time, const ReadAt& read_at = {}) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, [&] { return closed_ || HasRoom(read_at); });
  }
  // Everything up to `mark` has been put. False: as Put.
  bool PutMark(Mark mark) {
    const std::lock_guard lock(mutex_);
    const bool is_new = mark_ != mark;
    mark_ = std::move(mark);
    if (is_new && !closed_) Notify();
    return !closed_;
  }
  // Nothing more comes. OK: that was all, according to a snapshot at `read_at`.
  void End(Status status, ReadAt read_at = {}) {
    const std::lock_guard lock(mutex_);
    end_ = Ending{.status = std::move(status), .read_at = read_at};
    if (!closed_) Notify();
  }
  // False: nobody reads any more.
  bool Sleep(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, time, [this] { return closed_; });
  }
  bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

  // --- for the decoding thread

  // Takes the records, in exchange for an empty page. False: there is nothing.
  bool Take(Page<ReadAt>* page) {
    const std::lock_guard lock(mutex_);
    if (page_.size() == 0) return false;
    page->Clear();
    std::swap(*page, page_);
    changed_.notify_all();
    return true;
  }
  // The end, once no record is left.
  std::optional<Ending> end() const {
    const std::lock_guard lock(mutex_);
    return page_.size() == 0 ? end_ : std::nullopt;
  }
  std::optional<Mark> mark() const {
    const std::lock_guard lock(mutex_);
    return page_.size() == 0 ? mark_ : std::nullopt;
  }
  // Waits until there is something, or a stop is asked for.
  void Wait(const std::stop_token& stop, std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, time, [this] { return page_.size() > 0 || end_.has_value(); });
  }
  void Close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  // The reader holds up to as much again.
  static constexpr size_t kBytesMax = 4 << 20;

  bool HasRoom(const ReadAt& read_at) const {
    return page_.size() == 0 || (page_.bytes.size() < kBytesMax && page_.read_at == read_at);
  }
  void Notify() {
    changed_.notify_all();
    if (wake_) wake_();
  }

  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  // Under mutex_.
  Page<ReadAt> page_;
  std::optional<Mark> mark_;  // after the page
  std::optional<Ending> end_;
  bool closed_ = false;
};

}  // namespace murmur
