#include "source/objects.h"

#include <arrow/filesystem/localfs.h>
#include <arrow/util/io_util.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "murmur/key.h"
#include "source/s3/s3_store.h"

namespace murmur {
namespace {

constexpr std::string_view kWildcards = "*?[";

bool HasWildcard(std::string_view text) { return text.find_first_of(kWildcards) != text.npos; }

std::string_view TakeComponent(std::string_view* path) {
  const size_t slash = path->find('/');
  const std::string_view component = path->substr(0, slash);
  path->remove_prefix(slash == path->npos ? path->size() : slash + 1);
  return component;
}

// Matches the set that `pattern` begins with ("[a-c]…") against `c`, and moves `pattern` behind
// it. An unclosed '[' is an ordinary character.
bool MatchSet(std::string_view* pattern, char c) {
  size_t at = 1;
  const bool negated = at < pattern->size() && ((*pattern)[at] == '!' || (*pattern)[at] == '^');
  if (negated) ++at;
  const size_t close = pattern->find(']', at + 1);
  if (close == pattern->npos) {
    pattern->remove_prefix(1);
    return c == '[';
  }
  bool found = false;
  for (; at < close; ++at) {
    const bool range = at + 2 < close && (*pattern)[at + 1] == '-';
    const char last = (*pattern)[range ? at + 2 : at];
    found |= (*pattern)[at] <= c && c <= last;
    if (range) at += 2;
  }
  pattern->remove_prefix(close + 1);
  return found != negated;
}

bool MatchesComponent(std::string_view pattern, std::string_view name) {
  if (name.starts_with('.') && !pattern.starts_with('.')) return false;
  // On a mismatch the last '*' takes one character more.
  std::string_view star_pattern;
  std::string_view star_name;
  bool star = false;
  while (!name.empty() || !pattern.empty()) {
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      star = true;
      star_pattern = pattern;
      star_name = name;
      continue;
    }
    std::string_view rest = pattern;
    bool matched = !pattern.empty() && !name.empty();
    if (matched && pattern.starts_with('[')) {
      matched = MatchSet(&rest, name.front());
    } else if (matched) {
      matched = pattern.front() == '?' || pattern.front() == name.front();
      rest.remove_prefix(1);
    }
    if (matched) {
      pattern = rest;
      name.remove_prefix(1);
    } else {
      if (!star || star_name.empty()) return false;
      star_name.remove_prefix(1);
      name = star_name;
      pattern = star_pattern;
    }
  }
  return true;
}

SourceObject ToObject(const arrow::fs::FileInfo& info, std::string name) {
  return {.name = std::move(name),
          .size = static_cast<uint64_t>(info.size()),
          .mtime_ns = info.mtime().time_since_epoch().count()};
}

bool IsHidden(std::string_view path) {
  while (!path.empty()) {
    const std::string_view component = TakeComponent(&path);
    if (component.starts_with('.') || component.starts_with('_')) return true;
  }
  return false;
}

Status Changed(const std::string& object, const std::string& how) {
  return Status(Code::kFailedPrecondition,
                fmt::format("{} {} since the scan began; put it back, or start again in a new "
                            "version: --fresh",
                            object, how));
}

Status SameObject(const SourceObject& frozen, const SourceObject& now) {
  if (now.size != frozen.size) {
    return Changed(frozen.name, fmt::format("changed (size {} → {})", frozen.size, now.size));
  }
  if (now.mtime_ns != frozen.mtime_ns) {
    return Changed(frozen.name,
                   fmt::format("changed (modified {} → {})", FormatTime(frozen.mtime_ns / 1000),
                               FormatTime(now.mtime_ns / 1000)));
  }
  return Status();
}

// The directory part of a pattern that holds no wildcard: "data/" of "data/2026-*/x.jsonl".
std::string_view FixedPrefix(std::string_view pattern) {
  const size_t slash = pattern.substr(0, pattern.find_first_of(kWildcards)).rfind('/');
  return slash == pattern.npos ? std::string_view() : pattern.substr(0, slash + 1);
}

}  // namespace

Status FromArrow(const arrow::Status& status, std::string_view context) {
  if (status.ok()) return Status();
  Code code = Code::kInternal;
  switch (status.code()) {
    case arrow::StatusCode::IOError: code = Code::kUnavailable; break;
    case arrow::StatusCode::Invalid: code = Code::kDataLoss; break;
    case arrow::StatusCode::Cancelled: code = Code::kCancelled; break;
    case arrow::StatusCode::NotImplemented: code = Code::kUnimplemented; break;
    case arrow::StatusCode::OutOfMemory: code = Code::kResourceExhausted; break;
    default: break;
  }
  const int error = arrow::internal::ErrnoFromStatus(status);
  if (error == ENOENT || error == ENOTDIR) code = Code::kNotFound;
  if (error == EACCES || error == EPERM) code = Code::kPermissionDenied;
  const std::string_view remedy = S3Remedy(status.message());
  return Status(code, fmt::format("{}: {}{}{}", context, remedy, remedy.empty() ? "" : ". ",
                                  status.message()));
}

