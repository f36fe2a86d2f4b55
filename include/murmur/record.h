// Records as the fold sees them: batches of thin columns over the bytes that a source read.
//
// A Cell is one value of one field: 16 bytes, never owning. A RecordBatch holds up to kBatchRows
// records of one split, column by column, only the fields that the pipeline asked for (its
// Projection), together with what names each record for ever (object and offset) and the position
// of the split behind the batch.
//
// Lifetime: every view in a batch (strings, raw bytes, object, dictionary) is valid until the next
// Read() on the stream that filled it, and no longer.
// Threads: plain data; a batch belongs to one worker.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace murmur {

inline constexpr uint32_t kBatchRows = 2048;  // the most rows that a batch holds

enum class Kind : uint8_t {
  kNull = 0,     // null, or the field is missing
  kBool = 1,     // i is 0 or 1
  kInt = 2,      // i
  kDouble = 3,   // d; may be NaN or infinite where the source has such (Parquet)
  kDecimal = 4,  // decimal() / 10^scale
  kString = 5,   // s, len: UTF-8, may hold NUL
  kTime = 6,     // i: microseconds since the Unix epoch, UTC; or one of the two infinities
  kJson = 7,     // s, len: an object or array as JSON text
};
inline constexpr size_t kKindCount = 8;

// Times after and before all others, as PostgreSQL has them.
inline constexpr int64_t kTimeInfinity = INT64_MAX;
inline constexpr int64_t kTimeMinusInfinity = INT64_MIN;
constexpr bool IsInfiniteTime(int64_t micros) noexcept {
  return micros == kTimeInfinity || micros == kTimeMinusInfinity;
}

// An event time lies in the years 0001 to 9999.
inline constexpr int64_t kEventTimeMin = -62135596800000000;  // 0001-01-01T00:00:00Z
inline constexpr int64_t kEventTimeMax = 253402300799999999;  // 9999-12-31T23:59:59.999999Z
constexpr bool IsEventTime(int64_t micros) noexcept {
  return micros >= kEventTimeMin && micros <= kEventTimeMax;
}

// A set of kinds, one bit each.
using KindSet = uint32_t;
inline constexpr KindSet KindBit(Kind kind) { return KindSet{1} << static_cast<unsigned>(kind); }
inline constexpr KindSet kNumberKinds =
    KindBit(Kind::kInt) | KindBit(Kind::kDouble) | KindBit(Kind::kDecimal);
inline constexpr KindSet kScalarKinds =
    kNumberKinds | KindBit(Kind::kBool) | KindBit(Kind::kString) | KindBit(Kind::kTime);

std::string_view KindName(Kind kind) noexcept;  // "string", "integer", …

__extension__ using Int128 = __int128;

struct Cell {
  union {
    int64_t i;
    double d;
    const char* s;
    const Int128* wide;  // 16-byte aligned; of a decimal that is kWide
  };
  uint32_t len = 0;  // bytes of s
  Kind kind = Kind::kNull;
  uint8_t scale = 0;  // digits after the point of a decimal, 0 to 38
  uint8_t flags = 0;
  uint8_t reserved = 0;

  static constexpr uint8_t kWide = 1;     // the decimal's digits are *wide, else i
  static constexpr uint8_t kRounded = 2;  // the double nearest to a number of more than 38 digits
  // Of kNull, in a change of a row: the change leaves the value out, which is what it was before.
  static constexpr uint8_t kUnchanged = 4;

  Cell() noexcept : i(0) {}
  static Cell Null() noexcept { return Cell(); }
  static Cell Unchanged() noexcept {
    Cell c;
    c.flags = kUnchanged;
    return c;
  }
  static Cell Bool(bool v) noexcept { return Number(v ? 1 : 0, Kind::kBool); }
  static Cell Int(int64_t v) noexcept { return Number(v, Kind::kInt); }
  static Cell Time(int64_t micros) noexcept { return Number(micros, Kind::kTime); }
  static Cell Double(double v) noexcept {
    Cell c;
    c.d = v;
    c.kind = Kind::kDouble;
    return c;
  }
  static Cell String(std::string_view v) noexcept { return Text(v, Kind::kString); }
  static Cell Json(std::string_view v) noexcept { return Text(v, Kind::kJson); }
  // Keeps the pointer, not the value: *v lives as long as the cell.
  static Cell Decimal(const Int128* v, uint8_t scale) noexcept {
    Cell c;
    c.wide = v;
    c.scale = scale;
    c.flags = kWide;
    c.kind = Kind::kDecimal;
    return c;
  }
  static Cell SmallDecimal(int64_t v, uint8_t scale) noexcept {
    Cell c = Number(v, Kind::kDecimal);
    c.scale = scale;
    return c;
  }

