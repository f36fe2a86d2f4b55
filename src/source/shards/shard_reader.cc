#include "source/shards/shard_reader.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <utility>

#include "source/aws/json_service.h"
#include "source/shards/shard_turns.h"

namespace murmur {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Until the service has answered once; from then on without limit.
constexpr std::chrono::seconds kPatience{30};
constexpr std::chrono::hours kForEver{24 * 365 * 100};
// What was read ahead; each thread may add one answer.
constexpr size_t kBytesMax = 8 << 20;
constexpr size_t kEventBytes = 64;
// An iterator that was just made can't be too old: what it points to is gone.
constexpr int kExpiredMax = 3;
constexpr milliseconds kFirstRelist{100};

}  // namespace

// What the threads share with the reader, and what they do.
class ShardReader::Feed {
 public:
  Feed(std::shared_ptr<ShardClient> client, ShardLineage lineage, const ShardPace& pace,
       std::function<void()> wake)
      : client_(std::move(client)),
        pace_(pace),
        wake_(std::move(wake)),
        lineage_(std::move(lineage)) {}

  // A thread: does what is due until it is closed.
  void Run() {
    while (auto task = NextTask()) {
      Status status = task->empty() ? List() : ReadFrom(*task);
      if (!status.ok()) Fail(std::move(status));
    }
  }

