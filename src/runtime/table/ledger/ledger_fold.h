// Folds all rows of a ledger, which gives what a table's state should be, and finds where the state
// differs.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "fold/pipeline.h"
#include "murmur/state.h"
#include "murmur/status.h"

namespace murmur {

// Row key → the new entry of the row; none: it is removed.
using LedgerChanges = std::map<std::string, std::optional<std::string>, std::less<>>;

// The actual and the correct value of a key; none: the key does not exist.
struct KeyDifference {
  std::string_view key;
  std::optional<std::string_view> stored;
  std::optional<std::string_view> expected;
};
using VisitKeyDifference = std::function<Status(const KeyDifference&)>;

struct StateCheckOptions {
  // Limit of the table that is folded into. If all keys need more, the ledger is read several
  // times, for one range of keys each time.
  uint64_t table_bytes = 64ull << 20;
  const LedgerChanges* changes = nullptr;  // changes applied on top of the ledger; null: none
};

// Visits, ascending, the keys whose value in the snapshot differs from the fold over its ledger.
// Ignores expired buckets. Sets *keys to the number of keys in the state.
// Errors: kDataLoss (an entry is damaged), kCancelled, and those of `visit`.
Status CheckState(const std::shared_ptr<const Pipeline>& pipeline, const StateSnapshot& snapshot,
                  const StateCheckOptions& options, std::stop_token stop,
                  const VisitKeyDifference& visit, uint64_t* keys);

// The contribution of a row with these cells: key → value.
// Errors: kDataLoss.
Result<std::map<std::string, std::string>> FoldRow(const std::shared_ptr<const Pipeline>& pipeline,
                                                   std::string_view row, std::string_view cells);

}  // namespace murmur
