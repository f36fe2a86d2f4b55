// Keeps part of an archive: by time, by offsets.
#include <fmt/format.h>

#include <algorithm>

#include "base/civil_time.h"
#include "source/archive/names.h"

namespace murmur {
namespace {

using archive::AssignRanges;
using archive::FirstFew;
using archive::PartitionEnd;

int64_t Micros(std::chrono::seconds seconds) {
  int64_t micros;
  if (!__builtin_mul_overflow(int64_t{seconds.count()}, kMicrosPerSecond, &micros)) return micros;
  return seconds.count() < 0 ? INT64_MIN : INT64_MAX;
}

}  // namespace

size_t PruneByTime(const TimeSpan& times, std::chrono::seconds lag, Archive* archive) {
  const bool arrival = archive->path_time == LayoutOptions::PathTime::kArrival;
  const bool by_clock = archive->layout == Layout::kKafkaConnect;
  const int64_t margin = arrival && !by_clock ? Micros(kBufferMax + kDeliveryMargin) : 0;
  const int64_t from = archive::SaturatingAdd(times.from, -margin);
  const int64_t until = archive::SaturatingAdd(times.until, arrival ? Micros(lag) : 0);
  const size_t dropped = std::erase_if(archive->objects, [&](const ArchiveObject& object) {
    return object.path_time && (object.path_time->until <= from || object.path_time->from >= until);
  });
  // Dropped objects give nothing any more, so the objects before them give what they hold of those
  // offsets.
  AssignRanges(archive);
  return dropped;
}

namespace {

std::string PartitionName(const ArchivePartition& partition) {
  return fmt::format("partition {} of topic '{}'", partition.partition, partition.topic);
}

struct Cut {
  std::optional<int64_t> from;
  std::optional<int64_t> until;
};

Status CheckRange(const PartitionRange& range, const ArchivePartition& partition) {
  if ((range.from && *range.from < 0) || (range.until && *range.until < 0) ||
      (range.from && range.until && *range.from > *range.until)) {
    return Status(Code::kInvalidArgument,
                  fmt::format("{}: no range of offsets: {} to {}", PartitionName(partition),
                              range.from.value_or(0), range.until.value_or(INT64_MAX)));
  }
  const bool empty = range.from && range.from == range.until;
  if (range.from && !empty && *range.from < partition.first_start) {
    return Status(Code::kOutOfRange,
                  fmt::format("{}: the archive begins at offset {}, not at {}",
                              PartitionName(partition), partition.first_start, *range.from));
  }
  return Status();
}

// A cut for each of archive.partitions.
Result<std::vector<Cut>> MatchRanges(std::span<const PartitionRange> ranges,
                                     const Archive& archive) {
  std::vector<std::optional<Cut>> cuts(archive.partitions.size());
  const bool one_topic = archive.partitions.front().topic == archive.partitions.back().topic;
  for (const PartitionRange& range : ranges) {
    if (range.topic.empty() && !one_topic) {
      return Status(
          Code::kInvalidArgument,
          fmt::format("partition {}: the archive has several topics; say which", range.partition));
    }
    size_t at = 0;
    while (at < cuts.size() &&
           (archive.partitions[at].partition != range.partition ||
            (!range.topic.empty() && archive.partitions[at].topic != range.topic))) {
      ++at;
    }
    if (at == cuts.size()) {
      return Status(Code::kNotFound, fmt::format("the archive has no partition {} of topic '{}'",
                                                 range.partition, range.topic));
    }
    MURMUR_TRY(CheckRange(range, archive.partitions[at]));
    if (cuts[at]) {
      return Status(Code::kInvalidArgument, fmt::format("two ranges of offsets for {}",
                                                        PartitionName(archive.partitions[at])));
    }
    cuts[at] = Cut{range.from, range.until};
  }
  std::vector<Cut> all;
  std::vector<std::string> missing;
  for (size_t i = 0; i < cuts.size(); ++i) {
    if (!cuts[i]) missing.push_back(PartitionName(archive.partitions[i]));
    all.push_back(cuts[i].value_or(Cut()));
  }
  if (missing.empty()) return all;
  return Status(
      Code::kInvalidArgument,
      fmt::format("offsets are given for some partitions only; none for {}", FirstFew(missing)));
}

// If offsets of records aren't known, objects can only be taken whole.
Status CheckBorder(std::optional<int64_t> border, const ArchivePartition& partition,
                   std::span<const ArchiveObject> objects) {
  if (!border || *border <= partition.first_start) return Status();
  const auto above = std::find_if(objects.begin(), objects.end(), [&](const ArchiveObject& object) {
    return object.start_offset >= *border;
  });
  if (above != objects.end() && above->start_offset == *border) return Status();
  const int64_t below =
      above == objects.begin() ? partition.first_start : std::prev(above)->start_offset;
  const std::string next =
      above == objects.end() ? "leave the end open" : fmt::format("at {}", above->start_offset);
  return Status(
      Code::kInvalidArgument,
      fmt::format("{}: offset {} lies inside the object that starts at {}, and its records' "
                  "offsets aren't known. Cut on object borders: at {}, or {}; or say offsets: "
                  "dense, if record i of an object has its start offset + i",
                  PartitionName(partition), *border, below, below, next));
}

// Factor by which the records of a large object may be smaller than those of others.
constexpr double kSmallerRecords = 4;

// Whether a dense object outside the range may hold wanted records. Its number of records is
// unknown before it is read. Usually it is at most the distance between two starts; an object too
// large for that was written before a sink went back, and may reach further.
bool MayReach(const ArchiveObject& object, const ArchivePartition& partition) {
  if (partition.until && object.start_offset >= *partition.until) return false;
  const int64_t from = partition.from.value_or(0);
  if (object.start_offset >= from || partition.record_bytes == 0) return true;
  const auto distance = static_cast<double>(archive::Distance(object.start_offset, from));
  const auto longest = static_cast<double>(partition.longest_span);
  const double records = static_cast<double>(object.size) / partition.record_bytes;
  return distance < (records > longest ? kSmallerRecords * records : longest);
}

bool Holds(const ArchivePartition& partition, int64_t offset) {
  return (!partition.from || offset >= *partition.from) &&
         (!partition.until || offset < *partition.until);
}

// `objects` are of one partition, with their ranges.
void KeepWanted(const ArchivePartition& partition, std::span<ArchiveObject> objects,
                std::vector<ArchiveObject>* kept) {
  if (partition.from && partition.from == partition.until) return;
  int64_t kept_start = -1;  // of the last object whose own start is wanted
  for (ArchiveObject& object : objects) {
    if (partition.dense) {
      const bool wanted = object.begin < object.end;
      if (wanted) kept_start = object.start_offset;
      if (wanted && partition.until) {
        const uint64_t most = archive::Distance(object.start_offset, *partition.until);
        object.expected = std::min(object.expected.value_or(most), most);
      }
      if (!wanted && object.start_offset != kept_start && !MayReach(object, partition)) continue;
    } else if (!Holds(partition, object.start_offset)) {
      continue;
    }
    kept->push_back(std::move(object));
  }
}

Status CheckBorders(const Archive& archive, std::span<const Cut> cuts) {
  for (size_t first = 0; first < archive.objects.size();) {
    const size_t last = PartitionEnd(archive.objects, first);
    const auto objects = std::span(archive.objects).subspan(first, last - first);
    const ArchivePartition* const partition = archive::FindPartition(archive, objects.front());
    first = last;
    if (partition->dense) continue;
    const Cut& cut = cuts[static_cast<size_t>(partition - archive.partitions.data())];
    MURMUR_TRY(CheckBorder(cut.from, *partition, objects));
    MURMUR_TRY(CheckBorder(cut.until, *partition, objects));
  }
  return Status();
}

}  // namespace

Status CutByOffsets(std::span<const PartitionRange> ranges, Archive* archive) {
  if (archive->partitions.empty()) {
    return Status(Code::kInvalidArgument,
                  fmt::format("{} has no offsets in its names; give times instead",
                              LayoutName(archive->layout)));
  }
  if (!archive->objects.empty() && archive->objects.front().start_offset < 0) {
    return Status(Code::kInvalidArgument,
                  "some names hold no offset, so that the archive can't be cut by offsets");
  }
  MURMUR_ASSIGN(const std::vector<Cut> cuts, MatchRanges(ranges, *archive));
  MURMUR_TRY(CheckBorders(*archive, cuts));
  bool loose = false;
  for (size_t i = 0; i < cuts.size(); ++i) {
    ArchivePartition& partition = archive->partitions[i];
    partition.from = cuts[i].from;
    partition.until = cuts[i].until;
    loose |= !partition.dense && (partition.from || partition.until);
  }
  AssignRanges(archive);
  std::vector<ArchiveObject> kept;
  for (size_t first = 0; first < archive->objects.size();) {
    const size_t last = PartitionEnd(archive->objects, first);
    const auto objects = std::span(archive->objects).subspan(first, last - first);
    KeepWanted(*archive::FindPartition(*archive, objects.front()), objects, &kept);
    first = last;
  }
  archive->objects = std::move(kept);
  if (!loose) return Status();
  archive->exact = false;
  if (!archive->inexact_why.empty()) archive->inexact_why += "; ";
  archive->inexact_why +=
      "cut on object borders: an object may hold offsets after the next one's start";
  return Status();
}

}  // namespace murmur
