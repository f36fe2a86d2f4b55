#include "decode/debezium_decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/decimal.h"
#include "base/time_text.h"
#include "decode/connect_types.h"
#include "decode/debezium_version.h"
#include "decode/json_canonical.h"
#include "decode/json_reader.h"
#include "decode/text_arena.h"

namespace murmur {
namespace {

constexpr std::string_view kAfter = "after";
// What stands for a value that the database did not write to its log, and its base64.
constexpr std::string_view kUnavailable = "__debezium_unavailable_value";
constexpr std::string_view kUnavailableBytes = "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==";
constexpr uint32_t kRows = 2;  // of the cells that are read: the message, and the payload in it

// As JSON has it: what a time or a decimal looks like is known only when the schema is.
FieldRequest AsWritten(FieldRequest field) {
  field.exact_decimals = field.exact_decimals || field.as_time;
  field.as_time = false;
  return field;
}

Projection AsWritten(Projection projection) {
  for (FieldRequest& field : projection.fields) field = AsWritten(std::move(field));
  return projection;
}

FieldRequest Member(std::vector<FieldPath::Step> steps) {
  FieldRequest field;
  field.path.steps = std::move(steps);
  return field;
}

// Behind the fields of the row.
enum Meta : size_t { kOp, kAfterItself, kPayload, kSchema, kSource };

Projection EnvelopeOf(const Projection& row) {
  Projection envelope = AsWritten(row);
  for (FieldRequest& field : envelope.fields) {
    field.path.steps.insert(field.path.steps.begin(), std::string(kAfter));
  }
  for (const char* name : {"op", "after", "payload", "schema"}) {
    envelope.fields.push_back(Member({name}));
  }
  for (const std::string& name : DebeziumSourceFields()) {
    envelope.fields.push_back(Member({"source", name}));
  }
  return envelope;
}

bool IsUnavailable(const Cell& cell) {
  if (cell.kind == Kind::kJson) return cell.text().find(kUnavailable) != std::string_view::npos;
  if (cell.kind != Kind::kString) return false;
  return cell.text() == kUnavailable || cell.text() == kUnavailableBytes;
}

class DebeziumDecoder final : public ChangeDecoder {
 public:
  DebeziumDecoder(const Projection& projection, const DebeziumOptions& options)
      : options_(options),
        projection_(projection),
        envelope_(EnvelopeOf(projection)),
        envelope_reader_(envelope_, JsonReader::Framing::kMessage),
        document_reader_(AsWritten(projection), JsonReader::Framing::kMessage),
        values_(&arena_),
        read_(envelope_.fields.size()),
        source_(DebeziumSourceFields().size()) {
    for (Column& column : read_) {
      column.cells.resize(kRows);
      column.cells.shrink_to_fit();
    }
  }

  void BeginBatch() override {
    arena_.Reset();
    envelope_reader_.BeginBatch(read_.data());
    document_reader_.BeginBatch(read_.data());
  }

  DecodedChange Decode(std::string_view key, std::string_view value, uint32_t row,
                       std::vector<Column>* columns, DeadLetter* dead) override {
    if (value.empty()) return DecodeTombstone(key);
    deleted_.clear();
    DecodedChange change{.outcome = DecodedChange::Outcome::kDead, .key = {}, .version = {}};
    if (!ReadEnvelope(value, dead)) return change;
    const Cell& op_cell = Read(kOp);
    const std::string_view op = op_cell.kind == Kind::kString ? op_cell.text() : "";
    if (op == "m") {
      change.outcome = DecodedChange::Outcome::kNothing;
    } else if (op == "t") {
      change.outcome = DecodedChange::Outcome::kStop;
      dead->detail = "the table was truncated, and what all its rows counted can't be taken away";
    } else if (op != "c" && op != "r" && op != "u" && op != "d") {
      dead->detail = "no change of Debezium: `op` is none of c, r, u and d";
    } else if (ReadKey(key, &change.key, dead)) {
      change.version = Version(op == "r");
      TakeChange(op, row, columns, &change, dead);
    }
    return change;
  }

 private:
  const Cell& Read(size_t meta) const { return read_[projection_.fields.size() + meta].cells[at_]; }

  // The delete before it may be gone. What it deletes is what is known: it says of no version.
  DecodedChange DecodeTombstone(std::string_view key) {
    DecodedChange change{.outcome = DecodedChange::Outcome::kNothing,
                         .change = RowChange::kDelete,
                         .key = {},
                         .version = {}};
    DeadLetter ignored;
    if (!options_.compacted || !ReadKey(key, &change.key, &ignored)) return change;
    if (change.key != deleted_) change.outcome = DecodedChange::Outcome::kRow;
    deleted_.clear();
    return change;
  }

  void TakeChange(std::string_view op, uint32_t row, std::vector<Column>* columns,
                  DecodedChange* change, DeadLetter* dead) {
    if (op == "d") {
      deleted_ = change->key;
      change->change = RowChange::kDelete;
      change->outcome = DecodedChange::Outcome::kRow;
    } else if (ReadDocument(dead) && TakeRow(row, columns, dead)) {
      change->outcome = DecodedChange::Outcome::kRow;
    }
  }

