// Decides, from the names and sizes of an archive's objects alone, which sink wrote it, which
// objects hold records, in what order they are read and how exact that can be. Names are relative
// to the archive's root. Times are microseconds since the Unix epoch; paths are in UTC.
//
// Offsets. A partition is dense when record i of an object that starts at offset o has offset o +
// i. In a dense partition an object gives only the records below the next object's start, so what a
// restarted sink wrote twice counts once, whatever the objects' names. If several objects have one
// start, the largest gives the records; the others stay with an empty range, since names and sizes
// don't say which holds more records. So names alone are not enough where an object ends before the
// next one starts, where another object with the same start holds more records, and after the last
// start: a reader counts every object's records and asks CheckCoverage() what else to read. In a
// partition that isn't dense, every object is read whole; the archive is not exact then.
//
// If a topic was deleted and made again under its name, it reuses offsets, and no name shows it.
// Such archives must lie under separate roots.
// Threads: pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/record.h"
#include "murmur/status.h"

namespace murmur {

enum class Layout {
  kPlain,           // objects of any name
  kHive,            // below key=value directories
  kKafkaConnect,    // Confluent's S3 sink, also on MSK Connect
  kAiven,           // Aiven's S3 sink
  kMskDelivery,     // MSK Data Delivery
  kFirehose,        // Amazon Data Firehose
  kDynamoDbExport,  // DynamoDB's export to S3
};

std::string_view LayoutName(Layout layout);  // "kafka-connect"
// Errors: kInvalidArgument (lists the names).
Result<Layout> ParseLayout(std::string_view name);

// At most this percentage of the names that a layout should place may be something else. These are
// excluded and reported; with more, the layout is the wrong one.
inline constexpr size_t kUnplacedPercentMax = 5;

// Firehose names an object by the arrival of its oldest record. Others arrive up to a buffer's time
// later, at most 900 s; one hour more allows for retried deliveries.
inline constexpr std::chrono::seconds kBufferMax{900};
inline constexpr std::chrono::seconds kDeliveryMargin{3600};

struct LayoutOptions {
  // kAuto: dense if all objects of a partition lie in its own `partition=<n>` directory (the
  // Default partitioner). kDense: also if the Wallclock extractor made the directories, since
  // offsets follow each other there; not with Record, RecordField or Field. kSparse: for
  // transactions, compaction, ignored nulls, or a transform that filters.
  enum class Offsets { kAuto, kDense, kSparse };
  // The meaning of dates in paths. kRecord: the record's own time (extractor Record or
  // RecordField). kNone: something else (a Field partitioner's values); never prune by it.
  enum class PathTime { kArrival, kRecord, kNone };

