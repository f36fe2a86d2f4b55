// Records as the fold sees them: batches of thin columns over the bytes that a source read.
// A Cell is one value of one field: 16 bytes, never owning. A RecordBatch holds up to kBatchRows
// records of one split, column by column. It has only the fields that the pipeline asked for (its
// Projection), the name of each record (object and offset, which never change), and the position of
// the split after the batch.
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

// Later and earlier than all other times, as in PostgreSQL.
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
  // For kNull in a change of a row: the change omits the value, so it is what it was before.
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
  // Keeps the pointer, not the value: *v must outlive the cell.
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
  // The decimal's digits, without the point. REQUIRES: kDecimal
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

// Where a field lies in a record: a name, then names or list indices. Example: a.b[0].
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

// The type of a column where the data do not state it.
struct DeclaredType {
  Kind kind = Kind::kDecimal;       // kDecimal or kTime
  int precision = 0;                // kDecimal: digits in all, 1 to 38
  int scale = 0;                    // kDecimal: digits after the point, 0 to precision
  TimeUnit unit = TimeUnit::kNone;  // kTime: the unit of numbers
  bool operator==(const DeclaredType&) const = default;
};

// One field that a pipeline needs.
struct FieldRequest {
  FieldPath path;
  // The field is the event time. The decoder turns a text that is a time, or a number in `unit`,
  // into kTime. It leaves any other value as it is, and the fold makes that record a dead letter.
  bool as_time = false;
  TimeUnit unit = TimeUnit::kNone;
  // A number written in digits (JSON; not a binary double) keeps its exact value: kInt without a
  // fraction, kDecimal with one or beyond 64 bits. A number that 38 digits can't hold becomes the
  // nearest double, marked Cell::kRounded.
  bool exact_decimals = false;
  // Text may stand for a number: for sums of decimals over Debezium's rows.
  bool decimal_text = false;
  // The type that `columns:` declares. A decoder may leave it to the fold to read text as this
  // type, but must itself convert values that its source holds as bytes.
  std::optional<DeclaredType> declared;
  bool operator==(const FieldRequest&) const = default;
};

// What `as_time` asks for, for those who fill cells without one of Murmur's decoders. A text that
// is a time (docs/sources.md, "Times"), or a number in `unit`, rounded down to the microsecond,
// becomes kTime; any other cell is unchanged.
void ConvertToTime(TimeUnit unit, Cell* cell) noexcept;
// Whether `text` may be a kString.
bool IsUtf8(std::string_view text) noexcept;

struct Projection {
  std::vector<FieldRequest> fields;
  // For a table: live must also give each row as it was before a change, and places. A row's
  // contribution must then not depend on anything that may differ between runs, such as the record
  // size limit.
  bool before = false;
};

// An id that no dictionary has had. Threads: any.
uint64_t NewDictionaryId() noexcept;

// The values of one field over a batch's rows. Plain (dictionary_id == 0): cells[row].
// Dictionary-coded: dictionary[indices[row]]; cells is stale until Materialize(). From batch to
// batch a dictionary keeps its entries, and may get more.
struct Column {
  std::vector<Cell> cells;  // kBatchRows long

  // The column's type in this batch. Loops for one kind without nulls, and for decimals of one
  // scale, only make things faster: a column may mix kinds, and no result depends on its type.
  static constexpr uint8_t kMixedScale = 0xFF;
  KindSet kinds = 0;            // a superset of the kinds in the batch's rows, kNull among them
  uint8_t scale = kMixedScale;  // of every decimal, none of which is kWide; or kMixedScale: unknown

  uint64_t dictionary_id = 0;        // NewDictionaryId(); 0: plain
  const Cell* dictionary = nullptr;  // borrowed from the stream
  uint32_t dictionary_size = 0;
  std::vector<uint32_t> indices;  // kBatchRows long if dictionary-coded

  Column() : cells(kBatchRows) {}
  // Makes the column plain.
  void Materialize(uint32_t rows) {
    if (dictionary_id == 0) return;
    for (uint32_t row = 0; row < rows; ++row) cells[row] = dictionary[indices[row]];
    dictionary_id = 0;
  }
  void SetTypeFromCells(uint32_t rows) {
    kinds = 0;
    for (uint32_t row = 0; row < rows; ++row) kinds |= KindBit(cells[row].kind);
    scale = kMixedScale;
    if (kinds & KindBit(Kind::kDecimal)) SetScaleFromCells(rows);
  }
  // Whether all rows are of this kind.
  bool Is(Kind kind) const noexcept { return kinds == KindBit(kind); }

 private:
  void SetScaleFromCells(uint32_t rows) {
    for (uint32_t row = 0; row < rows; ++row) {
      const Cell& cell = cells[row];
      if (cell.kind != Kind::kDecimal) continue;
      const bool fits = scale == kMixedScale || scale == cell.scale;
      scale = cell.scale;
      if (fits && (cell.flags & Cell::kWide) == 0) continue;
      scale = kMixedScale;
      return;
    }
  }
};