  bool Take(ShardEvent* event) {
    const std::lock_guard lock(mutex_);
    if (events_.empty()) return false;
    *event = std::move(events_.front());
    events_.pop_front();
    bytes_ -= event->body.size() + kEventBytes;
    changed_.notify_all();
    return true;
  }
  std::optional<Status> end() const {
    const std::lock_guard lock(mutex_);
    return events_.empty() ? end_ : std::nullopt;
  }
  void Close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    stop_.request_stop();
    changed_.notify_all();
  }

 private:
  struct Shard {
    bool busy = false;  // a thread asks for it
    steady_clock::time_point due = steady_clock::now();
    std::string iterator;
    int expired = 0;                     // iterators, since the last answer
    std::optional<int64_t> quiet_since;  // ms: it has given nothing since then
    JitteredRetries retries{kPatience};
  };

  // Waits until something is due: a shard, or "" for a listing. Empty: it is closed, or has ended.
  std::optional<std::string> NextTask() {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (closed_ || end_) return std::nullopt;
      auto due = steady_clock::time_point::max();
      if (bytes_ < kBytesMax) {
        if (auto task = TaskDue(steady_clock::now(), &due)) return task;
      }
      if (due == steady_clock::time_point::max()) {
        changed_.wait(lock);
      } else {
        changed_.wait_until(lock, due);
      }
    }
  }

  // Marks it busy. Without one, *due is when there will be.
  std::optional<std::string> TaskDue(steady_clock::time_point now, steady_clock::time_point* due) {
    if (!listing_) {
      *due = std::min(*due, list_due_);
      if (list_due_ <= now) {
        listing_ = true;
        return std::string();
      }
    }
    // Of those that are due, the one that has waited longest.
    const auto next =
        std::min_element(shards_.begin(), shards_.end(), [](const auto& a, const auto& b) {
          return std::pair(a.second.busy, a.second.due) < std::pair(b.second.busy, b.second.due);
        });
    if (next == shards_.end() || next->second.busy) return std::nullopt;
    *due = std::min(*due, next->second.due);
    if (next->second.due > now) return std::nullopt;
    next->second.busy = true;
    return next->first;
  }

  Status List() {
    uint64_t ends_before;
    {
      const std::lock_guard lock(mutex_);
      ends_before = ends_;
    }
    auto listed = client_->List(stop_.get_token());
    const std::lock_guard lock(mutex_);
    listing_ = false;
    if (!listed.ok()) {
      return Again(listed.status(), &list_retries_, &list_due_);
    }
    Answered(&list_retries_);
    MURMUR_ASSIGN(const bool is_new, lineage_.Update(*listed));
    AddReadable();
    list_due_ = steady_clock::now() + NextListing(is_new);
    if (ends_ != ends_before) list_due_ = steady_clock::now();
    ShardEvent event;
    event.listing = *std::move(listed);
    Push(std::move(event));
    return {};
  }

  // A shard that has ended has children, unless the stream has; they may be listed a little later.
  milliseconds NextListing(bool is_new) {
    if (is_new) relist_ = {};
    if (relist_.count() == 0) return pace_.list;
    return std::exchange(relist_, std::min(2 * relist_, pace_.list));
  }

  void AddReadable() {
    for (const std::string& id : lineage_.Readable()) shards_.try_emplace(id);
  }

  Status ReadFrom(const std::string& id) {
    std::string iterator, after;
    {
      const std::lock_guard lock(mutex_);
      iterator = shards_.at(id).iterator;
      after = lineage_.At(id).after;
      if (iterator.empty() && MayHaveLost(lineage_.At(id))) return client_->Gone(id, after);
    }
    if (iterator.empty()) {
      auto made = client_->Iterator(id, after, stop_.get_token());
      if (!made.ok()) return Failed(id, made.status());
      iterator = *std::move(made);
    }
    const auto begin = steady_clock::now();
    const auto wait =
        ShardTurns::OfProcess().Take(client_->Name() + "/" + id, begin, pace_.records);
    if (wait.count() > 0) {
      Postpone(id, std::move(iterator), begin + wait);
      return {};
    }
    const int64_t asked_at = client_->NowMillis();
    bool expired = false;
    auto records = client_->Records(id, iterator, &expired, stop_.get_token());
    if (expired) return Expired(id, after);
    if (!records.ok()) return Failed(id, records.status());
    Took(id, *std::move(records), asked_at, begin);
    return {};
  }

  // Of a shard that was never read, the service gives what is left, without a word of what is gone.
  bool MayHaveLost(const ShardProgress& progress) const {
    return progress.after.empty() && progress.settled != 0 &&
           progress.settled < client_->NowMillis() - client_->KeptMillis();
  }

  // Another reader has its turn.
  void Postpone(const std::string& id, std::string iterator, steady_clock::time_point due) {
    const std::lock_guard lock(mutex_);
    Shard& shard = shards_.at(id);
    shard.busy = false;
    shard.iterator = std::move(iterator);
    shard.due = due;
  }

  // Up to when a shard that has given nothing again is settled. What was made before it fell silent
  // would have come by now.
  int64_t Settled(Shard* shard, int64_t asked_at) const {
    if (!shard->quiet_since) shard->quiet_since = asked_at;
    const bool is_settled = asked_at - *shard->quiet_since >= pace_.settle.count();
    return is_settled ? asked_at - pace_.settle.count() : 0;
  }

  Status Failed(const std::string& id, const Status& status) {
    const std::lock_guard lock(mutex_);
    Shard& shard = shards_.at(id);
    shard.busy = false;
    return Again(status, &shard.retries, &shard.due);
  }

  Status Expired(const std::string& id, const std::string& after) {
    const std::lock_guard lock(mutex_);
    Shard& shard = shards_.at(id);
    shard.busy = false;
    shard.iterator.clear();
    shard.due = steady_clock::now() + pace_.records;
    return ++shard.expired < kExpiredMax ? Status() : client_->Gone(id, after);
  }

  void Took(const std::string& id, ShardRecords records, int64_t asked_at,
            steady_clock::time_point begin) {
    const std::lock_guard lock(mutex_);
    Shard& shard = shards_.at(id);
    shard.busy = false;
    shard.expired = 0;
    Answered(&shard.retries);
    shard.due = begin + (records.count > 0 ? pace_.records : pace_.idle);
    ShardEvent event{.shard = id, .body = {}, .ended = records.next.empty()};
    ShardProgress& progress = lineage_.At(id);
    if (records.count > 0) {
      progress.after = records.last;
      progress.given = std::max(progress.given, records.made);
      shard.quiet_since.reset();
      event.body = std::move(records.body);
    } else {
      event.settled = Settled(&shard, asked_at);
      progress.settled = std::max(progress.settled, event.settled);
    }
    shard.iterator = std::move(records.next);
    if (event.ended) {
      lineage_.Finish(id);
      shards_.erase(id);
      AddReadable();
      ++ends_;
      relist_ = kFirstRelist;
      if (!listing_) list_due_ = steady_clock::now();
    }
    Push(std::move(event));
  }

  // --- under mutex_

  // What did not work is tried again later; else its error.
  static Status Again(const Status& status, JitteredRetries* retries,
                      steady_clock::time_point* due) {
    if (status.code() != Code::kUnavailable) return status;
    const auto pause = retries->Next();
    if (!pause) return status;
    *due = steady_clock::now() + *pause;
    return {};
  }
  static void Answered(JitteredRetries* retries) { retries->Progress(kForEver); }

  void Push(ShardEvent event) {
    bytes_ += event.body.size() + kEventBytes;
    events_.push_back(std::move(event));
    changed_.notify_all();
    if (events_.size() == 1 && wake_ && !closed_) wake_();
  }

  void Fail(Status status) {
    const std::lock_guard lock(mutex_);
    if (!end_) end_ = std::move(status);
    changed_.notify_all();
    if (wake_ && !closed_) wake_();
  }

  const std::shared_ptr<ShardClient> client_;
  const ShardPace pace_;
  const std::function<void()> wake_;
  std::stop_source stop_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Under mutex_.
  ShardLineage lineage_;                 // as far as it was fetched
  std::map<std::string, Shard> shards_;  // that may be read, by id; none before the first listing
  bool listing_ = false;
  steady_clock::time_point list_due_ = steady_clock::now();
  JitteredRetries list_retries_{kPatience};
  milliseconds relist_{};  // 0: no children are looked for
  uint64_t ends_ = 0;      // of shards
  std::deque<ShardEvent> events_;
  size_t bytes_ = 0;
  std::optional<Status> end_;
  bool closed_ = false;
};

ShardReader::ShardReader(std::shared_ptr<ShardClient> client, ShardLineage lineage,
                         const ShardPace& pace, std::function<void()> wake)
    : feed_(std::make_shared<Feed>(std::move(client), std::move(lineage), pace, std::move(wake))) {
  for (size_t i = 0; i < std::max<size_t>(1, pace.threads); ++i) {
    threads_.push_back(std::make_unique<DetachableThread>([feed = feed_] { feed->Run(); }));
  }
}

ShardReader::~ShardReader() { feed_->Close(); }

bool ShardReader::Take(ShardEvent* event) { return feed_->Take(event); }

std::optional<Status> ShardReader::end() const { return feed_->end(); }

}  // namespace murmur
