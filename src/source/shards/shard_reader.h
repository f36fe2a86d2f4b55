// Reads the shards of a stream ahead, several at once, each in its order and none before its
// parents (shard_lineage.h). What it reads comes out one after the other, in an order that keeps
// all this.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "murmur/status.h"
#include "source/detachable_thread.h"
#include "source/shards/shard_lineage.h"

namespace murmur {

// One answer about a shard.
struct ShardRecords {
  std::string body;  // as the service gave it, to be decoded by whoever takes it
  size_t count = 0;  // of records
  std::string last;  // the number of the last record
  int64_t made = 0;  // when that was made, in ms
  std::string next;  // the iterator after it; empty: the shard has ended
};

// What is asked of a service that has shards. Threads: any.
class ShardClient {
 public:
  ShardClient() = default;
  ShardClient(const ShardClient&) = delete;
  ShardClient& operator=(const ShardClient&) = delete;
  virtual ~ShardClient() = default;

  // Of the stream: the same for all who read it.
  virtual const std::string& Name() const = 0;

  // Errors of all: kUnavailable (it is asked again), kCancelled; any other ends the reading.

  // All shards that there are.
  virtual Result<std::vector<ListedShard>> List(const std::stop_token& stop) = 0;
  // An iterator after the record of this number; `after` empty: at the start of the shard.
  virtual Result<std::string> Iterator(const std::string& shard, const std::string& after,
                                       const std::stop_token& stop) = 0;
  // The records from an iterator on; there may be none, though more follow. *expired: the iterator
  // points to nothing any more, and another one must be asked for.
  virtual Result<ShardRecords> Records(const std::string& shard, const std::string& iterator,
                                       bool* expired, const std::stop_token& stop) = 0;
  // The error of a shard whose records after `after` are not there any more.
  virtual Status Gone(const std::string& shard, const std::string& after) const = 0;
  // In ms since the Unix epoch, by the service's clock.
  virtual int64_t NowMillis() const = 0;
  // How long records are kept.
  virtual int64_t KeptMillis() const = 0;
};

struct ShardPace {
  // Between two requests for one shard: five a second are allowed, which its readers share
  // (shard_turns.h).
  std::chrono::milliseconds records{200};
  std::chrono::milliseconds idle{500};  // after one that gave nothing
  std::chrono::milliseconds list{15'000};
  // A shard that gives nothing for so long has given all that was made before.
  std::chrono::milliseconds settle{60'000};
  size_t threads = 4;
};

// What was read, or listed.
struct ShardEvent {
  std::string shard;    // empty: it is a listing
  std::string body;     // empty: there was no record
  bool ended = false;   // the shard has nothing more
  int64_t settled = 0;  // as ShardProgress has it; 0: nothing new
  std::vector<ListedShard> listing;
};

// Threads: one at a time. Its own threads are abandoned if they don't end soon.
class ShardReader {
 public:
  // Goes on where `lineage` says. `wake`, which may be empty, is called from any thread when
  // something can be taken.
  ShardReader(std::shared_ptr<ShardClient> client, ShardLineage lineage, const ShardPace& pace,
              std::function<void()> wake);
  ~ShardReader();

  // False: there is nothing.
  bool Take(ShardEvent* event);
  // Why nothing comes any more, once everything was taken.
  std::optional<Status> end() const;

 private:
  class Feed;

  const std::shared_ptr<Feed> feed_;
  std::vector<std::unique_ptr<DetachableThread>> threads_;
};

}  // namespace murmur
