#include "decode/debezium_decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

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
constexpr uint32_t kRows = 2;  // of cells: for the message, and for the payload in it

// As in the JSON: only the schema tells what a time or a decimal looks like.
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

// Columns after the fields of the row.
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

// For each field of `row`, the index of the envelope's field with its whole column. If the field
// lies within a column, that column is added to the envelope.
std::vector<size_t> AddColumns(const Projection& row, Projection* envelope) {
  std::vector<size_t> columns;
  std::map<std::string, size_t> added;
  for (size_t i = 0; i < row.fields.size(); ++i) {
    const auto& steps = row.fields[i].path.steps;
    const auto* const name = steps.empty() ? nullptr : std::get_if<std::string>(&steps.front());
    if (steps.size() < 2 || name == nullptr) {
      columns.push_back(i);
      continue;
    }
    const auto [it, is_new] = added.try_emplace(*name, envelope->fields.size());
    if (is_new) envelope->fields.push_back(Member({std::string(kAfter), *name}));
    columns.push_back(it->second);
  }
  return columns;
}

// A message that is not about a row of a table.
struct OtherMessage {
  bool beside_tables = false;  // such as a connector writes to separate topics
  std::string_view what;
};

OtherMessage OtherMessageOf(std::string_view value) {
  nlohmann::json message = nlohmann::json::parse(value, nullptr, /*allow_exceptions=*/false);
  if (message.is_object() && message.contains("schema") && message.contains("payload")) {
    message = nlohmann::json(message["payload"]);
  }
  if (!message.is_object()) {
    return {false, "no change of Debezium: a message is an object with `op`, `before`, `after`"};
  }
  const auto has = [&message](const char* name) { return message.contains(name); };
  if (has("op") || has("before") || has("after")) {
    return {false, "no change of Debezium: `op` is none of c, r, u and d"};
  }
  if (has("status") && has("id") && has("data_collections")) {
    return {true,
            "no change of a row: the topic tells where transactions begin and end "
            "(provide.transaction.metadata). The topics of tables are named PREFIX.SCHEMA.TABLE"};
  }
  if (has("ddl") || has("tableChanges")) {
    return {true,
            "no change of a row: the topic tells how schemas change. The topics of tables are "
            "named PREFIX.SCHEMA.TABLE"};
  }
  if (has("ts_ms") && message.size() == 1) {
    return {true,
            "no change of a row: the topic has the connector's heartbeats. The topics of tables "
            "are named PREFIX.SCHEMA.TABLE"};
  }
  return {false,
          "no change of Debezium, but a record by itself: the transform ExtractNewRecordState "
          "has flattened it, or another program wrote it. A flattened row has lost its place in "
          "the database's log, so that older and newer can't be told apart: take the transform "
          "out of the connector; or, where each message is a fact that counts once, leave out "
          "`format: debezium`"};
}

class DebeziumDecoder final : public ChangeDecoder {
 public:
  DebeziumDecoder(const Projection& projection, const DebeziumOptions& options)
      : options_(options),
        projection_(projection),
        placeholder_(options.placeholder),
        envelope_(EnvelopeOf(projection)),
        columns_(AddColumns(projection, &envelope_)),
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

