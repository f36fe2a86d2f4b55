#include "runtime/owner/live_owner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/time_text.h"
#include "runtime/loop/live_runner.h"
#include "runtime/loop/summary.h"
#include "runtime/loop/usable.h"
#include "runtime/owner/owner_socket.h"
#include "runtime/owner/read_service.h"
#include "runtime/owner/row_map.h"
#include "runtime/owner/served_state.h"
#include "runtime/owner/switch_version.h"
#include "runtime/table/row_fold.h"
#include "runtime/versions/fold_options.h"
#include "runtime/versions/log_holds.h"
#include "runtime/versions/state_access.h"
#include "source/source_registry.h"
#include "state/state_schema.h"

namespace murmur {
namespace {

using std::chrono::steady_clock;

constexpr FoldDefaults kLive{.delta_share = 0.25,  // fetched messages take from the memory too
                             .commit_every = std::chrono::milliseconds(100),
                             .max_errors = kUnlimited};
constexpr double kRowShare = 0.1;  // of the memory limit, for rows that are asked for
constexpr std::chrono::milliseconds kReportEvery{200};
constexpr std::chrono::minutes kTidyEvery{1};
// Whoever waits for a swap gets a sign of life before its timeout.
constexpr std::chrono::seconds kStillThereEvery{5};

nlohmann::ordered_json LagAsJson(const LiveLag& lag) {
  nlohmann::ordered_json splits = nlohmann::ordered_json::object();
  uint64_t records = 0;
  int64_t behind = 0;  // µs between now and the newest event time of a split that is not at its end
  bool is_known = true;
  for (const auto& [split, one] : lag.splits) {
    splits[split] = {{"committed", one.committed}, {"end", one.end}, {"lag_records", one.records}};
    records += one.records;
    if (one.records == 0) continue;
    if (one.newest_time == INT64_MIN) {
      is_known = false;
    } else {
      behind = std::max(behind, Clock::System().WallMicros() - one.newest_time);
    }
  }
  nlohmann::ordered_json json = {
      {"lag_records", records},
      {"lag_seconds", is_known ? nlohmann::ordered_json(static_cast<double>(behind) / 1e6)
                               : nlohmann::ordered_json()},
      {"records_per_second", lag.records_per_second},
      {"splits", splits}};
  if (lag.log) json["log"] = lag.log->ToJson();
  return json;
}

// The version says what counts; the run's definition says what is followed for it.
Status CheckFollowed(const Definition& definition, const VersionInfo& info) {
  std::string message;
  for (const std::string& line : DiffIdentities(info.identity, DefinitionIdentity(definition))) {
    if (line.starts_with("live") || line.starts_with("overlap") || line.starts_with("source"))
      message += "\n  " + line;
  }
  if (message.empty()) return {};
  return Status(Code::kFailedPrecondition,
                fmt::format("version {} is not of the live source that this run follows:{}\nEnd "
                            "the run, swap, and start it with the definition of that version",
                            info.number, message));
}

}  // namespace

// A version open for writing, with the runner that follows the live source for it.
class FollowedVersion {
 public:
  static Result<std::unique_ptr<FollowedVersion>> Open(const Definition& definition,
                                                       const StateStore& store, uint64_t number,
                                                       const RunOptions& options) {
    auto followed = std::unique_ptr<FollowedVersion>(new FollowedVersion);
    MURMUR_ASSIGN(followed->opened_, OpenVersion(definition, store, number, Access::kWrite));
    if (followed->opened_.info.status != VersionStatus::kComplete) {
      return Status(Code::kFailedPrecondition,
                    "version " + std::to_string(number) +
                        " is not complete: only a complete version can follow live");
    }
    MURMUR_TRY(CheckLogIsHeld(store, number));
    MURMUR_TRY(CheckFollowed(definition, followed->opened_.info));
    MURMUR_ASSIGN(followed->source_, MakeLiveSource(definition));
    followed->fold_ = FoldOptionsOf(definition, options, kLive);
    if (options.served != nullptr) followed->ServeFrom(options.served);
    followed->NewRunner();
    return followed;
  }

  ~FollowedVersion() {
    publication_.reset();
    socket_.reset();
    (void)Stop();
  }

  // Lets the servers of the process read this version, instead of the one before.
  void Publish() {
    if (served_ == nullptr) return;
    publication_ = served_->Publish(opened_.pipeline, opened_.table.get(), rows_.get(), [this] {
      std::string text;
      Status status = Read({.verb = OwnerVerb::kStatus}, [&text](std::string_view piece) {
        text += piece;
        return Status();
      });
      return status.ok() ? Result<std::string>(std::move(text)) : std::move(status);
    });
  }

