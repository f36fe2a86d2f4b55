// Keys whose aggregates can't take away what a row contributed (a minimum, a sketch): their value
// is folded anew from the rows that contribute now, which the ledger knows. Cost: each row of the
// key is read. Memory: one batch of rows, and one value. Threads: one.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fold/folder.h"
#include "murmur/arena.h"
#include "murmur/state.h"

namespace murmur {

// Of what a batch's row contributes, first and last keep this as its id.
uint64_t RowId(std::string_view row_key) noexcept;

// Are there aggregates that what a row contributed can't be taken away from?
bool NeedsRebuild(const Pipeline& pipeline);

class KeyRebuild {
 public:
  explicit KeyRebuild(std::shared_ptr<const Pipeline> pipeline);

  // The value of `key` once `changes`, ascending by key, are in the ledger of `table`, of which
  // `now` is a snapshot; empty: no row contributes to it. Errors: those of the table; kDataLoss.
  Result<std::string> Value(std::string_view key, const StateTable& table, const StateSnapshot& now,
                            std::span<const LedgerRow> changes);

 private:
  Status FoldRows(const std::vector<std::string>& rows, const StateTable& table,
                  std::span<const LedgerRow> changes);
  Status FoldBatch();

  const std::shared_ptr<const Pipeline> pipeline_;
  Folder folder_;
  RecordBatch batch_;
  Arena arena_;
};

}  // namespace murmur