  bool is_null() const noexcept { return kind == Kind::kNull; }
  bool is_unchanged() const noexcept { return is_null() && (flags & kUnchanged) != 0; }
  // REQUIRES: kString or kJson
  std::string_view text() const noexcept { return {s, len}; }
  // The digits of the decimal, point left out. REQUIRES: kDecimal
  Int128 decimal() const noexcept { return (flags & kWide) != 0 ? *wide : Int128{i}; }

 private:
  static Cell Number(int64_t v, Kind kind) noexcept {
    Cell c;
    c.i = v;
    c.kind = kind;
    return c;
  }
  static Cell Text(std::string_view v, Kind kind) noexcept {
    Cell c;
    c.s = v.data();
    c.len = static_cast<uint32_t>(v.size());
    c.kind = kind;
    return c;
  }
};
static_assert(sizeof(Cell) == 16);

// Where a field lies in a record: a name, then names or list indices: a.b[0].
struct FieldPath {
  using Step = std::variant<std::string, uint32_t>;
  std::vector<Step> steps;
  std::string ToString() const;
  bool operator==(const FieldPath&) const = default;
};

// Event times in µs since the Unix epoch, half-open.
struct TimeSpan {
  int64_t from = INT64_MIN;
  int64_t until = INT64_MAX;
  bool unbounded() const noexcept { return from == INT64_MIN && until == INT64_MAX; }
  bool Contains(int64_t time) const noexcept { return time >= from && time < until; }
  bool operator==(const TimeSpan&) const = default;
};

enum class TimeUnit : uint8_t { kNone, kSeconds, kMillis, kMicros, kNanos, kDays };  // stored

// The type of a column that the data do not tell.
struct DeclaredType {
  Kind kind = Kind::kDecimal;       // kDecimal or kTime
  int precision = 0;                // kDecimal: all digits, 1 to 38
  int scale = 0;                    // kDecimal: those after the point, 0 to precision
  TimeUnit unit = TimeUnit::kNone;  // kTime: of numbers
  bool operator==(const DeclaredType&) const = default;
};

// One field that a pipeline needs.
struct FieldRequest {
  FieldPath path;
  // The field is the event time: the decoder turns a text that is a time, or a number in `unit`,
  // into kTime. A value that is no time stays what it is, and the fold makes the record a dead
  // letter.
  bool as_time = false;
  TimeUnit unit = TimeUnit::kNone;
  // A number that is written in digits (JSON; not a binary double) comes as what is written: with a
  // fraction as kDecimal, without one as kInt, or as kDecimal beyond 64 bits. What 38 digits can't
  // hold comes as the nearest double, marked Cell::kRounded.
  bool exact_decimals = false;
  // Text may stand for a number: in sums of decimals over Debezium's rows.
  bool decimal_text = false;
  // What `columns:` says of the field. A decoder may leave it to the fold to read text as this
  // type; only one that has bytes for such a value must turn them into it.
  std::optional<DeclaredType> declared;
  bool operator==(const FieldRequest&) const = default;
};

struct Projection {
  std::vector<FieldRequest> fields;
  // Of a table: live is to tell what rows were before a change, and places. What a row counts must
  // not depend on anything that differs between runs, such as the longest record that is taken.
  bool before = false;
};

// The values of one field over a batch's rows. Either plain (dictionary_id == 0): cells[row]; or
// dictionary-coded: dictionary[indices[row]], and cells is stale until Materialize().
struct Column {
  std::vector<Cell> cells;  // kBatchRows long
  KindSet kinds = 0;        // at least the kinds that occur in the batch's rows

  uint64_t dictionary_id = 0;        // differs between dictionaries of one stream; 0 = plain
  const Cell* dictionary = nullptr;  // borrowed from the stream
  uint32_t dictionary_size = 0;
  std::vector<uint32_t> indices;  // kBatchRows long where dictionary-coded

  Column() : cells(kBatchRows) {}
  // Makes the column plain.
  void Materialize(uint32_t rows) {
    if (dictionary_id == 0) return;
    for (uint32_t row = 0; row < rows; ++row) cells[row] = dictionary[indices[row]];
    dictionary_id = 0;
  }
  void SetKindsFromCells(uint32_t rows) {
    kinds = 0;
    for (uint32_t row = 0; row < rows; ++row) kinds |= KindBit(cells[row].kind);
  }
};