  // Without the socket other processes read what is committed; the run goes on.
  void Listen(const StateStore& store, OwnerSocket::Answer answer) {
    auto socket = OwnerSocket::Listen(store.OwnerAddress(number()), std::move(answer));
    if (socket.ok()) socket_ = std::move(socket).value();
  }

  Status CatchUp(const std::stop_token& stop) {
    Status status = runner()->Run(LiveRunner::Until::kCaughtUp, stop);
    if (status.ok()) NewRunner();
    return status;
  }
  // Follows in a separate thread, which calls `ended` when following ends by itself.
  void Start(LiveRunner::Until until, std::function<void()> ended) {
    thread_ = std::jthread([this, until, ended = std::move(ended)](std::stop_token stop) {
      outcome_ = runner()->Run(until, stop);
      if (!stop.stop_requested()) ended();
    });
  }
  // How following ended.
  Status Stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
    return outcome_;
  }
  // Until the next Start.
  Status Halt() {
    Status outcome = Stop();
    NewRunner();
    return outcome;
  }
  Status Close() {
    publication_.reset();
    socket_.reset();
    Status outcome = Stop();
    const Status source = source_->Close();
    const Status table = opened_.table->Close();
    for (const Status& status : {outcome, source, table}) MURMUR_TRY(status);
    return {};
  }

  uint64_t number() const { return opened_.info.number; }
  bool has_hold() const { return !opened_.info.log_hold.empty(); }
  const Pipeline& pipeline() const { return *opened_.pipeline; }
  const StateTable& table() const { return *opened_.table; }
  std::shared_ptr<LiveRunner> runner() const {
    const std::lock_guard lock(mutex_);
    return runner_;
  }

  std::vector<std::string> TakeNotes() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> notes = std::exchange(notes_, {});
    for (std::string& note : runner_->TakeNotes()) notes.push_back(std::move(note));
    return notes;
  }

  Status Read(const OwnerRequest& request, const WriteText& write) const {
    const ReadService service(opened_.pipeline, opened_.table.get());
    if (request.verb != OwnerVerb::kStatus) {
      return AnswerInText(request, service, nlohmann::ordered_json::object(), write);
    }
    const LiveLag lag = runner()->Lag();
    nlohmann::ordered_json live = LagAsJson(lag);
    if (lag.last_commit != 0) live["last_commit"] = FormatTime(lag.last_commit);
    return AnswerInText(request, service, {{"mode", "live"}, {"live", live}}, write);
  }

 private:
  FollowedVersion() = default;
  // Rows that are asked for stay in memory, and are told of each commit.
  void ServeFrom(ServedState* served) {
    const Pipeline& pipeline = *opened_.pipeline;
    served_ = served;
    rows_ = std::make_unique<RowMap>(opened_.table.get(), pipeline.Monoids(), pipeline.buckets(),
                                     MemoryShare(pipeline.definition(), kRowShare));
    fold_.feed = std::make_shared<CommitFeed>(rows_.get());
  }
  void NewRunner() {
    // The runner before may have ended without knowing what became of a commit.
    if (rows_ != nullptr) rows_->Forget();
    const std::lock_guard lock(mutex_);
    if (runner_) {
      for (std::string& note : runner_->TakeNotes()) notes_.push_back(std::move(note));
    }
    LiveRunner::WorkersFor workers;
    if (IsTable(opened_.pipeline->definition())) {
      workers = [this](StateTable* table) -> Result<std::shared_ptr<WorkerFactory>> {
        MURMUR_ASSIGN(auto rows, RowFold::OfLive(opened_.pipeline, table, fold_));
        return std::shared_ptr<WorkerFactory>(std::move(rows));
      };
    }
    runner_ = std::make_shared<LiveRunner>(opened_.pipeline, source_.get(), opened_.table.get(),
                                           fold_, std::move(workers));
  }

  OpenedVersion opened_;
  std::unique_ptr<LiveSource> source_;
  FoldOptions fold_;
  mutable std::mutex mutex_;
  std::shared_ptr<LiveRunner> runner_;  // under mutex_; runs once
  std::vector<std::string> notes_;      // under mutex_; of earlier runners
  std::unique_ptr<OwnerSocket> socket_;
  ServedState* served_ = nullptr;  // null: nobody asks
  std::unique_ptr<RowMap> rows_;   // null: as above
  std::unique_ptr<ServedState::Publication> publication_;
  Status outcome_ = Status(Code::kCancelled, "stopped");
  std::jthread thread_;
};

struct LiveOwner::SwapRequest {
  uint64_t number = 0;
  std::optional<Result<SwapSummary>> outcome;  // under the owner's mutex
};