  std::string_view RowKey(std::string_view key) override {
    std::string_view canonical;
    DeadLetter ignored;
    return ReadKey(key, &canonical, &ignored) ? canonical : std::string_view();
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
      const OtherMessage other = OtherMessageOf(value);
      if (other.beside_tables && options_.many_topics) {
        change.outcome = DecodedChange::Outcome::kNothing;
      }
      dead->detail = other.what;
    } else if (ReadKey(key, &change.key, dead)) {
      change.version = Version(op == "r");
      change.of_snapshot = op == "r" && IsFirstSnapshot(source_);
      TakeChange(op, row, columns, &change, dead);
    }
    return change;
  }

 private:
  const Cell& Read(size_t meta) const { return read_[projection_.fields.size() + meta].cells[at_]; }

  // A tombstone. The delete before it may be gone, so it deletes whatever is known; it has no
  // version.
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
    return reader->ReadShape({begin, end}, row) ||
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
        "the message does not say what the row holds now: `after` is null. With MongoDB's "
        "capture.mode change_streams_update_full it is so where the document was gone when the "
        "connector looked it up, and its delete follows; with any other it is so of each update, "
        "and that mode must be set";
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
    if (!is_document_ && placeholder_.StandsFor(read_[columns_[index]].cells[at_])) {
      *cell = Cell::Unchanged();
      return true;
    }
    if (has_types_ && !values_.Convert(types_[index], cell)) {
      dead->reason = DeadReason::kNumberOverflow;
      dead->detail = fmt::format("{}: no decimal of up to 38 digits, as the schema has it: {}",
                                 field.path.ToString(), cell->text());
      return false;
    }
    if (is_document_) values_.Unwrap(cell);
    if (!TakeDecimal(field, cell, dead)) return false;
    if (field.as_time) ConvertToTime(field.unit, &time_parser_, cell);
    return true;
  }

  // Text where a decimal is expected. If it is not one, the aggregates refuse it.
  bool TakeDecimal(const FieldRequest& field, Cell* cell, DeadLetter* dead) {
    const bool is_declared = field.declared && field.declared->kind == Kind::kDecimal;
    if (!field.decimal_text && !is_declared) return true;
    if (is_declared && !has_types_) values_.ConvertVariableDecimal(cell);
    if (cell->kind != Kind::kString) return true;
    // A value that a schema calls text is text; so is text in a document.
    const bool is_text = has_types_ || is_document_;
    std::optional<int> scale;
    if (is_declared) scale = field.declared->scale;
    Int128 unscaled;
    int scale_read;
    switch (ReadDecimalText(cell->text(), scale, is_text ? DecimalMode::kString : options_.decimals,
                            &unscaled, &scale_read)) {
      case DecimalText::kDecimal:
        *cell = MakeDecimalCell(unscaled, scale_read, &arena_);
        return true;
      case DecimalText::kNoDecimal: return true;
      case DecimalText::kBytes:
        if (options_.decimals == DecimalMode::kUnknown) return true;
        dead->detail = fmt::format(
            "{}: '{}' is the bytes of a decimal, whose scale the message does not tell: declare "
            "it, columns: {{{}: decimal(12,2)}}",
            field.path.ToString(), cell->text(), field.path.ToString());
        return false;
      case DecimalText::kEither: break;
    }
    dead->detail = fmt::format(
        "{}: '{}' is a number, or the bytes of another one: without a schema nothing tells. Say "
        "beside `format: debezium` what the connector has, decimal.handling.mode: string or "
        "precise",
        field.path.ToString(), cell->text());
    return false;
  }

  const DebeziumOptions options_;
  const Projection projection_;
  const DebeziumPlaceholder placeholder_;
  Projection envelope_;
  const std::vector<size_t> columns_;  // for each field, from AddColumns
  JsonReader envelope_reader_;
  JsonReader document_reader_;
  TextArena arena_;
  ConnectValues values_;
  TimeParser time_parser_;

  std::string schema_;  // the schema of types_
  std::vector<ConnectType> types_;
  std::string deleted_;  // the key, if the message before was its delete

  // For the present message.
  std::vector<Column> read_;
  uint32_t at_ = 0;  // the row of read_ with its envelope
  bool has_types_ = false;
  bool is_document_ = false;
  std::vector<Cell> source_;
};

}  // namespace

bool LooksLikeDebezium(std::string_view message) {
  const auto has = [message](std::string_view text) { return message.find(text) != message.npos; };
  if (!has("\"op\"") || !has("\"source\"") || !has("\"connector\"")) return false;
  nlohmann::json json = nlohmann::json::parse(message, nullptr, /*allow_exceptions=*/false);
  if (json.is_object() && json.contains("payload")) json = nlohmann::json(json["payload"]);
  return json.is_object() && json.contains("op") && json.contains("source") &&
         json["source"].is_object() && (json.contains("before") || json.contains("after"));
}

std::unique_ptr<ChangeDecoder> MakeDebeziumDecoder(const Projection& projection,
                                                   const DebeziumOptions& options) {
  return std::make_unique<DebeziumDecoder>(projection, options);
}

}  // namespace murmur