  bool ReadJson(JsonReader* reader, std::string_view json, uint32_t row, DeadLetter* dead) {
    char* begin = arena_.Allocate(json.size() + kJsonPadding);
    char* end = std::copy(json.begin(), json.end(), begin);
    std::memset(end, 0, kJsonPadding);
    return reader->ReadShape(begin, end, row) != nullptr ||
           reader->Walk(begin, end, row, &dead->reason, &dead->detail);
  }

  bool ReadEnvelope(std::string_view value, DeadLetter* dead) {
    at_ = 0;
    if (!ReadJson(&envelope_reader_, value, 0, dead)) return false;
    has_types_ = false;
    const Cell payload = Read(kPayload);
    if (!Read(kOp).is_null() || payload.kind != Kind::kJson) return true;
    if (const Cell schema = Read(kSchema); schema.kind == Kind::kJson) UseSchema(schema.text());
    at_ = 1;
    return ReadJson(&envelope_reader_, payload.text(), 1, dead);
  }

  void UseSchema(std::string_view schema) {
    has_types_ = true;
    if (schema == schema_) return;
    schema_ = schema;
    types_ = ConnectTypesOf(schema, projection_);
  }

  bool ReadKey(std::string_view key, std::string_view* canonical, DeadLetter* dead) {
    std::string text;
    const std::string_view payload = ConnectPayload(key);
    if (key.empty() || payload == "null") {
      dead->reason = DeadReason::kMissingKey;
      dead->detail =
          "the message has no key, and nothing says which row it is about: the table needs a "
          "primary key, or the connector message.key.columns";
      return false;
    }
    if (!AppendCanonicalJson(payload, &text)) {
      dead->detail = "the message's key is not JSON";
      return false;
    }
    *canonical = arena_.Store(text);
    return true;
  }

  std::string_view Version(bool is_snapshot) {
    for (size_t i = 0; i < source_.size(); ++i) source_[i] = Read(kSource + i);
    std::string version;
    AppendDebeziumVersion(source_, is_snapshot, &version);
    return arena_.Store(version);
  }

  // MongoDB's rows are text within the message. False: there is no row.
  bool ReadDocument(DeadLetter* dead) {
    const Cell after = Read(kAfterItself);
    is_document_ = after.kind == Kind::kString;
    if (is_document_) return ReadJson(&document_reader_, after.text(), at_, dead);
    if (after.kind == Kind::kJson) return true;
    dead->detail =
        "the message does not say what the row holds now: `after` is null. Of MongoDB, "
        "capture.mode must be change_streams_update_full";
    return false;
  }

  bool TakeRow(uint32_t row, std::vector<Column>* columns, DeadLetter* dead) {
    for (size_t i = 0; i < projection_.fields.size(); ++i) {
      Cell cell = read_[i].cells[at_];
      if (!TakeField(i, &cell, dead)) return false;
      (*columns)[i].cells[row] = cell;
    }
    return true;
  }

  bool TakeField(size_t index, Cell* cell, DeadLetter* dead) {
    const FieldRequest& field = projection_.fields[index];
    if (IsUnavailable(*cell)) {
      dead->detail = fmt::format(
          "{}: the message has not got the value, as it is large and did not change. In "
          "PostgreSQL, "
          "ALTER TABLE … REPLICA IDENTITY FULL has it written",
          field.path.ToString());
      return false;
    }
    if (has_types_ && !values_.Convert(types_[index], cell)) {
      dead->reason = DeadReason::kNumberOverflow;
      dead->detail = fmt::format("{}: no decimal of up to 38 digits, as the schema has it: {}",
                                 field.path.ToString(), cell->text());
      return false;
    }
    if (is_document_) values_.Unwrap(cell);
    if (field.decimal_text && cell->kind == Kind::kString) ReadDecimal(cell);
    if (field.as_time) ConvertToTime(field.unit, &time_parser_, cell);
    return true;
  }

  // decimal.handling.mode: string.
  void ReadDecimal(Cell* cell) {
    Int128 unscaled;
    int scale;
    if (!ParseDecimal(cell->text(), &unscaled, &scale)) return;
    *cell = Cell::Decimal(arena_.StoreDecimal(unscaled), static_cast<uint8_t>(scale));
  }

  const DebeziumOptions options_;
  const Projection projection_;
  const Projection envelope_;
  JsonReader envelope_reader_;
  JsonReader document_reader_;
  TextArena arena_;
  ConnectValues values_;
  TimeParser time_parser_;

  std::string schema_;  // that types_ are of
  std::vector<ConnectType> types_;
  std::string deleted_;  // the key, if the message before was its delete

  // Of the message at hand.
  std::vector<Column> read_;
  uint32_t at_ = 0;  // the row of read_ that its envelope is in
  bool has_types_ = false;
  bool is_document_ = false;
  std::vector<Cell> source_;
};

}  // namespace

std::unique_ptr<ChangeDecoder> MakeDebeziumDecoder(const Projection& projection,
                                                   const DebeziumOptions& options) {
  return std::make_unique<DebeziumDecoder>(projection, options);
}

}  // namespace murmur
