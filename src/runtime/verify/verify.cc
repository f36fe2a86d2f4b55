// murmur verify: how it reaches the state and the source, with or without another process that
// writes the state.
#include "murmur/verify.h"

#include <algorithm>
#include <chrono>

#include "base/waiting.h"
#include "runtime/owner/live_owner.h"
#include "runtime/table/handoff_after.h"
#include "runtime/verify/cut_verifier.h"
#include "runtime/verify/verifier.h"
#include "runtime/versions/fold_options.h"
#include "runtime/versions/log_holds.h"
#include "runtime/versions/state_access.h"
#include "source/source_registry.h"

namespace murmur {
namespace {

using std::chrono::steady_clock;

// Shares of the memory limit.
constexpr double kTableShare = 0.2;  // plus half as much while it shrinks
constexpr double kDifferenceShare = 0.1;
constexpr double kSketchShare = 0.1;
constexpr double kChangedShare = 0.1;
constexpr double kRepairShare = 0.1;
constexpr double kDeltaShare = 0.25;

// How long a writing process may take to make progress; how often to check.
constexpr std::chrono::seconds kMovesWithin{60};
constexpr std::chrono::milliseconds kLookAgainFirst{100};
constexpr std::chrono::milliseconds kLookAgainLast{2000};

Status CheckVerifiable(const Definition& definition) {
  if (!IsTable(definition)) {
    return Status(Code::kInvalidArgument,
                  "verify is for tables, whose rows can be read again: this definition counts "
                  "events. murmur replay builds a version anew, and murmur diff compares");
  }
  if (definition.bootstrap) {
    return Status(Code::kInvalidArgument,
                  "nothing follows the rows that `bootstrap:` has read, so that others than the "
                  "table has by now are no mistake. With `source:` they are followed, and verify "
                  "compares");
  }
  if (definition.on_change == OnChange::kRetract) return {};
  return Status(Code::kInvalidArgument,
                "verify compares the state with the rows as they are now; by `on_change: ignore` "
                "or `error` they count as they were first seen, which nobody can tell any more");
}

// For the shadow, which has a store object of its own.
constexpr double kShadowMemory = 0.5;

Result<TableMethod> MethodOf(const OpenedVersion& version) {
  MURMUR_ASSIGN(const auto plan, version.table->Plan());
  return plan ? plan->method : TableMethod::kLedger;
}

// The verified version is the one that served at the start, or one like it.
Status CheckMethod(const OpenedVersion& version, TableMethod method) {
  MURMUR_ASSIGN(const TableMethod is, MethodOf(version));
  if (is == method) return {};
  return Status(Code::kUnavailable, "version " + std::to_string(version.info.number) +
                                        ", of another method, serves by now: verify again");
}

// The serving version, opened once it has reached the required positions.
class ServingState {
 public:
  ServingState(const Definition& definition, const VerifyOptions& options, TableMethod method,
               StateStore* store, const LiveSource* changes)
      : definition_(definition),
        options_(options),
        method_(method),
        store_(*store),
        changes_(changes) {}

  Result<OpenedVersion> Open(const LiveSource::PositionMap& reached, const std::stop_token& stop) {
    auto moved_at = steady_clock::now();
    auto pause = kLookAgainFirst;
    LiveSource::PositionMap before;
    for (;;) {
      MURMUR_ASSIGN(auto opened, OpenNow(stop));
      MURMUR_ASSIGN(const auto positions, PositionsOf(opened, reached));
      // If no positions are required, there may be no changes.
      if (reached.empty() || HasReached(*changes_, positions, reached)) return opened;
      MURMUR_TRY(opened.table->Close());
      if (stop.stop_requested()) return Status(Code::kCancelled, "stopped");
      if (positions != before) moved_at = steady_clock::now();
      before = positions;
      if (steady_clock::now() - moved_at > kMovesWithin) return DoesNotMove();
      (void)SleepUnlessStopped(pause, stop);
      pause = std::min(2 * pause, kLookAgainLast);
    }
  }

 private:
  bool HasOwner(uint64_t number) const { return store_.HasOwner(number); }