Result<bool> HasLivePositions(const Definition& definition, const StateStore& store,
                              uint64_t number) {
  MURMUR_ASSIGN(const auto opened, OpenVersion(definition, store, number, Access::kRead));
  MURMUR_ASSIGN(const auto token, opened.table->Token());
  if (token && !token->streams.empty()) return true;
  MURMUR_ASSIGN(const auto snapshot, opened.table->Snapshot());
  MURMUR_ASSIGN(const auto progress, snapshot->Progress());
  MURMUR_ASSIGN(const auto plan, opened.table->Plan());
  return HasLivePositions(progress, plan);
}

LiveOwner::LiveOwner(const Definition* definition, StateStore* store, const LiveOptions* options,
                     const Clock* clock)
    : definition_(*definition), store_(*store), options_(*options), clock_(*clock) {}

LiveOwner::~LiveOwner() = default;

Status LiveOwner::Run(uint64_t number, RunSummary* summary) {
  MURMUR_ASSIGN(current_, Open(number));
  return Follow(summary);
}

Status LiveOwner::RunServing(RunSummary* summary) {
  MURMUR_ASSIGN(auto serving, store_.Current());
  while (serving) {
    MURMUR_ASSIGN(current_, Open(*serving));
    // Another process may have moved the alias until here.
    MURMUR_ASSIGN(serving, store_.SettledCurrent());
    if (serving == current_->number()) return Follow(summary);
    current_.reset();
  }
  return Status(Code::kInternal, "no version serves");
}

Status LiveOwner::Follow(RunSummary* summary) {
  summary->version = current_->number();
  current_->Publish();
  StartCurrent();
  Status status = Watch(summary);
  if (status.ok() && options_.until_caught_up) status = CheckUsableNow();
  const Status filled = FillSummary(current_->table(), summary);
  const Status closed = current_->Close();
  MURMUR_TRY(filled);
  return closed.ok() || closed.code() == Code::kCancelled ? status : closed;
}

Status LiveOwner::CheckUsableNow() const {
  MURMUR_ASSIGN(const auto snapshot, current_->table().Snapshot());
  MURMUR_ASSIGN(const auto progress, snapshot->Progress());
  return CheckUsable(current_->pipeline(), progress);
}

Result<std::unique_ptr<FollowedVersion>> LiveOwner::Open(uint64_t number) {
  MURMUR_ASSIGN(auto followed, FollowedVersion::Open(definition_, store_, number, options_.run));
  followed->Listen(store_, [this, version = followed.get()](const OwnerRequest& request,
                                                            const WriteText& write) {
    return Answer(*version, request, write);
  });
  return followed;
}

Status LiveOwner::Answer(const FollowedVersion& followed, const OwnerRequest& request,
                         const WriteText& write) {
  return request.verb == OwnerVerb::kSwap ? AskForSwap(followed.number(), request.version, write)
                                          : followed.Read(request, write);
}

// Called by a socket thread of version `asked`; Watch performs the swap.
Status LiveOwner::AskForSwap(uint64_t asked, uint64_t number, const WriteText& write) {
  if (options_.until_caught_up) return Status(Code::kUnimplemented, "this run ends by itself");
  std::unique_lock lock(mutex_);
  if (following_ != 0 && asked != following_) {
    return Status(Code::kAborted, fmt::format("version {} has just stopped serving", asked));
  }
  std::shared_ptr<SwapRequest> request = request_;
  if (request == nullptr) {
    request_ = request = std::make_shared<SwapRequest>();
    request->number = number;
    changed_.notify_all();
  } else if (request->number != number) {
    return Status(Code::kFailedPrecondition,
                  fmt::format("a swap to version {} is under way; try again when it is done",
                              request->number));
  }
  while (!changed_.wait_for(lock, kStillThereEvery,
                            [&] { return request->outcome || (ended_ && !serving_request_); })) {
    lock.unlock();
    const Status written = write(" ");
    lock.lock();
    MURMUR_TRY(written);
  }
  if (!request->outcome) return Status(Code::kCancelled, "the run that follows live has ended");
  MURMUR_ASSIGN(const SwapSummary summary, *request->outcome);
  lock.unlock();
  return write(SwapSummaryToJson(summary));
}

void LiveOwner::StartCurrent() {
  {
    const std::lock_guard lock(mutex_);
    following_ = current_->number();
    ended_ = false;
  }
  const auto until =
      options_.until_caught_up ? LiveRunner::Until::kCaughtUp : LiveRunner::Until::kStopped;
  current_->Start(until, [this] {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  });
}

