#include "source/dynamodb/dynamo_export.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/shown.h"
#include "base/time_text.h"
#include "source/archive/layout.h"

namespace murmur {
namespace {

using nlohmann::json;

constexpr std::string_view kSummaryName = "manifest-summary.json";
constexpr std::string_view kFilesName = "manifest-files.json";
constexpr uint64_t kManifestBytesMax = 256 << 20;
constexpr int64_t kMicrosPerMilli = 1000;

std::string TextIn(const json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

std::string_view DirectoryOf(std::string_view name) { return name.substr(0, name.rfind('/') + 1); }

Result<std::string> ReadManifest(const ObjectSet& objects, const SourceObject& object) {
  if (object.size > kManifestBytesMax) {
    return Status(Code::kDataLoss, object.name + ": is too long for a manifest");
  }
  return objects.ReadHead(object, object.size);
}

// Errors: as FindDynamoExport.
Result<const SourceObject*> FindSummary(const std::vector<SourceObject>& listed,
                                        std::string_view path) {
  std::vector<std::string> directories;
  const SourceObject* summary = nullptr;
  for (const SourceObject& object : listed) {
    const std::string_view directory = DirectoryOf(object.name);
    if (std::string_view(object.name).substr(directory.size()) != kSummaryName) continue;
    directories.emplace_back(directory);
    summary = &object;
  }
  if (directories.size() == 1) return summary;
  if (directories.empty()) {
    return Status(Code::kFailedPrecondition,
                  fmt::format("{}: has no {}, which is written when an export has ended: it is "
                              "still going on, or failed, or the path is not that of an export, "
                              "such as s3://bucket/prefix/AWSDynamoDB/01693685827463-2d8752fd/",
                              path, kSummaryName));
  }
  return Status(Code::kInvalidArgument,
                fmt::format("{}: has {} exports: {}. Name one of them", path, directories.size(),
                            Examples(directories)));
}

Status AddFiles(const std::vector<SourceObject>& listed, std::string_view directory,
                std::string_view manifest, DynamoExport* exported) {
  MURMUR_ASSIGN(const auto files, ParseManifest(manifest));
  std::vector<ListedObject> names;  // below the export's directory, where its files are
  Archive archive;
  for (const SourceObject& object : listed) {
    const bool is_below = object.name.starts_with(directory);
    names.push_back({.name = is_below ? object.name.substr(directory.size()) : object.name});
    archive.objects.push_back({.listed = names.size() - 1});
  }
  MURMUR_TRY(ApplyManifest(files, names, &archive));
  uint64_t items = 0;
  for (const ArchiveObject& object : archive.objects) {
    exported->files.push_back(
        {.object = object.listed, .items = *object.expected, .md5 = object.md5});
    items += *object.expected;
    if (listed[object.listed].size > 0 || *object.expected == 0) continue;
    return Status(Code::kDataLoss,
                  fmt::format("{}: is empty, but the manifest lists {} in it",
                              listed[object.listed].name, Counted(*object.expected, "item")));
  }
  if (items == exported->items) return {};
  return Status(
      Code::kDataLoss,
      fmt::format("{} lists {}, and {} says that there are {}: the export, or this copy "
                  "of it, is not whole",
                  kFilesName, Counted(items, "item"), kSummaryName, Grouped(exported->items)));
}

}  // namespace

Result<DynamoExport> ParseExportSummary(std::string_view text) {
  const auto damaged = [](std::string_view what) {
    return Status(Code::kDataLoss, fmt::format("{}: {}", kSummaryName, what));
  };
  const json summary = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!summary.is_object()) return damaged("not a JSON object");
  if (const std::string type = TextIn(summary, "exportType");
      !type.empty() && type != "FULL_EXPORT") {
    return Status(Code::kFailedPrecondition,
                  fmt::format("is an export of type {}: only a full one has all rows", type));
  }
  if (const std::string format = TextIn(summary, "outputFormat"); format != "DYNAMODB_JSON") {
    return Status(Code::kUnimplemented,
                  fmt::format("its files are {}, which is not read here: export again with "
                              "--export-format DYNAMODB_JSON",
                              format.empty() ? "of no known format" : format));
  }
  DynamoExport exported{.table_id = TextIn(summary, "tableId"),
                        .table_arn = TextIn(summary, "tableArn")};
  if (exported.table_id.empty()) return damaged("no tableId");
  const std::string arn = TextIn(summary, "exportArn");
  exported.id = arn.substr(arn.rfind('/') + 1);
  if (exported.id.empty()) return damaged("no exportArn");
  const auto time = ParseEventTime(TextIn(summary, "exportTime"));
  if (!time) return damaged("no exportTime");
  exported.exported_at = *time / kMicrosPerMilli;
  const auto items = summary.find("itemCount");
  if (items == summary.end() || !items->is_number_unsigned()) return damaged("no itemCount");
  exported.items = items->get<uint64_t>();
  return exported;
}

Result<DynamoExport> FindDynamoExport(const ObjectSet& objects,
                                      const std::vector<SourceObject>& listed,
                                      std::string_view path) {
  MURMUR_ASSIGN(const SourceObject* const summary, FindSummary(listed, path));
  const std::string directory(DirectoryOf(summary->name));
  MURMUR_ASSIGN(const std::string text, ReadManifest(objects, *summary));
  auto exported = ParseExportSummary(text);
  if (!exported.ok()) return exported.status().Annotated(directory);
  for (const SourceObject& object : listed) {
    if (object.name != directory + std::string(kFilesName)) continue;
    MURMUR_ASSIGN(const std::string manifest, ReadManifest(objects, object));
    const Status added = AddFiles(listed, directory, manifest, &*exported);
    if (!added.ok()) return added.Annotated(directory);
    return exported;
  }
  return Status(Code::kDataLoss, fmt::format("{}: has no {}: the export, or this copy of it, is "
                                             "not whole",
                                             directory, kFilesName));
}

Status CheckIsExportOf(const DynamoPlace& place, const DynamoTable& table,
                       const DynamoExport& exported) {
  const bool is_its = !table.has_own_id || exported.table_id == table.id;
  if (exported.table_arn == table.arn && is_its) return {};
  const auto named = [](std::string_view arn, std::string_view id) {
    return fmt::format("{} with the id {}", arn, id);
  };
  return Status(
      Code::kFailedPrecondition,
      fmt::format("{}: export {} is of another table, {}; this one is {}", place.text, exported.id,
                  named(exported.table_arn, exported.table_id), named(table.arn, table.id)));
}

}  // namespace murmur
