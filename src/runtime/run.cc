#include "murmur/run.h"

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "fold/pipeline.h"
#include "runtime/owner_socket.h"
#include "runtime/reader.h"
#include "runtime/scan_runner.h"
#include "source/source_registry.h"
#include "state/state_directory.h"

namespace murmur {
namespace {

using std::chrono::steady_clock;

// What the program and its libraries take before the first record.
constexpr uint64_t kProgramBytes = 32ull << 20;
// What each part gets of the rest of the memory limit; what is left over is for batches, sorting
// and table building.
constexpr double kDeltaShare = 0.35;
constexpr double kCacheShare = 0.12;
constexpr double kWriteBufferShare = 0.06;
constexpr std::chrono::milliseconds kProgressEvery{200};

uint64_t Share(const Definition& definition, double share) {
  const uint64_t rest = std::max(definition.memory_bytes, 2 * kProgramBytes) - kProgramBytes;
  return static_cast<uint64_t>(static_cast<double>(rest) * share);
}

std::string StatePath(const Definition& definition) {
  const std::filesystem::path path(definition.state_path);
  return path.is_absolute() ? path.string()
                            : (std::filesystem::path(definition.base_directory) / path).string();
}

StateOptions StoreOptions(const Definition& definition) {
  return {.cache_bytes = Share(definition, kCacheShare),
          .write_buffer_bytes = Share(definition, kWriteBufferShare)};
}

StateSchema SchemaOf(const Pipeline& pipeline) {
  return {.monoids = pipeline.Monoids(), .buckets = pipeline.buckets()};
}

Status CheckIdentity(const Definition& definition, const VersionInfo& info) {
  const auto differences = DiffIdentities(info.identity, DefinitionIdentity(definition));
  if (differences.empty()) return {};
  std::string message = "the definition is not the one that version " +
                        std::to_string(info.number) + " of this state was built with:";
  for (const std::string& line : differences) message += "\n  " + line;
  return Status(Code::kFailedPrecondition,
                message +
                    "\nGive the changed definition a state of its own (state: {rocksdb: "
                    "{path: …}}), or take the change back.");
}

// The serving version, or a first one. *complete: an earlier run finished it.
Result<std::unique_ptr<StateTable>> OpenForWriting(StateDirectory* directory,
                                                   const Pipeline& pipeline, bool* complete) {
  const Definition& definition = pipeline.definition();
  MURMUR_ASSIGN(const auto current, directory->Current());
  if (!current) {
    VersionInfo info;
    info.mode = "bootstrap";
    info.identity = DefinitionIdentity(definition);
    info.definition = info.identity;
    MURMUR_ASSIGN(auto table, directory->CreateVersion(std::move(info), SchemaOf(pipeline)));
    MURMUR_ASSIGN(const VersionInfo created, table->Info());
    MURMUR_TRY(directory->SetCurrent(created.number));
    return table;
  }
  MURMUR_ASSIGN(const VersionInfo info, directory->ReadInfo(*current));
  MURMUR_TRY(CheckIdentity(definition, info));
  *complete = info.status == VersionStatus::kComplete;
  return directory->OpenVersion(*current, Access::kWrite, SchemaOf(pipeline));
}

RunProgress ProgressOf(const ScanProgress& scan, steady_clock::time_point start) {
  return {.bytes = scan.bytes,
          .bytes_total = scan.bytes_total,
          .bytes_this_run = scan.bytes_this_run,
          .records = scan.records,
          .records_this_run = scan.records_this_run,
          .dead_letters = scan.dead,
          .commits_this_run = scan.commits,
          .splits_done = scan.splits_done,
          .splits_total = scan.splits_total,
          .seconds = std::chrono::duration<double>(steady_clock::now() - start).count()};
}

Status FillSummary(const StateTable& table, RunSummary* summary) {
  MURMUR_ASSIGN(const VersionInfo info, table.Info());
  summary->version = info.number;
  MURMUR_ASSIGN(const auto snapshot, table.Snapshot());
  MURMUR_ASSIGN(const auto progress, snapshot->Progress());
  summary->progress.records = 0;
  summary->progress.dead_letters = 0;
  for (const auto& [split, p] : progress) {
    summary->progress.records += p.records;
    summary->filtered += p.filtered;
    summary->expired += p.expired;
    for (size_t i = 0; i < kDeadReasonCount; ++i) {
      summary->dead_letters_by_reason[i] += p.dead[i];
      summary->progress.dead_letters += p.dead[i];
    }
  }
  return {};
}

// Calls on_progress now and then, until it is destroyed.
class Reporter {
 public:
  Reporter(const RunOptions& options, const ScanProgress& scan, steady_clock::time_point start) {
    if (!options.on_progress) return;
    thread_ = std::jthread([&options, &scan, start](std::stop_token stop) {
      std::mutex mutex;
      std::condition_variable_any wake;
      std::unique_lock lock(mutex);
      while (!wake.wait_for(lock, stop, kProgressEvery, [] { return false; }) &&
             !stop.stop_requested()) {
        options.on_progress(ProgressOf(scan, start));
      }
    });
  }

