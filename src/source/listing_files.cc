// Files on disk: see listing.h.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <tuple>

#include "base/shown.h"
#include "source/glob.h"
#include "source/listing.h"

namespace murmur {
namespace {

// A name that led to a file; whether it counts is decided when all are known.
struct Candidate {
  SourceObject object;
  std::string identity;
  bool linked = false;  // a link is the name, or on the way
};

std::string Joined(const std::string& base_directory, const std::string& name) {
  if (name.starts_with('/') || base_directory.empty()) return name.empty() ? "." : name;
  return name.empty() ? base_directory : base_directory + "/" + name;
}

std::string WhyNot(int error) {
  if (error == EACCES || error == EPERM) {
    return "permission denied: give the user that runs this the right to read it, and to enter "
           "the directories on the way, or leave it out of the path";
  }
  return std::strerror(error);
}

Status Refused(const std::string& name, std::string_view what, int error) {
  const bool denied = error == EACCES || error == EPERM;
  SourceObject shown;
  SetName(name.empty() ? "." : name, &shown);
  return Status(denied ? Code::kPermissionDenied : Code::kUnavailable,
                fmt::format("{}: {}: {}", shown.name, what, WhyNot(error)));
}

std::string_view KindOf(mode_t mode) {
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

bool LeadsNowhere(int error) { return error == ENOENT || error == ENOTDIR || error == ELOOP; }

SourceObject ObjectOf(const std::string& name, const struct stat& status) {
  SourceObject object{.size = static_cast<uint64_t>(status.st_size),
                      .mtime_ns = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec,
                      .tag = {},
                      .cold = {},
                      .raw_name = {}};
  SetName(name, &object);
  return object;
}

using DirectoryHandle = std::unique_ptr<DIR, decltype([](DIR* directory) { closedir(directory); })>;

// Finds what one path names. Each directory is visited once for each remaining part of the pattern,
// so links back end. Real directories come first, so that a file gets its own name if possible.
class FileWalk {
 public:
  FileWalk(const std::string& base_directory, HiddenFiles hidden, const std::stop_token& stop)
      : base_directory_(base_directory), hidden_(hidden), stop_(stop) {}

  Status Find(const std::string& path);

  std::vector<Candidate> TakeFound() { return std::move(found_); }
  std::vector<std::string> Notes() const;

 private:
  struct Visit {
    std::string name;  // of the directory; "" or "a/b", or "/"
    size_t part = 0;   // of pattern_, for its entries to match
    bool linked = false;
  };

  Status WalkFrom(const std::string& name, std::vector<std::string> pattern, bool everything);
  Status VisitDirectory(const Visit& visit);
  Status VisitEntries(const Visit& visit, DIR* directory);
  Status TakeEntry(const Visit& visit, const std::string& entry);
  bool Matches(const std::string& part, const std::string& entry) const;
  void AddFile(const std::string& name, const struct stat& status, bool linked);
  void NoteOdd(const std::string& name, std::string_view what);
  Status NothingAt(const std::string& path) const;
  std::string At(const std::string& name) const { return Joined(base_directory_, name); }

  const std::string& base_directory_;
  const HiddenFiles hidden_;
  const std::stop_token& stop_;
  std::vector<Candidate> found_;
  std::vector<std::string> odd_;  // names with their kinds, in the order of the walk
  std::vector<std::string> glob_notes_;

  // For the present path.
  std::vector<std::string> pattern_;
  bool everything_ = false;  // all files of a directory, not those that match a glob
  std::deque<Visit> real_;
  std::deque<Visit> links_;
  std::set<std::tuple<dev_t, ino_t, size_t>> visited_;
  size_t directories_ = 0;  // matches of the glob that are directories
};

Status FileWalk::Find(const std::string& path) {
  const std::string name = NormalisedPath(path);
  const size_t before = found_.size();
  directories_ = 0;
  struct stat status {};
  struct stat link {};
  const bool exists = stat(At(name).c_str(), &status) == 0;
  const int error = exists ? 0 : errno;
  if (exists && S_ISREG(status.st_mode)) {
    const bool linked = lstat(At(name).c_str(), &link) == 0 && S_ISLNK(link.st_mode);
    AddFile(name, status, linked);
  } else if (exists && S_ISDIR(status.st_mode)) {
    MURMUR_TRY(WalkFrom(name, {std::string(kAnyDepth)}, true));
  } else if (exists) {
    return Status(Code::kInvalidArgument,
                  fmt::format("'{}' is {}: it can be read only once, which `jsonl` alone does, "
                              "where it is the only path",
                              path, KindOf(status.st_mode)));
  } else if (!LeadsNowhere(error)) {
    return Refused(name, "can't be looked at", error);
  } else if (lstat(At(name).c_str(), &link) == 0) {
    return Status(Code::kNotFound, fmt::format("'{}' is a link that leads nowhere", path));
  } else if (HasWildcard(name)) {
    std::vector<std::string> pattern;
    std::string fixed = name.starts_with('/') ? "/" : "";
    for (const std::string_view component : SplitPathComponents(name)) {
      if (component.empty()) continue;
      if (pattern.empty() && !HasWildcard(component)) {
        if (!fixed.empty() && fixed.back() != '/') fixed += '/';
        fixed += component;
      } else {
        pattern.emplace_back(component);
      }
    }
    if (path.ends_with('/')) pattern.emplace_back(kAnyDepth);
    MURMUR_TRY(WalkFrom(fixed, std::move(pattern), false));
    if (directories_ > 0 && found_.size() > before) {
      glob_notes_.push_back(
          fmt::format("{} not read; '{}/**' names the files below {}",
                      Counted(directories_, fmt::format("directory matches '{}' and is", path),
                              fmt::format("directories match '{}' and are", path)),
                      name, directories_ == 1 ? "it" : "them"));
    }
  }
  return found_.size() > before ? Status() : NothingAt(path);
}

Status FileWalk::NothingAt(const std::string& path) const {
  std::string but;
  if (directories_ > 0) {
    but = fmt::format(", but {}: '{}/**' names the files below {}",
                      Counted(directories_, "directory", "directories"), path,
                      directories_ == 1 ? "it" : "them");
  } else if (!odd_.empty()) {
    but = fmt::format(" that can be read: {}", Examples(odd_));
  }
  return Status(Code::kNotFound,
                fmt::format("'{}' matches no file{}; relative paths start at '{}'. Check the path, "
                            "or that the files are there",
                            path, but, base_directory_));
}

Status FileWalk::WalkFrom(const std::string& name, std::vector<std::string> pattern,
                          bool everything) {
  pattern_ = std::move(pattern);
  everything_ = everything;
  visited_.clear();
  real_.push_back({.name = name});
  while (!real_.empty() || !links_.empty()) {
    std::deque<Visit>& next = real_.empty() ? links_ : real_;
    const Visit visit = std::move(next.front());
    next.pop_front();
    MURMUR_TRY(VisitDirectory(visit));
  }
  return {};
}

Status FileWalk::VisitDirectory(const Visit& visit) {
  if (stop_.stop_requested()) return Status(Code::kCancelled, visit.name);
  struct stat status {};
  if (stat(At(visit.name).c_str(), &status) != 0) {  // it may be gone since it was seen
    return LeadsNowhere(errno) ? Status() : Refused(visit.name, "can't be looked at", errno);
  }
  if (!S_ISDIR(status.st_mode)) return {};
  if (!visited_.emplace(status.st_dev, status.st_ino, visit.part).second) return {};
  const std::string& part = pattern_[visit.part];
  if (part == kAnyDepth && visit.part + 1 < pattern_.size()) {
    Visit here = visit;
    ++here.part;
    MURMUR_TRY(VisitDirectory(here));
  }
  if (!HasWildcard(part)) return TakeEntry(visit, part);
  const DirectoryHandle directory(opendir(At(visit.name).c_str()));
  if (directory == nullptr) return Refused(visit.name, "the directory can't be listed", errno);
  return VisitEntries(visit, directory.get());
}

Status FileWalk::VisitEntries(const Visit& visit, DIR* directory) {
  std::vector<std::string> entries;
  for (;;) {
    errno = 0;
    const dirent* const entry = readdir(directory);
    if (entry == nullptr && errno != 0) {
      return Refused(visit.name, "the directory can't be listed", errno);
    }
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") entries.emplace_back(name);
  }
  std::sort(entries.begin(), entries.end());
  for (const std::string& entry : entries) {
    if (stop_.stop_requested()) return Status(Code::kCancelled, visit.name);
    if (Matches(pattern_[visit.part], entry)) MURMUR_TRY(TakeEntry(visit, entry));
  }
  return {};
}

bool FileWalk::Matches(const std::string& part, const std::string& entry) const {
  if (everything_) return hidden_ == HiddenFiles::kListed || !IsHiddenPath(entry);
  return part == kAnyDepth ? !entry.starts_with('.') : MatchesComponent(part, entry);
}

// `entry` matches its part of the pattern, or equals it.
Status FileWalk::TakeEntry(const Visit& visit, const std::string& entry) {
  const std::string name = visit.name.empty()          ? entry
                           : visit.name.ends_with('/') ? visit.name + entry
                                                       : visit.name + "/" + entry;
  const bool any_depth = pattern_[visit.part] == kAnyDepth;
  const bool last = visit.part + 1 == pattern_.size();
  struct stat status {};
  if (lstat(At(name).c_str(), &status) != 0) {
    return LeadsNowhere(errno) ? Status() : Refused(name, "can't be looked at", errno);
  }
  const bool is_link = S_ISLNK(status.st_mode);
  if (is_link && stat(At(name).c_str(), &status) != 0) {
    if (!LeadsNowhere(errno)) return Refused(name, "can't be looked at", errno);
    if (last) NoteOdd(name, "a link that leads nowhere");
    return {};
  }
  const bool linked = visit.linked || is_link;
  if (S_ISDIR(status.st_mode)) {
    if (any_depth || !last) {
      (linked ? links_ : real_)
          .push_back(
              {.name = name, .part = any_depth ? visit.part : visit.part + 1, .linked = linked});
    } else {
      ++directories_;
    }
  } else if (last && S_ISREG(status.st_mode)) {
    AddFile(name, status, linked);
  } else if (last) {
    NoteOdd(name, KindOf(status.st_mode));
  }
  return {};
}

void FileWalk::AddFile(const std::string& name, const struct stat& status, bool linked) {
  found_.push_back({.object = ObjectOf(name, status),
                    .identity = fmt::format("{}:{}", status.st_dev, status.st_ino),
                    .linked = linked});
}

void FileWalk::NoteOdd(const std::string& name, std::string_view what) {
  SourceObject shown;
  SetName(name, &shown);
  const std::string note = fmt::format("{} ({})", shown.name, what);
  if (std::find(odd_.begin(), odd_.end(), note) == odd_.end()) odd_.push_back(note);
}

std::vector<std::string> FileWalk::Notes() const {
  std::vector<std::string> notes = glob_notes_;
  if (!odd_.empty()) {
    notes.push_back(
        fmt::format("{} not read: {}",
                    Counted(odd_.size(), "name is no file and is", "names are no files and are"),
                    Examples(odd_)));
  }
  return notes;
}

// Which of a file's names is kept, the most lasting one: not a link, then not an absolute path,
// then the first.
bool IsBetterName(const Candidate& a, const Candidate& b) {
  const auto rank = [](const Candidate& candidate) {
    return std::tuple(candidate.linked, candidate.object.name.starts_with('/'),
                      std::string_view(candidate.object.name));
  };
  return rank(a) < rank(b);
}

}  // namespace

std::string NormalisedPath(std::string_view path) {
  std::string normal = path.starts_with('/') ? "/" : "";
  for (const std::string_view component : SplitPathComponents(path)) {
    if (component.empty() || component == ".") continue;
    if (!normal.empty() && normal.back() != '/') normal += '/';
    normal += component;
  }
  return normal;
}

Result<Listing> ListFiles(const std::vector<std::string>& paths, const std::string& base_directory,
                          HiddenFiles hidden, const std::stop_token& stop) {
  FileWalk walk(base_directory, hidden, stop);
  for (const std::string& path : paths) MURMUR_TRY(walk.Find(path));
  std::vector<Candidate> found = walk.TakeFound();
  std::sort(found.begin(), found.end(), IsBetterName);
  Listing listing{.entries = {}, .notes = walk.Notes()};
  std::set<std::string> identities;
  std::set<std::string> others;
  std::set<std::string> names;
  for (Candidate& candidate : found) {
    if (identities.insert(candidate.identity).second) {
      names.insert(RawName(candidate.object));
      listing.entries.push_back(
          {.object = std::move(candidate.object), .identity = std::move(candidate.identity)});
    } else if (!names.contains(RawName(candidate.object))) {
      others.insert(candidate.object.name);
    }
  }
  if (!others.empty()) {
    listing.notes.push_back(fmt::format(
        "{} another name here; a file counts once: {}",
        Counted(others.size(), "name leads to a file that has", "names lead to files that have"),
        Examples({others.begin(), others.end()})));
  }
  MURMUR_TRY(SortByName(&listing));
  return listing;
}

std::string FilePath(const SourceObject& object, const std::string& base_directory) {
  return Joined(base_directory, RawName(object));
}

Result<Listing::Entry> StatFile(const SourceObject& object, const std::string& base_directory) {
  struct stat status {};
  if (stat(FilePath(object, base_directory).c_str(), &status) != 0) {
    if (LeadsNowhere(errno)) return Status(Code::kNotFound, object.name + " is gone");
    return Refused(RawName(object), "can't be looked at", errno);
  }
  if (!S_ISREG(status.st_mode)) return Status(Code::kNotFound, object.name + " is no file");
  return Listing::Entry{.object = ObjectOf(RawName(object), status),
                        .identity = fmt::format("{}:{}", status.st_dev, status.st_ino)};
}

}  // namespace murmur
