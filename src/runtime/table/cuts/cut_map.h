// Which rows of a table a scan has counted, and at which read point: all that the cut method knows
// about rows. A scan reads ranges of rows, each from start to end, in cuts; all rows of a cut were
// read at one place of the change log. Live brings the changes in the order of the log.
//
// Three rules decide about a change. If its row is in a cut that was read after the change, the cut
// includes it; a change after the cut's read point counts. If no read has reached its row, a later
// read will include it, since a read sees at least what live had passed when the read began. If a
// read is under way and has not reached the row, the change is held until the read tells its read
// point. If too many changes are held, the read starts again and live waits for its first rows, so
// that each read makes progress.
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
  // A change that waits for a read under way.
  struct Held {
    std::string row;
    std::string place;
    RowChange change = RowChange::kPut;
    uint64_t id = 0;
    std::string cells;
  };
  enum class Verdict : uint8_t {
    kCounts,
    kIgnored,  // a cut includes it, or a later read will
    kHeld,     // call Hold
  };

  // `held_bytes_max`: the limit of what is held for one read; beyond it, the read starts again.
  // `read_points` outlives it.
  explicit CutMap(size_t held_bytes_max, const ReadPoints& read_points = kReadPointsInOrder)
      : read_points_(read_points), held_bytes_max_(held_bytes_max) {}

  // Loads the stored cuts of a scan. Ranges don't overlap. Without ranges, all changes count.
  // `done`: all of the scan's rows are counted. Errors: kDataLoss.
  Status Load(const StateTable& table, const std::vector<Split>& splits,
              const std::vector<RowRange>& ranges, const std::vector<bool>& done);

  bool has_ranges() const { return !ranges_.empty(); }
  // All rows are counted, and live has passed the read points of all cuts.
  bool settled() const;
  // Checks that a table whose scan is finished is settled. Errors: kInternal (it is not).
  static Status CheckSettled(const StateTable& table);

  // --- the scan

  // A read of the rest of the range begins; its read point is not earlier than now.
  void BeginRead(const std::string& split);
  // False: live must wait. Either what is held for a read is near its limit, or a read that held
  // too much has started again and has brought nothing yet.
  bool HasRoom() const;
  // A read is under way that can't start again: live may have to wait for its end.
  bool IsInOneRead() const;
  // The number of consecutive reads of the range that held too much before they brought rows.
  uint32_t Overfilled(const std::string& split) const { return by_split_.at(split)->overfilled; }

  // Whether rows from..through, ascending, can be the next of the range.
  bool IsNext(const std::string& split, std::string_view from, std::string_view through) const;
  // The read has reached the row `through`, or the end of the range. `read_point`: what the read of
  // the new rows saw. False: they can't be counted, read again. True: *missed has the held changes
  // that the new rows do not include.
  bool Count(const std::string& split, std::optional<std::string_view> through,
             std::string_view read_point, std::vector<Held>* missed);

  // --- live

  Verdict Judge(std::string_view row, std::string_view place);
  // REQUIRES: Judge says so
  void Hold(Held change);
  // Live has reached a change at this place. PassAll: all changes up to this place have come; never
  // a place before that of an earlier call.
  void Pass(std::string_view place) { read_points_.Pass(place, &passed_); }
  void PassAll(std::string_view watermark);

  // The cuts to be stored since the last call, ascending by key.
  std::vector<LedgerRow> TakeChanges();

 private:
  // A cut: the rows after the cut before it. They include what the read saw; if the read point is
  // empty, live has passed all that they include.
  struct Stretch {
    std::optional<std::string> through;  // the last row; none: to the end of the range
    std::string read_point;
  };
  struct Reading {
    std::string passed;  // what live had passed when the read began
    std::multimap<std::string, Held, std::less<>> held;
    size_t bytes = 0;
    bool stale = false;
    bool brought = false;  // rows
  };
  struct Range {
    std::string split;
    std::string from;
    std::optional<std::string> until;
    bool is_one_read = false;  // RowRange
    std::vector<Stretch> counted;
    std::unique_ptr<Reading> reading;  // null: none is under way
    uint32_t overfilled = 0;           // consecutive reads that held too much and brought no rows

    bool done() const { return !counted.empty() && !counted.back().through; }
    bool waits() const;  // for changes up to the read point of a cut
    const Stretch* Find(std::string_view row) const;
    void Add(Stretch stretch);
    bool Forget(const ReadPoints& read_points, std::string_view watermark);
    std::string ToBytes() const;
    bool FromBytes(std::string_view bytes);
  };

  Range* RangeOf(std::string_view row);  // null: of no range
  void MakeStale(Reading* reading) const;

  const ReadPoints& read_points_;
  const size_t held_bytes_max_;
  std::map<std::string, Range, std::less<>> ranges_;  // by first row
  std::map<std::string, Range*> by_split_;
  std::set<Range*> open_;               // with cuts whose changes have not all come
  std::set<Range*> changed_;            // since they were stored
  std::string passed_, stored_passed_;  // made by read_points_
  std::string watermark_;
};

}  // namespace murmur
