// Finds what the paths of a source name: files below directories, or keys of a store. Both follow
// the rules in docs/sources.md ("Paths"):
//  - What is read counts once, however many paths name it: a file by device and inode, an object
//    by its key.
//  - A directory, or a prefix, stands for everything below it. Links to directories are followed,
//    unless they lead back.
//  - What can't be read under its name is reported in `notes`, not skipped silently.
#pragma once

#include <arrow/io/interfaces.h>

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/status.h"
#include "source/interruption.h"

namespace murmur {

// One file or object as it was when the scan began.
struct SourceObject {
  std::string name;   // the path in the definition's terms: "data/a.jsonl"; records are named by it
                      // and never change
  uint64_t size = 0;  // bytes
  int64_t mtime_ns = 0;  // since the Unix epoch
  std::string tag;       // if the store has one: differs when the content does (ETag)
  // For a store: the storage class, if an object may have to be restored before it can be read
  // ("GLACIER").
  std::string cold;
  // The name's bytes if they are not UTF-8; `name` then has "\xE9" for such a byte.
  std::string raw_name;
  bool operator==(const SourceObject&) const = default;
};

// Whether to list hidden files below a directory or prefix: those whose name, or a directory on the
// way, begins with '.' or '_'.
enum class HiddenFiles { kSkipped, kListed };

struct Listing {
  struct Entry {
    SourceObject object;
    std::string identity;  // the same for two names of one file
  };
  std::vector<Entry> entries;      // ascending by name, each identity once
  std::vector<std::string> notes;  // what a user should know: what was left out, and why
};

// The files that `paths` name; relative paths start at `base_directory`.
// Errors: kNotFound (a path names nothing; says which), kPermissionDenied (for a directory or a
// file's attributes), kInvalidArgument (a pipe), kFailedPrecondition (two names that look alike),
// kCancelled.
Result<Listing> ListFiles(const std::vector<std::string>& paths, const std::string& base_directory,
                          HiddenFiles hidden, const std::stop_token& stop);

// A file's path without redundant parts: "./a//b/" is "a/b". ".." stays: the part before it may be
// a link.
std::string NormalisedPath(std::string_view path);

// One file, as ListFiles would give it. Errors: kNotFound, kPermissionDenied.
Result<Listing::Entry> StatFile(const SourceObject& object, const std::string& base_directory);

// Where the file is: `object`'s name, below base_directory if it is relative.
std::string FilePath(const SourceObject& object, const std::string& base_directory);

// A store's content: keys, in byte order. "bucket/key"; any bytes, but the bucket is not empty.
// Threads: const methods may be called at once.
class ObjectStore {
 public:
  ObjectStore() = default;
  ObjectStore(const ObjectStore&) = delete;
  ObjectStore& operator=(const ObjectStore&) = delete;
  virtual ~ObjectStore() = default;

  // Objects whose key begins with `prefix` ("bucket/pre"), ascending, at most `limit`. Names are
  // "bucket/key".
  // Errors: kNotFound (no such bucket), kPermissionDenied, kUnavailable, kCancelled.
  virtual Result<std::vector<SourceObject>> List(const std::string& prefix, size_t limit,
                                                 const std::stop_token& stop) const = 0;
  // For reads by position; no request is made before the first read. `name` is "bucket/key".
  virtual Result<std::shared_ptr<arrow::io::RandomAccessFile>> Open(
      const std::string& name, const SourceObject& object) const = 0;

  // Reads of opened objects end soon after its Request, with kCancelled.
  Interruption& interruption() const noexcept { return interruption_; }

 private:
  mutable Interruption interruption_;
};

// The objects that `paths` name; names begin with `scheme`. Errors: as ListFiles and
// ObjectStore::List.
Result<Listing> ListStore(const ObjectStore& store, const std::vector<std::string>& paths,
                          std::string_view scheme, HiddenFiles hidden, const std::stop_token& stop);

// Sets object->name to `bytes` in readable form, and raw_name if that loses something.
void SetName(std::string bytes, SourceObject* object);
// The name's bytes.
const std::string& RawName(const SourceObject& object);

// "a, b, c and 4 more": names for a note.
std::string Examples(const std::vector<std::string>& names);

// Sorts the entries by name. Errors: kFailedPrecondition (two names look the same).
Status SortByName(Listing* listing);

}  // namespace murmur
