#include "runtime/verbs/build_version.h"

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "definition/stored.h"
#include "runtime/loop/run_reporting.h"
#include "runtime/loop/scan_runner.h"
#include "runtime/loop/summary.h"
#include "runtime/owner/live_owner.h"
#include "runtime/owner/owner_socket.h"
#include "runtime/owner/read_service.h"
#include "runtime/owner/served_state.h"
#include "runtime/owner/switch_version.h"
#include "runtime/table/table_runner.h"
#include "runtime/versions/fold_options.h"
#include "runtime/versions/log_holds.h"
#include "runtime/versions/state_access.h"

namespace murmur {
namespace {

constexpr FoldDefaults kScan{.delta_share = 0.35};
// For a table: live beside the scan, into the same deltas.
constexpr FoldDefaults kLiveBeside{.delta_share = kScan.delta_share, .max_errors = kUnlimited};

// An unfinished build of the same kind, or a finished one that was killed before its swap.
Result<std::optional<uint64_t>> FindUnfinished(const StateStore& store,
                                               const Definition& definition, const Build& build,
                                               std::string_view source) {
  MURMUR_ASSIGN(const auto versions, store.Versions());
  MURMUR_ASSIGN(const auto served, store.Served());
  const std::string identity = DefinitionIdentity(definition);
  for (auto it = versions.rbegin(); it != versions.rend(); ++it) {
    if (std::find(served.begin(), served.end(), *it) != served.end()) continue;
    const auto info = store.ReadInfo(*it);
    if (!info.ok()) continue;
    const bool same = info->mode == build.mode && info->range == build.range &&
                      info->identity == identity && info->source == source;
    const bool waits = build.swap && info->swap_when_complete;
    if (same && (info->status != VersionStatus::kComplete || waits))
      return std::optional<uint64_t>(*it);
  }
  return std::optional<uint64_t>();
}

Result<OpenedVersion> CreateVersion(StateStore* store, std::shared_ptr<const Pipeline> pipeline,
                                    const Build& build, std::string_view source, bool serves_none) {
  const Definition& definition = pipeline->definition();
  VersionInfo info;
  info.mode = build.mode;
  info.range = build.range;
  info.source = source;
  info.swap_when_complete = build.beside && build.swap && (build.replace || serves_none);
  info.created = Clock::System().WallMicros();
  info.identity = DefinitionIdentity(definition);
  info.definition = StoreDefinition(definition);
  if (build.live != nullptr && build.live->NeedsHold()) {
    MURMUR_ASSIGN(info.log_hold, HoldNameFor(definition, *store, *build.live));
  }
  OpenedVersion created{.info = {}, .pipeline = std::move(pipeline), .table = nullptr};
  MURMUR_ASSIGN(created.table, store->CreateVersion(std::move(info), SchemaOf(*created.pipeline)));
  MURMUR_ASSIGN(created.info, created.table->Info());
  return created;
}

// The version to read into: the serving one, an unfinished one, or a new one. An unfinished one
// counts by its own definition, with the time zone rules that it began with.
Result<OpenedVersion> OpenForBuilding(StateStore* store,
                                      const std::shared_ptr<const Pipeline>& pipeline,
                                      const Build& build, std::string_view source) {
  const Definition& definition = pipeline->definition();
  MURMUR_ASSIGN(const auto current, store->Current());
  std::optional<uint64_t> number = current;
  if (!current || build.beside) {
    MURMUR_ASSIGN(number, FindUnfinished(*store, definition, build, source));
  }
  OpenedVersion opened;
  if (number) {
    MURMUR_ASSIGN(const VersionInfo info, store->ReadInfo(*number));
    MURMUR_TRY(CheckIdentity(definition, info));
    // A version that waits for its swap may already be catching up, in the process that swaps it.
    const bool built = build.beside && info.status == VersionStatus::kComplete;
    MURMUR_ASSIGN(opened,
                  OpenVersion(definition, *store, *number, built ? Access::kRead : Access::kWrite));
  } else {
    MURMUR_ASSIGN(opened, CreateVersion(store, pipeline, build, source, !current));
  }
  // The alias names a first version at once, so that readers may watch it grow.
  if (!current && !build.beside) {
    Status undurable;
    MURMUR_TRY(store->SetCurrent(opened.info.number, /*beside_writer=*/true, &undurable));
    MURMUR_TRY(undurable);  // nothing has been read yet
  }
  return opened;
}

// Lets threads that may outlive the run ask for its state.
class RunningTable {
 public:
  void Set(TableRunner* runner) {
    const std::lock_guard lock(mutex_);
    runner_ = runner;
  }
  std::optional<LogForecast> Log() const {
    const std::lock_guard lock(mutex_);
    return runner_ != nullptr ? runner_->Lag().log : std::nullopt;
  }

