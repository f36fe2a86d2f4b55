// The objects (files) that a file source reads: found by the rules in listing.h, frozen with size
// and modification time when a scan starts, checked and opened again later. Includes Arrow's
// headers: for source implementations, not for public headers.
#pragma once

#include <arrow/io/interfaces.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "murmur/status.h"
#include "source/listing.h"

namespace murmur {

// What happened to objects since they were frozen.
struct ObjectChanges {
  Status changed;  // kFailedPrecondition names the first with another size or time
  std::vector<std::string> gone;
  std::vector<std::string> appeared;

  // kFailedPrecondition names the first object that changed or is gone.
  Status AllThere() const;
};

// Arrow's error as a Status, with `context` (an object's name) before its message.
Status FromArrow(const arrow::Status& status, std::string_view context);

// The values of "path", or of "path.0", "path.1", ….
std::vector<std::string> PathsOf(const SourceSpec& spec);

// `handoff: live`: the live source is asked for its end.
inline constexpr std::string_view kHandoffLive = "live";

// The positions that the definition gives under `handoff`: "handoff.kafka.0" = "1500" is
// streams["kafka"]["0"]. Empty for `handoff: live`. Errors: kInvalidArgument.
Result<HandoffToken> HandoffOf(const SourceSpec& spec);

// Threads: const methods may be called at once.
class ObjectSet {
 public:
  // Files; relative paths start at `base_directory`.
  ObjectSet(std::vector<std::string> paths, std::string base_directory,
            HiddenFiles hidden = HiddenFiles::kSkipped);
  // Objects of a store. Paths and names begin with `scheme`, which the store does not see. A store
  // without a scheme is local; others are reached over a network.
  ObjectSet(std::vector<std::string> paths, std::shared_ptr<const ObjectStore> store,
            std::string_view scheme, HiddenFiles hidden = HiddenFiles::kSkipped);

  // Whether every request is a round trip over a network.
  bool remote() const noexcept { return !scheme_.empty(); }

  // Every object that some path names, once, ascending by name.
  // Errors: kNotFound (a path matches nothing; names it), kPermissionDenied, kUnavailable,
  // kCancelled.
  Result<Listing> List(const std::stop_token& stop = {}) const;
  // Errors: kFailedPrecondition: the object is gone or has another size or time.
  Status CheckUnchanged(const SourceObject& object) const;
  // Lists again. Errors: as List, except kNotFound.
  Result<ObjectChanges> Compare(const std::vector<SourceObject>& frozen,
                                const std::stop_token& stop = {}) const;
  // For reads by position.
  // Errors: kNotFound, kPermissionDenied, kUnavailable; a remote store may return them only at the
  // first read.
  Result<std::shared_ptr<arrow::io::RandomAccessFile>> Open(const SourceObject& object) const;
  // Ends the reads under way, of all objects: a stop was asked for.
  void Interrupt() const;
  // The first `size` bytes, or all there are. Errors: as Open.
  Result<std::string> ReadHead(const SourceObject& object, size_t size) const;

 private:
  // As it is now. Errors: kNotFound.
  Result<Listing::Entry> Find(const SourceObject& object) const;

  std::vector<std::string> paths_;
  std::string base_directory_;
  std::string scheme_;  // "s3://", or empty
  HiddenFiles hidden_ = HiddenFiles::kSkipped;
  std::shared_ptr<const ObjectStore> store_;  // null: files
};

// While it lives, a stop ends requests under way.
class InterruptOnStop {
 public:
  InterruptOnStop(const std::stop_token& stop, const ObjectSet& objects)
      : callback_(stop, [&objects] { objects.Interrupt(); }) {}

 private:
  const std::stop_callback<std::function<void()>> callback_;
};

// ScanPlan::payload of a file source, as JSON text.
std::string SerializeObjects(const std::vector<SourceObject>& objects);
// Errors: kInvalidArgument.
Result<std::vector<SourceObject>> ParseObjects(std::string_view text);

}  // namespace murmur
