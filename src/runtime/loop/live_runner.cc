#include "runtime/loop/live_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <set>
#include <thread>

#include "base/shown.h"
#include "state/progress.h"

namespace murmur {
namespace {

using std::chrono::steady_clock;

// How often to look for new splits and for the ends of all.
constexpr std::chrono::seconds kLookAroundEvery{3};
constexpr std::chrono::hours kWarnAgainAfter{1};
// An idle worker reads again after this time even if nobody wakes it.
constexpr std::chrono::milliseconds kIdleWait{500};
// Prefix for the position up to which an object's dead letters are published; stored as the
// progress of a split that is done.
constexpr std::string_view kPublishedPrefix = "dead-letters:";
constexpr size_t kPublishAtOnce = 1000;
constexpr size_t kShownPositionBytes = 200;
constexpr size_t kLettersLookedAt = 1000;

// Dead letters after this offset are not published; "": none is published.
uint64_t PublishedUpTo(const Position& position) {
  return position.empty() ? 0 : std::stoull(position);
}

}  // namespace

// Reads its splits in turn, a batch of each.
class LiveRunner::Worker {
 public:
  // Notifies `checks` when all its streams have been checked.
  Worker(FoldRun* run, LiveSource* source, Wakeup* checks)
      : run_(*run), source_(source), fold_(run->MakeWorker()), checks_(*checks) {}

  size_t size() const noexcept { return size_; }
  bool checked() const noexcept { return checked_; }
  void Add(SplitWork* work) {
    ++size_;
    {
      const std::lock_guard lock(mutex_);
      added_.push_back(work);
    }
    wakeup_->Notify();
  }
  // `goal`, which outlives the worker: what has been read up to there is committed at once.
  void Start(const std::stop_token& stop, const LiveSource::PositionMap* goal) {
    goal_ = goal;
    thread_ = std::jthread([this, stop] {
      const std::stop_callback wake(run_.abort.get_token(), [this] { wakeup_->Notify(); });
      if (Status status = Run(stop); !status.ok()) run_.Fail(std::move(status));
    });
  }
  void Join() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  struct Reading {
    SplitWork* work;
    std::unique_ptr<RecordStream> stream;
  };

  Status Run(const std::stop_token& stop) {
    Status status;
    while (status.ok() && !stop.stop_requested() && !run_.abort.stop_requested()) {
      status = OpenAdded(stop);
      if (status.ok()) status = ReadAll(stop);
    }
    Status committed = stop.stop_requested() ? fold_->FinishCommit() : fold_->CommitAll();
    return status.ok() ? committed : status;
  }

  Status OpenAdded(const std::stop_token& stop) {
    std::vector<SplitWork*> added;
    {
      const std::lock_guard lock(mutex_);
      added.swap(added_);
    }
    const Projection projection = run_.StreamProjection();
    for (SplitWork* work : added) {
      MURMUR_ASSIGN(auto stream, source_->Open(
                                     work->split, work->progress.position, projection,
                                     [wakeup = wakeup_] { wakeup->Notify(); }, stop));
      readings_.push_back({work, std::move(stream)});
    }
    return {};
  }

  Status ReadAll(const std::stop_token& stop) {
    bool idle = true;
    for (const Reading& reading : readings_) {
      MURMUR_ASSIGN(const ReadState state, reading.stream->Read(stop, fold_->EmptyBatch()));
      if (state != ReadState::kRecords) continue;
      idle = false;
      MURMUR_TRY(fold_->Count(reading.work));
    }
    NoteChecks();
    MURMUR_TRY(HasReachedGoal() ? fold_->CommitAll() : fold_->CommitIfDue());
    return idle ? Wait(stop) : Status();
  }

  bool HasReachedGoal() const {
    if (goal_ == nullptr || !fold_->CommitDue()) return false;
    return std::all_of(readings_.begin(), readings_.end(), [this](const Reading& reading) {
      const auto it = goal_->find(reading.work->split.id);
      return it == goal_->end() ||
             source_->Distance(reading.work->progress.position, it->second) == 0;
    });
  }

