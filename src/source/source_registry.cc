#include "source/source_registry.h"

#include <fmt/format.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "definition/kinds.h"
#include "source/archive/archive_source.h"
#include "source/dynamodb/dynamo_export_source.h"
#include "source/dynamodb/dynamo_live.h"
#include "source/dynamodb/dynamo_snapshot.h"
#include "source/jsonl/jsonl_source.h"
#include "source/kafka/kafka_live.h"
#include "source/kafka/kafka_replay.h"
#include "source/mariadb/maria_live.h"
#include "source/mariadb/maria_snapshot.h"
#include "source/mongo/mongo_live.h"
#include "source/mongo/mongo_snapshot.h"
#include "source/objects.h"
#include "source/parquet/parquet_source.h"
#include "source/postgres/pg_live.h"
#include "source/postgres/pg_snapshot.h"
#include "source/s3/s3_source.h"

namespace murmur {
namespace {

// Murmur's own kinds; a program may have registered others (murmur/registry.h).
template <class Source>
struct Maker {
  std::string_view role;
  std::string_view kind;
  Result<std::unique_ptr<Source>> (*make)(const Definition& definition);
};
constexpr Maker<SnapshotSource> kSnapshots[] = {
    {"source", "dynamodb", MakeDynamoSnapshot}, {"source", "mariadb", MakeMariaSnapshot},
    {"source", "mongo", MakeMongoSnapshot},     {"source", "postgres", MakePgSnapshot},
    {"bootstrap", "jsonl", MakeJsonlSource},    {"bootstrap", "parquet", MakeParquetSource},
    {"bootstrap", "s3", MakeS3Source},
};
constexpr Maker<LiveSource> kLives[] = {
    {"source", "dynamodb", MakeDynamoLive}, {"source", "mariadb", MakeMariaLive},
    {"source", "mongo", MakeMongoLive},     {"source", "postgres", MakePgLive},
    {"live", "kafka", MakeKafkaLive},
};

Status NoKind(std::string_view role, std::string_view kind) {
  return Status(Code::kInvalidArgument, fmt::format("no {} '{}'; there are: {}", role, kind,
                                                    fmt::join(SourceKindNames(role), ", ")));
}

// Of a table, or else what `spec` names in `role`. `registered`: SourceKind's function.
template <class Source, class Registered>
Result<std::unique_ptr<Source>> MakeSource(const Definition& definition,
                                           const std::optional<SourceSpec>& spec,
                                           std::string_view role,
                                           std::span<const Maker<Source>> own,
                                           Registered registered) {
  const SourceSpec* const table = TableOf(definition);
  const std::string_view as = table != nullptr ? "source" : role;
  const std::string& name = table != nullptr ? table->kind : spec->kind;
  for (const Maker<Source>& maker : own) {
    if (maker.role == as && maker.kind == name) return maker.make(definition);
  }
  const SourceKind* const kind = FindSourceKind(as, name);
  return kind != nullptr && kind->*registered ? (kind->*registered)(definition) : NoKind(as, name);
}

}  // namespace

Result<std::unique_ptr<SnapshotSource>> MakeSnapshotSource(const Definition& definition) {
  if (TableOf(definition) == nullptr && !definition.bootstrap) {
    return Status(Code::kInvalidArgument, "the definition has no bootstrap source");
  }
  return MakeSource<SnapshotSource>(definition, definition.bootstrap, "bootstrap", kSnapshots,
                                    &SourceKind::make_snapshot);
}

Result<std::unique_ptr<SnapshotSource>> MakeSourceOfRowsNow(Definition definition) {
  for (auto* spec : {&definition.source, &definition.bootstrap}) {
    if (*spec && (*spec)->kind == "dynamodb") (*spec)->options.erase(kDynamoExportOption);
  }
  return MakeSnapshotSource(definition);
}

Result<std::unique_ptr<LiveSource>> MakeLiveSource(const Definition& definition) {
  if (TableOf(definition) == nullptr && !definition.live) {
    return Status(Code::kInvalidArgument, "the definition has no `live:` source");
  }
  return MakeSource<LiveSource>(definition, definition.live, "live", kLives,
                                &SourceKind::make_live);
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
