#include "runtime/scan_runner.h"

#include <algorithm>
#include <future>
#include <map>
#include <thread>
#include <vector>

#include "fold/folder.h"
#include "fold/id_reader.h"
#include "state/progress.h"

namespace murmur {
namespace {

constexpr size_t kPendingDeadLetterBytes = size_t{8} << 20;

// A table's groups in ascending order of key, as a commit wants them.
class TableCursor final : public DeltaCursor {
 public:
  explicit TableCursor(GroupTable* table) : table_(table) {
    table->Settle();
    table->Sort(&order_);
  }

  bool Next(std::string_view* key, std::string_view* value) override {
    if (next_ == order_.size()) return false;
    if (next_ + 2 * kAhead < order_.size()) table_->PrefetchGroup(order_[next_ + 2 * kAhead]);
    if (next_ + kAhead < order_.size()) table_->PrefetchStates(order_[next_ + kAhead]);
    const uint32_t group = order_[next_++];
    value_.clear();
    table_->EncodeValue(group, &value_);
    *key = table_->Key(group);
    *value = value_;
    return true;
  }

 private:
  static constexpr size_t kAhead = 20;
  GroupTable* table_;
  std::vector<uint32_t> order_;
  size_t next_ = 0;
  std::string value_;
};

Status TooManyDeadLetters(uint64_t count, uint64_t allowed, const std::string& last = "") {
  return Status(Code::kFailedPrecondition,
                std::to_string(count) + " records could not be counted, more than max_errors: " +
                    std::to_string(allowed) + last);
}

}  // namespace

// One thread's share: reads splits one after another, gathers deltas over them, commits. It has two
// tables: while one is being committed, which is mostly waiting for the disk, it fills the other.
class ScanRunner::Worker {
 public:
  explicit Worker(ScanRunner* runner)
      : runner_(*runner),
        folder_(runner->pipeline_),
        spare_(std::make_unique<GroupTable>(runner->pipeline_->Monoids())),
        batch_(runner->pipeline_->projection()),
        last_commit_(runner->options_.clock->Steady()) {
    if (runner_.pending_ids_) id_reader_.emplace(runner->pipeline_);
  }

  Status Run(std::stop_token stop) {
    Status status;
    while (const Work* work = runner_.NextWork()) {
      status = ReadSplit(*work, stop);
      if (!status.ok() || runner_.abort_.stop_requested()) break;
    }
    // What was read before an error is good. After a stop it is left: to return at once matters
    // more, and the next run reads it again.
    // Nothing is committed behind a commit that failed.
    Status committed = stop.stop_requested() || commit_failed_ ? FinishCommit() : CommitAll();
    return status.ok() ? committed : status;
  }

 private:
  Status ReadSplit(const Work& work, std::stop_token stop) {
    MURMUR_ASSIGN(auto stream, runner_.source_->Open(work.split, work.progress.position,
                                                     runner_.pipeline_->projection()));
    SplitProgress progress = work.progress;
    while (!stop.stop_requested() && !runner_.abort_.stop_requested()) {
      batch_.Clear();
      MURMUR_ASSIGN(const ReadState state, stream->Read(stop, &batch_));
      if (state == ReadState::kIdle) continue;
      progress.done = state == ReadState::kEnd;
      if (!progress.done && id_reader_) MURMUR_TRY(DropDuplicates(&progress));
      if (!progress.done) FoldBatch(&progress);
      Move(work, progress);
      if (progress.done) {
        runner_.progress_.splits_done.fetch_add(1, std::memory_order_relaxed);
        return {};
      }
      if (runner_.TooManyErrors()) return TooManyErrors();
      if (CommitIsDue()) MURMUR_TRY(BeginCommit());
    }
    return {};
  }

  Status DropDuplicates(SplitProgress* progress) {
    id_reader_->Read(&batch_, &batch_ids_);
    MURMUR_ASSIGN(const auto claimed, runner_.pending_ids_->Claim(batch_ids_));
    for (size_t row = 0; row < claimed.size(); ++row) {
      if (!claimed[row]) {
        ++progress->duplicates;
        continue;
      }
      id_bytes_ += batch_ids_[row].size() + kIdOverhead;
      ids_.push_back(std::move(batch_ids_[row]));
    }
    KeepRows(claimed, &batch_);
    return {};
  }

