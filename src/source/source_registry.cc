#include "source/source_registry.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "definition/kinds.h"
#include "source/archive/archive_source.h"
#include "source/jsonl/jsonl_source.h"
#include "source/kafka/kafka_live.h"
#include "source/kafka/kafka_replay.h"
#include "source/mongo/mongo_live.h"
#include "source/mongo/mongo_snapshot.h"
#include "source/objects.h"
#include "source/parquet/parquet_source.h"
#include "source/s3/s3_source.h"

namespace murmur {
namespace {

// Murmur's own kinds; a program may have registered others (murmur/registry.h).
struct SnapshotMaker {
  std::string_view role;
  std::string_view kind;
  Result<std::unique_ptr<SnapshotSource>> (*make)(const Definition& definition);
};
constexpr SnapshotMaker kSnapshots[] = {
    {"source", "mongo", MakeMongoSnapshot},
    {"bootstrap", "jsonl", MakeJsonlSource},
    {"bootstrap", "parquet", MakeParquetSource},
    {"bootstrap", "s3", MakeS3Source},
};

struct LiveMaker {
  std::string_view role;
  std::string_view kind;
  Result<std::unique_ptr<LiveSource>> (*make)(const Definition& definition);
};
constexpr LiveMaker kLives[] = {
    {"source", "mongo", MakeMongoLive},
    {"live", "kafka", MakeKafkaLive},
};

Status NoKind(std::string_view role, std::string_view kind) {
  return Status(Code::kInvalidArgument, fmt::format("no {} '{}'; there are: {}", role, kind,
                                                    fmt::join(SourceKindNames(role), ", ")));
}

}  // namespace

Result<std::unique_ptr<SnapshotSource>> MakeSnapshotSource(const Definition& definition) {
  const SourceSpec* const table = TableOf(definition);
  const SourceSpec* const spec = table != nullptr       ? table
                                 : definition.bootstrap ? &*definition.bootstrap
                                                        : nullptr;
  if (spec == nullptr) {
    return Status(Code::kInvalidArgument, "the definition has no bootstrap source");
  }
  const std::string_view role = table != nullptr ? "source" : "bootstrap";
  for (const SnapshotMaker& maker : kSnapshots) {
    if (maker.role == role && maker.kind == spec->kind) return maker.make(definition);
  }
  const SourceKind* const kind = FindSourceKind(role, spec->kind);
  if (kind != nullptr && kind->make_snapshot) return kind->make_snapshot(definition);
  return NoKind(role, spec->kind);
}

Result<std::unique_ptr<LiveSource>> MakeLiveSource(const Definition& definition) {
  const SourceSpec* const table = TableOf(definition);
  const SourceSpec* const spec = table != nullptr  ? table
                                 : definition.live ? &*definition.live
                                                   : nullptr;
  if (spec == nullptr) {
    return Status(Code::kInvalidArgument, "the definition has no `live:` source");
  }
  const std::string_view role = table != nullptr ? "source" : "live";
  for (const LiveMaker& maker : kLives) {
    if (maker.role == role && maker.kind == spec->kind) return maker.make(definition);
  }
  const SourceKind* const kind = FindSourceKind(role, spec->kind);
  if (kind != nullptr && kind->make_live) return kind->make_live(definition);
  return NoKind(role, spec->kind);
}

Result<std::unique_ptr<SnapshotSource>> MakeReplayDriver(const Definition& definition,
                                                         const ReplayRange& range) {
  if (!definition.replay) {
    return Status(Code::kInvalidArgument,
                  "the definition has no `replay:` to read from, such as replay: {archive: {path: "
                  "s3://bucket/prefix/}}");
  }
  if (definition.replay->kind == "archive") return MakeArchiveSource(definition, range);
  if (definition.replay->kind == "kafka") return MakeKafkaReplay(definition, range);
  return NoKind("replay", definition.replay->kind);
}

bool HandsOffToLive(const Definition& definition) {
  if (!definition.bootstrap || !definition.live) return false;
  const auto it = definition.bootstrap->options.find("handoff");
  return it != definition.bootstrap->options.end() && it->second == kHandoffLive;
}

}  // namespace murmur