  void NoteChecks() {
    if (checked_) return;
    checked_ = std::all_of(readings_.begin(), readings_.end(),
                           [](const Reading& reading) { return reading.stream->Checked(); });
    if (checked_) checks_.Notify();
  }

  // First finishes the commit under way, so that its failure shows even if no records come.
  Status Wait(const std::stop_token& stop) {
    MURMUR_TRY(fold_->FinishCommit());
    wakeup_->WaitUntil(fold_->CommitDue().value_or(steady_clock::now() + kIdleWait), stop);
    return {};
  }

  FoldRun& run_;
  LiveSource* const source_;
  const std::unique_ptr<FoldWorker> fold_;
  Wakeup& checks_;
  const LiveSource::PositionMap* goal_ = nullptr;  // none: read on for ever
  std::atomic<bool> checked_{false};
  std::vector<Reading> readings_;
  // Shared with the streams' callbacks, the last of which may come late.
  const std::shared_ptr<Wakeup> wakeup_ = std::make_shared<Wakeup>();
  size_t size_ = 0;
  std::mutex mutex_;
  std::vector<SplitWork*> added_;  // under mutex_
  std::jthread thread_;
};

bool HasLivePositions(const ProgressMap& progress, const std::optional<ScanPlan>& plan) {
  std::set<std::string_view> scanned;
  if (plan) {
    for (const Split& split : plan->splits) scanned.insert(split.id);
  }
  // Where an earlier release did not store the role: splits that a scan found later are done when
  // it is complete; those of live never are.
  return std::any_of(progress.begin(), progress.end(), [&scanned](const auto& split) {
    const SplitRole role = split.second.role;
    if (role != SplitRole::kUnknown) return role == SplitRole::kLive;
    return !split.second.done && !scanned.contains(split.first);
  });
}

Status StorePositions(const LiveSource::PositionMap& positions, StateTable* table) {
  Commit commit;
  for (const auto& [split, position] : positions) {
    SplitMove& move = commit.moves.emplace_back();
    move.split = split;
    move.to.position = position;
    move.to.role = SplitRole::kLive;
  }
  return table->Apply(commit);
}

LiveRunner::LiveRunner(std::shared_ptr<const Pipeline> pipeline, LiveSource* source,
                       StateTable* table, FoldOptions options, WorkersFor workers)
    : source_(source),
      keeps_log_(source->NeedsHold()),
      workers_for_(std::move(workers)),
      run_(std::move(pipeline), table, std::move(options)) {
  run_.on_commit = [this](const std::vector<SplitMove>& moves) { NoteCommit(moves); };
}

// Ends the workers first: a running commit reports to members that must still exist.
LiveRunner::~LiveRunner() { workers_.clear(); }

Status LiveRunner::Run(Until until, std::stop_token stop) {
  run_.UseFor(stop);
  Status status = RunUntil(until, stop);
  return Unasked(std::move(status), stop.stop_requested());
}

Status LiveRunner::RunUntil(Until until, std::stop_token stop) {
  MURMUR_TRY(Prepare(stop));
  if (run_.TooManyErrors()) return TooManyDeadLetters(run_);
  if (until == Until::kCaughtUp) {
    MURMUR_ASSIGN(goal_, source_->Ends(splits_, stop));
  }
  for (const auto& worker : workers_)
    worker->Start(stop, until == Until::kCaughtUp ? &goal_ : nullptr);
  Status status = Watch(until, stop);
  run_.abort.request_stop();
  for (const auto& worker : workers_) worker->Join();
  if (status.ok()) status = NoteSure();
  if (status.ok()) status = PublishDeadLetters(stop);
  source_->NoteCommitted([this] {
    LiveSource::PositionMap positions;
    for (const auto& [split, lag] : Lag().splits) positions[split] = lag.committed;
    return positions;
  }());
  MURMUR_TRY(run_.failure());
  return status;
}

Status LiveRunner::Prepare(std::stop_token stop) {
  MURMUR_ASSIGN(const auto plan, run_.table->Plan());
  MURMUR_ASSIGN(const VersionInfo info, run_.table->Info());
  if (!info.log_hold.empty()) source_->ReadThrough(info.log_hold);
  assumed_ends_ = info.assumed_ends;
  if (workers_for_) {
    MURMUR_ASSIGN(run_.workers, workers_for_(run_.table));
  }
  for (uint32_t i = 0; i < run_.options.threads; ++i) {
    workers_.push_back(std::make_unique<Worker>(&run_, source_, &progressed_));
  }
  MURMUR_ASSIGN(splits_, source_->Splits(stop));
  MURMUR_ASSIGN(auto progress, Stored());
  for (const auto& [split, earlier] : progress) {
    run_.AddEarlier(earlier);
    if (split.starts_with(kPublishedPrefix)) {
      published_[split.substr(kPublishedPrefix.size())] = earlier.position;
    }
  }
  if (!HasLivePositions(progress, plan)) {
    MURMUR_ASSIGN(const auto token, run_.table->Token());
    HandoffToken begin = token.value_or(HandoffToken());
    if (begin.streams.empty() && !info.log_hold.empty()) {
      MURMUR_ASSIGN(begin, source_->Hold(info.log_hold, stop));  // no scan came before
    }
    MURMUR_ASSIGN(const auto positions, source_->Begin(splits_, begin, stop));
    MURMUR_TRY(PassDeadLetters());
    MURMUR_TRY(BeginAt(positions, !begin.streams.empty()));
    MURMUR_ASSIGN(progress, Stored());
  }
  NoteGone(progress);
  AddSplits(splits_, progress);
  measured_at_ = steady_clock::now();
  run_.skip_known_ids = run_.options.overlap_until.has_value();
  return EndOverlap();
}

Result<ProgressMap> LiveRunner::Stored() const {
  MURMUR_ASSIGN(const auto snapshot, run_.table->Snapshot());
  return snapshot->Progress();
}

// If topics are followed by a pattern, some may be gone; what was counted of them stays.
void LiveRunner::NoteGone(const ProgressMap& progress) {
  for (const auto& [id, earlier] : progress) {
    const bool there = std::any_of(splits_.begin(), splits_.end(),
                                   [&id = id](const Split& split) { return split.id == id; });
    if (there || earlier.done) continue;
    const std::lock_guard lock(mutex_);
    notes_.push_back(id + " was read up to " + earlier.position + " and is not there any more");
  }
}

// Stores the positions of all splits at once: from here on, a split without one is new.
Status LiveRunner::BeginAt(const LiveSource::PositionMap& positions, bool by_token) {
  if (!by_token) MURMUR_TRY(TellOfTheSeam());
  {
    const std::lock_guard lock(mutex_);
    std::string where;
    for (const auto& [split, position] : positions) {
      const std::string_view shown = CutAtCharacter(position, kShownPositionBytes);
      where += fmt::format("{}{} at {}{}", where.empty() ? "" : ", ", split, shown,
                           shown.size() < position.size() ? "…" : "");
    }
    notes_.push_back(std::string("live begins where ") +
                     (by_token ? "what was read before it ends: " : "`start:` says: ") + where);
  }
  return StorePositions(positions, run_.table);
}

// A snapshot without a live position and a `start:` may overlap or leave a gap, and only ids can
// tell.
Status LiveRunner::TellOfTheSeam() {
  MURMUR_ASSIGN(const auto plan, run_.table->Plan());
  if (!plan || plan->splits.empty() || run_.options.overlap_until) return {};
  MURMUR_ASSIGN(const VersionInfo info, run_.table->Info());
  if (!info.inexact.empty()) return {};
  return run_.table->Complete(
      {.live_from = {},
       .inexact = "live began at `start:`, which no position of what was read before it tells; "
                  "`id:` and `overlap:` make it exact"});
}

void LiveRunner::AddSplits(const std::vector<Split>& splits, const ProgressMap& progress) {
  for (const Split& split : splits) {
    SplitWork& work = work_.emplace_back();
    work.split = split;
    if (const auto it = progress.find(split.id); it != progress.end()) work.progress = it->second;
    work.progress.role = SplitRole::kLive;
    work.committed = work.progress.position;
    run_.progress.splits_total += 1;
    {
      const std::lock_guard lock(mutex_);
      lag_.splits[split.id] = {.committed = work.committed,
                               .newest_time = work.progress.newest_time,
                               .dead = DeadCount(work.progress)};
    }
    const auto least =
        std::min_element(workers_.begin(), workers_.end(),
                         [](const auto& a, const auto& b) { return a->size() < b->size(); });
    (*least)->Add(&work);
  }
}

Status LiveRunner::Watch(Until until, std::stop_token stop) {
  auto look = steady_clock::now();
  while (!stop.stop_requested() && !run_.abort.stop_requested()) {
    if (until == Until::kCaughtUp && CaughtUp()) return RefuseUselessRecords(/*all_read=*/true);
    if (steady_clock::now() >= look) {
      MURMUR_TRY(LookAround(stop));
      look = steady_clock::now() + kLookAroundEvery;
    }
    const std::stop_callback wake(run_.abort.get_token(), [this] { progressed_.Notify(); });
    progressed_.WaitUntil(look, stop);
  }
  return stop.stop_requested() ? Status(Code::kCancelled, "stopped") : Status();
}

// What can't be read now is asked for again; the workers go on meanwhile.
Status LiveRunner::LookAround(std::stop_token stop) {
  MeasureRate();
  if (Status status = LookForSplits(stop); !status.ok()) {
    return status.code() == Code::kUnavailable ? Status() : status;
  }
  NoteEnds(stop);
  NoteReach(stop);
  const Status published = PublishDeadLetters(stop);
  if (!published.ok() && published.code() != Code::kUnavailable) return published;
  const LiveLag lag = Lag();
  MURMUR_TRY(NoteSure());
  MURMUR_TRY(
      RefuseUselessRecords(std::all_of(lag.splits.begin(), lag.splits.end(), [](const auto& split) {
        return !split.second.end.empty() && split.second.records == 0;
      })));
  return EndOverlap();
}

Status LiveRunner::PublishDeadLetters(std::stop_token stop) {
  if (!source_->TakesDeadLetters()) return {};
  const LiveLag lag = Lag();
  for (const Split& split : splits_) {
    const auto it = lag.splits.find(split.id);
    if (it == lag.splits.end()) continue;
    uint64_t& count = published_counts_[split.id];
    if (it->second.dead == count) continue;
    MURMUR_TRY(PublishDeadLettersOf(source_->ObjectOf(split), stop));
    count = it->second.dead;
  }
  return {};
}

// Continues after the last published one, up to kPublishAtOnce at a time.
Status LiveRunner::PublishDeadLettersOf(const std::string& object, std::stop_token stop) {
  for (;;) {
    std::vector<DeadLetter> letters;
    MURMUR_ASSIGN(const auto snapshot, run_.table->Snapshot());
    MURMUR_TRY(snapshot->ScanDeadLettersOf(object, PublishedUpTo(published_[object]),
                                           [&letters](const DeadLetter& letter) {
                                             letters.push_back(letter);
                                             return letters.size() < kPublishAtOnce;
                                           }));
    if (letters.empty()) return {};
    MURMUR_TRY(source_->PublishDeadLetters(letters, stop));
    MURMUR_TRY(MovePublished(object, letters.back().offset + 1));
  }
}

Status LiveRunner::MovePublished(const std::string& object, uint64_t next) {
  Position& mark = published_[object];
  Commit commit;
  commit.moves.push_back(
      MoveOfMark(std::string(kPublishedPrefix) + object, mark, std::to_string(next)));
  MURMUR_TRY(run_.table->Apply(commit));
  mark = commit.moves[0].to.position;
  return {};
}

Status LiveRunner::PassDeadLetters() {
  if (!source_->TakesDeadLetters()) return {};
  MURMUR_ASSIGN(const auto snapshot, run_.table->Snapshot());
  for (const Split& split : splits_) {
    const std::string object = source_->ObjectOf(split);
    std::optional<uint64_t> last;
    MURMUR_TRY(snapshot->ScanDeadLettersOf(object, 0, [&last](const DeadLetter& letter) {
      last = letter.offset;
      return true;
    }));
    if (last) MURMUR_TRY(MovePublished(object, *last + 1));
  }
  return {};
}

Status LiveRunner::LookForSplits(std::stop_token stop) {
  MURMUR_ASSIGN(const auto now, source_->Splits(stop));
  std::vector<Split> added;
  for (const Split& split : now) {
    const bool known = std::any_of(splits_.begin(), splits_.end(),
                                   [&](const Split& s) { return s.id == split.id; });
    if (!known) added.push_back(split);
  }
  if (added.empty()) return {};
  MURMUR_ASSIGN(const auto progress, Stored());  // a split that was away for a while is known
  splits_.insert(splits_.end(), added.begin(), added.end());
  AddSplits(added, progress);
  return {};
}

void LiveRunner::MeasureRate() {
  const auto now = steady_clock::now();
  const uint64_t records = run_.progress.records_this_run;
  const std::chrono::duration<double> passed = now - measured_at_;
  const std::lock_guard lock(mutex_);
  lag_.records_per_second = static_cast<double>(records - measured_records_) / passed.count();
  measured_at_ = now;
  measured_records_ = records;
}

void LiveRunner::NoteEnds(std::stop_token stop) {
  const auto ends = source_->Ends(splits_, stop);
  LiveSource::PositionMap committed;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [split, lag] : lag_.splits) {
      committed[split] = lag.committed;
      if (!ends.ok() || !ends->contains(split)) continue;
      lag.end = ends->at(split);
      lag.records = source_->Distance(lag.committed, lag.end);
    }
  }
  source_->NoteCommitted(committed);
}

