#include "source/source_registry.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

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

struct SourceKind {
  std::string_view name;
  Result<std::unique_ptr<SnapshotSource>> (*make)(const Definition& definition);
};
// Kinds of tables, which are both read and followed.
struct TableKind {
  std::string_view name;
  Result<std::unique_ptr<SnapshotSource>> (*make_rows)(const Definition& definition);
  Result<std::unique_ptr<LiveSource>> (*make_changes)(const Definition& definition);
};
constexpr TableKind kTables[] = {
    {"mongo", MakeMongoSnapshot, MakeMongoLive},
};

constexpr SourceKind kKinds[] = {
    {"jsonl", MakeJsonlSource},
    {"parquet", MakeParquetSource},
    {"s3", MakeS3Source},
};

Result<const TableKind*> FindTable(std::string_view name) {
  std::string known;
  for (const TableKind& kind : kTables) {
    if (kind.name == name) return &kind;
    known += (known.empty() ? "" : ", ") + std::string(kind.name);
  }
  return Status(Code::kInvalidArgument, fmt::format("no table '{}'; there are: {}", name, known));
}

}  // namespace

Result<std::unique_ptr<SnapshotSource>> MakeSnapshotSource(const Definition& definition) {
  if (const SourceSpec* table = TableOf(definition)) {
    MURMUR_ASSIGN(const TableKind* kind, FindTable(table->kind));
    return kind->make_rows(definition);
  }
  if (!definition.bootstrap) {
    return Status(Code::kInvalidArgument, "the definition has no bootstrap source");
  }
  std::string known;
  for (const SourceKind& kind : kKinds) {
    if (kind.name == definition.bootstrap->kind) return kind.make(definition);
    known += (known.empty() ? "" : ", ") + std::string(kind.name);
  }
  return Status(Code::kInvalidArgument,
                fmt::format("no source '{}'; there are: {}", definition.bootstrap->kind, known));
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
  return Status(
      Code::kInvalidArgument,
      fmt::format("no replay driver '{}'; there are: archive, kafka", definition.replay->kind));
}

bool HandsOffToLive(const Definition& definition) {
  if (!definition.bootstrap || !definition.live) return false;
  const auto it = definition.bootstrap->options.find("handoff");
  return it != definition.bootstrap->options.end() && it->second == kHandoffLive;
}

Result<std::unique_ptr<LiveSource>> MakeLiveSource(const Definition& definition) {
  if (const SourceSpec* table = TableOf(definition)) {
    MURMUR_ASSIGN(const TableKind* kind, FindTable(table->kind));
    return kind->make_changes(definition);
  }
  if (!definition.live) {
    return Status(Code::kInvalidArgument, "the definition has no `live:` source");
  }
  if (definition.live->kind == "kafka") return MakeKafkaLive(definition);
  return Status(Code::kInvalidArgument,
                fmt::format("no live source '{}'; there are: kafka", definition.live->kind));
}

}  // namespace murmur
