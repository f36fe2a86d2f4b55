// Which rows of a table a scan has counted, and as of when: what the cut method knows instead of
// rows. A scan reads ranges of rows, each from its begin to its end, in stretches that are each as
// of one place in the log of changes; live brings the changes in the order of the log.
//
// A change of a row in a stretch that was read behind it is in what was read. A change of a row
// that no read has reached will be in what comes, as a read sees no less than live has passed when
// it begins. While a read is under way nobody knows what it has seen until it tells: changes of the
// rows that it has not reached yet are held. Where they are too many, the read is begun anew, and
// live is to wait until it has brought its first rows: so each read comes further.
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/record.h"
#include "murmur/source.h"
#include "murmur/state.h"
#include "murmur/status.h"

namespace murmur {

class CutMap {
 public:
  // A change that waits for a read that is under way.
  struct Held {
    std::string row;
    std::string place;
    RowChange change = RowChange::kPut;
    uint64_t id = 0;
    std::string cells;
  };
  enum class Verdict : uint8_t {
    kCounts,
    kIgnored,  // what was read has it, or what will be read
    kHeld,     // Hold it
  };

  // What is held for one read has at most so many bytes: with more the read is begun anew.
  explicit CutMap(size_t held_bytes_max) : held_bytes_max_(held_bytes_max) {}

  // Takes up what was stored of a scan. Ranges don't overlap. Without any, all changes count.
  // `done`: all of its rows are counted. Errors: kDataLoss.
  Status Load(const StateTable& table, const std::vector<Split>& splits,
              const std::vector<RowRange>& ranges, const std::vector<bool>& done);

  // All rows are counted, and live has passed what their reads have seen.
  bool settled() const;
  // That of a table whose scan has come to its end. Errors: kInternal (it is not).
  static Status CheckSettled(const StateTable& table);

  // --- the scan

  // A read of what is left of the range begins; what it sees is as of now, or of later.
  void BeginRead(const std::string& split);
  // False, and live is to wait: what is held for a read is near its limit, or a read that held too
  // much was begun anew and has brought nothing yet.
  bool HasRoom() const;
  // How often in a row reads of the range held too much before they brought anything.
  uint32_t Overfilled(const std::string& split) const { return by_split_.at(split)->overfilled; }

  // The read has come to `through`, a row, or to the end of the range; what is new is as of `seen`.
  // False: it can't be counted, read again. Else *missed has what was held and is not in it.
  bool Count(const std::string& split, std::optional<std::string_view> through,
             std::string_view seen, std::vector<Held>* missed);

  // --- live

  Verdict Judge(std::string_view row, std::string_view place);
  // REQUIRES: Judge says so
  void Hold(Held change);
  // Live has come to a change there; and: all changes up to there have come.
  void Pass(std::string_view place);
  void PassAll(std::string_view place);

  // What has to be stored since the last call, ascending by key.
  std::vector<LedgerRow> TakeChanges();

 private:
  // Rows behind those of the stretch before. What changed up to `seen` is in it; empty: all that
  // live has not passed comes behind it.
  struct Stretch {
    std::optional<std::string> through;  // none: to the end of the range
    std::string seen;
  };
  struct Reading {
    std::string passed;  // by live, when it began
    std::multimap<std::string, Held, std::less<>> held;
    size_t bytes = 0;
    bool stale = false;
    bool brought = false;  // rows
  };
  struct Range {
    std::string split;
    std::optional<std::string> until;
    std::vector<Stretch> counted;
    std::unique_ptr<Reading> reading;  // null: none is under way
    uint32_t overfilled = 0;           // reads in a row that held too much and brought nothing

    bool done() const { return !counted.empty() && !counted.back().through; }
    bool waits() const;  // for changes up to where a stretch was read
    const Stretch* Find(std::string_view row) const;
    void Add(Stretch stretch);
    bool Forget(std::string_view place);
    std::string ToBytes() const;
    bool FromBytes(std::string_view bytes);
  };

  Range* RangeOf(std::string_view row);  // null: of none
  void MakeStale(Reading* reading) const;

  const size_t held_bytes_max_;
  std::map<std::string, Range, std::less<>> ranges_;  // by their first rows
  std::map<std::string, Range*> by_split_;
  std::set<Range*> open_;     // with stretches whose changes have not all come
  std::set<Range*> changed_;  // since they were stored
  std::string passed_, stored_passed_;
  std::string passed_all_;
};

}  // namespace murmur