// Returns when following ends, or must end.
Status LiveOwner::Watch(RunSummary* summary) {
  std::unique_lock lock(mutex_);
  while (!options_.run.stop.stop_requested()) {
    changed_.wait_for(lock, options_.run.stop, kReportEvery,
                      [this] { return ended_ || request_ != nullptr; });
    if (ended_) break;
    const bool asked = request_ != nullptr;
    lock.unlock();
    if (asked) ServeRequest();
    TidySometimes();
    summary->version = current_->number();
    Report(summary);
    lock.lock();
  }
  const bool ended = ended_;
  ended_ = true;  // nobody waits for a swap any more
  changed_.notify_all();
  lock.unlock();
  const Status outcome = current_->Stop();
  Report(summary);
  return ended ? outcome : Status(Code::kCancelled, "stopped");
}

// The run has tidied when it started.
void LiveOwner::TidySometimes() {
  if (!current_->has_hold() || clock_.Steady() - tidied_ < kTidyEvery) return;
  tidied_ = clock_.Steady();
  std::vector<std::string> notes;
  TidyHolds(definition_, &store_, /*live=*/nullptr, clock_.WallMicros(), options_.run.stop,
            [&notes](const std::string& note) { notes.push_back(note); });
  for (const std::string& note : notes) {
    const bool is_new =
        std::find(tidy_notes_.begin(), tidy_notes_.end(), note) == tidy_notes_.end();
    if (is_new && options_.run.on_note) options_.run.on_note(note);
  }
  tidy_notes_ = std::move(notes);
}

void LiveOwner::ServeRequest() {
  std::shared_ptr<SwapRequest> request;
  {
    const std::lock_guard lock(mutex_);
    request = request_;
    serving_request_ = true;
  }
  std::unique_ptr<FollowedVersion> retired;
  auto outcome = Swap(request->number, &retired);
  {
    const std::lock_guard lock(mutex_);
    request->outcome = std::move(outcome);
    request_ = nullptr;
    serving_request_ = false;
    changed_.notify_all();
  }
  // The retired version's socket thread waits for the outcome.
  if (retired == nullptr) return;
  for (const std::string& note : retired->TakeNotes()) {
    if (options_.run.on_note) options_.run.on_note(note);
  }
  retired.reset();
  SwapSummary late;  // the requester already has its answer
  DropOldVersions(definition_, &store_, &late);
  for (const std::string& warning : late.warnings) {
    if (options_.run.on_note) options_.run.on_note("WARNING: " + warning);
  }
}

// The old version is followed while the new one catches up with most of it, and stops while the new
// one does the rest. So no answer knows less than the one before.
Result<SwapSummary> LiveOwner::Swap(uint64_t number, std::unique_ptr<FollowedVersion>* retired) {
  if (number == current_->number()) return SwapSummary{.serving = number};
  MURMUR_ASSIGN(auto next, Open(number));
  MURMUR_TRY(next->CatchUp(options_.run.stop));
  const Status halted = current_->Halt();
  SwapSummary summary;
  Status moved = next->CatchUp(options_.run.stop);
  if (moved.ok()) moved = SetCurrent(&store_, number, /*beside_writer=*/true, &summary);
  if (!moved.ok()) {
    // If it had ended by itself, it does so again, and the run ends that way.
    StartCurrent();
    return halted.ok() || halted.code() == Code::kCancelled ? moved : halted;
  }
  summary.serving = number;
  summary.replaced = current_->number();
  *retired = std::exchange(current_, std::move(next));
  current_->Publish();
  StartCurrent();
  DropOldVersions(definition_, &store_, &summary);
  return summary;
}

void LiveOwner::Report(RunSummary* summary) const {
  summary->progress = Progress();
  for (const std::string& note : current_->TakeNotes()) {
    if (options_.run.on_note) options_.run.on_note(note);
  }
  if (options_.run.on_progress) options_.run.on_progress(summary->progress);
}

RunProgress LiveOwner::Progress() const {
  const auto runner = current_->runner();
  const FoldProgress& fold = runner->progress();
  RunProgress progress;
  progress.bytes_this_run = fold.bytes_this_run;
  progress.records = fold.records;
  progress.records_this_run = fold.records_this_run;
  progress.dead_letters = fold.dead;
  progress.commits_this_run = fold.commits;
  progress.splits_total = fold.splits_total;
  progress.lag_records = 0;
  for (const auto& [split, lag] : runner->Lag().splits) *progress.lag_records += lag.records;
  progress.seconds = std::chrono::duration<double>(steady_clock::now() - start_).count();
  return progress;
}

}  // namespace murmur
