#include "source/objects.h"

#include <arrow/io/file.h>
#include <arrow/util/io_util.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/hex.h"
#include "murmur/key.h"
#include "source/retry.h"

namespace murmur {
namespace {

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
  if (!now.tag.empty() && !frozen.tag.empty() && now.tag != frozen.tag) {
    return Changed(frozen.name, "was replaced by one of the same size");
  }
  return Status();
}

}  // namespace

Status FromArrow(const arrow::Status& status, std::string_view context) {
  if (status.ok()) return Status();
  if (const Status* ours = OursIn(status)) return ours->Annotated(context);
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
  return Status(code, fmt::format("{}: {}", context, status.message()));
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

ObjectSet::ObjectSet(std::vector<std::string> paths, std::string base_directory, HiddenFiles hidden)
    : paths_(std::move(paths)), base_directory_(std::move(base_directory)), hidden_(hidden) {}

ObjectSet::ObjectSet(std::vector<std::string> paths, std::shared_ptr<const ObjectStore> store,
                     std::string_view scheme, HiddenFiles hidden)
    : paths_(std::move(paths)), scheme_(scheme), hidden_(hidden), store_(std::move(store)) {}

Result<Listing> ObjectSet::List(const std::stop_token& stop) const {
  if (store_ == nullptr) return ListFiles(paths_, base_directory_, hidden_, stop);
  return ListStore(*store_, paths_, scheme_, hidden_, stop);
}

Result<Listing::Entry> ObjectSet::Find(const SourceObject& object) const {
  if (store_ == nullptr) return StatFile(object, base_directory_);
  const std::string name = RawName(object).substr(scheme_.size());
  MURMUR_ASSIGN(auto first, store_->List(name, 1, {}));  // no key with this prefix comes before
  if (first.empty() || RawName(first.front()) != name) {
    return Status(Code::kNotFound, object.name + " is gone");
  }
  SetName(RawName(object), &first.front());
  return Listing::Entry{.object = std::move(first.front()), .identity = name};
}

Status ObjectSet::CheckUnchanged(const SourceObject& object) const {
  const auto now = Find(object);
  if (now.ok()) return SameObject(object, now->object);
  return now.status().code() == Code::kNotFound ? Changed(object.name, "is gone") : now.status();
}

Result<ObjectChanges> ObjectSet::Compare(const std::vector<SourceObject>& frozen,
                                         const std::stop_token& stop) const {
  const auto listed = List(stop);
  if (!listed.ok() && listed.status().code() != Code::kNotFound) return listed.status();
  std::map<std::string_view, const Listing::Entry*> now;
  if (listed.ok()) {
    for (const Listing::Entry& entry : listed->entries) now.emplace(entry.object.name, &entry);
  }
  ObjectChanges changes;
  std::set<std::string> known;  // under any name
  for (const SourceObject& object : frozen) {
    const auto it = now.find(object.name);
    if (it != now.end()) {
      if (changes.changed.ok()) changes.changed = SameObject(object, it->second->object);
      now.erase(it);
      continue;
    }
    // A file may be listed by another of its names now.
    const auto found = Find(object);
    if (!found.ok() && found.status().code() != Code::kNotFound) return found.status();
    if (!found.ok()) {
      changes.gone.push_back(object.name);
      continue;
    }
    if (changes.changed.ok()) changes.changed = SameObject(object, found->object);
    known.insert(found->identity);
  }
  for (const auto& [name, entry] : now) {
    if (!known.contains(entry->identity)) changes.appeared.emplace_back(name);
  }
  return changes;
}

Status ObjectChanges::AllThere() const {
  MURMUR_TRY(changed);
  return gone.empty() ? Status() : Changed(gone.front(), "is gone");
}

Result<std::shared_ptr<arrow::io::RandomAccessFile>> ObjectSet::Open(
    const SourceObject& object) const {
  if (store_ == nullptr) {
    auto file = arrow::io::ReadableFile::Open(FilePath(object, base_directory_));
    if (!file.ok()) return FromArrow(file.status(), object.name);
    return std::shared_ptr<arrow::io::RandomAccessFile>(*std::move(file));
  }
  auto file = store_->Open(RawName(object).substr(scheme_.size()), object);
  if (!file.ok()) return file.status().Annotated(object.name);
  return remote() ? RetryReads(*std::move(file), store_) : *std::move(file);
}

void ObjectSet::Interrupt() const {
  if (store_ != nullptr) store_->interruption().Request();
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

std::string SerializeObjects(const std::vector<SourceObject>& objects) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const SourceObject& object : objects) {
    auto& item = list.emplace_back(nlohmann::ordered_json{
        {"name", object.name}, {"size", object.size}, {"mtime_ns", object.mtime_ns}});
    if (!object.tag.empty()) item["tag"] = object.tag;
    if (!object.cold.empty()) item["cold"] = object.cold;
    if (!object.raw_name.empty()) item["raw_name"] = ToHex(object.raw_name);
  }
  return list.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<std::vector<SourceObject>> ParseObjects(std::string_view text) {
  std::vector<SourceObject> objects;
  try {
    for (const auto& item : nlohmann::json::parse(text)) {
      std::string raw_name;
      if (!FromHex(item.value("raw_name", ""), &raw_name)) {
        return Status(Code::kInvalidArgument, "not a list of objects: raw_name is no hexadecimal");
      }
      objects.push_back({.name = item.at("name").get<std::string>(),
                         .size = item.at("size").get<uint64_t>(),
                         .mtime_ns = item.at("mtime_ns").get<int64_t>(),
                         .tag = item.value("tag", ""),
                         .cold = item.value("cold", ""),
                         .raw_name = std::move(raw_name)});
    }
  } catch (const nlohmann::json::exception& e) {
    return Status(Code::kInvalidArgument, fmt::format("not a list of objects: {}", e.what()));
  }
  return objects;
}

}  // namespace murmur