// Why a record could not be counted. Names are stable: they reach files and status output.
enum class DeadReason : uint8_t {
  kUndecodable,     // not JSON, or not an object
  kMissingKey,      // a key field is null or missing
  kWrongType,       // a field's type does not fit its use
  kBadTime,         // no event time in the years 0001 to 9999
  kFutureTime,      // more than max_ahead in the future
  kNumberOverflow,  // a number outside its range
  kInvalidUtf8,
  kTooLong,     // over the record size limit
  kTruncated,   // the object ends inside a record or a compressed stream
  kCorrupt,     // damaged bytes: a Parquet page, a checksum
  kExpression,  // an expression failed on this record
  kChanged,     // the row already counted and has changed, and the definition calls that an error
};
inline constexpr size_t kDeadReasonCount = 12;
std::string_view DeadReasonName(DeadReason reason) noexcept;  // "undecodable", "missing_key", …

// A record that was refused, with its bytes. Owns them, so it outlives the batch.
struct DeadLetter {
  std::string object;
  uint64_t offset = 0;  // as in RecordBatch::offsets
  DeadReason reason = DeadReason::kUndecodable;
  std::string detail;  // one sentence: field, what was found, what was expected
  std::string id;   // the value of the definition's `id`; empty: object and offset name the record
  std::string raw;  // at most kDeadLetterRawBytes of the record
};
inline constexpr size_t kDeadLetterRawBytes = 64 << 10;

// What a record of a table source says about its row.
enum class RowChange : uint8_t {
  kPut,      // the row's present content
  kDelete,   // the row was deleted
  kRetract,  // the row's content before the change in the next record
};

// How far one split has been read. Printable text that only its source interprets.
using Position = std::string;

// What the records of a batch say about the rows of a table. Vectors are indexed by the row's
// number as it was read, which RecordBatch::numbers gives.
struct TableRows {
  std::vector<std::string_view> row_keys;  // primary key: equal keys have equal bytes
  std::vector<RowChange> changes;          // the cells of a kDelete mean nothing
  // Orders what is said about one row (murmur/row_version.h). Empty: the later one is newer.
  std::vector<std::string_view> versions;
  // Cells may be Cell::Unchanged, so the content of a row is kept even if the row does not count.
  bool leaves_out = false;
  // Per row, if the source knows: whether the row is from the initial snapshot at the start of a
  // change log. All rows of one snapshot have the same place.
  std::vector<bool> of_snapshot;
  // Per row, if the source knows: a change of the primary key. On kPut, the key that the row had
  // before; on kDelete, the key that it has from now on, with the same version. Empty: the key did
  // not change. Cells that the kPut omits keep their values from the old key.
  std::vector<std::string_view> other_keys;

  // Of live: here all rows of the table were removed at once (TRUNCATE). The batch has no rows.
  bool cleared = false;

  // The rest is filled in if Projection::before asks for it; ReadPoints (murmur/source.h) compares
  // it.
  std::vector<std::string> places;  // of live, per row: the place of the change in the log
  // Of a scan: what the read saw. It holds for the rows after those of the last batch up to this
  // batch's last row; at the end of the split, for all remaining rows.
  std::string read_point;
  // Of live: the place up to which all changes are in this batch or earlier.
  std::string watermark;
};

struct RecordBatch {
  uint32_t rows = 0;
  std::vector<Column> columns;    // one per Projection field, in its order
  std::string_view object;        // the object that the rows come from: a file, topic/partition
  std::vector<uint64_t> offsets;  // per row; (object, offset) names the record and never changes
  std::vector<std::string_view> raw;     // per row: its bytes; empty if the source has none at hand
  std::vector<DeadLetter> dead_letters;  // undecodable records in this part of the split
  uint64_t bytes = 0;                    // source bytes that this batch covers
  Position after;                        // the split's position once all of this is counted

  // For a source whose records say what happens to the rows of a table; else empty. AsTable makes
  // it; it stays for the next Read.
  std::optional<TableRows> table;
  TableRows& AsTable() { return table ? *table : table.emplace(); }

  // Fills in `id` and `raw` of a dead letter, as text, for the row with this number.
  std::function<void(uint32_t number, DeadLetter* letter)> describe;
  std::vector<uint32_t> numbers;  // filled in by the fold
  // The paths of the fields that these records may have; set if `raw` does not show them.
  std::function<std::vector<std::string>()> field_names;
  // Also filled in by the fold: stands for the row where aggregates order records by offset.
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
      column.scale = Column::kMixedScale;
      column.dictionary_id = 0;
    }
  }
};

}  // namespace murmur
