// Whether offsets are what names and counts suggest: proven from the objects' content.
//
// Names give the start offset of an object. That its record i has offset start + i is only assumed:
// a transaction's marker, an omitted tombstone, or an empty message makes it wrong. Counts can't
// show it: a hole and an overlap of the same size hide each other. But a sink writes what it reads,
// one record after another: if an object holds the offset at which the next object starts, then it
// holds that object's first record. So:
//  - An object without that record ends before the next one starts: it overlaps nothing.
//  - An object that has it once, at the assumed place, has no hole before it, and what it repeats
//    begins there.
//  - Anything else is not proven. Such an object is read whole, so that nothing is lost, and the
//    archive is at-least-once.
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "source/archive/layout.h"

namespace murmur {

struct NextObject {
  size_t listed = 0;  // among objects with the next start, the one that gives its range
  uint64_t span = 0;  // number of offsets up to there
};
// For each object in a dense partition that is followed by another; by index in the listing.
std::map<size_t, NextObject> NextObjects(const Archive& archive);

// The result of reading an object.
struct ReadObject {
  uint64_t records = 0;
  std::optional<uint64_t> span;        // up to the next object's start, if there is one
  std::optional<uint64_t> next_found;  // the first record that could be the next object's first
  bool next_found_more = false;        // there are several
};

// Records that must also be read.
struct MoreRecords {
  RecordRange range;
  // If the range should end where another object begins: that object (index in Archive::objects).
  // Reading shows whether it does; see IsEndProven.
  std::optional<size_t> next;
};

struct Proof {
  std::vector<MoreRecords> more;
  std::vector<size_t> unproven;  // in Archive::objects
  std::string why;               // the reason for the first of them
  bool borders = false;          // a range begins or ends in one: records outside it count too
};

// `more`: Coverage::more for the same counts. REQUIRES: read[i] is of archive.objects[i]
Proof Prove(const Archive& archive, const std::vector<ReadObject>& read,
            const std::vector<RecordRange>& more);

// `read`: the result of reading more.range while looking for more.next.
bool IsEndProven(const MoreRecords& more, const ReadObject& read);

}  // namespace murmur