// Why a record could not be counted. Names are stable: they reach files and status output.
enum class DeadReason : uint8_t {
  kUndecodable,     // not JSON, or no object
  kMissingKey,      // a key field is null or missing
  kWrongType,       // a field's type does not fit its use
  kBadTime,         // no event time of the years 0001 to 9999
  kFutureTime,      // more than max_ahead in the future
  kNumberOverflow,  // a number outside its range
  kInvalidUtf8,
  kTooLong,     // over the record size limit
  kTruncated,   // the object ends inside a record or a compressed stream
  kCorrupt,     // damaged bytes: a Parquet page, a checksum
  kExpression,  // an expression failed on this record
  kChanged,     // a row that counts already has changed, which the definition calls an error
};
inline constexpr size_t kDeadReasonCount = 12;
std::string_view DeadReasonName(DeadReason reason) noexcept;  // "undecodable", "missing_key", …

// A record that was refused, with its bytes. Owns them: it outlives the batch.
struct DeadLetter {
  std::string object;
  uint64_t offset = 0;  // as in RecordBatch::offsets
  DeadReason reason = DeadReason::kUndecodable;
  std::string detail;  // one sentence: field, what was found, what was expected
  std::string id;      // what the definition's `id` says; empty: object and offset name the record
  std::string raw;     // at most kDeadLetterRawBytes of the record
};
inline constexpr size_t kDeadLetterRawBytes = 64 << 10;

// What a record of a table source says of its row.
enum class RowChange : uint8_t {
  kPut,      // what it holds now
  kDelete,   // that it is gone
  kRetract,  // what it held before the change that the record behind this one tells
};

// How far one split has been read. Opaque to all but its source; printable text.
using Position = std::string;

struct RecordBatch {
  uint32_t rows = 0;
  std::vector<Column> columns;        // one per Projection field, in its order
  std::string_view object;            // the object that the rows come from: file, topic/partition
  std::vector<uint64_t> offsets;      // per row; (object, offset) names the record for ever
  std::vector<std::string_view> raw;  // per row: its bytes; empty where the source has none at hand
  std::vector<DeadLetter> dead_letters;  // records of this stretch that could not be decoded
  uint64_t bytes = 0;                    // source bytes that this batch advanced over
  Position after;                        // of the split, when all of this is counted

  // Of a table source, whose records are rows with a life; else empty. All go by the number that a
  // row had when it was read, which numbers[row] tells.
  std::vector<std::string_view> row_keys;  // its primary key: equal keys, equal bytes
  std::vector<RowChange> changes;          // of kDelete no cell counts
  // Orders what is said of one row (murmur/row_version.h); empty: that which comes later is newer.
  std::vector<std::string_view> versions;
  // Cells may be Cell::Unchanged: what a row holds is remembered though it does not count.
  bool leaves_out = false;
  // Per row, where the source can tell: whether a snapshot found it so that a log of changes begins
  // with. All rows of one such snapshot have one place.
  std::vector<bool> of_snapshot;
  // Per row, where the source can tell: of kPut, the key that the row had before this change; of
  // kDelete, the key that it has from this change on, which has the same version. Empty: none. What
  // is put leaves out what the row held under its old key.
  std::vector<std::string_view> other_keys;
  // Places in the log of changes, which order by their bytes; where Projection::before asks for it.
  // Per row of live: that of the change. Those of one transaction may be the same.
  std::vector<std::string> places;
  // Of a scan: the place that this was read at, which saw all changes up to it and none behind, of
  // the rows behind those of the batch before up to its last one; at the end, of all that are left.
  // Of live: all changes up to it have come with this batch, or before.
  std::string seen;
  // Fills in `id` and `raw` of the dead letter of the row of this number, as text.
  std::function<void(uint32_t number, DeadLetter* letter)> describe;
  std::vector<uint32_t> numbers;  // filled in by the fold
  // The names of the fields that these records may have, as paths; where `raw` does not hold them.
  std::function<std::vector<std::string>()> field_names;
  // Likewise: stand for the rows where aggregates order records by their offsets.
  std::vector<uint64_t> row_ids;

  explicit RecordBatch(const Projection& projection)
      : columns(projection.fields.size()), offsets(kBatchRows), raw(kBatchRows) {}
  RecordBatch() = default;
  // Empties the batch for the next Read. Columns keep their memory.
  void Clear() {
    rows = 0;
    bytes = 0;
    dead_letters.clear();
    field_names = nullptr;
    for (Column& column : columns) {
      column.kinds = 0;
      column.dictionary_id = 0;
    }
  }
};

}  // namespace murmur
