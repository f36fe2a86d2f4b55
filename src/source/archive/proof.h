// Whether offsets are what names and counts make them, shown by what the objects hold.
//
// Names say where an object of a partition starts; that record i of it has offset start + i is a
// supposition, which a transaction's mark, a tombstone that was left out, or an empty message makes
// untrue. Counts can't show it: a hole and an overlap of one size hide each other. But a sink
// writes what it reads, one record after another: if an object holds the offset at which the next
// object starts, then it holds that object's first record. So:
//  - An object without that record ends before the next one starts: it overlaps nothing.
//  - An object that has it once, where the supposition puts it, has no hole before it, and what it
//    repeats begins there.
//  - Anything else is not proven. Such an object is read whole, so that nothing is lost, and the
//    archive is at-least-once.
//
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
  size_t listed = 0;  // of the next start the one that gives its range
  uint64_t span = 0;  // offsets up to there
};
// Of each object in a dense partition that another one follows; by index in the listing.
std::map<size_t, NextObject> NextObjects(const Archive& archive);

// What came of reading an object.
struct ReadObject {
  uint64_t records = 0;
  std::optional<uint64_t> span;        // up to the next object's start, if there is one
  std::optional<uint64_t> next_found;  // the first record that could be the next object's first
  bool next_found_more = false;        // there are several
};

// Records that are to be read as well.
struct MoreRecords {
  RecordRange range;
  // Where the range should end this object begins (index in Archive::objects): reading shows
  // whether it does, as IsEndProven says.
  std::optional<size_t> next;
};

struct Proof {
  std::vector<MoreRecords> more;
  std::vector<size_t> unproven;  // in Archive::objects
  std::string why;               // of the first
  bool borders = false;          // a range begins or ends in one of them: records outside count too
};

// `more` is what Coverage says of the same counts. REQUIRES: read[i] is of archive.objects[i]
Proof Prove(const Archive& archive, const std::vector<ReadObject>& read,
            const std::vector<RecordRange>& more);

// `read` is what came of reading more.range, with more.next looked for.
bool IsEndProven(const MoreRecords& more, const ReadObject& read);

}  // namespace murmur
