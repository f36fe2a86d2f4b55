#include "source/streams_ahead.h"

#include <algorithm>
#include <utility>

namespace murmur {

void StreamsAhead::Begin(std::vector<Split> splits) {
  const std::lock_guard lock(mutex_);
  ahead_.clear();  // waits for threads that look at splits_
  splits_ = std::move(splits);
  next_ = 0;
  bytes_ahead_ = 0;
}

StreamsAhead::OpenResult StreamsAhead::Open(const Split& split, const Position& after,
                                            const Projection& projection) {
  std::vector<Ahead> passed;  // destroyed outside the lock: that may have to wait
  Ahead taken{};
  {
    const std::lock_guard lock(mutex_);
    if (!Take(split, &taken)) MoveTo(split);
    TakePassed(&passed);
    OpenMore(projection);
  }
  // When a stream was opened ahead, the position of an earlier run was not known.
  if (taken.stream.valid() && after.empty() && taken.projection->fields == projection.fields) {
    return taken.stream.get();
  }
  return open_(split, after, projection);
}

bool StreamsAhead::Take(const Split& split, Ahead* taken) {
  const auto it = std::find_if(ahead_.begin(), ahead_.end(), [&](const Ahead& ahead) {
    return splits_[ahead.index].id == split.id;
  });
  if (it == ahead_.end()) return false;
  bytes_ahead_ -= splits_[it->index].bytes;
  *taken = std::move(*it);
  ahead_.erase(it);
  return true;
}

// The scan goes on after `split`, unless that was passed already.
void StreamsAhead::MoveTo(const Split& split) {
  for (size_t i = next_; i < splits_.size(); ++i) {
    if (splits_[i].id != split.id) continue;
    next_ = i + 1;
    return;
  }
}

// Passed splits were read to their ends by an earlier run.
void StreamsAhead::TakePassed(std::vector<Ahead>* passed) {
  while (!ahead_.empty() && ahead_.front().index + 2 * kStreamsAheadMax < next_) {
    bytes_ahead_ -= splits_[ahead_.front().index].bytes;
    passed->push_back(std::move(ahead_.front()));
    ahead_.pop_front();
  }
}

void StreamsAhead::OpenMore(const Projection& projection) {
  std::shared_ptr<const Projection> shared;
  while (ahead_.size() < kStreamsAheadMax && next_ < splits_.size() &&
         bytes_ahead_ + splits_[next_].bytes <= kBytesAheadMax) {
    if (shared == nullptr) shared = std::make_shared<const Projection>(projection);
    const Split& split = splits_[next_];
    bytes_ahead_ += split.bytes;
    ahead_.push_back({next_++, shared, std::async(std::launch::async, [this, &split, shared] {
                        return open_(split, {}, *shared);
                      })});
  }
}

}  // namespace murmur
