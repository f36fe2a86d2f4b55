// Objects of a store: see listing.h. A store has keys, not folders: a '/' means only what it means
// in a glob.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

#include "source/glob.h"
#include "source/listing.h"

namespace murmur {
namespace {

constexpr size_t kAll = std::numeric_limits<size_t>::max();

// What a console or Hadoop creates to show a folder. It is empty.
bool IsFolderMarker(const SourceObject& object) {
  return object.size == 0 && object.name.ends_with('/');
}

class StoreWalk {
 public:
  StoreWalk(const ObjectStore& store, std::string_view scheme, HiddenFiles hidden,
            const std::stop_token& stop)
      : store_(store), scheme_(scheme), hidden_(hidden), stop_(stop) {}

  Status Find(const std::string& path);
  Listing TakeListing();

 private:
  Status FindPlain(const std::string& path, const std::string& name);
  Status FindGlob(const std::string& name, size_t key_at);
  Status AddBelow(const std::string& prefix);
  void AddBelow(const std::string& prefix, const std::vector<SourceObject>& objects);
  void Add(SourceObject object);

  const ObjectStore& store_;
  const std::string_view scheme_;
  const HiddenFiles hidden_;
  const std::stop_token& stop_;
  std::map<std::string, SourceObject> found_;
  size_t taken_ = 0;  // objects of the present path, including those found before
  std::vector<std::string> notes_;
};

Status StoreWalk::Find(const std::string& path) {
  taken_ = 0;
  std::string name = path.substr(scheme_.size());
  size_t key_at = 0;
  if (!scheme_.empty()) {
    const size_t slash = name.find('/');
    const std::string bucket = name.substr(0, slash);
    if (bucket.empty() || HasWildcard(bucket)) {
      return Status(Code::kInvalidArgument,
                    fmt::format("'{}': expected {}bucket/prefix/, without a wildcard in the "
                                "bucket's name",
                                path, scheme_));
    }
    if (slash == name.npos) name += '/';
    key_at = bucket.size() + 1;
  }
  MURMUR_TRY(HasWildcard(std::string_view(name).substr(key_at)) ? FindGlob(name, key_at)
                                                                : FindPlain(path, name));
  if (taken_ > 0) return {};
  return Status(Code::kNotFound,
                fmt::format("'{}' has no object. A prefix that ends in the middle of a name needs "
                            "a star after it",
                            path));
}

// An object with that name wins, unless it is empty: then it stands for a folder.
Status StoreWalk::FindPlain(const std::string& path, const std::string& name) {
  if (name.ends_with('/')) return AddBelow(name);
  MURMUR_ASSIGN(const auto first, store_.List(name, 1, stop_));
  const bool exists = !first.empty() && RawName(first.front()) == name;
  if (!exists) return AddBelow(name + "/");
  const bool empty = first.front().size == 0;
  MURMUR_ASSIGN(const auto below, store_.List(name + "/", empty ? kAll : 1, stop_));
  Add(first.front());
  if (empty) {
    AddBelow(name + "/", below);
  } else if (!below.empty()) {
    notes_.push_back(
        fmt::format("'{}' is an object; what lies below '{}/' is not read", path, path));
  }
  return {};
}

Status StoreWalk::FindGlob(const std::string& name, size_t key_at) {
  const size_t wild = name.find_first_of("*?[", key_at);
  MURMUR_ASSIGN(const auto objects, store_.List(name.substr(0, wild), kAll, stop_));
  const bool folder = name.ends_with('/');
  const bool literal = std::any_of(objects.begin(), objects.end(), [&](const SourceObject& object) {
    return folder ? RawName(object).starts_with(name) : RawName(object) == name;
  });
  if (literal && folder) {
    AddBelow(name, objects);
    return {};
  }
  const std::string pattern = name.substr(key_at) + (folder ? std::string(kAnyDepth) : "");
  for (const SourceObject& object : objects) {
    const std::string& key = RawName(object);
    const bool wanted =
        literal ? key == name : MatchesGlob(pattern, std::string_view(key).substr(key_at));
    if (wanted && !IsFolderMarker(object)) Add(object);
  }
  return {};
}

Status StoreWalk::AddBelow(const std::string& prefix) {
  MURMUR_ASSIGN(const auto objects, store_.List(prefix, kAll, stop_));
  AddBelow(prefix, objects);
  return {};
}

void StoreWalk::AddBelow(const std::string& prefix, const std::vector<SourceObject>& objects) {
  for (const SourceObject& object : objects) {
    const std::string& key = RawName(object);
    if (!key.starts_with(prefix) || IsFolderMarker(object)) continue;
    const bool hidden = IsHiddenPath(std::string_view(key).substr(prefix.size()));
    if (hidden && hidden_ == HiddenFiles::kSkipped) continue;
    Add(object);
  }
}

void StoreWalk::Add(SourceObject object) {
  ++taken_;
  const std::string name = RawName(object);
  SetName(std::string(scheme_) + name, &object);
  found_.try_emplace(name, std::move(object));
}

Listing StoreWalk::TakeListing() {
  Listing listing{.entries = {}, .notes = std::move(notes_)};
  for (auto& [name, object] : found_) {
    listing.entries.push_back({.object = std::move(object), .identity = name});
  }
  return listing;
}

}  // namespace

Result<Listing> ListStore(const ObjectStore& store, const std::vector<std::string>& paths,
                          std::string_view scheme, HiddenFiles hidden,
                          const std::stop_token& stop) {
  StoreWalk walk(store, scheme, hidden, stop);
  for (const std::string& path : paths) MURMUR_TRY(walk.Find(path));
  Listing listing = walk.TakeListing();
  MURMUR_TRY(SortByName(&listing));
  return listing;
}

}  // namespace murmur
