// The fold over all rows of a ledger, which is what a table's state should be, and where the state
// is something else.
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

// Row key → the entry that the row is to have; none: nothing is to be known of it.
using LedgerChanges = std::map<std::string, std::optional<std::string>, std::less<>>;

// What a key has and should have; none: nothing.
struct KeyDifference {
  std::string_view key;
  std::optional<std::string_view> stored;
  std::optional<std::string_view> expected;
};
using VisitKeyDifference = std::function<Status(const KeyDifference&)>;

struct StateCheckOptions {
  // Of the table that is folded into. Where all keys take more, the ledger is read several times,
  // for a range of keys each time.
  uint64_t table_bytes = 64ull << 20;
  const LedgerChanges* changes = nullptr;  // as if the ledger had these; null: it is as it is
};

// Visits the keys, ascending, that differ between the snapshot's values and the fold over its
// ledger; expired buckets aside. *keys := how many the state has.
// Errors: kDataLoss (an entry is damaged), kCancelled, and what `visit` says.
Status CheckState(const std::shared_ptr<const Pipeline>& pipeline, const StateSnapshot& snapshot,
                  const StateCheckOptions& options, std::stop_token stop,
                  const VisitKeyDifference& visit, uint64_t* keys);

// What a row with these cells comes to: key → value. Errors: kDataLoss.
Result<std::map<std::string, std::string>> FoldRow(const std::shared_ptr<const Pipeline>& pipeline,
                                                   std::string_view row, std::string_view cells);

}  // namespace murmur
