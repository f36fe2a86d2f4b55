// Opens the next splits of a scan before they are needed, so that the store already sends them
// while earlier splits are folded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "murmur/source.h"

namespace murmur {

inline constexpr size_t kStreamsAheadMax = 8;
inline constexpr uint64_t kBytesAheadMax = 64 << 20;  // of the splits opened ahead

// Threads: Open from many at once; Begin and the destructor wait for splits that are being opened.
class StreamsAhead {
 public:
  using OpenResult = Result<std::unique_ptr<RecordStream>>;
  // Called from many threads at once.
  using OpenSplit = std::function<OpenResult(const Split& split, const Position& after,
                                             const Projection& projection)>;

  explicit StreamsAhead(OpenSplit open) : open_(std::move(open)) {}

  // From now on splits are opened about in the order of `splits`.
  void Begin(std::vector<Split> splits);

  // As OpenSplit. If a split that was opened ahead has failed, the error is returned here.
  OpenResult Open(const Split& split, const Position& after, const Projection& projection);

 private:
  struct Ahead {
    size_t index;  // in splits_
    std::shared_ptr<const Projection> projection;
    std::future<OpenResult> stream;
  };

  bool Take(const Split& split, Ahead* taken);
  void MoveTo(const Split& split);
  void TakePassed(std::vector<Ahead>* passed);
  void OpenMore(const Projection& projection);

  const OpenSplit open_;
  std::mutex mutex_;  // of all below
  std::vector<Split> splits_;
  size_t next_ = 0;  // the first split neither opened ahead nor asked for
  uint64_t bytes_ahead_ = 0;
  std::deque<Ahead> ahead_;  // last: opening threads use all members above
};

}  // namespace murmur
