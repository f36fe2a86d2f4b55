// Rebuilds keys with aggregates that can't subtract a row's contribution (a minimum, a sketch).
// Their value is folded again from the rows that contribute now, which the ledger has. Cost: reads
// each row of the key. Memory: one batch of rows, and one value. Threads: one.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fold/folder.h"
#include "fold/row_codec.h"
#include "murmur/state.h"

namespace murmur {

// What first and last use as the id of a table's row.
uint64_t RowId(std::string_view row_key) noexcept;

// Whether some aggregate can't subtract a row's contribution.
bool NeedsRebuild(const Pipeline& pipeline);

class KeyRebuild {
 public:
  explicit KeyRebuild(std::shared_ptr<const Pipeline> pipeline);

  // The value of `key` once `changes`, ascending by key, are in the ledger of `table`. `now` is a
  // snapshot of that table. Empty: no row contributes to the key. Errors: those of the table;
  // kDataLoss.
  Result<std::string> Value(std::string_view key, const StateTable& table, const StateSnapshot& now,
                            std::span<const LedgerRow> changes);

 private:
  Status FoldRows(const std::vector<std::string>& rows, const StateTable& table,
                  std::span<const LedgerRow> changes);
  Status FoldBatch();

  const std::shared_ptr<const Pipeline> pipeline_;
  Folder folder_;
  StoredRows rows_;
};

}  // namespace murmur
