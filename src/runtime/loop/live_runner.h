// The loop over the endless splits of a live source. One worker owns each split; a worker reads its
// splits in turn, folds and commits. Positions are committed with the state, so after any crash
// reading goes on exactly after what was counted.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/waiting.h"
#include "fold/pipeline.h"
#include "murmur/source.h"
#include "murmur/state.h"
#include "murmur/status.h"
#include "runtime/loop/fold_worker.h"
#include "runtime/loop/log_watch.h"

namespace murmur {

// How far one split lags, as last seen.
struct SplitLag {
  Position committed;
  Position end;                     // empty: unknown
  uint64_t records = 0;             // from `position` to `end`
  int64_t newest_time = INT64_MIN;  // µs; of the records counted
  uint64_t dead = 0;                // records that could not be counted
};

struct LiveLag {
  std::map<std::string, SplitLag> splits;
  int64_t last_commit = 0;         // µs since the Unix epoch; 0: none by this run
  double records_per_second = 0;   // recently
  std::optional<LogForecast> log;  // if the source forgets old changes
};

using ProgressMap = SnapshotSource::ProgressMap;

// Whether a version's progress says where live goes on. `plan` is that of its scan.
bool HasLivePositions(const ProgressMap& progress, const std::optional<ScanPlan>& plan);

// One commit that sets the positions of splits without one. Errors: those of Apply.
Status StorePositions(const LiveSource::PositionMap& positions, StateTable* table);

class LiveRunner {
 public:
  enum class Until { kStopped, kCaughtUp };

  // Called once, when the run begins: `table` is the run's, and outlives the factory's workers.
  using WorkersFor = std::function<Result<std::shared_ptr<WorkerFactory>>(StateTable* table)>;

  // All outlive the runner. Either the table's version is complete, or a scan runs at the same
  // time. Without `workers` the records are facts.
  LiveRunner(std::shared_ptr<const Pipeline> pipeline, LiveSource* source, StateTable* table,
             FoldOptions options, WorkersFor workers = {});
  ~LiveRunner();

  // For a scan at the same time: gives the seconds that it still takes, from any thread; empty:
  // unknown. Set it before Run.
  using ScanSeconds = std::function<std::optional<double>()>;
  void RunBeside(ScanSeconds scan) { scan_seconds_ = std::move(scan); }

  // Goes on from the table's positions; the first time, from the table's token or from where the
  // definition says. kCaughtUp: until everything is committed that was there when it began; then
  // OK.
  // Errors: kCancelled (stop; the committed state is good), kFailedPrecondition (the next records
  // are gone; more dead letters than max_errors), and those of source and table.
  Status Run(Until until, std::stop_token stop);

  const FoldProgress& progress() const noexcept { return run_.progress; }
  LiveLag Lag() const;  // from any thread
  // After a Run until kCaughtUp: of the ends that it reached, those of which it is not sure.
  LiveSource::PositionMap AssumedEnds() const { return Unsure(goal_); }
  // What a user should know; each note is given once. Threads: any.
  std::vector<std::string> TakeNotes();

 private:
  class Worker;
  Status RunUntil(Until until, std::stop_token stop);
  Status Prepare(std::stop_token stop);
  Status BeginAt(const LiveSource::PositionMap& positions, bool by_token);
  Status TellOfTheSeam();
  Result<ProgressMap> Stored() const;
  void AddSplits(const std::vector<Split>& splits, const ProgressMap& progress);
  void NoteGone(const ProgressMap& progress);
  Status Watch(Until until, std::stop_token stop);
  Status LookAround(std::stop_token stop);
  Status LookForSplits(std::stop_token stop);
  void MeasureRate();
  void NoteEnds(std::stop_token stop);
  void NoteReach(std::stop_token stop);
  Status EndOverlap();
  // Sends them to the source's place for dead letters; what can't be sent now is sent later.
  Status PublishDeadLetters(std::stop_token stop);
  Status PublishDeadLettersOf(const std::string& object, std::stop_token stop);
  // Skips the present dead letters: live does not publish them.
  Status PassDeadLetters();
  Status MovePublished(const std::string& object, uint64_t next);
  Status RefuseUselessRecords(bool all_read) const;
  bool CaughtUp() const;
  // Those of `ends` that the committed positions have not surely reached.
  LiveSource::PositionMap Unsure(const LiveSource::PositionMap& ends) const;
  Status NoteSure();
  void NoteCommit(const std::vector<SplitMove>& moves);

  LiveSource* const source_;
  const bool keeps_log_;  // the origin, for this reader
  const WorkersFor workers_for_;
  FoldRun run_;
  std::vector<Split> splits_;
  std::deque<SplitWork> work_;  // references stay valid as it grows
  std::vector<std::unique_ptr<Worker>> workers_;
  LiveSource::PositionMap goal_;                      // for kCaughtUp
  LiveSource::PositionMap assumed_ends_;              // of the version
  std::map<std::string, Position> published_;         // by object: after its last dead letter there
  std::map<std::string, uint64_t> published_counts_;  // number of dead letters, by split
  std::chrono::steady_clock::time_point measured_at_;
  uint64_t measured_records_ = 0;
  ScanSeconds scan_seconds_;
  LogWatch log_;
  std::chrono::steady_clock::time_point warn_again_ = std::chrono::steady_clock::time_point::min();
  bool has_reach_ = true;  // false: the source can't tell how far its log reaches
  Wakeup progressed_;

  mutable std::mutex mutex_;
  LiveLag lag_;                     // under mutex_
  std::vector<std::string> notes_;  // under mutex_
};

}  // namespace murmur