  // Without an owner, the version catches up first.
  Result<OpenedVersion> OpenNow(const std::stop_token& stop) {
    MURMUR_ASSIGN(const auto number, store_.SettledCurrent());
    if (!number) return Status(Code::kNotFound, "no version serves yet: murmur bootstrap FILE");
    MURMUR_TRY(Check(*number));
    if (changes_ != nullptr && (options_.repair || !HasOwner(*number))) {
      const Status caught_up = CatchUp(*number);
      if (stop.stop_requested()) return Status(Code::kCancelled, "stopped");
      // A process that has just begun to write follows the source itself.
      const bool beside_owner = !caught_up.ok() && !options_.repair && HasOwner(*number);
      if (!beside_owner) MURMUR_TRY(caught_up);
    }
    const Access access = options_.repair ? Access::kWrite : Access::kRead;
    MURMUR_ASSIGN(auto opened, OpenVersion(definition_, store_, *number, access));
    MURMUR_TRY(CheckMethod(opened, method_));
    return opened;
  }

  Status Check(uint64_t number) const {
    MURMUR_ASSIGN(const VersionInfo info, store_.ReadInfo(number));
    MURMUR_TRY(CheckIdentity(definition_, info));
    if (options_.repair && HasOwner(number)) {
      return Status(Code::kFailedPrecondition,
                    "a process writes the state: end it first (murmur run), to repair the state. "
                    "Without --repair it is verified beside it");
    }
    if (info.status == VersionStatus::kComplete) return {};
    return Status(Code::kFailedPrecondition,
                  "version " + std::to_string(number) +
                      " is not complete: it can be verified when murmur bootstrap has ended");
  }

  Status CatchUp(uint64_t number) {
    LiveOptions live;
    live.run = options_.run;
    live.until_caught_up = true;
    RunSummary ignored;
    return LiveOwner(&definition_, &store_, &live).Run(number, &ignored);
  }

  static Result<LiveSource::PositionMap> PositionsOf(const OpenedVersion& opened,
                                                     const LiveSource::PositionMap& splits) {
    MURMUR_ASSIGN(const auto snapshot, opened.table->Snapshot());
    MURMUR_ASSIGN(const auto progress, snapshot->Progress());
    LiveSource::PositionMap positions;
    for (const auto& [split, unused] : splits) {
      const auto it = progress.find(split);
      if (it != progress.end()) positions[split] = it->second.position;
    }
    return positions;
  }

  static Status DoesNotMove() {
    return Status(Code::kUnavailable,
                  "the process that writes the state does not follow its source: for a minute it "
                  "has committed nothing. See murmur status, or end it and verify then");
  }

  const Definition& definition_;
  const VerifyOptions& options_;
  const TableMethod method_;
  StateStore& store_;
  const LiveSource* const changes_;
};

VerifierOptions OptionsOf(const Definition& definition, const VerifyOptions& options) {
  VerifierOptions to;
  to.rows.threads = options.run.threads != 0 ? options.run.threads : ThreadsOf(definition);
  to.rows.max_ahead = definition.max_ahead;
  to.rows.difference_bytes = MemoryShare(definition, kDifferenceShare);
  to.rows.unseen_max = MemoryShare(definition, kSketchShare) / RowSketch::kBytesPerRow;
  to.table_bytes = MemoryShare(definition, kTableShare);
  to.changed_rows_max = MemoryShare(definition, kChangedShare) / ChangeFollower::kBytesPerRow;
  to.repair_bytes = MemoryShare(definition, kRepairShare);
  to.findings_max = options.findings_max;
  return to;
}

CutVerifierOptions CutOptionsOf(const Definition& definition, const VerifyOptions& options) {
  Definition half = definition;
  half.memory_bytes =
      static_cast<uint64_t>(static_cast<double>(definition.memory_bytes) * kShadowMemory);
  CutVerifierOptions to;
  to.scan = FoldOptionsOf(half, options.run, {.delta_share = kDeltaShare});
  to.scan.max_errors = kUnlimited;  // the version has its own dead letters, and has told of them
  to.scan.dead_news = nullptr;
  to.live = to.scan;
  to.live.threads = 1;
  to.repair_bytes = MemoryShare(definition, kRepairShare);
  to.findings_max = options.findings_max;
  return to;
}

// One verification, and what it needs of the source.
class Verification {
 public:
  Verification(const Definition& definition, const VerifyOptions& options, TableMethod method,
               StateStore* store)
      : definition_(definition), options_(options), method_(method), store_(*store) {}
  Verification(const Verification&) = delete;
  Verification& operator=(const Verification&) = delete;
  ~Verification() { LetGo(); }

  Status Run(VerifySummary* summary) {
    if (ScansTable(definition_)) {
      MURMUR_ASSIGN(rows_, MakeSourceOfRowsNow(definition_));
      MURMUR_ASSIGN(changes_, MakeLiveSource(definition_));
      MURMUR_TRY(Hold());
    } else {
      summary->rows_checked = false;
      summary->notes.push_back(
          "the rows can't be asked for, as a change log is all there is of them: only the state "
          "was compared with what it knows of each row");
    }
    state_.emplace(definition_, options_, method_, &store_, changes_.get());
    const Status status = method_ == TableMethod::kCut ? RunByCuts(summary) : RunByLedger(summary);
    summary->progress = Progress(summary->rows, 0, 0);
    return status;
  }