// A warning that comes and goes is reported only now and then; the status always has it.
void LiveRunner::NoteReach(std::stop_token stop) {
  if (!has_reach_) return;
  LiveSource::PositionMap committed;
  for (const auto& [split, lag] : Lag().splits) committed[split] = lag.committed;
  const auto reach = source_->Reach(committed, stop);
  const Code code = reach.status().code();
  has_reach_ =
      reach.ok() ? reach->has_value() : code == Code::kUnavailable || code == Code::kCancelled;
  if (!reach.ok() && !has_reach_) {
    const std::lock_guard lock(mutex_);
    notes_.push_back("whether live stays within what the source remembers can't be foretold: " +
                     std::string(reach.status().message()));
  }
  if (!reach.ok() || !has_reach_) return;
  const LogForecast& now =
      log_.Note(**reach, scan_seconds_ ? scan_seconds_() : std::optional<double>());
  const std::lock_guard lock(mutex_);
  lag_.log = now;
  if (now.warning.empty() || steady_clock::now() < warn_again_) return;
  warn_again_ = steady_clock::now() + kWarnAgainAfter;
  notes_.push_back("WARNING: " + now.warning);
}

// Once every split is after the overlap, no record of the scan comes again.
Status LiveRunner::EndOverlap() {
  if (!run_.skip_known_ids) return {};
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [split, lag] : lag_.splits) {
      if (lag.newest_time < *run_.options.overlap_until) return {};
    }
  }
  run_.skip_known_ids = false;
  return run_.table->DropIds();
}