  std::optional<Layout> layout;      // empty: recognised by the names
  std::string file_delimiter = "+";  // kafka-connect's file.delim
  Offsets offsets = Offsets::kAuto;  // for layouts with offsets
  PathTime path_time = PathTime::kArrival;
  std::string dynamodb_export;  // the export's id, if there are several below the root
};

struct ListedObject {
  std::string name;  // below the root: "topics/t/partition=0/t+0+0000000000.json"
  uint64_t size = 0;
};

struct ArchiveObject {
  size_t listed = 0;  // index in the listing
  uint64_t size = 0;  // bytes
  std::string topic;  // the next three: if the layout has offsets
  int64_t partition = -1;
  int64_t start_offset = -1;  // of record 0
  // Records [begin, end) are given, counted from 0. Empty: none are; the object is only counted,
  // for CheckCoverage().
  uint64_t begin = 0;
  uint64_t end = UINT64_MAX;
  // The number of records if the object reaches the next object of its partition, or the end of the
  // cut: fewer are a gap, more are an overlap. For an export: the number in the manifest.
  std::optional<uint64_t> expected;
  std::optional<TimeSpan> path_time;  // as the path gives it; empty: it gives none
  std::string md5;                    // of an export's object, base64; else empty
};

struct ExcludedObject {
  size_t listed = 0;
  std::string reason;     // "keys of another object"
  bool unplaced = false;  // the layout has no place for it: records that it may hold are missed
};

struct ArchivePartition {
  std::string topic;
  int64_t partition = -1;
  int64_t first_start = 0;  // of the whole archive, before any pruning
  int64_t last_start = 0;
  uint64_t longest_span = 0;   // between two successive starts
  double record_bytes = 0;     // lower bound, if no object holds more records than its span
  size_t repeated_starts = 0;  // objects with the same start as another
  bool dense = false;
  std::optional<int64_t> from;  // set by CutByOffsets()
  std::optional<int64_t> until;
};

struct Archive {
  Layout layout = Layout::kPlain;
  std::string why;  // "kafka-connect: 1,498 of 1,500 names are <topic>+<partition>+<offset>"
  // In reading order: by topic, partition, start offset, larger first; else by name.
  std::vector<ArchiveObject> objects;
  std::vector<ExcludedObject> excluded;      // as listed
  std::vector<ArchivePartition> partitions;  // by topic and partition; empty: no offsets
  // Each record of the objects is given once, as long as CheckCoverage() finds no gap.
  bool exact = false;
  std::string inexact_why;
  bool concatenated = false;       // JSON values may follow each other without a newline
  std::optional<size_t> manifest;  // of an export, index in the listing: for ApplyManifest()
  LayoutOptions::PathTime path_time = LayoutOptions::PathTime::kArrival;
};

// Without options.layout, takes the first layout that fits, in this order: dynamodb-export,
// firehose, msk-delivery, kafka-connect, aiven, hive, plain. Names of the first four don't arise by
// chance, so it is an error if only some names in a listing have their form. Errors:
// kInvalidArgument (names don't fit, two archives below the root, options that contradict the
// layout; says what to change), kNotFound (no object holds records).
Result<Archive> ReadLayout(std::span<const ListedObject> listing, const LayoutOptions& options);

// Keeps what may hold records of `times`, and returns how many objects it dropped. `lag`: how much
// later than its time a record may arrive. Margins are added unless paths hold record times.
// kafka-connect's wall clock is never before the record's time, and up to `lag` after it. The
// others name an object by an earlier record in it, so kBufferMax + kDeliveryMargin are added
// below. Objects without a path time stay. REQUIRES: lag >= 0
size_t PruneByTime(const TimeSpan& times, std::chrono::seconds lag, Archive* archive);

struct PartitionRange {
  std::string topic;  // empty: the archive's only one
  int64_t partition = 0;
  std::optional<int64_t> from;   // empty: from the archive's first
  std::optional<int64_t> until;  // not included; empty: to its last
};

// Keeps the offsets of `ranges`, which must name every partition. Dense partitions are cut to the
// record; others only at the start of an object that wasn't pruned, so cut first. Objects that may
// reach into a range from before it stay with an empty range.
// REQUIRES: not cut before.
// Errors: kInvalidArgument (no offsets; a partition without a range, or with two; a border inside
// an object whose records' offsets aren't known; says what to do), kNotFound (no such partition),
// kOutOfRange (the archive begins later). On error nothing changes.
Status CutByOffsets(std::span<const PartitionRange> ranges, Archive* archive);

struct RecordRange {
  size_t object = 0;  // index in Archive::objects
  uint64_t begin = 0;
  uint64_t end = 0;
  bool operator==(const RecordRange&) const = default;
};

struct OffsetGap {  // half-open
  std::string topic;
  int64_t partition = -1;
  int64_t from = 0;
  int64_t until = 0;
  bool operator==(const OffsetGap&) const = default;
};

struct Coverage {
  std::vector<RecordRange> more;  // not in any object's range, but must be read too
  std::vector<OffsetGap> gaps;    // in no object: lost, or the partition isn't dense
  // Objects that start before an earlier one ends: written twice. The earlier object's count can't
  // show whether its offsets have holes; holes elsewhere would show as gaps.
  size_t overlaps = 0;
};

// What the objects' ranges leave out of dense partitions, now that their records are counted.
// Ranges and `more` together give each offset that some object holds exactly once. REQUIRES:
// counts[i] is the number of all records in archive.objects[i]
Coverage CheckCoverage(const Archive& archive, std::span<const uint64_t> counts);

inline constexpr size_t kManifestLineBytesMax = 64 << 10;

struct ManifestFile {
  std::string key;     // in the bucket that the export was written to
  uint64_t items = 0;  // lines of the file
  std::string md5;     // of the file, base64
  bool operator==(const ManifestFile&) const = default;
};

// An export's manifest-files.json: one JSON object per line.
// Errors: kDataLoss (names the line).
Result<std::vector<ManifestFile>> ParseManifest(std::string_view text);

// Keeps what the manifest lists, with its counts and sums, and makes the archive exact. Matches the
// ends of keys, so that an export may be copied elsewhere.
// REQUIRES: archive is ReadLayout's of `listing`, archive->manifest.
// Errors: kDataLoss (a file is missing, or listed twice).
Status ApplyManifest(std::span<const ManifestFile> files, std::span<const ListedObject> listing,
                     Archive* archive);

}  // namespace murmur
