#include "source/dynamodb/dynamo_export_source.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/shown.h"
#include "base/take_text.h"
#include "murmur/key.h"
#include "source/detachable_thread.h"
#include "source/dynamodb/dynamo_client.h"
#include "source/dynamodb/dynamo_export.h"
#include "source/dynamodb/dynamo_export_stream.h"
#include "source/dynamodb/dynamo_handoff.h"
#include "source/dynamodb/frozen_table.h"
#include "source/jsonl/jsonl_source.h"
#include "source/jsonl/jsonl_stream.h"
#include "source/jsonl/md5_bytes.h"
#include "source/jsonl/object_bytes.h"
#include "source/object_source.h"
#include "source/s3/s3_source.h"
#include "source/single_stream.h"

namespace murmur {
namespace {

// An item has up to 400 KB; as JSON, with a name for each type, a multiple of that.
constexpr uint64_t kLineBytesMax = 64 << 20;
constexpr int64_t kMicrosPerMilli = 1000;

// What is known of the export while its plan is made.
struct ExportFacts {
  FrozenTable table;
  std::map<std::string, DynamoExport::File> files;  // by name
};

// The content of a split's payload.
struct ExportSplit {
  uint64_t items = 0;
  std::string md5;
  FrozenTable table;
};

std::string Serialize(const DynamoExport::File& file, const FrozenTable& table) {
  return fmt::format("{} {} {}", file.items, file.md5, table.ToJson());
}

Result<ExportSplit> ParseSplit(const Split& split) {
  ExportSplit parsed;
  std::string_view text = split.payload;
  if (TakeNumber(&text, &parsed.items) && TakeChar(&text, ' ')) {
    parsed.md5 = text.substr(0, text.find(' '));
    text.remove_prefix(parsed.md5.size());
    if (auto table = ParseFrozenTable(text)) {
      parsed.table = *std::move(table);
      return parsed;
    }
  }
  return Status(Code::kInvalidArgument, split.id + ": no file of an export");
}

// The content of a plan's payload.
struct ExportPlan {
  FrozenTable table;
  std::string objects;
};

std::string Serialize(const ExportPlan& plan) {
  return nlohmann::json{{"table", plan.table.ToJson()}, {"objects", plan.objects}}.dump();
}

Result<ExportPlan> ParsePlan(const ScanPlan& plan) {
  const auto json = nlohmann::json::parse(plan.payload, nullptr, /*allow_exceptions=*/false);
  const auto text = [&json](const char* name) {
    return json.is_object() && json.contains(name) && json[name].is_string()
               ? json[name].get<std::string>()
               : std::string();
  };
  if (auto table = ParseFrozenTable(text("table"))) {
    return ExportPlan{.table = *std::move(table), .objects = text("objects")};
  }
  return Status(Code::kInvalidArgument, plan.source + ": not a plan of an export");
}

// A file is one split: they are compressed.
class ExportFormat final : public ObjectFormat {
 public:
  ExportFormat(std::shared_ptr<const DynamoPlace> place, std::shared_ptr<const ObjectSet> objects,
               std::shared_ptr<const ExportFacts> facts, uint64_t row_bytes_max)
      : place_(std::move(place)),
        objects_(std::move(objects)),
        facts_(std::move(facts)),
        row_bytes_max_(row_bytes_max) {}

  bool HasName(std::string_view /*name*/) const override { return true; }
  bool Recognises(std::string_view /*head*/) const override { return true; }
  bool OffsetsAreNumbers() const override { return false; }

  Status AddSplits(const SourceObject& object, const ReadMode& /*mode*/,
                   std::vector<Split>* splits) override {
    if (object.size == 0) return {};  // an empty partition
    splits->push_back({.id = object.name + "#0",
                       .bytes = object.size,
                       .payload = Serialize(facts_->files.at(object.name), facts_->table)});
    return {};
  }

  Result<std::unique_ptr<RecordStream>> Open(const SourceObject& object, const ReadMode& /*mode*/,
                                             const Split& split, const Position& after,
                                             const Projection& projection) override {
    MURMUR_ASSIGN(const ExportSplit file, ParseSplit(split));
    MURMUR_ASSIGN(const SlicePosition position, ParseSlicePosition(after));
    LineBlocksOptions lines{
        .object = object.name, .record_bytes_max = kLineBytesMax, .block_bytes = kReadBytes};
    if (!position.inner.empty()) {
      MURMUR_ASSIGN(lines.begin, ParseOffset(position.inner));
      lines.discard = lines.begin;
    }
    MURMUR_ASSIGN(auto opened, objects_->Open(object));
    auto bytes = ReadObject(*objects_, std::move(opened), object, 0);
    if (!file.md5.empty()) bytes = CheckMd5(std::move(bytes), file.md5, object.name);
    auto unpacked = Unpack({}, std::move(bytes), kWindowBytesMax);
    if (!unpacked.ok()) return NamedBy(unpacked.status(), object.name);
    return std::unique_ptr<RecordStream>(std::make_unique<DynamoExportStream>(
        *place_, file.table.key, DynamoExportFile{.name = object.name, .items = file.items},
        std::make_unique<LineBlocks>(std::move(unpacked->bytes), std::move(lines)), position.count,
        projection, row_bytes_max_));
  }