// Fails for a table if everything present has been read and none of it could be used: it is not
// what the definition takes it for.
Status LiveRunner::RefuseUselessRecords(bool all_read) const {
  const uint64_t dead = run_.progress.dead;
  if (!all_read || !run_.workers || run_.progress.records != 0 || dead == 0) return {};
  MURMUR_ASSIGN(const auto snapshot, run_.table->Snapshot());
  std::string first;
  bool is_useless = true;  // and not only single bad rows
  size_t looked_at = 0;
  MURMUR_TRY(snapshot->ScanDeadLetters([&](const DeadLetter& letter) {
    is_useless =
        letter.reason == DeadReason::kUndecodable || letter.reason == DeadReason::kMissingKey;
    if (first.empty()) first = letter.object + ": " + letter.detail;
    return is_useless && ++looked_at < kLettersLookedAt;
  }));
  if (!is_useless || first.empty()) return {};
  return Status(Code::kFailedPrecondition,
                fmt::format("{} be used. {}",
                            dead == 1 ? "the one message could not"
                                      : fmt::format("none of {} messages could", Grouped(dead)),
                            first));
}

bool LiveRunner::CaughtUp() const {
  // A worker with nothing to read must first have checked that its source is the one read before.
  const bool checked = std::all_of(workers_.begin(), workers_.end(),
                                   [](const auto& worker) { return worker->checked(); });
  if (!checked) return false;
  const std::lock_guard lock(mutex_);
  return std::all_of(goal_.begin(), goal_.end(), [this](const auto& goal) {
    const auto it = lag_.splits.find(goal.first);
    return it != lag_.splits.end() && source_->Distance(it->second.committed, goal.second) == 0;
  });
}

