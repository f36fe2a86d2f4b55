// The parts of names, layout by layout. Only for the files of this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "source/archive/layout.h"

namespace murmur::archive {

// Views into the name that was split.
struct PathParts {
  std::vector<std::string_view> directories;
  std::string_view file;
};
PathParts SplitPath(std::string_view name);

bool IsDigits(std::string_view text);  // at least one
// False if `text` is not a number, or more than INT64_MAX.
bool ParseOffset(std::string_view text, int64_t* value);

struct ParsedName {
  std::string_view topic;
  int64_t partition = -1;
  int64_t start_offset = -1;
  std::string_view no_records;     // why it holds no records; empty: it holds some
  std::optional<int64_t> time_us;  // Firehose: in the file's name
  std::string_view stream;         // Firehose: without its version
};

inline constexpr std::string_view kTombstones = "tombstones";

// How certain a name must be to be taken for a layout's. kSure: only forms that hardly arise by
// chance.
enum class Certainty { kSure, kTold };

// "<topic>+<partition>+<offset>[.keys|.headers]<extensions>"; a topic may contain the delimiter.
std::optional<ParsedName> ParseKafkaConnectName(const PathParts& path, std::string_view delimiter);
// "<topic>+<partition>+<offset>-<nnnnnn>-<hex><extensions>"; kTold: also without the offset.
std::optional<ParsedName> ParseMskName(const PathParts& path, Certainty certainty);
// "<prefix><topic>-<partition>-<offset><extensions>"; the prefix can't be told from the topic.
// kSure: not what may be a date.
std::optional<ParsedName> ParseAivenName(const PathParts& path, Certainty certainty);
// The delimiter of a name that differs from kafka-connect's only in it: "_" of
// "t_0_0000000100.json". Empty: it is no such name.
std::string_view GuessDelimiter(std::string_view file);

// "<stream>[-<version>]-YYYY-MM-dd-HH-MM-SS-<uuid>[.extension]"
std::optional<ParsedName> ParseFirehoseName(const PathParts& path);

// Tells Firehose's error output from data whose path has the same words in it.
class FirehoseErrors {
 public:
  // Call it for every name of the listing before the first TypeOf.
  void Learn(const PathParts& path, const ParsedName& name);
  // "processing-failed"; empty: data.
  std::string_view TypeOf(const PathParts& path, const ParsedName& name) const;

 private:
  std::set<std::string_view> streams_;  // that also write outside of error prefixes
  std::set<std::string_view> keys_;     // of key=value directories with other values than types
};

// Sets path_time of objects below directories that are a date, with or without an hour.
void SetPathTimes(std::span<const ListedObject> listing, std::vector<ArchiveObject>* objects);

// How a layout places a listing.
struct Placement {
  Layout layout = Layout::kPlain;
  std::string form;   // the form of names: "names are <topic>+<partition>+<offset>"
  size_t names = 0;   // names that it should place
  size_t placed = 0;  // placed names, with and without records
  std::vector<ArchiveObject> objects;
  std::vector<ExcludedObject> excluded;
  std::set<std::pair<std::string, int64_t>> tombstones;  // partitions that have tombstones
  std::optional<size_t> manifest;

  void Exclude(size_t listed, std::string reason) {
    excluded.push_back({.listed = listed, .reason = std::move(reason)});
  }
  void ExcludeUnplaced(size_t listed, std::string reason) {
    excluded.push_back({.listed = listed, .reason = std::move(reason), .unplaced = true});
  }
};

// Errors: kInvalidArgument (several exports; lists them), kNotFound (no export of that id).
Result<Placement> PlaceDynamoDbExport(std::span<const ListedObject> listing,
                                      const LayoutOptions& options);

// Fills in archive->partitions and the ranges of its objects. REQUIRES: objects are in order
// Errors: kInvalidArgument (two archives of a topic; names both).
Status ArrangeOffsets(std::span<const ListedObject> listing, const LayoutOptions& options,
                      const Placement& placement, Archive* archive);
// Sets the ranges of dense partitions, from the starts of the present objects and the partitions'
// cuts.
void AssignRanges(Archive* archive);

// The index after the last object, from `first` on, of the same partition.
size_t PartitionEnd(std::span<const ArchiveObject> objects, size_t first);
// The index after the last object, from `first` up to `last`, with the same start.
size_t RunEnd(std::span<const ArchiveObject> objects, size_t first, size_t last);
// Null: the object has no offset.
const ArchivePartition* FindPartition(const Archive& archive, const ArchiveObject& object);

uint64_t Distance(int64_t from, int64_t until);  // REQUIRES: from <= until
int64_t SaturatingAdd(int64_t a, int64_t b);

// "a, b, c and 4 more"
std::string FirstFew(std::span<const std::string> names);

}  // namespace murmur::archive
