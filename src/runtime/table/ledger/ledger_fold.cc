#include "runtime/table/ledger/ledger_fold.h"

#include <algorithm>
#include <cstring>

#include "fold/folder.h"
#include "fold/row_codec.h"
#include "murmur/state_value.h"
#include "runtime/loop/delta_cursors.h"
#include "runtime/table/ledger/key_rebuild.h"
#include "runtime/table/ledger/ledger_entry.h"

namespace murmur {
namespace {

// Folds rows from their ledger cells, a batch at a time.
class CellsFolder {
 public:
  explicit CellsFolder(const std::shared_ptr<const Pipeline>& pipeline)
      : folder_(pipeline), rows_(pipeline->projection()) {}

  // False: the cells are malformed.
  bool Add(std::string_view row, std::string_view cells) {
    if (rows_.is_full()) Fold();
    auto* const copy =
        static_cast<char*>(rows_.arena()->Allocate(std::max<size_t>(1, cells.size())));
    std::memcpy(copy, cells.data(), cells.size());
    return rows_.Add({copy, cells.size()}, RowId(row), rows_.size());
  }
  bool is_full() const { return rows_.is_full(); }

  // Rows that counted when they arrived count now, whatever the clock says; rows that are refused
  // here were never counted.
  void Fold() {
    SplitProgress ignored;
    std::vector<DeadLetter> dead;
    folder_.Fold({}, rows_.Batch(), &ignored, &dead);
    rows_.Clear();
  }

  Folder& folder() { return folder_; }
  GroupTable& table() { return folder_.table(); }

 private:
  Folder folder_;
  StoredRows rows_;
};

Status DamagedEntry() { return Status(Code::kDataLoss, "an entry of the ledger is damaged"); }

class StateCheck {
 public:
  StateCheck(const std::shared_ptr<const Pipeline>& pipeline, const StateSnapshot& snapshot,
             const StateCheckOptions& options, std::stop_token stop,
             const VisitKeyDifference& visit)
      : pipeline_(pipeline),
        snapshot_(snapshot),
        changes_(options.changes != nullptr ? *options.changes : no_changes_),
        table_bytes_(options.table_bytes),
        stop_(std::move(stop)),
        visit_(visit),
        first_bucket_(pipeline->buckets().windowed() ? snapshot.FirstBucket() : INT64_MIN),
        rows_(pipeline) {}

  // Folds as many keys at a time as the table may hold.
  Status Run() {
    do {
      until_.clear();
      rows_.table().Clear();
      MURMUR_TRY(FoldLedger());
      MURMUR_TRY(CompareRange());
      from_ = until_;
    } while (!until_.empty());
    return {};
  }
  uint64_t keys() const { return keys_; }

 private:
  Status FoldLedger() {
    auto change = changes_.begin();
    Status status;
    MURMUR_TRY(ScanLedgerRows(snapshot_, [&](std::string_view row, std::string_view entry) {
      for (; status.ok() && change != changes_.end() && change->first < row; ++change) {
        status = Add(change->first, change->second);
      }
      if (!status.ok()) return false;
      const bool is_changed = change != changes_.end() && change->first == row;
      status = Add(row, is_changed ? (change++)->second : std::optional<std::string_view>(entry));
      return status.ok();
    }));
    for (; status.ok() && change != changes_.end(); ++change) {
      status = Add(change->first, change->second);
    }
    MURMUR_TRY(status);
    rows_.Fold();
    return {};
  }

  Status Add(std::string_view row, const std::optional<std::string_view>& entry) {
    if (!entry) return {};
    if (!IsWellFormed(*entry)) return DamagedEntry();
    if (!HasCells(*entry)) return {};
    if (!rows_.Add(row, CellsOf(*entry))) return DamagedEntry();
    if (!rows_.is_full()) return {};
    rows_.Fold();
    if (stop_.stop_requested()) return Status(Code::kCancelled, "stopped");
    if (rows_.table().bytes() > table_bytes_) Narrow();
    return {};
  }

