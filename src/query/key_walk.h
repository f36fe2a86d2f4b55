// Walks the stored keys of a range one after the other, each with the values of its windows.
// Threads: one.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/state.h"
#include "murmur/status.h"
#include "query/bucket_range.h"

namespace murmur {

class KeyWalk {
 public:
  // `key`: the stored key of one of its windows. False: ends the walk.
  using Visit =
      std::function<Result<bool>(std::string_view key, std::span<const std::string> values)>;
  struct Of {
    bool windowed = false;
    BucketRange buckets = {};   // other windows are passed over; a key without any is not visited
    bool first_window = false;  // one window of each key is enough
  };

  KeyWalk(const StateSnapshot* snapshot, Of of, ScanLimit limit, Visit visit)
      : snapshot_(*snapshot), of_(of), limit_(std::move(limit)), visit_(std::move(visit)) {}

  // Over the stored keys in [from, until). Errors: those of the snapshot and of `visit`.
  Status Run(std::string from, const std::string& until);

 private:
  bool Take(std::string_view key, std::string_view value);
  bool IsWanted(std::string_view key) const;
  void PassOver(std::string_view key);
  bool FinishKey();

  const StateSnapshot& snapshot_;
  const Of of_;
  const ScanLimit limit_;
  const Visit visit_;
  std::string head_;                 // the key under way, without its bucket
  std::string key_;                  // the stored key of its first window
  std::vector<std::string> values_;  // of its windows
  size_t passed_ = 0;                // windows of it that were passed over
  std::string resume_;               // where the next scan begins; empty: there is none
  bool ended_ = false;
  Status status_;
};

// The end of the stored keys that begin with `prefix`: the first key after them.
std::string EndOfPrefix(std::string prefix);
// After every window of the key `head`, a stored key without bucket.
std::string AfterKey(std::string head);

}  // namespace murmur
