#include "source/archive/proof.h"

#include <set>
#include <utility>

#include "source/archive/names.h"

namespace murmur {
namespace {

using archive::Distance;
using archive::FindPartition;
using archive::PartitionEnd;
using archive::RunEnd;

// The next object's first record is at the assumed place.
bool IsAligned(const ReadObject& read) {
  return read.span && read.next_found && !read.next_found_more && *read.next_found == *read.span;
}
bool EndsBeforeNext(const ReadObject& read) {
  return read.span && !read.next_found && read.records <= *read.span;
}
// Record i has offset start + i, up to the next object's start.
bool HasKnownOffsets(const ReadObject& read) {
  return IsAligned(read) || (EndsBeforeNext(read) && read.records == *read.span);
}

bool IsDense(const Archive& archive, const ArchiveObject& object) {
  const ArchivePartition* const partition = FindPartition(archive, object);
  return partition != nullptr && partition->dense;
}

// Whether a border of the requested range lies within the object's expected offsets.
bool HasBorder(const ArchivePartition& partition, const ArchiveObject& object,
               const ReadObject& read) {
  const auto inside = [&](std::optional<int64_t> border) {
    if (!border || *border <= object.start_offset) return false;
    const uint64_t at = Distance(object.start_offset, *border);
    return at < (read.span ? *read.span : read.records);
  };
  return object.begin < object.end && (inside(partition.from) || inside(partition.until));
}

// The objects up to `last` are one dense partition.
class PartitionProof {
 public:
  PartitionProof(const Archive& archive, const std::vector<ReadObject>& read, size_t last)
      : archive_(archive), read_(read), last_(last) {}

  // Why the object that gives a range may give the wrong records; empty: it does not.
  std::string WhyNot(size_t index, bool* border) const {
    const ArchiveObject& object = archive_.objects[index];
    const ReadObject& read = read_[index];
    if (object.begin >= object.end) return {};
    if (HasBorder(*FindPartition(archive_, object), object, read) && !HasKnownOffsets(read)) {
      *border = true;
      return "a border of the range lies in it, and where can't be told";
    }
    if (!read.span || EndsBeforeNext(read) || IsAligned(read)) return {};
    if (!read.next_found) return "it has more records than offsets, and yet not the next one";
    return read.next_found_more
               ? "several of its records could be the first of the next object"
               : "the first record of the next object is not where its number puts it";
  }

  // Whether the records in `range` are known to begin where those before them end. *next is the
  // object that shows where they end, if that is not known yet.
  bool IsStartProven(const RecordRange& range, std::optional<size_t>* next) const {
    const ArchiveObject& from = archive_.objects[range.object];
    const int64_t begins =
        archive::SaturatingAdd(from.start_offset, static_cast<int64_t>(range.begin));
    size_t giver = range.object;
    size_t end = RunEnd(archive_.objects, giver, last_);
    while (end < last_ && archive_.objects[end].start_offset <= begins) {
      if (!IsAligned(read_[giver])) return false;
      giver = end;
      end = RunEnd(archive_.objects, giver, last_);
    }
    if (end == last_ && FindPartition(archive_, from)->until) {
      return giver == range.object && HasKnownOffsets(read_[giver]);
    }
    if (end == last_) return true;
    if (giver != range.object || !IsAligned(read_[giver])) *next = end;
    return true;
  }

 private:
  const Archive& archive_;
  const std::vector<ReadObject>& read_;
  const size_t last_;
};

}  // namespace

std::map<size_t, NextObject> NextObjects(const Archive& archive) {
  std::map<size_t, NextObject> next_objects;
  const auto& objects = archive.objects;
  for (size_t first = 0; first < objects.size();) {
    const size_t last = PartitionEnd(objects, first);
    if (!IsDense(archive, objects[first])) {
      first = last;
      continue;
    }
    while (first < last) {
      const size_t next = RunEnd(objects, first, last);
      for (; first < next; ++first) {
        if (next == last) continue;
        next_objects[objects[first].listed] = {
            .listed = objects[next].listed,
            .span = Distance(objects[first].start_offset, objects[next].start_offset)};
      }
    }
  }
  return next_objects;
}

Proof Prove(const Archive& archive, const std::vector<ReadObject>& read,
            const std::vector<RecordRange>& more) {
  Proof proof;
  std::set<size_t> unproven;
  std::vector<MoreRecords> proven;
  const auto add = [&](size_t index, std::string why) {
    if (unproven.empty()) proof.why = std::move(why);
    if (unproven.insert(index).second) proof.unproven.push_back(index);
  };
  for (size_t first = 0; first < archive.objects.size();) {
    const size_t last = PartitionEnd(archive.objects, first);
    if (!IsDense(archive, archive.objects[first])) {
      first = last;
      continue;
    }
    const PartitionProof partition(archive, read, last);
    for (size_t i = first; i < last; ++i) {
      if (std::string why = partition.WhyNot(i, &proof.borders); !why.empty()) add(i, why);
    }
    for (const RecordRange& range : more) {
      if (range.object < first || range.object >= last) continue;
      std::optional<size_t> next;
      if (partition.IsStartProven(range, &next)) {
        proven.push_back({.range = range, .next = next});
      } else {
        add(range.object, "it holds more than a later object, and from where can't be told");
      }
    }
    first = last;
  }
  for (const MoreRecords& one : proven) {
    if (!unproven.contains(one.range.object)) proof.more.push_back(one);
  }
  for (const size_t index : proof.unproven) {
    const ArchiveObject& object = archive.objects[index];
    if (object.begin > 0) {
      proof.more.push_back({.range = {.object = index, .begin = 0, .end = object.begin}});
    }
    const uint64_t records = read[index].records;
    if (records > object.end) {
      proof.more.push_back({.range = {.object = index, .begin = object.end, .end = records}});
    }
  }
  return proof;
}

bool IsEndProven(const MoreRecords& more, const ReadObject& read) {
  if (!more.next || !read.next_found) return true;
  return !read.next_found_more && *read.next_found == more.range.end;
}

}  // namespace murmur
