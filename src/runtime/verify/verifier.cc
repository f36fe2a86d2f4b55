#include "runtime/verify/verifier.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "murmur/state_value.h"
#include "runtime/table/handoff_after.h"
#include "runtime/table/ledger/key_rebuild.h"
#include "runtime/table/ledger/ledger_entry.h"
#include "runtime/verify/key_findings.h"

namespace murmur {
namespace {

using FindingKind = VerifyFinding::Kind;

// Rows that still change after this many passes stay unsure.
constexpr uint32_t kPasses = 3;

uint64_t& CountOf(FindingKind kind, VerifyCounts* counts) {
  return counts->findings[static_cast<size_t>(kind)];
}

FindingKind KindOf(const RowDifference& difference) {
  const bool counted = difference.entry && HasCells(*difference.entry);
  if (!counted) return FindingKind::kMissingRow;
  return difference.cells ? FindingKind::kStaleRow : FindingKind::kGhostRow;
}

// The entry that corrects the row. The version stays, so that older changes stay old.
std::optional<std::string> CorrectEntry(const RowDifference& difference) {
  const std::string_view version =
      difference.entry ? VersionOf(*difference.entry) : std::string_view();
  if (!difference.cells && version.empty()) return std::nullopt;
  return NewEntry(/*live=*/true, version, difference.cells);
}

}  // namespace

std::string_view VerifyFindingName(FindingKind kind) noexcept {
  static constexpr std::array<std::string_view, kVerifyFindingKinds> kNames = {
      "missing_row", "stale_row", "ghost_row", "missing_key", "wrong_key", "ghost_key"};
  return kNames[static_cast<size_t>(kind)];
}

Verifier::Verifier(SnapshotSource* rows, LiveSource* changes, OpenState open,
                   VerifierOptions options)
    : source_(rows), changes_(changes), open_(std::move(open)), options_(std::move(options)) {}

Verifier::~Verifier() = default;

Status Verifier::Run(std::stop_token stop, VerifySummary* summary) {
  if (source_ != nullptr) {
    MURMUR_TRY(CheckRows(stop, summary));
  } else {
    MURMUR_TRY(Open(stop));
  }
  summary->version = opened_.info.number;
  return CheckKeys(stop, summary);
}

Status Verifier::CheckRows(std::stop_token stop, VerifySummary* summary) {
  MURMUR_ASSIGN(splits_, changes_->Splits(stop));
  MURMUR_ASSIGN(const HandoffToken token, source_->HandoffNow(stop));
  MURMUR_ASSIGN(reached_, changes_->Begin(splits_, token, stop));
  for (uint32_t pass = 1;; ++pass) {
    MURMUR_TRY(CheckRowsOnce(pass, stop, summary));
    if (unsure_.empty() || pass == kPasses) break;
    follower_->NextSpan();
    MURMUR_ASSIGN(reached_, changes_->Ends(splits_, stop));
    const auto after = HandoffAfter(source_, changes_, reached_, stop);
    if (after.status().code() == Code::kUnavailable) break;
    MURMUR_TRY(after.status());
  }
  summary->unsure_rows = unsure_.size();
  return TellOfRows(summary);
}

Status Verifier::CheckRowsOnce(uint32_t pass, std::stop_token stop, VerifySummary* summary) {
  MURMUR_TRY(Open(stop));
  if (pass == 1) {
    follower_ = std::make_unique<ChangeFollower>(changes_, opened_.pipeline->projection(),
                                                 options_.changed_rows_max);
    follower_->Start(splits_, reached_);
  }
  RowCheckOptions options = options_.rows;
  if (pass > 1) options.only = &unsure_;
  RowCheck check(opened_.pipeline, source_, opened_.table.get(), snapshot_.get(), options);
  MURMUR_TRY(check.Run(stop));
  MURMUR_ASSIGN(splits_, changes_->Splits(stop));
  MURMUR_ASSIGN(const auto ends, changes_->Ends(splits_, stop));
  MURMUR_TRY(follower_->Reach(splits_, ends, stop));
  if (pass == 1) {
    summary->rows = check.rows();
    summary->rows_counted = check.ledger_rows();
  }
  RowDifferences unsure;
  for (const auto& [key, difference] : check.differences()) {
    if (follower_->ChangedSince(HashRow(key), pass)) {
      unsure.emplace(key, difference);
    } else {
      found_.emplace(key, Found{.difference = difference, .pass = pass});
    }
  }
  unsure_ = std::move(unsure);
  return {};
}

Status Verifier::Open(std::stop_token stop) {
  snapshot_.reset();
  if (opened_.table) MURMUR_TRY(opened_.table->Close());
  opened_ = OpenedVersion();
  MURMUR_ASSIGN(opened_, open_(reached_, stop));
  MURMUR_ASSIGN(snapshot_, opened_.table->Snapshot());
  return {};
}

Status Verifier::TellOfRows(VerifySummary* summary) const {
  uint64_t told = 0;
  for (const auto& [key, found] : found_) {
    VerifyFinding finding{.kind = KindOf(found.difference),
                          .row = found.difference.text,
                          .state = {},
                          .expected = {}};
    ++CountOf(finding.kind, &summary->found);
    if (told++ >= options_.findings_max) continue;
    const auto& [text, entry, cells] = found.difference;
    if (entry && HasCells(*entry)) {
      MURMUR_ASSIGN(const auto values, FoldRow(opened_.pipeline, key, CellsOf(*entry)));
      MURMUR_ASSIGN(finding.state, ShowValues(*opened_.pipeline, values));
    }
    if (cells) {
      MURMUR_ASSIGN(const auto values, FoldRow(opened_.pipeline, key, *cells));
      MURMUR_ASSIGN(finding.expected, ShowValues(*opened_.pipeline, values));
    }
    summary->findings.push_back(std::move(finding));
  }
  return {};
}

Status Verifier::CheckKeys(std::stop_token stop, VerifySummary* summary) {
  KeyFindings findings(*opened_.pipeline, options_.findings_max, summary);
  const auto tell = [&findings](const KeyDifference& difference) {
    return findings.Add(difference);
  };
  return CheckState(opened_.pipeline, *snapshot_, {.table_bytes = options_.table_bytes}, stop, tell,
                    &summary->keys);
}

// A row that has changed since it was found is corrected when live reaches the change, or already
// has been.
Result<LedgerChanges> Verifier::Corrections() const {
  LedgerChanges changes;
  std::vector<std::string_view> keys;
  for (const auto& [key, found] : found_) keys.push_back(key);
  MURMUR_ASSIGN(const auto entries, opened_.table->LedgerEntries(keys));
  for (size_t i = 0; i < keys.size(); ++i) {
    const Found& found = found_.find(keys[i])->second;
    const bool is_unchanged = entries[i] == found.difference.entry &&
                              !follower_->ChangedSince(HashRow(keys[i]), found.pass);
    if (is_unchanged) changes.emplace(keys[i], CorrectEntry(found.difference));
  }
  return changes;
}

// Finds new values for keys that differ, by the corrected ledger.
Status Verifier::FindValues(const LedgerChanges& changes, std::stop_token stop,
                            KeyRepair* repair) const {
  const auto add = [repair](const KeyDifference& difference) { return repair->Add(difference); };
  uint64_t keys = 0;
  return CheckState(opened_.pipeline, *snapshot_,
                    {.table_bytes = options_.table_bytes, .changes = &changes}, std::move(stop),
                    add, &keys);
}

// Which keys the corrected rows will contribute to.
Status Verifier::AddContributors(LedgerChanges* changes) const {
  if (!NeedsRebuild(*opened_.pipeline)) return {};
  LedgerChanges contributors;
  for (const auto& [row, entry] : *changes) {
    const auto& before = found_.find(row)->second.difference.entry;
    if (before && HasCells(*before)) {
      MURMUR_ASSIGN(const auto left, FoldRow(opened_.pipeline, row, CellsOf(*before)));
      for (const auto& [key, value] : left) contributors[ContributorKey(key, row)] = std::nullopt;
    }
    if (entry && HasCells(*entry)) {
      MURMUR_ASSIGN(const auto joined, FoldRow(opened_.pipeline, row, CellsOf(*entry)));
      for (const auto& [key, value] : joined) contributors[ContributorKey(key, row)] = "";
    }
  }
  changes->merge(contributors);
  return {};
}

Status Verifier::Repair(std::stop_token stop) {
  MURMUR_ASSIGN(LedgerChanges changes, Corrections());
  KeyRepair repair(options_.repair_bytes);
  MURMUR_TRY(FindValues(changes, stop, &repair));
  MURMUR_TRY(AddContributors(&changes));
  std::vector<LedgerRow> ledger;
  for (const auto& [key, entry] : changes) ledger.push_back({key, entry});
  MURMUR_TRY(repair.Apply(std::move(ledger), opened_.table.get()));
  snapshot_.reset();
  return opened_.table->Close();
}

}  // namespace murmur