 private:
  mutable std::mutex mutex_;
  TableRunner* runner_ = nullptr;  // under mutex_
};

Status RunScan(const std::shared_ptr<const Pipeline>& pipeline, const RunOptions& options,
               const Build& build, const std::string& log_hold, SnapshotSource* source,
               StateTable* table, RunningTable* running, RunSummary* summary) {
  const Definition& definition = pipeline->definition();
  FoldOptions fold = FoldOptionsOf(definition, options, kScan);
  fold.times = build.times;
  Status status;
  if (build.changes != nullptr) {
    FoldOptions live = FoldOptionsOf(definition, options, kLiveBeside);
    live.threads = 1;
    live.times = fold.times;
    if (fold.dead_news) live.dead_news = fold.dead_news;  // a kind of dead letter is told once
    TableRunner runner(pipeline, source, build.changes, table, fold, live);
    running->Set(&runner);
    status = RunReporting(&runner, options, summary);
    running->Set(nullptr);
  } else {
    ScanRunner::TakeHandoff capture;
    if (build.capture) {
      capture = [&](std::stop_token stop) { return build.capture(log_hold, std::move(stop)); };
    }
    ScanRunner runner(pipeline, source, table, fold, capture);
    status = RunReporting(&runner, options, summary);
  }
  summary->notes = source->Notes();
  return status;
}

// Answers other processes: from the state; for a status, also with what only the run knows.
Status Answer(const OwnerRequest& request, const ReadService& service, const RunningTable& running,
              const WriteText& write) {
  auto more = nlohmann::ordered_json::object();
  if (const auto log = running.Log()) more["log"] = log->ToJson();
  return AnswerInText(request, service, more, write);
}

// Lets the servers of the process read a version that serves while it is built.
std::unique_ptr<ServedState::Publication> Publish(const OpenedVersion& version,
                                                  const RunOptions& options, const Build& build,
                                                  const ReadService& service,
                                                  const RunningTable& running) {
  if (options.served == nullptr || build.beside) return nullptr;
  return options.served->Publish(version.pipeline, version.table.get(), /*rows=*/nullptr, [&] {
    std::string text;
    Status status = Answer({}, service, running, [&text](std::string_view piece) {
      text += piece;
      return Status();
    });
    return status.ok() ? Result<std::string>(std::move(text)) : std::move(status);
  });
}

Status ScanInto(const OpenedVersion& version, const RunOptions& options, const Build& build,
                SnapshotSource* source, const StateStore& store, RunSummary* summary) {
  const auto& pipeline = version.pipeline;
  StateTable* const table = version.table.get();
  MURMUR_ASSIGN(const VersionInfo info, table->Info());
  summary->version = info.number;
  summary->range = info.range;
  summary->already_complete = info.status == VersionStatus::kComplete;
  Status status;
  RunningTable running;
  if (summary->already_complete) {
    status = table->Undamaged();
  } else {
    const ReadService service(pipeline, table);
    // Without the socket other processes read what is committed; the run goes on.
    const auto socket = OwnerSocket::Listen(
        store.OwnerAddress(info.number), [&](const OwnerRequest& request, const WriteText& write) {
          return Answer(request, service, running, write);
        });
    const auto publication = Publish(version, options, build, service, running);
    status = RunScan(pipeline, options, build, info.log_hold, source, table, &running, summary);
  }
  const Status filled = FillSummary(*table, summary);
  const Status closed = table->Close();
  const Status source_closed = source->Close();
  for (const Status& s : {status, filled, closed, source_closed}) MURMUR_TRY(s);
  return {};
}

// A new version for which there was nothing to read is useless.
void DropIfEmpty(const Definition& definition, StateStore* store, RunSummary* summary) {
  if (summary->already_complete || summary->progress.splits_total > 0 || summary->version == 0) {
    return;
  }
  const Status dropped = DropVersion(definition, store, summary->version);  // refused if it serves
  if (dropped.ok()) summary->version = 0;
}

// A version includes what live has brought meanwhile before it serves, if it knows where live
// begins.
Result<SwapSummary> LetServe(const Definition& definition, const RunOptions& options,
                             StateStore* store, RunSummary* summary) {
  if (HasLive(definition)) {
    MURMUR_ASSIGN(const bool follows, HasLivePositions(definition, *store, summary->version));
    if (!follows) {
      summary->notes.push_back("it has no live positions: murmur run begins where `start:` says");
    } else {
      MURMUR_ASSIGN(auto swap, AskOwnerToSwap(*store, summary->version));
      if (swap) return *std::move(swap);
      LiveOptions live;
      live.run = options;
      live.run.max_errors.reset();  // the limit is for history
      live.run.served = nullptr;    // it doesn't serve yet
      live.until_caught_up = true;
      RunSummary caught_up;
      MURMUR_TRY(LiveOwner(&definition, store, &live).Run(summary->version, &caught_up));
    }
  }
  return SwitchTo(definition, store, summary->version);
}

}  // namespace

std::function<void(const std::string&)> NoteOf(const RunOptions& options) {
  if (options.on_note) return options.on_note;
  return [](const std::string&) {};
}

Status BuildVersion(const std::shared_ptr<const Pipeline>& pipeline, const RunOptions& options,
                    const Build& build, SnapshotSource* source, RunSummary* summary) {
  const Definition& definition = pipeline->definition();
  MURMUR_ASSIGN(const auto store, OpenStore(definition, Access::kWrite));
  TidyHolds(definition, store.get(), build.live, Clock::System().WallMicros(), options.stop,
            NoteOf(options));
  MURMUR_ASSIGN(const OpenedVersion version,
                OpenForBuilding(store.get(), pipeline, build, source->Name()));
  if (Status status = ScanInto(version, options, build, source, *store, summary); !status.ok()) {
    DropIfEmpty(definition, store.get(), summary);
    return status;
  }
  MURMUR_ASSIGN(const auto current, store->Current());
  if (!build.beside || !build.swap || current == summary->version) return {};
  if (current && !build.replace) {
    summary->notes.push_back("version " + std::to_string(*current) + " still serves, as version " +
                             std::to_string(summary->version) +
                             " has only a part: compare them with murmur diff, and " +
                             "let it serve with murmur swap");
    return {};
  }
  MURMUR_ASSIGN(const SwapSummary swap, LetServe(definition, options, store.get(), summary));
  summary->swapped = true;
  summary->replaced = swap.replaced;
  summary->dropped = swap.dropped;
  for (const std::string& warning : swap.warnings) {
    summary->notes.push_back("WARNING: " + warning);
  }
  return {};
}

}  // namespace murmur
