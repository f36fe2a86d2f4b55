// The three modes: bootstrap, replay, and run.
#include "murmur/run.h"

#include <memory>
#include <mutex>

#include "runtime/owner/live_owner.h"
#include "runtime/verbs/build_version.h"
#include "runtime/versions/log_holds.h"
#include "runtime/versions/state_access.h"
#include "source/replay_range.h"
#include "source/source_registry.h"

namespace murmur {
namespace {

constexpr char kBootstrapMode[] = "bootstrap";
constexpr char kReplayMode[] = "replay";

// For `live:` without a bootstrap or source: no snapshot comes before it.
class NoSnapshot final : public SnapshotSource {
 public:
  explicit NoSnapshot(std::string name) : name_(std::move(name)) {}
  std::string_view Name() const noexcept override { return name_; }
  Result<HandoffToken> HandoffNow(std::stop_token /*stop*/) override { return HandoffToken(); }
  Result<ScanPlan> Scan(std::stop_token /*stop*/) override { return ScanPlan{.source = name_}; }
  Status Resume(const ScanPlan& /*plan*/, std::stop_token /*stop*/) override { return {}; }
  Result<std::unique_ptr<RecordStream>> Open(const Split& split, const Position& /*after*/,
                                             const Projection& /*projection*/,
                                             std::stop_token /*stop*/) override {
    return Status(Code::kInvalidArgument, "no such split: " + split.id);
  }
  Status Close() override { return {}; }

 private:
  const std::string name_;
};

Result<std::unique_ptr<SnapshotSource>> MakeBootstrapSource(const Definition& definition) {
  const bool live_alone = definition.live && !definition.source && !definition.bootstrap;
  if (!live_alone) return MakeSnapshotSource(definition);
  return std::unique_ptr<SnapshotSource>(
      std::make_unique<NoSnapshot>("live:" + definition.live->kind));
}

// Whether it did something.
Result<bool> BootstrapUnlessDone(const Definition& definition, const RunOptions& options,
                                 const StateStore& store, RunSummary* summary) {
  MURMUR_ASSIGN(const auto current, store.Current());
  if (current) {
    MURMUR_ASSIGN(const VersionInfo info, store.ReadInfo(*current));
    MURMUR_TRY(CheckIdentity(definition, info));
    if (info.status == VersionStatus::kComplete) return false;
  }
  {
    // Shows a wrong topic before a long scan, and without leaving a version for it.
    MURMUR_ASSIGN(const auto live, MakeLiveSource(definition));
    MURMUR_TRY(live->Splits(options.stop).status());
  }
  MURMUR_TRY(Bootstrap(definition, {.run = options}, summary));
  return true;
}

// The threads of one run report different things; this makes it one call at a time.
template <class Options>
Options OneCallAtATime(Options options) {
  const auto mutex = std::make_shared<std::mutex>();
  const auto guarded = [&mutex](auto call) {
    return [mutex, call](const auto& what) {
      const std::lock_guard lock(*mutex);
      call(what);
    };
  };
  RunOptions& run = options.run;
  if (run.on_progress) run.on_progress = guarded(std::move(run.on_progress));
  if (run.on_note) run.on_note = guarded(std::move(run.on_note));
  return options;
}

}  // namespace

Status Bootstrap(const Definition& definition, const BootstrapOptions& given, RunSummary* summary) {
  const BootstrapOptions options = OneCallAtATime(given);
  MURMUR_ASSIGN(const auto pipeline, Pipeline::Compile(definition));
  std::unique_ptr<SnapshotSource> owned;
  SnapshotSource* source = options.run.source;
  if (source == nullptr) {
    MURMUR_ASSIGN(owned, MakeBootstrapSource(definition));
    source = owned.get();
  }
  Build build;
  build.mode = kBootstrapMode;
  build.beside = options.fresh;
  std::unique_ptr<LiveSource> live;
  const bool live_alone = definition.live && !definition.bootstrap;
  if (TableOf(definition) != nullptr || HandsOffToLive(definition) || live_alone) {
    MURMUR_ASSIGN(live, MakeLiveSource(definition));
    build.live = live.get();
  }
  if (ScansTable(definition)) build.changes = live.get();
  if (HandsOffToLive(definition)) {
    build.capture = [&live](const std::string& hold, std::stop_token stop) {
      return hold.empty() ? live->HandoffNow(stop) : live->Hold(hold, stop);
    };
  }
  return BuildVersion(pipeline, options.run, build, source, summary);
}

Status Run(const Definition& definition, const LiveOptions& given, RunSummary* summary) {
  const LiveOptions options = OneCallAtATime(given);
  if (!HasLive(definition)) {
    return Bootstrap(definition, {.run = options.run}, summary);
  }
  MURMUR_ASSIGN(const auto store, OpenStore(definition, Access::kWrite));
  MURMUR_ASSIGN(const bool built, BootstrapUnlessDone(definition, options.run, *store, summary));
  if (!built) {
    TidyHolds(definition, store.get(), /*live=*/nullptr, Clock::System().WallMicros(),
              options.run.stop, NoteOf(options.run));
  }
  return LiveOwner(&definition, store.get(), &options).RunServing(summary);
}

Status Replay(const Definition& definition, const ReplayOptions& given, RunSummary* summary) {
  const ReplayOptions options = OneCallAtATime(given);
  MURMUR_ASSIGN(const auto pipeline, Pipeline::Compile(definition));
  MURMUR_ASSIGN(const ReplayRange range,
                ParseReplayRange(pipeline->buckets(), options.from, options.to));
  if (!range.times.unbounded() && !definition.time) {
    return Status(Code::kInvalidArgument,
                  "a range of times needs `time:` in the definition, to tell which records it has");
  }
  std::unique_ptr<SnapshotSource> owned;
  SnapshotSource* source = options.run.source;
  if (source == nullptr) {
    Definition as_run = definition;
    if (options.run.threads != 0)
      as_run.threads = options.run.threads;  // they share what is read ahead
    MURMUR_ASSIGN(owned, MakeReplayDriver(as_run, range));
    source = owned.get();
  }
  const Build build{.mode = kReplayMode,
                    .range = range.ToString(),
                    .times = range.times,
                    .beside = true,
                    .swap = options.swap,
                    .replace = range.ToString().empty() || options.partial};
  const Status status = BuildVersion(pipeline, options.run, build, source, summary);
  if (!range.times.unbounded() && definition.time->optional) {
    summary->notes.push_back(
        "records without a usable time are left out, as the range is one of times");
  }
  return status;
}

}  // namespace murmur
