// A stream of shards that end and have successors: which of them are to be read, in which order,
// and how far each has been read.
//
// A shard is split, merged with another, or followed by another one. What it holds comes before
// what its children hold, so that a child is read only when its parents are read to their ends.
//
// Every shard that was ever listed is known by its name until its children are known and it is
// listed no more: else one that was read could be taken for a new one, and be read again.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/status.h"

namespace murmur {

struct ListedShard {
  std::string id;
  std::vector<std::string> parents;  // a merge has two
  bool is_open = false;
};

// Of a shard that has not been read to its end. Times are ms since the Unix epoch, by the clock of
// the service.
struct ShardProgress {
  std::string after;  // the number of the last record that was read; empty: none was
  int64_t given = 0;  // when the last record that was read was made; 0: none was read
  // What was made up to then needs no reading any more: a scan saw it, or it would have come by now
  // (that is assumed).
  int64_t settled = 0;

  int64_t read_up_to() const { return given > settled ? given : settled; }
  bool operator==(const ShardProgress&) const = default;
};

// Threads: one at a time.
class ShardLineage {
 public:
  // Where a scan that begins after `listed` was listed, at the time `now`, needs them read from:
  // open shards from their starts, closed ones never.
  static ShardLineage Begin(const std::vector<ListedShard>& listed, int64_t now);

  // What is needed by a snapshot that was taken before `listed` was listed, at the time `taken`:
  // all that there is, of shards that have ended too.
  static ShardLineage BeginAll(const std::vector<ListedShard>& listed, int64_t taken);

  // Takes a complete listing of the shards that there are. Whether a shard became known. Errors:
  // kOutOfRange (a shard that was not read to its end is gone, or one is not the successor of any
  // that is known; says which).
  Result<bool> Update(const std::vector<ListedShard>& listed);

  // The shards that may be read now.
  std::vector<std::string> Readable() const;
  // Those not read to their ends.
  const std::map<std::string, ShardProgress>& reading() const noexcept { return reading_; }
  bool IsDone(const std::string& id) const { return done_.contains(id); }

  // REQUIRES of both: the shard is in reading()
  ShardProgress& At(const std::string& id) { return reading_.find(id)->second; }
  void Finish(const std::string& id);

  // As JSON text; without what only a listing tells.
  std::string ToJson() const;
  // False: it is not such.
  static bool Parse(std::string_view json, ShardLineage* lineage);

  bool operator==(const ShardLineage& other) const {
    return reading_ == other.reading_ && done_ == other.done_;
  }

 private:
  using Listed = std::map<std::string, const ListedShard*>;  // by id

  bool IsKnown(const std::string& id) const { return reading_.contains(id) || done_.contains(id); }
  // All that come before a known shard.
  std::set<std::string> Ancestors() const;
  Status Learn(const ListedShard& shard, const Listed& listed,
               const std::set<std::string>& ancestors);
  void Forget(const Listed& listed);

  std::map<std::string, ShardProgress> reading_;
  // Read to their ends, or never to be read; with the time up to which each was read.
  std::map<std::string, int64_t> done_;
  std::map<std::string, std::vector<std::string>> parents_;  // as last listed
};

}  // namespace murmur