 private:
  std::jthread thread_;
};

Status RunScan(const std::shared_ptr<const Pipeline>& pipeline, const RunOptions& options,
               SnapshotSource* source, StateTable* table, RunSummary* summary) {
  const Definition& definition = pipeline->definition();
  const auto start = steady_clock::now();
  const uint32_t threads = options.threads != 0      ? options.threads
                           : definition.threads != 0 ? definition.threads
                                                     : std::thread::hardware_concurrency();
  ScanRunner runner(pipeline, source, table,
                    {.threads = std::max(1u, threads),
                     .delta_bytes = Share(definition, kDeltaShare),
                     .max_errors = options.max_errors.value_or(definition.max_errors.value_or(0)),
                     .commit_every = definition.commit_every,
                     .max_ahead = definition.max_ahead});
  Status status;
  {
    const Reporter reporter(options, runner.progress(), start);
    status = runner.Run(options.stop);
  }
  summary->progress = ProgressOf(runner.progress(), start);
  if (options.on_progress) options.on_progress(summary->progress);
  return status;
}

}  // namespace

Status Bootstrap(const Definition& definition, const RunOptions& options, RunSummary* summary) {
  MURMUR_ASSIGN(const auto pipeline, Pipeline::Compile(definition));
  std::unique_ptr<SnapshotSource> owned;
  SnapshotSource* source = options.source;
  if (source == nullptr) {
    MURMUR_ASSIGN(owned, MakeSnapshotSource(definition));
    source = owned.get();
  }
  const std::string path = StatePath(definition);
  MURMUR_ASSIGN(const auto directory,
                StateDirectory::Open(path, Access::kWrite, StoreOptions(definition)));
  MURMUR_ASSIGN(const auto table,
                OpenForWriting(directory.get(), *pipeline, &summary->already_complete));
  Status status;
  if (!summary->already_complete) {
    // Without the socket other processes read what is committed: the run matters more.
    const auto socket =
        OwnerSocket::Listen(path, [&](const ReadRequest& request, const WriteText& write) {
          return RunRead(request, *pipeline, *table, write);
        });
    status = RunScan(pipeline, options, source, table.get(), summary);
  }
  const Status filled = FillSummary(*table, summary);
  const Status closed = table->Close();
  const Status source_closed = source->Close();
  for (const Status& s : {status, filled, closed, source_closed}) MURMUR_TRY(s);
  return {};
}

namespace {

Status Read(const Definition& definition, const ReadRequest& request, const WriteText& write) {
  const std::string path = StatePath(definition);
  bool wrote = false;
  const Status asked = AskOwner(path, request, [&](std::string_view text) {
    wrote = true;
    return write(text);
  });
  if (asked.code() != Code::kUnavailable || wrote) return asked;

  MURMUR_ASSIGN(const auto pipeline, Pipeline::Compile(definition));
  const Status none(Code::kNotFound, "no state at " + path + " yet: run murmur bootstrap first");
  auto directory = StateDirectory::Open(path, Access::kRead, StoreOptions(definition));
  if (!directory.ok()) {
    return directory.status().code() == Code::kNotFound ? none : directory.status();
  }
  MURMUR_ASSIGN(const auto current, (*directory)->Current());
  if (!current) return none;
  MURMUR_ASSIGN(const VersionInfo info, (*directory)->ReadInfo(*current));
  MURMUR_TRY(CheckIdentity(definition, info));
  MURMUR_ASSIGN(const auto table,
                (*directory)->OpenVersion(*current, Access::kRead, SchemaOf(*pipeline)));
  MURMUR_TRY(RunRead(request, *pipeline, *table, write));
  return table->Close();
}

}  // namespace

Status Query(const Definition& definition, const QueryRequest& request, RowFormat format,
             const WriteText& write) {
  return Read(definition, {.verb = ReadVerb::kQuery, .query = request, .format = format}, write);
}

Status Dump(const Definition& definition, RowFormat format, const WriteText& write) {
  return Read(definition, {.verb = ReadVerb::kDump, .query = {}, .format = format}, write);
}

Result<std::string> StateStatus(const Definition& definition) {
  std::string text;
  const auto write = [&text](std::string_view piece) {
    text += piece;
    return Status();
  };
  MURMUR_TRY(Read(definition, {}, write));
  return text;
}

}  // namespace murmur
