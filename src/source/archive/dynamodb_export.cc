// An export is a directory AWSDynamoDB/<id>/ with a manifest, or the root itself. A full export
// has its data below its own directory, incremental ones share AWSDynamoDB/data/.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "base/shown.h"
#include "source/archive/names.h"

namespace murmur {
namespace archive {
namespace {

constexpr std::string_view kManifestName = "manifest-files.json";
constexpr std::string_view kDataDirectory = "data/";

struct Export {
  std::string_view directory;  // "AWSDynamoDB/01693685827463-2d8752fd/", or empty: the root
  size_t manifest = 0;         // index in the listing
};

std::string_view IdOf(std::string_view directory) {
  if (directory.ends_with('/')) directory.remove_suffix(1);
  return directory.substr(directory.rfind('/') + 1);
}

// "01693685827463-2d8752fd"
bool IsExportId(std::string_view text) {
  const size_t dash = text.find('-');
  return dash != text.npos && dash >= 13 && IsDigits(text.substr(0, dash)) &&
         text.substr(dash + 1).size() == 8;
}

std::vector<Export> FindExports(std::span<const ListedObject> listing) {
  std::vector<Export> exports;
  for (size_t i = 0; i < listing.size(); ++i) {
    const std::string_view name = listing[i].name;
    const std::string_view directory = name.substr(0, name.rfind('/') + 1);
    if (name.substr(directory.size()) == kManifestName) exports.push_back({directory, i});
  }
  std::sort(exports.begin(), exports.end(), [](const Export& a, const Export& b) {
    return IdOf(a.directory) != IdOf(b.directory) ? IdOf(a.directory) > IdOf(b.directory)
                                                  : a.directory < b.directory;
  });
  return exports;
}

std::string ListOf(std::span<const Export> exports) {
  std::vector<std::string> ids;
  for (const Export& one : exports) {
    ids.emplace_back(one.directory.empty() ? "the root itself" : IdOf(one.directory));
  }
  return FirstFew(ids);
}

// Names can't tell which of several exports to read: the newest may be incremental, and an
// incremental one is useless without the full one before it.
Result<const Export*> Choose(std::span<const Export> exports, std::string_view id) {
  if (!id.empty()) {
    for (const Export& one : exports) {
      if (IdOf(one.directory) == id) return &one;
    }
    return Status(Code::kNotFound, fmt::format("no export '{}' with a manifest; there are: {}", id,
                                               ListOf(exports)));
  }
  if (exports.size() == 1) return &exports.front();
  return Status(Code::kInvalidArgument,
                fmt::format("{} exports below the path, newest first: {}. Say which one is to be "
                            "read, as export: <id>, or make path: its directory",
                            exports.size(), ListOf(exports)));
}

// Why an object without records is there; empty: it belongs to no export.
std::string ReasonFor(std::string_view name, std::string_view directory, std::string_view base,
                      std::span<const Export> exports) {
  if (name.starts_with(directory) && !directory.empty()) return "the export's own notes";
  if (directory.empty()) {
    const bool note = name.starts_with("manifest-") || name == "_started";
    return note ? "the export's own notes" : "";
  }
  for (const Export& other : exports) {
    if (name.starts_with(other.directory)) {
      return fmt::format("of another export, {}", IdOf(other.directory));
    }
  }
  if (!name.starts_with(base)) return "";
  const std::string_view below = name.substr(base.size());
  const std::string_view id = below.substr(0, below.find('/'));
  return IsExportId(id) ? fmt::format("of export {}, which has no manifest", id) : "";
}

}  // namespace

Result<Placement> PlaceDynamoDbExport(std::span<const ListedObject> listing,
                                      const LayoutOptions& options) {
  Placement placement;
  placement.layout = Layout::kDynamoDbExport;
  placement.names = listing.size();
  placement.form = "names are of an export with a manifest";
  const std::vector<Export> exports = FindExports(listing);
  if (exports.empty()) return placement;
  MURMUR_ASSIGN(const Export* const chosen, Choose(exports, options.dynamodb_export));
  placement.manifest = chosen->manifest;
  const std::string_view directory = chosen->directory;
  const std::string own_data = fmt::format("{}{}", directory, kDataDirectory);
  const size_t parent =
      directory.size() < 2 ? directory.npos : directory.rfind('/', directory.size() - 2);
  const std::string_view base = directory.substr(0, parent == directory.npos ? 0 : parent + 1);
  const std::string shared_data = fmt::format("{}{}", base, kDataDirectory);
  for (size_t i = 0; i < listing.size(); ++i) {
    const std::string_view name = listing[i].name;
    const bool data = name.starts_with(own_data) || name.starts_with(shared_data);
    if (data && !name.ends_with('/')) {
      placement.objects.push_back({.listed = i, .size = listing[i].size});
      ++placement.placed;
      continue;
    }
    std::string reason = data ? "a directory" : ReasonFor(name, directory, base, exports);
    if (reason.empty()) {
      placement.ExcludeUnplaced(i, "it belongs to no export");
    } else {
      placement.Exclude(i, std::move(reason));
      ++placement.placed;
    }
  }
  return placement;
}

}  // namespace archive

namespace {

Status BadManifest(size_t line, std::string_view what) {
  return Status(Code::kDataLoss, fmt::format("manifest-files.json line {}: {}", line, what));
}

Result<ManifestFile> ParseManifestLine(std::string_view text, size_t line) {
  if (text.size() > kManifestLineBytesMax) {
    return BadManifest(line, fmt::format("longer than {} bytes", kManifestLineBytesMax));
  }
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return BadManifest(line, "not a JSON object");
  const auto key = json.find("dataFileS3Key");
  const auto items = json.find("itemCount");
  const auto md5 = json.find("md5Checksum");
  if (key == json.end() || !key->is_string() || key->get_ref<const std::string&>().empty()) {
    return BadManifest(line, "no dataFileS3Key");
  }
  if (items == json.end() || !items->is_number_unsigned()) return BadManifest(line, "no itemCount");
  ManifestFile file{.key = key->get<std::string>(), .items = items->get<uint64_t>()};
  if (md5 != json.end() && md5->is_string()) file.md5 = md5->get<std::string>();
  return file;
}

}  // namespace

Result<std::vector<ManifestFile>> ParseManifest(std::string_view text) {
  std::vector<ManifestFile> files;
  for (size_t line = 1; !text.empty(); ++line) {
    std::string_view one = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    if (one.ends_with('\r')) one.remove_suffix(1);
    if (one.empty()) continue;
    MURMUR_ASSIGN(ManifestFile file, ParseManifestLine(one, line));
    files.push_back(std::move(file));
  }
  if (files.empty()) return Status(Code::kDataLoss, "manifest-files.json lists no files");
  return files;
}

Status ApplyManifest(std::span<const ManifestFile> files, std::span<const ListedObject> listing,
                     Archive* archive) {
  std::map<std::string_view, const ArchiveObject*> by_name;
  for (const ArchiveObject& object : archive->objects) {
    by_name.emplace(listing[object.listed].name, &object);
  }
  std::vector<ArchiveObject> kept;
  uint64_t items = 0;
  for (const ManifestFile& file : files) {
    auto found = by_name.find(file.key);
    // The key has the root's path before the name: find its longest suffix that is a name.
    for (size_t slash = file.key.find('/'); found == by_name.end() && slash != file.key.npos;
         slash = file.key.find('/', slash + 1)) {
      found = by_name.find(std::string_view(file.key).substr(slash + 1));
    }
    if (found == by_name.end()) {
      return Status(Code::kDataLoss,
                    fmt::format("the manifest lists {} ({}), which is not there, or twice in "
                                "the manifest; the export is damaged, or was copied in part",
                                file.key, Counted(file.items, "item")));
    }
    ArchiveObject object = *found->second;
    object.expected = file.items;
    object.md5 = file.md5;
    kept.push_back(std::move(object));
    items += file.items;
    by_name.erase(found);
  }
  for (const auto& [name, object] : by_name) {
    archive->excluded.push_back({.listed = object->listed, .reason = "not in the manifest"});
  }
  std::sort(archive->excluded.begin(), archive->excluded.end(),
            [](const ExcludedObject& a, const ExcludedObject& b) { return a.listed < b.listed; });
  std::sort(kept.begin(), kept.end(), [&](const ArchiveObject& a, const ArchiveObject& b) {
    return listing[a.listed].name < listing[b.listed].name;
  });
  archive->objects = std::move(kept);
  archive->why += fmt::format("; the manifest lists {} with {}", Counted(files.size(), "file"),
                              Counted(items, "item"));
  archive->exact = true;
  archive->inexact_why.clear();
  return Status();
}

}  // namespace murmur