 private:
  const std::shared_ptr<const DynamoPlace> place_;
  const std::shared_ptr<const ObjectSet> objects_;
  const std::shared_ptr<const ExportFacts> facts_;
  const uint64_t row_bytes_max_;
};

// `objects`, and what `facts` tells of them, are those that the options' formats read.
class DynamoExportSource final : public ObjectSource {
 public:
  DynamoExportSource(ObjectSourceOptions options, std::shared_ptr<const DynamoPlace> place,
                     std::string path, std::shared_ptr<const ObjectSet> objects,
                     std::shared_ptr<ExportFacts> facts)
      : ObjectSource(std::move(options)),
        place_(std::move(place)),
        path_(std::move(path)),
        objects_(std::move(objects)),
        facts_(std::move(facts)) {}

  Result<HandoffToken> HandoffNow(std::stop_token stop) override {
    MURMUR_ASSIGN(const DynamoExport exported, Find(stop));
    MURMUR_ASSIGN(const DynamoTable table, DescribeDynamoTable(*place_, stop));
    MURMUR_TRY(CheckIsExportOf(*place_, table, exported));
    MURMUR_ASSIGN(const DynamoPosition position,
                  DynamoPositionSince(*place_, table, exported.exported_at, stop));
    handed_off_ = exported.id;
    return SingleStreamHandoff(place_->name, position.ToString());
  }

  Result<ScanPlan> Scan(std::stop_token stop) override {
    MURMUR_ASSIGN(ScanPlan plan, ObjectSource::Scan(std::move(stop)));
    plan.payload = Serialize(ExportPlan{.table = facts_->table, .objects = plan.payload});
    return plan;
  }

  Status Resume(const ScanPlan& plan, std::stop_token stop) override {
    MURMUR_ASSIGN(ExportPlan parsed, ParsePlan(plan));
    ScanPlan of_objects = plan;
    of_objects.payload = std::move(parsed.objects);
    MURMUR_TRY(ObjectSource::Resume(of_objects, stop));
    return CheckIsFrozen(*place_, parsed.table, stop);
  }

  Result<std::string> WhyNoBefore(std::stop_token /*stop*/) override {
    return std::string("DynamoDB does not tell which changes an export of its rows saw");
  }
  Result<std::string> WhyNotInKeyOrder(std::stop_token /*stop*/) override {
    return std::string("DynamoDB's rows come in the order of hashes of their keys");
  }

 protected:
  Result<std::vector<PickedObject>> Pick(std::stop_token stop, ScanPlan* /*plan*/) override {
    MURMUR_ASSIGN(const DynamoExport exported, FindDynamoExport(*objects_, objects(), path_));
    if (!handed_off_.empty() && handed_off_ != exported.id) {
      return Status(Code::kFailedPrecondition, fmt::format("{}: has export {} by now, and not {}",
                                                           path_, exported.id, handed_off_));
    }
    MURMUR_ASSIGN(const DynamoTable table, DescribeDynamoTable(*place_, stop));
    MURMUR_TRY(CheckIsExportOf(*place_, table, exported));
    facts_->table = Freeze(table);
    facts_->files.clear();
    std::vector<PickedObject> picked;
    for (const DynamoExport::File& file : exported.files) {
      facts_->files[objects()[file.object].name] = file;
      picked.push_back({.object = file.object});
    }
    AddNote(fmt::format("export {} has {} as of {}", exported.id, Counted(exported.items, "row"),
                        FormatTime(exported.exported_at * kMicrosPerMilli)));
    return picked;
  }

 private:
  Result<DynamoExport> Find(const std::stop_token& stop) const {
    return UnlessStopped<DynamoExport>(
        stop, path_, [objects = objects_, path = path_, stop]() -> Result<DynamoExport> {
          MURMUR_ASSIGN(const Listing listing, objects->List(stop));
          std::vector<SourceObject> listed;
          for (const Listing::Entry& entry : listing.entries) listed.push_back(entry.object);
          return FindDynamoExport(*objects, listed, path);
        });
  }

  const std::shared_ptr<const DynamoPlace> place_;
  const std::string path_;
  const std::shared_ptr<const ObjectSet> objects_;
  const std::shared_ptr<ExportFacts> facts_;
  std::string handed_off_;  // the export of the last HandoffNow
};

// The bucket belongs to the same account as the table, or lets it in.
SourceSpec StoreOf(const SourceSpec& table) {
  SourceSpec store{.kind = table.kind, .options = {}};
  for (const char* name : {"region", "access_key", "secret_key", "session_token"}) {
    const auto it = table.options.find(name);
    if (it != table.options.end()) store.options.insert(*it);
  }
  store.options["path"] = table.options.at(kDynamoExportOption);
  return store;
}

}  // namespace

Result<std::unique_ptr<SnapshotSource>> MakeDynamoExportSource(const Definition& definition) {
  const SourceSpec& spec = *TableOf(definition);
  const SourceSpec store = StoreOf(spec);
  MURMUR_ASSIGN(auto place, MakeDynamoPlace(spec));
  auto facts = std::make_shared<ExportFacts>();
  ObjectSourceOptions options{.name = place->name, .handoff = {}, .objects = {}, .formats = {}};
  MURMUR_ASSIGN(options.objects, MakeObjectSet(store, definition));
  options.formats.push_back(
      std::make_unique<ExportFormat>(place, options.objects, facts, definition.max_record_bytes));
  auto objects = options.objects;
  return std::unique_ptr<SnapshotSource>(std::make_unique<DynamoExportSource>(
      std::move(options), std::move(place), store.options.at("path"), std::move(objects), facts));
}

}  // namespace murmur
