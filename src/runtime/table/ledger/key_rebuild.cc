#include "runtime/table/ledger/key_rebuild.h"

#include <algorithm>
#include <optional>

#include "monoid/hash.h"
#include "runtime/table/ledger/ledger_entry.h"

namespace murmur {
namespace {

// The first of `changes` whose key is not before `key`.
auto LowerBound(std::span<const LedgerRow> changes, std::string_view key) {
  return std::lower_bound(
      changes.begin(), changes.end(), key,
      [](const LedgerRow& change, std::string_view bound) { return change.key < bound; });
}

const LedgerRow* Find(std::span<const LedgerRow> changes, std::string_view key) {
  const auto it = LowerBound(changes, key);
  return it != changes.end() && it->key == key ? &*it : nullptr;
}

}  // namespace

uint64_t RowId(std::string_view row_key) noexcept { return HashBytes(row_key, kStringSeed); }

bool NeedsRebuild(const Pipeline& pipeline) {
  if (pipeline.definition().on_change != OnChange::kRetract) return false;
  return std::any_of(pipeline.aggregates().begin(), pipeline.aggregates().end(),
                     [](const Pipeline::Aggregate& a) { return !a.monoid->Traits().invertible; });
}

KeyRebuild::KeyRebuild(std::shared_ptr<const Pipeline> pipeline)
    : pipeline_(std::move(pipeline)), folder_(pipeline_), rows_(pipeline_->projection()) {}

Result<std::string> KeyRebuild::Value(std::string_view key, const StateTable& table,
                                      const StateSnapshot& now,
                                      std::span<const LedgerRow> changes) {
  const std::string prefix = ContributorPrefix(key);
  std::vector<std::string> rows;
  for (auto it = LowerBound(changes, prefix); it != changes.end(); ++it) {
    if (!it->key.starts_with(prefix)) break;
    if (it->entry) rows.push_back(it->key.substr(prefix.size()));
  }
  Status folded;
  MURMUR_TRY(now.ScanLedger(prefix, [&](std::string_view contributor, std::string_view) {
    if (!contributor.starts_with(prefix)) return false;
    if (Find(changes, contributor) == nullptr) {
      rows.emplace_back(contributor.substr(prefix.size()));
    }
    if (rows.size() < kBatchRows) return true;
    folded = FoldRows(rows, table, changes);
    rows.clear();
    return folded.ok();
  }));
  MURMUR_TRY(folded);
  MURMUR_TRY(FoldRows(rows, table, changes));
  folder_.table().Settle();
  std::string value;
  folder_.table().EncodeValueOf(key, &value);
  folder_.table().Clear();
  return value;
}

Status KeyRebuild::FoldRows(const std::vector<std::string>& rows, const StateTable& table,
                            std::span<const LedgerRow> changes) {
  std::vector<std::string_view> stored_keys;
  for (const std::string& row : rows) {
    if (Find(changes, row) == nullptr) stored_keys.push_back(row);
  }
  MURMUR_ASSIGN(const auto stored, table.LedgerEntries(stored_keys));
  rows_.Clear();
  size_t next = 0;
  for (const std::string& row : rows) {
    const LedgerRow* change = Find(changes, row);
    const auto& entry = change != nullptr ? change->entry : stored[next++];
    if (!entry || !IsWellFormed(*entry) || !HasCells(*entry) ||
        !rows_.Add(CellsOf(*entry), RowId(row), rows_.size())) {
      return Status(Code::kDataLoss, "the ledger lacks a row that contributes to a key");
    }
    if (rows_.is_full()) MURMUR_TRY(FoldBatch());
  }
  return FoldBatch();
}

Status KeyRebuild::FoldBatch() {
  if (rows_.size() == 0) return {};
  SplitProgress ignored;
  std::vector<DeadLetter> dead;
  folder_.Fold({}, rows_.Batch(), &ignored, &dead);
  rows_.Clear();
  if (dead.empty()) return {};
  return Status(Code::kInternal, "a row that was counted counts no more: " + dead[0].detail);
}

}  // namespace murmur
