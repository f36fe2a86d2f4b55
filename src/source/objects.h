// The objects (files) that a file source reads: found by path, glob or directory, frozen with size
// and time of change when a scan starts, checked and opened again later. Reaches files through
// Arrow's filesystem layer only. Includes Arrow's headers: for source implementations, not for
// public headers.
#pragma once

#include <arrow/filesystem/filesystem.h>
#include <arrow/io/interfaces.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "murmur/status.h"
#include "source/retry.h"

namespace murmur {

// One file as it was when the scan began.
struct SourceObject {
  std::string name;      // as the definition reaches it: "data/a.jsonl"; names records for ever
  uint64_t size = 0;     // bytes
  int64_t mtime_ns = 0;  // since the Unix epoch
  bool operator==(const SourceObject&) const = default;
};

// What became of objects since they were frozen.
struct ObjectChanges {
  Status changed;  // kFailedPrecondition names the first that has another size or time
  std::vector<std::string> gone;
  std::vector<std::string> appeared;

  // kFailedPrecondition names the first object that changed or is gone.
  Status AllThere() const;
};

// Arrow's error as ours, with `context` (an object's name) before its message.
Status FromArrow(const arrow::Status& status, std::string_view context);

// The values of "path", or of "path.0", "path.1", ….
std::vector<std::string> PathsOf(const SourceSpec& spec);

// `handoff: live`: the live source is asked for its end.
inline constexpr std::string_view kHandoffLive = "live";

// What the definition says under `handoff`: "handoff.kafka.0" = "1500" is streams["kafka"]["0"].
// Empty where it says live. Errors: kInvalidArgument.
Result<HandoffToken> HandoffOf(const SourceSpec& spec);

// Does `path` match `pattern`? Both have '/' between components. '*' is any run of characters
// within a component, '?' one, '[a-c]' and '[!x]' sets, and '**' as a component any number of
// components. As in a shell, a leading '.' is matched only by a '.'.
bool MatchesGlob(std::string_view pattern, std::string_view path);

// Of a directory: files below it whose name, or a directory's on the way, begins with '.' or '_'.
enum class HiddenFiles { kSkipped, kListed };

// Threads: const methods may be called at once.
class ObjectSet {
 public:
  // `paths` are files, globs or directories (all files below); relative ones start at
  // `base_directory`.
  ObjectSet(std::vector<std::string> paths, std::string base_directory,
            HiddenFiles hidden = HiddenFiles::kSkipped);
  // Of a remote store. Paths and names begin with `scheme`, which the filesystem does not know.
  ObjectSet(std::vector<std::string> paths, std::shared_ptr<arrow::fs::FileSystem> store,
            std::string_view scheme, HiddenFiles hidden = HiddenFiles::kSkipped);
  // The same over another filesystem; tests.
  ObjectSet(std::vector<std::string> paths, std::string base_directory,
            std::shared_ptr<arrow::fs::FileSystem> filesystem);

  // Whether every request is a round trip over a network.
  bool remote() const noexcept { return !scheme_.empty(); }

  // Every object that some path matches, once, ascending by name.
  // Errors: kNotFound (a path matches nothing; names it), kUnavailable.
  Result<std::vector<SourceObject>> List() const;
  // Errors: kFailedPrecondition: the object is gone or has another size or time.
  Status CheckUnchanged(const SourceObject& object) const;
  // Lists again. Errors: as List, but for kNotFound.
  Result<ObjectChanges> Compare(const std::vector<SourceObject>& frozen) const;
  // For reading by position. Errors: kNotFound, kPermissionDenied, kUnavailable; a remote store may
  // tell them at the first read.
  Result<std::shared_ptr<arrow::io::RandomAccessFile>> Open(const SourceObject& object) const;
  // The first `size` bytes, or all there are. Errors: as Open.
  Result<std::string> ReadHead(const SourceObject& object, size_t size) const;

 private:
  // What a disk refuses it refuses for good.
  template <class Ask>
  auto Request(Ask&& ask) const -> decltype(ask()) {
    return remote() ? Retried(ask) : ask();
  }
  std::string FullPath(const std::string& name) const;
  std::string DirectoryPath(const std::string& name) const;
  Status Expand(const std::string& path, std::vector<SourceObject>* objects) const;
  Status ListBelow(const std::string& directory, const std::string& pattern,
                   std::vector<SourceObject>* objects) const;

  std::vector<std::string> paths_;
  std::string base_directory_;
  std::string scheme_;  // "s3://", or empty
  HiddenFiles hidden_ = HiddenFiles::kSkipped;
  std::shared_ptr<arrow::fs::FileSystem> filesystem_;
};

// ScanPlan::payload of a file source, as JSON text.
// Errors: kInvalidArgument (a file name that is not UTF-8).
Result<std::string> SerializeObjects(const std::vector<SourceObject>& objects);
// Errors: kInvalidArgument.
Result<std::vector<SourceObject>> ParseObjects(std::string_view text);

}  // namespace murmur
