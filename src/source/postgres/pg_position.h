// Places in PostgreSQL's log, and what a read saw of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/source.h"
#include "murmur/status.h"
#include "source/postgres/pg_connection.h"

namespace murmur {

// A byte position in the write-ahead log.
using PgLsn = uint64_t;
std::string PgLsnText(PgLsn lsn);                    // "0/16B3748"
void RaiseTo(PgLsn lsn, std::atomic<PgLsn>* place);  // never back
bool ParsePgLsn(std::string_view text, PgLsn* lsn);

// Where a timeline of the log ended, by the history of one that came after it: lines of "timeline,
// tab, place, tab, why". Empty: it does not say.
std::optional<PgLsn> PgEndOfTimeline(std::string_view history, uint32_t timeline);

// Everything that was committed up to `lsn` has been read, and of the transaction whose commit lies
// at `commit` the first `rows` changes of the table; `commit` 0: there is no such.
// `shape` tells the table, and what of it is read, from others (PgRows::shape); empty: nothing was
// read yet. `timeline` is that of the log; 0: unknown. `partitions`: PgPartitions::record.
// As text "0/16B3748#5e1f09c27ab49024/1", "0/16B3748+17@0/16B9000#5e1f09c27ab49024/1~…".
struct PgPosition {
  PgLsn lsn = 0;
  uint64_t rows = 0;
  PgLsn commit = 0;
  std::string shape = {};
  uint32_t timeline = 0;
  std::string partitions = {};

  // Everything up to `lsn` has been read, of the same log.
  void MoveTo(PgLsn place) {
    lsn = place;
    rows = 0;
    commit = 0;
  }
  std::string ToString() const;
  bool operator==(const PgPosition&) const = default;
};
// Errors: kInvalidArgument
Result<PgPosition> ParsePgPosition(std::string_view text);

HandoffToken PgHandoff(const PgPlace& place, const PgPosition& position);

// TableRows::watermark: everything committed up to it has been told.
std::string PgWatermark(PgLsn lsn);
// TableRows::places: the transaction of a change. Numbers of transactions have 32 bits in the log.
std::string PgPlaceOf(uint32_t transaction);

// What a read saw, as pg_current_snapshot() says it, and a place in the log after all that it saw.
std::string PgReadPoint(std::string_view snapshot, PgLsn end);

// Commits become visible in another order than that of the log, so that a read knows which
// transactions it saw, and no place in the log says it (docs/architecture.md).
class PgReadPoints final : public ReadPoints {
 public:
  bool Saw(std::string_view read_point, std::string_view place) const override;
  bool Covers(std::string_view read_point, std::string_view passed) const override;
  bool IsPassed(std::string_view read_point, std::string_view watermark) const override;
  void Pass(std::string_view place, std::string* passed) const override;
};
inline const PgReadPoints kPgReadPoints;

}  // namespace murmur