std::vector<std::string> PathsOf(const SourceSpec& spec) {
  std::vector<std::string> paths;
  for (const auto& [name, value] : spec.options) {
    if (name == "path" || name.starts_with("path.")) paths.push_back(value);
  }
  return paths;
}

Result<HandoffToken> HandoffOf(const SourceSpec& spec) {
  constexpr std::string_view kPrefix = "handoff.";
  HandoffToken token;
  for (const auto& [name, value] : spec.options) {
    if (name == "handoff") {
      if (value == kHandoffLive) return HandoffToken();
      return Status(Code::kInvalidArgument,
                    fmt::format("handoff: {}: expected live, or positions, as in handoff: {{kafka: "
                                "{{0: 1500}}}}",
                                value));
    }
    if (!name.starts_with(kPrefix)) continue;
    const size_t dot = name.rfind('.');
    if (dot < kPrefix.size()) {
      return Status(Code::kInvalidArgument,
                    fmt::format("{}: expected stream and partition, as in handoff: {{kafka: {{0: "
                                "1500}}}}",
                                name));
    }
    token.streams[name.substr(kPrefix.size(), dot - kPrefix.size())][name.substr(dot + 1)] = value;
  }
  return token;
}

bool MatchesGlob(std::string_view pattern, std::string_view path) {
  while (!pattern.empty()) {
    const std::string_view component = TakeComponent(&pattern);
    if (component == "**") {
      if (MatchesGlob(pattern, path)) return true;
      if (path.empty() || TakeComponent(&path).starts_with('.')) return false;
      for (; !path.empty(); TakeComponent(&path)) {
        if (MatchesGlob(pattern, path)) return true;
        if (path.starts_with('.')) return false;
      }
      return pattern.empty();
    }
    if (path.empty() || !MatchesComponent(component, TakeComponent(&path))) return false;
  }
  return path.empty();
}

ObjectSet::ObjectSet(std::vector<std::string> paths, std::string base_directory, HiddenFiles hidden)
    : ObjectSet(std::move(paths), std::move(base_directory),
                std::make_shared<arrow::fs::LocalFileSystem>()) {
  hidden_ = hidden;
}

ObjectSet::ObjectSet(std::vector<std::string> paths, std::string base_directory,
                     std::shared_ptr<arrow::fs::FileSystem> filesystem)
    : paths_(std::move(paths)),
      base_directory_(std::move(base_directory)),
      filesystem_(std::move(filesystem)) {}

ObjectSet::ObjectSet(std::vector<std::string> paths, std::shared_ptr<arrow::fs::FileSystem> store,
                     std::string_view scheme, HiddenFiles hidden)
    : paths_(std::move(paths)), scheme_(scheme), hidden_(hidden), filesystem_(std::move(store)) {}

std::string ObjectSet::FullPath(const std::string& name) const {
  if (!scheme_.empty()) return name.substr(scheme_.size());
  if (base_directory_.empty() || name.starts_with('/')) return name;
  return base_directory_ + "/" + name;
}

// Without a slash at its end.
std::string ObjectSet::DirectoryPath(const std::string& name) const {
  std::string path = name.empty() ? base_directory_ : FullPath(name);
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path.empty() ? std::string(".") : path;
}

Result<std::vector<SourceObject>> ObjectSet::List() const {
  std::vector<SourceObject> objects;
  for (const std::string& path : paths_) MURMUR_TRY(Expand(path, &objects));
  std::sort(objects.begin(), objects.end(),
            [](const SourceObject& a, const SourceObject& b) { return a.name < b.name; });
  objects.erase(std::unique(objects.begin(), objects.end()), objects.end());
  return objects;
}

Status ObjectSet::Expand(const std::string& path, std::vector<SourceObject>* objects) const {
  std::string name =
      scheme_ + std::filesystem::path(path.substr(scheme_.size())).lexically_normal().string();
  while (name.size() > 1 && name.ends_with('/')) name.pop_back();
  auto info = Request([&] { return filesystem_->GetFileInfo(FullPath(name)); });
  if (!info.ok()) return FromArrow(info.status(), path);
  const size_t before = objects->size();
  if (info->IsFile()) {
    objects->push_back(ToObject(*info, name));
  } else if (info->IsDirectory()) {
    MURMUR_TRY(ListBelow(name == "." ? "" : name == "/" ? name : name + "/", "", objects));
  } else if (HasWildcard(name)) {
    MURMUR_TRY(ListBelow(std::string(FixedPrefix(name)), name, objects));
  }
  if (objects->size() > before) return Status();
  if (remote()) {
    return Status(
        Code::kNotFound,
        fmt::format("'{}' has no object. A prefix that ends in the middle of a name needs "
                    "a star behind it",
                    path));
  }
  return Status(
      Code::kNotFound,
      fmt::format("'{}' matches no file; relative paths start at '{}'. Check the path, or "
                  "that the files are there",
                  path, base_directory_));
}

