#include "runtime/verify/cut_verifier.h"

#include <chrono>
#include <utility>

#include "runtime/loop/ticker.h"
#include "runtime/versions/paged_cursor.h"

namespace murmur {
namespace {

constexpr std::chrono::milliseconds kProgressEvery{200};

}  // namespace

CutVerifier::CutVerifier(SnapshotSource* rows, LiveSource* changes, Verifier::OpenState open,
                         CutVerifierOptions options)
    : rows_(rows), changes_(changes), open_(std::move(open)), options_(std::move(options)) {}

Status CutVerifier::Run(std::stop_token stop, VerifySummary* summary) {
  MURMUR_TRY(Open(stop));
  summary->version = opened_.info.number;
  summary->rows_compared = false;
  MURMUR_TRY(BuildShadow(stop, summary));
  KeyFindings findings(*opened_.pipeline, options_.findings_max, summary);
  return Compare(
      stop, [&findings](const KeyDifference& difference) { return findings.Add(difference); },
      &summary->keys);
}

// Opens the state once it has caught up.
Status CutVerifier::Open(std::stop_token stop) {
  MURMUR_ASSIGN(const auto splits, changes_->Splits(stop));
  MURMUR_ASSIGN(const HandoffToken token, rows_->HandoffNow(stop));
  MURMUR_ASSIGN(const auto reached, changes_->Begin(splits, token, stop));
  MURMUR_ASSIGN(opened_, open_(reached, stop));
  MURMUR_ASSIGN(snapshot_, opened_.table->Snapshot());
  MURMUR_ASSIGN(const auto progress, snapshot_->Progress());
  for (const Split& split : splits) positions_[split.id] = progress.at(split.id).position;
  return {};
}

Status CutVerifier::BuildShadow(std::stop_token stop, VerifySummary* summary) {
  MURMUR_ASSIGN(shadow_, options_.shadow_store->MakeScratch(SchemaOf(*opened_.pipeline)));
  TableRunner runner(opened_.pipeline, rows_, changes_, shadow_->table(), options_.scan,
                     options_.live, positions_);
  const FoldProgress& progress = runner.progress();
  {
    const Ticker ticker(kProgressEvery, [this, &progress] {
      if (options_.on_progress) {
        options_.on_progress(progress.records, progress.bytes, progress.bytes_total);
      }
    });
    MURMUR_TRY(runner.Run(stop));
  }
  summary->rows = progress.records;
  return {};
}

Status CutVerifier::Compare(const std::stop_token& stop, const VisitKeyDifference& visit,
                            uint64_t* keys) const {
  MURMUR_ASSIGN(const auto shadow, shadow_->table()->Snapshot());
  PagedCursor stored(snapshot_.get());
  PagedCursor expected(shadow.get());
  const auto check_stop = [&stop] {
    return stop.stop_requested() ? Status(Code::kCancelled, "stopped") : Status();
  };
  const auto compare = [&](const auto* has, const auto* should) -> Status {
    MURMUR_TRY(check_stop());
    KeyDifference difference{.key = has != nullptr ? has->first : should->first};
    if (has != nullptr) difference.stored = has->second;
    if (should != nullptr) difference.expected = should->second;
    *keys += has != nullptr ? 1 : 0;
    return difference.stored != difference.expected ? visit(difference) : Status();
  };
  MURMUR_TRY(VisitBoth(&stored, &expected, compare));
  return check_stop();
}

Status CutVerifier::Repair() {
  KeyRepair repair(options_.repair_bytes);
  uint64_t keys = 0;
  MURMUR_TRY(Compare(
      {}, [&repair](const KeyDifference& difference) { return repair.Add(difference); }, &keys));
  MURMUR_TRY(repair.Apply({}, opened_.table.get()));
  snapshot_.reset();
  return opened_.table->Close();
}

}  // namespace murmur