  // Drops the keys of other ranges, and the upper half of this range if the rest is too large.
  void Narrow() {
    auto kept = KeepRange(&rows_.table());
    if (kept->bytes() > table_bytes_ / 2 && kept->size() > 1) {
      std::vector<uint32_t> order;
      kept->Sort(&order);
      until_ = kept->Key(order[order.size() / 2]);
      kept = KeepRange(kept.get());
    }
    // A few keys may need more than the limit; raising it avoids the same attempt.
    table_bytes_ = std::max<uint64_t>(table_bytes_, 2 * kept->bytes());
    rows_.folder().ExchangeTable(std::move(kept));
  }
  std::unique_ptr<GroupTable> KeepRange(GroupTable* table) const {
    auto kept = std::make_unique<GroupTable>(pipeline_->Monoids());
    kept->AddRange(table, from_, until_);
    return kept;
  }

  // The folded keys of this range and the stored ones, side by side.
  Status CompareRange() {
    TableCursor folded(&rows_.table());
    std::string_view key, value;
    bool more = NextFolded(&folded, &key, &value);
    Status status;
    const auto differ = [&](KeyDifference difference) {
      if (status.ok()) status = visit_(difference);
    };
    MURMUR_TRY(snapshot_.Scan(from_, until_, [&](std::string_view stored_key, std::string_view v) {
      ++keys_;
      if (status.ok() && stop_.stop_requested()) status = Status(Code::kCancelled, "stopped");
      for (; more && key < stored_key; more = NextFolded(&folded, &key, &value)) {
        differ({.key = key, .stored = {}, .expected = value});
      }
      if (!more || key != stored_key) {
        differ({.key = stored_key, .stored = v, .expected = {}});
        return status.ok();
      }
      if (!AreSame(value, v)) differ({.key = key, .stored = v, .expected = value});
      more = NextFolded(&folded, &key, &value);
      return status.ok();
    }));
    for (; more; more = NextFolded(&folded, &key, &value)) {
      differ({.key = key, .stored = {}, .expected = value});
    }
    return status;
  }

  // Aggregates that are only right within a bound may depend on the order of rows.
  bool AreSame(std::string_view folded, std::string_view stored) const {
    if (folded == stored) return true;
    const auto& aggregates = pipeline_->aggregates();
    std::vector<std::string_view> a(aggregates.size());
    std::vector<std::string_view> b(aggregates.size());
    int64_t folded_rows = 0;
    int64_t stored_rows = 0;
    if (!SplitValue(folded, &folded_rows, a) || !SplitValue(stored, &stored_rows, b)) return false;
    for (size_t i = 0; i < aggregates.size(); ++i) {
      if (a[i] != b[i] && aggregates[i].monoid->Traits().exact) return false;
    }
    return folded_rows == stored_rows;
  }

  bool NextFolded(TableCursor* cursor, std::string_view* key, std::string_view* value) const {
    while (cursor->Next(key, value)) {
      const bool in_range = *key >= from_ && (until_.empty() || *key < until_);
      const bool visible = first_bucket_ == INT64_MIN || BucketOfKey(*key) >= first_bucket_;
      if (in_range && visible) return true;
    }
    return false;
  }

  const std::shared_ptr<const Pipeline> pipeline_;
  const StateSnapshot& snapshot_;
  const LedgerChanges no_changes_;
  const LedgerChanges& changes_;
  uint64_t table_bytes_;
  const std::stop_token stop_;
  const VisitKeyDifference& visit_;
  const int64_t first_bucket_;
  CellsFolder rows_;
  std::string from_, until_;  // the present range of keys; `until_` empty: to the end
  uint64_t keys_ = 0;
};

}  // namespace

Status CheckState(const std::shared_ptr<const Pipeline>& pipeline, const StateSnapshot& snapshot,
                  const StateCheckOptions& options, std::stop_token stop,
                  const VisitKeyDifference& visit, uint64_t* keys) {
  StateCheck check(pipeline, snapshot, options, std::move(stop), visit);
  MURMUR_TRY(check.Run());
  *keys = check.keys();
  return {};
}

Result<std::map<std::string, std::string>> FoldRow(const std::shared_ptr<const Pipeline>& pipeline,
                                                   std::string_view row, std::string_view cells) {
  CellsFolder rows(pipeline);
  if (!rows.Add(row, cells)) return DamagedEntry();
  rows.Fold();
  std::map<std::string, std::string> values;
  TableCursor cursor(&rows.table());
  std::string_view key, value;
  while (cursor.Next(&key, &value)) values.emplace(key, value);
  return values;
}

}  // namespace murmur