  void FoldBatch(SplitProgress* progress) {
    const ScanOptions& options = runner_.options_;
    const int64_t ahead = std::chrono::microseconds(options.max_ahead).count();
    const Folder::Context context{
        .latest_time = options.clock->WallMicros() + ahead,
        .newest_known = runner_.newest_time_.load(std::memory_order_relaxed),
        .times = options.times};
    const uint64_t records = progress->records;
    const size_t dead = dead_letters_.size();
    folder_.Fold(context, &batch_, progress, &dead_letters_);
    progress->position = batch_.after;

    for (size_t i = dead; i < dead_letters_.size(); ++i) dead_bytes_ += dead_letters_[i].raw.size();
    int64_t newest = runner_.newest_time_.load(std::memory_order_relaxed);
    while (progress->newest_time > newest &&
           !runner_.newest_time_.compare_exchange_weak(newest, progress->newest_time)) {
    }
    ScanProgress& counters = runner_.progress_;
    counters.bytes.fetch_add(batch_.bytes, std::memory_order_relaxed);
    counters.bytes_this_run.fetch_add(batch_.bytes, std::memory_order_relaxed);
    counters.records.fetch_add(progress->records - records, std::memory_order_relaxed);
    counters.records_this_run.fetch_add(progress->records - records, std::memory_order_relaxed);
    counters.dead.fetch_add(dead_letters_.size() - dead, std::memory_order_relaxed);
  }

  // Notes where the split stands; the commit that covers it comes later.
  void Move(const Work& work, const SplitProgress& progress) {
    const auto [it, is_new] = moves_.try_emplace(&work);
    if (is_new) {
      const auto [from, first] = committed_.try_emplace(&work, work.progress.position);
      it->second = {.split = work.split.id, .from = from->second, .to = {}};
    }
    it->second.to = progress;
  }

  bool CommitIsDue() {
    const ScanOptions& options = runner_.options_;
    return folder_.table().bytes() + id_bytes_ >= options.delta_bytes / options.threads / kTables ||
           dead_bytes_ >= kPendingDeadLetterBytes ||
           options.clock->Steady() - last_commit_ >= options.commit_every;
  }

  // Hands everything since the last commit to a thread that commits it, after the one before.
  Status BeginCommit() {
    MURMUR_TRY(FinishCommit());
    last_commit_ = runner_.options_.clock->Steady();
    if (moves_.empty()) return {};
    Commit commit{.moves = {},
                  .deltas = nullptr,
                  .dead_letters = std::move(dead_letters_),
                  .ids = std::move(ids_)};
    for (auto& [work, move] : moves_) {
      committed_[work] = move.to.position;
      commit.moves.push_back(std::move(move));
    }
    moves_.clear();
    dead_letters_.clear();
    dead_bytes_ = 0;
    ids_.clear();
    id_bytes_ = 0;
    committing_ = folder_.ExchangeTable(std::move(spare_));
    commit_ = std::async(std::launch::async, [this, commit = std::move(commit)]() mutable {
      TableCursor cursor(committing_.get());
      commit.deltas = &cursor;
      commit.delta_count = committing_->size();
      MURMUR_TRY(runner_.table_->Apply(commit));
      if (runner_.pending_ids_) runner_.pending_ids_->Forget(commit.ids);
      committing_->Clear();
      runner_.progress_.commits.fetch_add(1, std::memory_order_relaxed);
      return Status();
    });
    return {};
  }

  Status FinishCommit() {
    if (!commit_.valid()) return {};
    Status status = commit_.get();
    commit_failed_ = !status.ok();
    spare_ = std::move(committing_);
    return status;
  }

  Status CommitAll() {
    MURMUR_TRY(BeginCommit());
    return FinishCommit();
  }

  // What led here is committed first, the dead letters themselves included: a later run goes on
  // behind them once the limit allows it.
  Status TooManyErrors() {
    std::string last;
    if (!dead_letters_.empty()) {
      const DeadLetter& letter = dead_letters_.back();
      last = "; last: " + letter.object + " at " + std::to_string(letter.offset) + ": " +
             std::string(DeadReasonName(letter.reason)) + ": " + letter.detail;
    }
    MURMUR_TRY(CommitAll());
    return TooManyDeadLetters(runner_.progress_.dead, runner_.options_.max_errors, last);
  }

  static constexpr size_t kTables = 2;
  static constexpr size_t kIdOverhead = 200;  // an id is in a list, a set and a commit

