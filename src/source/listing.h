// What the paths of a source name: files below directories, or keys of a store. One set of rules
// for both, docs/sources.md ("Paths") says them:
//  - What is read counts once, whatever names it: a file by device and inode, an object by its key.
//  - A directory, or a prefix, is everything below it; links to directories are followed, and end
//    where they lead back.
//  - What can't be read as it is named is told in `notes`, not passed over.
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
  std::string name;      // as the definition reaches it: "data/a.jsonl"; names records for ever
  uint64_t size = 0;     // bytes
  int64_t mtime_ns = 0;  // since the Unix epoch
  std::string tag;       // of a store that has such: differs when the content does (ETag)
  // Of a store: the class where an object may have to be restored before it can be read
  // ("GLACIER").
  std::string cold;
  // The name's bytes where they are no UTF-8; `name` has "\xE9" for such a byte then.
  std::string raw_name;
  bool operator==(const SourceObject&) const = default;
};

// Of a directory or a prefix: what lies below it and has, or lies in what has, a name that begins
// with '.' or '_'.
enum class HiddenFiles { kSkipped, kListed };

struct Listing {
  struct Entry {
    SourceObject object;
    std::string identity;  // equal for two names of one file
  };
  std::vector<Entry> entries;      // ascending by name, each identity once
  std::vector<std::string> notes;  // what a user should know: what was left out, and why
};

// Files that `paths` name; relative ones start at `base_directory`.
// Errors: kNotFound (a path names nothing; says which), kPermissionDenied (a directory, or a file's
// attributes, may not be read), kInvalidArgument (a pipe), kFailedPrecondition (two names that look
// alike), kCancelled.
Result<Listing> ListFiles(const std::vector<std::string>& paths, const std::string& base_directory,
                          HiddenFiles hidden, const std::stop_token& stop);

// A file's path without what stands for nothing: "./a//b/" is "a/b". ".." stays: what lies before
// it may be a link.
std::string NormalisedPath(std::string_view path);

// One file, as ListFiles would give it. Errors: kNotFound, kPermissionDenied.
Result<Listing::Entry> StatFile(const SourceObject& object, const std::string& base_directory);

// Where the file is: `object`'s name, below base_directory if it is relative.
std::string FilePath(const SourceObject& object, const std::string& base_directory);

// What a store holds: keys, in the order of their bytes. "bucket/key", any bytes but an empty
// bucket. Threads: const methods may be called at once.
class ObjectStore {
 public:
  ObjectStore() = default;
  ObjectStore(const ObjectStore&) = delete;
  ObjectStore& operator=(const ObjectStore&) = delete;
  virtual ~ObjectStore() = default;

  // Every object whose key begins with `prefix` ("bucket/pre"), ascending, `limit` of them at most.
  // Names are "bucket/key". Errors: kNotFound (no such bucket), kPermissionDenied, kUnavailable,
  // kCancelled.
  virtual Result<std::vector<SourceObject>> List(const std::string& prefix, size_t limit,
                                                 const std::stop_token& stop) const = 0;
  // For reading by position; nothing is asked before the first read. `name` is "bucket/key".
  virtual Result<std::shared_ptr<arrow::io::RandomAccessFile>> Open(
      const std::string& name, const SourceObject& object) const = 0;

  // Reads of opened objects end soon after its Request, with kCancelled.
  Interruption& interruption() const noexcept { return interruption_; }

 private:
  mutable Interruption interruption_;
};

// Objects that `paths` name; names begin with `scheme`. Errors: as ListFiles and ObjectStore::List.
Result<Listing> ListStore(const ObjectStore& store, const std::vector<std::string>& paths,
                          std::string_view scheme, HiddenFiles hidden, const std::stop_token& stop);

// Sets object->name to `bytes`, readable whatever they are, and raw_name where that loses
// something.
void SetName(std::string bytes, SourceObject* object);
// The name's bytes.
const std::string& RawName(const SourceObject& object);

// "a, b, c and 4 more": of names, for a note.
std::string Examples(const std::vector<std::string>& names);

// Sorts the entries by name. Errors: kFailedPrecondition: two names that can't be told apart.
Status SortByName(Listing* listing);

}  // namespace murmur
