// What is still to be read once the records of dense partitions are counted: see layout.h.
#include <algorithm>
#include <cassert>

#include "source/archive/names.h"

namespace murmur {
namespace {

using archive::SaturatingAdd;

// How far the objects seen so far, in order of start, reach.
struct Reach {
  size_t object = 0;  // the one that reaches furthest
  int64_t end = -1;   // after its last offset
};

int64_t EndOf(const ArchiveObject& object, uint64_t records) {
  return SaturatingAdd(object.start_offset,
                       static_cast<int64_t>(std::min<uint64_t>(records, INT64_MAX)));
}

// Checks an object that should give a range and has `count` records. Missing records come from the
// object that reaches furthest, if from any: no object starts after it.
void CheckObject(const Archive& archive, size_t index, uint64_t count, const Reach& reach,
                 Coverage* coverage) {
  const ArchiveObject& object = archive.objects[index];
  if (count >= object.end) return;
  const int64_t wanted = EndOf(object, object.begin);
  const int64_t until = object.end == UINT64_MAX ? INT64_MAX : EndOf(object, object.end);
  const int64_t missing = std::max(wanted, EndOf(object, count));
  const int64_t covered = std::clamp(reach.end, missing, until);
  if (covered > missing) {
    const int64_t start = archive.objects[reach.object].start_offset;
    coverage->more.push_back({.object = reach.object,
                              .begin = static_cast<uint64_t>(missing - start),
                              .end = static_cast<uint64_t>(covered - start)});
  }
  const uint64_t expected = std::min(object.expected.value_or(object.begin), object.end);
  const int64_t gap_until = std::max(wanted, EndOf(object, expected));
  const int64_t gap_from = reach.end < wanted ? reach.end : covered;
  if (gap_from < gap_until) {
    coverage->gaps.push_back({object.topic, object.partition, gap_from, gap_until});
  }
}

// The objects [first, last) are one dense partition.
void CheckPartition(const Archive& archive, std::span<const uint64_t> counts, size_t first,
                    size_t last, Coverage* coverage) {
  Reach reach;
  while (first < last) {
    const size_t next = archive::RunEnd(archive.objects, first, last);
    coverage->overlaps += next - first - (reach.end > archive.objects[first].start_offset ? 0 : 1);
    for (size_t i = first; i < next; ++i) {
      const int64_t end = EndOf(archive.objects[i], counts[i]);
      if (end > reach.end) reach = {.object = i, .end = end};
    }
    for (; first < next; ++first) {
      const ArchiveObject& object = archive.objects[first];
      if (object.begin < object.end) CheckObject(archive, first, counts[first], reach, coverage);
    }
  }
}

}  // namespace

Coverage CheckCoverage(const Archive& archive, std::span<const uint64_t> counts) {
  assert(counts.size() == archive.objects.size());
  Coverage coverage;
  for (size_t first = 0; first < archive.objects.size();) {
    const size_t last = archive::PartitionEnd(archive.objects, first);
    const ArchivePartition* const partition =
        archive::FindPartition(archive, archive.objects[first]);
    if (partition != nullptr && partition->dense) {
      CheckPartition(archive, counts, first, last, &coverage);
    }
    first = last;
  }
  return coverage;
}

}  // namespace murmur
