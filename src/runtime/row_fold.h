// The fold of a table source, whose rows change: the state is the fold over the rows as they are
// now. A ledger knows what each row contributes, so that an update takes that away and adds what
// the row contributes now, and a delete takes it away.
//
// A scan and live read the same rows at once, each at its own pace. What they say of a row meets in
// one place, here, one batch at a time: live replaces; a scanned row counts only where live has
// said nothing of it (K1 to K10 of the ledger rule; docs/tables.md). Deltas, ledger entries and the
// positions of both are one commit.
//
// Aggregates that nothing can be taken away from (a minimum, a sketch) are counted anew from the
// rows of the key, whenever something is to be taken away from it (key_rebuild.h).
//
// Memory: what is not committed, within options.delta_bytes.
// Threads: every method may be called at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "fold/folder.h"
#include "murmur/arena.h"
#include "runtime/fold_worker.h"

namespace murmur {

class RowFold {
 public:
  enum class Phase : uint8_t {
    kScanning,  // a scan may still bring what live has said already: live's deletes leave marks
    kLive,
  };

  // Both outlive it.
  RowFold(std::shared_ptr<const Pipeline> pipeline, StateTable* table, FoldOptions options,
          Phase phase);

  // As FoldWorker; `run` says whether `batch` is of a scan, and outlives its Detach. The rows of a
  // scan's batch differ from each other.
  Status Count(FoldRun* run, SplitWork* work, RecordBatch* batch);
  void End(FoldRun* run, SplitWork* work);
  Status CommitIfDue();
  std::optional<std::chrono::steady_clock::time_point> CommitDue() const;
  Status CommitAll();
  Status FinishCommit();

  // Nothing is told to `run` any more.
  void Detach(const FoldRun* run);

 private:
  struct MovedSplit {
    FoldRun* run = nullptr;  // null: it is gone
    Position committed;      // or being committed
    std::optional<SplitProgress> pending;
  };
  // What a batch's row does.
  enum class Action : uint8_t {
    kNothing,  // it changes nothing
    kTouch,    // nothing but that live has seen it
    kPut,
    kDelete,
    kRefuse,  // a change of a row that may not change
  };
  struct RowPlan {
    Action action = Action::kNothing;
    bool counts = false;                    // as kPut: it has been folded
    std::optional<std::string_view> known;  // the entry that there is
    std::string_view version;               // empty: order of arrival tells
    std::string row;                        // as kPut: its cells
  };
  struct TransparentHash {
    using is_transparent = void;
    size_t operator()(std::string_view key) const noexcept {
      return std::hash<std::string_view>()(key);
    }
  };
  using Entries =
      std::unordered_map<std::string, std::optional<std::string>, TransparentHash, std::equal_to<>>;

  Status FindKnown(const RecordBatch& batch);
  void Decide(const FoldRun& run, const RecordBatch& batch, SplitProgress* progress);
  void DecideByLast(const FoldRun& run, const RecordBatch& batch);
  void DecideByFirst(const FoldRun& run, const RecordBatch& batch);
  Action ActionOf(const FoldRun& run, const RecordBatch& batch, uint32_t row, RowPlan* plan);
  Action ActionOfFixedRow(const FoldRun& run, const RecordBatch& batch, uint32_t row,
                          RowPlan* plan) const;
  void Refuse(const RecordBatch& batch, uint32_t row, SplitProgress* progress);
  Status Retract(const RecordBatch& batch);
  Status RetractRows(const RecordBatch& batch);
  void Fold(RecordBatch* batch, SplitProgress* progress);
  void NoteEntries(const FoldRun& run, const RecordBatch& batch, uint32_t rows);
  void NoteContributors();
  void NoteEntry(std::string_view key, std::optional<std::string> entry);
  Result<std::map<std::string, std::string>> RebuiltKeys(std::span<const LedgerRow> changes);
  std::optional<std::optional<std::string>> EntryAfter(const FoldRun& run,
                                                       const RowPlan& plan) const;
  void NoteMoved(FoldRun* run, SplitWork* work);
  bool IsCommitDue() const;
  Status BeginCommit();
  Status FinishCommitUnderLock();
  Status Apply(Commit commit, std::vector<std::pair<FoldRun*, SplitMove>> moves);

  const std::shared_ptr<const Pipeline> pipeline_;
  StateTable* const table_;
  const FoldOptions options_;
  const Phase phase_;
  const bool rebuilds_;

  mutable std::mutex mutex_;  // guards all below
  Folder folder_;
  std::unique_ptr<GroupTable> retracted_;  // what rows contributed that don't any more
  int64_t newest_time_ = INT64_MIN;
  std::map<std::string, MovedSplit> splits_;
  Entries entries_;  // since the last commit; none: forgotten
  size_t entry_bytes_ = 0;
  std::vector<DeadLetter> dead_letters_;
  size_t dead_bytes_ = 0;
  std::chrono::steady_clock::time_point last_commit_;

  // Of the batch at hand.
  std::vector<RowPlan> plans_;
  std::vector<std::optional<std::string>> loaded_;
  RecordBatch retract_batch_;
  Arena arena_;
  std::unordered_set<std::string> joined_, left_;  // contributors to keys; where keys are rebuilt

  // Of the commit that runs.
  std::unique_ptr<GroupTable> spare_, spare_retracted_;  // empty, while no commit runs
  std::unique_ptr<GroupTable> committing_, committing_retracted_;
  Entries committing_entries_;
  Status failure_;              // of an earlier commit: nothing is committed behind it
  std::future<Status> commit_;  // last: its thread ends before anything else goes
};

// Hands its batches to the RowFold of its run.
class RowWorker final : public FoldWorker {
 public:
  explicit RowWorker(FoldRun* run) : FoldWorker(run) {}
  ~RowWorker() override { run_.rows->Detach(&run_); }

  Status Count(SplitWork* work) override;
  void End(SplitWork* work) override { run_.rows->End(&run_, work); }
  Status CommitIfDue() override { return run_.rows->CommitIfDue(); }
  std::optional<std::chrono::steady_clock::time_point> CommitDue() const override {
    return run_.rows->CommitDue();
  }
  Status CommitAll() override { return run_.rows->CommitAll(); }
  Status FinishCommit() override { return run_.rows->FinishCommit(); }
};

}  // namespace murmur