// `directory` ends with '/', or is empty for the base directory. With an empty pattern every file
// below counts that is not hidden.
Status ObjectSet::ListBelow(const std::string& directory, const std::string& pattern,
                            std::vector<SourceObject>* objects) const {
  const std::string_view wild =
      std::string_view(pattern).substr(pattern.empty() ? 0 : directory.size());
  arrow::fs::FileSelector selector;
  selector.base_dir = DirectoryPath(directory);
  selector.allow_not_found = true;
  selector.recursive = pattern.empty() || wild.find('/') != wild.npos;
  if (!pattern.empty() && wild.find("**") == wild.npos) {
    selector.max_recursion = static_cast<int32_t>(std::count(wild.begin(), wild.end(), '/'));
  }
  auto infos = Request([&] { return filesystem_->GetFileInfo(selector); });
  if (!infos.ok()) return FromArrow(infos.status(), directory);
  const size_t prefix = selector.base_dir == "/" ? 1 : selector.base_dir.size() + 1;
  for (const arrow::fs::FileInfo& info : *infos) {
    const std::string below = info.path().substr(prefix);
    const bool wanted = pattern.empty() ? hidden_ == HiddenFiles::kListed || !IsHidden(below)
                                        : MatchesGlob(wild, below);
    if (info.IsFile() && wanted) objects->push_back(ToObject(info, directory + below));
  }
  return Status();
}

Status ObjectSet::CheckUnchanged(const SourceObject& object) const {
  auto info = Request([&] { return filesystem_->GetFileInfo(FullPath(object.name)); });
  if (!info.ok()) return FromArrow(info.status(), object.name);
  if (!info->IsFile()) return Changed(object.name, "is gone");
  return SameObject(object, ToObject(*info, object.name));
}

Result<ObjectChanges> ObjectSet::Compare(const std::vector<SourceObject>& frozen) const {
  const auto listed = List();
  if (!listed.ok() && listed.status().code() != Code::kNotFound) return listed.status();
  std::map<std::string_view, const SourceObject*> now;
  if (listed.ok()) {
    for (const SourceObject& object : *listed) now.emplace(object.name, &object);
  }
  ObjectChanges changes;
  for (const SourceObject& object : frozen) {
    const auto it = now.find(object.name);
    if (it == now.end()) {
      changes.gone.push_back(object.name);
      continue;
    }
    if (changes.changed.ok()) changes.changed = SameObject(object, *it->second);
    now.erase(it);
  }
  for (const auto& [name, object] : now) changes.appeared.emplace_back(name);
  return changes;
}

Status ObjectChanges::AllThere() const {
  MURMUR_TRY(changed);
  return gone.empty() ? Status() : Changed(gone.front(), "is gone");
}

Result<std::shared_ptr<arrow::io::RandomAccessFile>> ObjectSet::Open(
    const SourceObject& object) const {
  // With a size that is known a remote store need not be asked before the first read.
  arrow::fs::FileInfo info(FullPath(object.name), arrow::fs::FileType::File);
  info.set_size(static_cast<int64_t>(object.size));
  auto file = filesystem_->OpenInputFile(info);
  if (!file.ok()) return FromArrow(file.status(), object.name);
  return remote() ? RetryReads(*std::move(file)) : *std::move(file);
}

Result<std::string> ObjectSet::ReadHead(const SourceObject& object, size_t size) const {
  MURMUR_ASSIGN(const auto file, Open(object));
  std::string head(std::min<uint64_t>(size, object.size), '\0');
  if (head.empty()) return head;
  const auto read = file->ReadAt(0, static_cast<int64_t>(head.size()), head.data());
  if (!read.ok()) return FromArrow(read.status(), object.name);
  head.resize(static_cast<size_t>(*read));
  return head;
}

Result<std::string> SerializeObjects(const std::vector<SourceObject>& objects) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const SourceObject& object : objects) {
    list.push_back({{"name", object.name}, {"size", object.size}, {"mtime_ns", object.mtime_ns}});
  }
  try {
    return list.dump();
  } catch (const nlohmann::json::exception& e) {
    return Status(Code::kInvalidArgument, fmt::format("a file name is not UTF-8: {}", e.what()));
  }
}

Result<std::vector<SourceObject>> ParseObjects(std::string_view text) {
  std::vector<SourceObject> objects;
  try {
    for (const auto& item : nlohmann::json::parse(text)) {
      objects.push_back({.name = item.at("name").get<std::string>(),
                         .size = item.at("size").get<uint64_t>(),
                         .mtime_ns = item.at("mtime_ns").get<int64_t>()});
    }
  } catch (const nlohmann::json::exception& e) {
    return Status(Code::kInvalidArgument, fmt::format("not a list of objects: {}", e.what()));
  }
  return objects;
}

}  // namespace murmur