LiveSource::PositionMap LiveRunner::Unsure(const LiveSource::PositionMap& ends) const {
  LiveSource::PositionMap unsure = ends;
  const std::lock_guard lock(mutex_);
  std::erase_if(unsure, [this](const auto& end) {
    const auto it = lag_.splits.find(end.first);
    return it != lag_.splits.end() && source_->Distance(it->second.committed, end.second) == 0 &&
           source_->IsSure(it->second.committed, end.second);
  });
  return unsure;
}

// From then on the version is what it was assumed to be.
Status LiveRunner::NoteSure() {
  if (assumed_ends_.empty() || !Unsure(assumed_ends_).empty()) return {};
  MURMUR_ASSIGN(const VersionInfo info, run_.table->Info());
  MURMUR_TRY(run_.table->Complete({.live_from = {}, .inexact = info.inexact}));
  assumed_ends_.clear();
  return {};
}

void LiveRunner::NoteCommit(const std::vector<SplitMove>& moves) {
  if (keeps_log_) {  // until it is told, and an origin that ends may wait for that
    LiveSource::PositionMap committed;
    for (const SplitMove& move : moves) committed[move.split] = move.to.position;
    source_->NoteCommitted(committed);
  }
  {
    const std::lock_guard lock(mutex_);
    for (const SplitMove& move : moves) {
      SplitLag& lag = lag_.splits[move.split];
      lag.committed = move.to.position;
      lag.newest_time = move.to.newest_time;
      lag.dead = DeadCount(move.to);
      if (!lag.end.empty()) lag.records = source_->Distance(lag.committed, lag.end);
    }
    lag_.last_commit = run_.options.clock->WallMicros();
  }
  progressed_.Notify();
}

std::vector<std::string> LiveRunner::TakeNotes() {
  std::vector<std::string> notes = source_->TakeNotes();
  if (run_.workers) {
    for (std::string& note : run_.workers->TakeNotes()) notes.push_back(std::move(note));
  }
  for (std::string& note : run_.retrying.TakeNotes()) notes.push_back(std::move(note));
  const std::lock_guard lock(mutex_);
  notes.insert(notes.begin(), std::make_move_iterator(notes_.begin()),
               std::make_move_iterator(notes_.end()));
  notes_.clear();
  return notes;
}

LiveLag LiveRunner::Lag() const {
  const std::lock_guard lock(mutex_);
  return lag_;
}

}  // namespace murmur