  Status Repair() { return by_cuts_ ? by_cuts_->Repair() : by_ledger_->Repair(options_.run.stop); }

 private:
  Status RunByLedger(VerifySummary* summary) {
    VerifierOptions how = OptionsOf(definition_, options_);
    how.rows.on_progress = OnProgress();
    by_ledger_.emplace(rows_.get(), changes_.get(), OpenState(), how);
    return by_ledger_->Run(options_.run.stop, summary);
  }

  Status RunByCuts(VerifySummary* summary) {
    MURMUR_ASSIGN(shadow_store_, OpenStore(definition_, Access::kWrite, kShadowMemory));
    CutVerifierOptions how = CutOptionsOf(definition_, options_);
    how.shadow_store = shadow_store_.get();
    how.on_progress = OnProgress();
    by_cuts_.emplace(rows_.get(), changes_.get(), OpenState(), how);
    return by_cuts_->Run(options_.run.stop, summary);
  }

  // Changes are read besides those that the state reads, so through a hold of their own. One that
  // is left behind is ended by the next process that writes the state, as no version has it.
  Status Hold() {
    if (!changes_->NeedsHold()) return {};
    MURMUR_ASSIGN(hold_, NewHoldName(definition_, store_));
    MURMUR_TRY(changes_->Hold(hold_, options_.run.stop));
    changes_->ReadThrough(hold_);
    return {};
  }
  void LetGo() {
    by_ledger_.reset();  // what reads through it
    by_cuts_.reset();
    if (!hold_.empty()) (void)changes_->LetGo(hold_, {});
  }

  Verifier::OpenState OpenState() {
    return [this](const LiveSource::PositionMap& reached, std::stop_token stop) {
      return state_->Open(reached, stop);
    };
  }

  std::function<void(uint64_t, uint64_t, uint64_t)> OnProgress() const {
    if (!options_.run.on_progress) return {};
    return [this](uint64_t rows, uint64_t bytes, uint64_t total) {
      options_.run.on_progress(Progress(rows, bytes, total));
    };
  }

  RunProgress Progress(uint64_t rows, uint64_t bytes, uint64_t bytes_total) const {
    const std::chrono::duration<double> seconds = steady_clock::now() - start_;
    return {.bytes = bytes,
            .bytes_total = bytes_total,
            .bytes_this_run = bytes,
            .records = rows,
            .records_this_run = rows,
            .lag_records = std::nullopt,
            .seconds = seconds.count()};
  }

  const Definition& definition_;
  const VerifyOptions& options_;
  const TableMethod method_;
  StateStore& store_;
  const steady_clock::time_point start_ = steady_clock::now();
  std::unique_ptr<SnapshotSource> rows_;
  std::unique_ptr<LiveSource> changes_;
  std::string hold_;  // empty: there is none
  std::optional<ServingState> state_;
  std::unique_ptr<StateStore> shadow_store_;
  std::optional<Verifier> by_ledger_;
  std::optional<CutVerifier> by_cuts_;
};

}  // namespace

Status Verify(const Definition& definition, const VerifyOptions& options, VerifySummary* summary) {
  MURMUR_TRY(CheckVerifiable(definition));
  MURMUR_TRY(OpenStateForReading(definition));  // a missing state is not created
  MURMUR_ASSIGN(const auto store, OpenStore(definition, Access::kWrite));
  TableMethod method = TableMethod::kLedger;
  if (const auto number = store->SettledCurrent(); number.ok() && *number) {
    MURMUR_ASSIGN(const auto opened, OpenVersion(definition, *store, **number, Access::kRead));
    MURMUR_ASSIGN(method, MethodOf(opened));
  }
  {
    Verification first(definition, options, method, store.get());
    MURMUR_TRY(first.Run(summary));
    if (!options.repair || summary->agrees()) return {};
    MURMUR_TRY(first.Repair());
  }
  if (options.run.on_note) options.run.on_note("repaired; verifying again");
  VerifySummary after;
  MURMUR_TRY(Verification(definition, options, method, store.get()).Run(&after));
  summary->repaired = true;
  summary->left = after.found;
  summary->unsure_rows = after.unsure_rows;
  return {};
}

}  // namespace murmur
