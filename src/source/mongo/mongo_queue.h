// Documents on their way from the fetching thread to the decoding thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "murmur/status.h"
#include "source/mongo/bson.h"
#include "source/mongo/mongo_client.h"
#include "source/mongo/mongo_position.h"

namespace murmur {

// Documents, one after the other.
struct MongoPage {
  std::vector<uint8_t> bytes;
  std::vector<size_t> ends;
  ClusterTime read_at = 0;  // the cluster time of the snapshot in which all of them were read

  size_t size() const noexcept { return ends.size(); }
  BsonBytes operator[](size_t i) const noexcept {
    const size_t begin = i == 0 ? 0 : ends[i - 1];
    return {.data = bytes.data() + begin, .size = static_cast<uint32_t>(ends[i] - begin)};
  }
  void Clear() {
    bytes.clear();
    ends.clear();
  }
};

struct MongoEnd {
  Status status;
  ClusterTime read_at = 0;
};

class MongoQueue {
 public:
  // The fetching thread calls `wake`, which may be empty, when something arrives in the empty
  // queue; not after Close.
  explicit MongoQueue(std::function<void()> wake) : wake_(std::move(wake)) {}

  // --- for the fetching thread

  // Waits while it is full. False: nobody reads any more.
  bool Put(const bson_t* document, ClusterTime read_at) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || HasRoom(read_at); });
    if (closed_) return false;
    page_.read_at = read_at;
    const uint8_t* data = bson_get_data(document);
    page_.bytes.insert(page_.bytes.end(), data, data + document->len);
    page_.ends.push_back(page_.bytes.size());
    mark_.reset();
    if (page_.size() == 1) Notify();
    return true;
  }
  // Everything up to `mark` has been put. False: as Put.
  bool Mark(MongoPosition mark) {
    const std::lock_guard lock(mutex_);
    const bool is_new = mark_ != mark;
    mark_ = std::move(mark);
    if (is_new && !closed_) Notify();
    return !closed_;
  }
  // Nothing more comes. OK: that was all, according to a snapshot at `read_at`.
  void End(Status status, ClusterTime read_at = 0) {
    const std::lock_guard lock(mutex_);
    end_ = MongoEnd{.status = std::move(status), .read_at = read_at};
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

  // Takes the documents, in exchange for an empty page. False: there is nothing.
  bool Take(MongoPage* page) {
    const std::lock_guard lock(mutex_);
    if (page_.size() == 0) return false;
    page->Clear();
    std::swap(*page, page_);
    changed_.notify_all();
    return true;
  }
  // The end, once no document is left.
  std::optional<MongoEnd> end() const {
    const std::lock_guard lock(mutex_);
    return page_.size() == 0 ? end_ : std::nullopt;
  }
  std::optional<MongoPosition> mark() const {
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

  bool HasRoom(ClusterTime read_at) const {
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
  MongoPage page_;
  std::optional<MongoPosition> mark_;  // after the page
  std::optional<MongoEnd> end_;
  bool closed_ = false;
};

}  // namespace murmur