  ScanRunner& runner_;
  Folder folder_;
  std::unique_ptr<GroupTable> spare_;       // empty, while no commit runs
  std::unique_ptr<GroupTable> committing_;  // of the commit that runs
  RecordBatch batch_;
  std::optional<IdReader> id_reader_;
  std::vector<std::string> batch_ids_;
  std::vector<std::string> ids_;  // since the last commit
  size_t id_bytes_ = 0;
  std::map<const Work*, SplitMove> moves_;     // since the last commit
  std::map<const Work*, Position> committed_;  // what the table has
  std::vector<DeadLetter> dead_letters_;
  size_t dead_bytes_ = 0;
  std::chrono::steady_clock::time_point last_commit_;
  bool commit_failed_ = false;
  std::future<Status> commit_;  // last: its thread ends before anything else of the worker goes
};

ScanRunner::ScanRunner(std::shared_ptr<const Pipeline> pipeline, SnapshotSource* source,
                       StateTable* table, ScanOptions options)
    : pipeline_(std::move(pipeline)), source_(source), table_(table), options_(options) {}

Status ScanRunner::Run(std::stop_token stop) {
  MURMUR_TRY(Prepare(stop));
  if (TooManyErrors()) {
    Fail(TooManyDeadLetters(progress_.dead, options_.max_errors));
    return Finish(stop);
  }
  do {
    ReadWork(stop);
  } while (FindMore(stop));
  return Finish(stop);
}

void ScanRunner::ReadWork(std::stop_token stop) {
  std::vector<std::jthread> threads;
  for (uint32_t i = 0; i < options_.threads; ++i) {
    threads.emplace_back([this, stop] {
      Worker worker(this);
      if (Status status = worker.Run(stop); !status.ok()) Fail(std::move(status));
    });
  }
}

bool ScanRunner::FindMore(std::stop_token stop) {
  if (stop.stop_requested() || abort_.stop_requested()) return false;
  const auto find = [this]() -> Status {
    MURMUR_ASSIGN(const auto done, Progress());
    MURMUR_ASSIGN(const auto splits, source_->More(plan_, done));
    next_work_ = work_.size();
    for (const Split& split : splits) AddWork(split, done);
    return {};
  };
  if (Status status = find(); !status.ok()) Fail(std::move(status));
  return next_work_ < work_.size() && !abort_.stop_requested();
}

Status ScanRunner::Prepare(std::stop_token stop) {
  MURMUR_ASSIGN(auto plan, table_->Plan());
  if (plan) {
    MURMUR_TRY(source_->Resume(*plan));
    plan_ = *std::move(plan);
  } else {
    MURMUR_ASSIGN(const HandoffToken token, source_->CaptureHandoff(stop));
    MURMUR_ASSIGN(plan_, source_->Scan(stop));
    MURMUR_TRY(table_->Begin(token, plan_));
  }
  MURMUR_TRY(table_->SetStatus(VersionStatus::kBuilding, ""));
  if (plan_.deduplicate) {
    if (!pipeline_->id()) {
      return Status(Code::kFailedPrecondition, "this scan was begun with an `id:`; put it back");
    }
    pending_ids_ = std::make_unique<PendingIds>(table_);
  }
  MURMUR_ASSIGN(const auto done, Progress());
  for (const Split& split : plan_.splits) AddWork(split, done);
  return {};
}

void ScanRunner::AddWork(const Split& split, const std::map<std::string, SplitProgress>& done) {
  SplitProgress progress;
  if (const auto it = done.find(split.id); it != done.end()) progress = it->second;
  progress_.splits_total += 1;
  progress_.bytes_total += split.bytes;
  progress_.bytes += progress.bytes;
  progress_.records += progress.records;
  progress_.dead += DeadCount(progress);
  progress_.splits_done += progress.done ? 1 : 0;
  newest_time_ = std::max(newest_time_.load(), progress.newest_time);
  if (!progress.done) work_.push_back({split, std::move(progress)});
}

Result<std::map<std::string, SplitProgress>> ScanRunner::Progress() const {
  MURMUR_ASSIGN(const auto snapshot, table_->Snapshot());
  return snapshot->Progress();
}

const ScanRunner::Work* ScanRunner::NextWork() {
  const size_t index = next_work_.fetch_add(1);
  return index < work_.size() ? &work_[index] : nullptr;
}

bool ScanRunner::TooManyErrors() const noexcept {
  return progress_.dead.load(std::memory_order_relaxed) > options_.max_errors;
}

void ScanRunner::Fail(Status status) {
  const std::lock_guard lock(mutex_);
  if (failure_.ok() && status.code() != Code::kCancelled) failure_ = std::move(status);
  abort_.request_stop();
}

Status ScanRunner::Complete() {
  MURMUR_ASSIGN(const auto progress, Progress());
  MURMUR_ASSIGN(const ScanEnd end, source_->Finish(plan_, progress));
  return table_->Complete(end);
}

Status ScanRunner::Finish(std::stop_token stop) {
  if (!abort_.stop_requested() && !stop.stop_requested()) {
    if (Status status = Complete(); !status.ok()) Fail(std::move(status));
  }
  const std::lock_guard lock(mutex_);
  if (!failure_.ok()) {
    const Status stored =
        table_->SetStatus(VersionStatus::kFailed, std::string(failure_.message()));
    if (!stored.ok()) return failure_.Annotated(stored.ToString());
    return failure_;
  }
  return stop.stop_requested() ? Status(Code::kCancelled, "stopped") : Status();
}

}  // namespace murmur
