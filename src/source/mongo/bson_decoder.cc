#include "source/mongo/bson_decoder.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <limits>
#include <set>
#include <string>

#include "base/base64.h"
#include "base/civil_time.h"
#include "base/decimal.h"
#include "decode/json_number.h"
#include "source/mongo/bson.h"
#include "source/name_paths.h"
#include "source/parquet/values.h"

namespace murmur {
namespace {

constexpr int kDepthMax = 200;  // of a value as JSON; the server accepts no deeper documents

// ±digits * 10^exponent → *unscaled and *scale; false if 38 digits can't hold it.
bool FitDecimal(DecimalParts parts, Int128* unscaled, uint8_t* scale) {
  constexpr Int128 kLimit = (PowerOfTen(kDecimalDigitsMax) - 1) / 10;  // may be multiplied by 10
  if (parts.digits == 0) parts.exponent = 0;
  for (; parts.exponent < 0 && parts.digits % 10 == 0; ++parts.exponent) parts.digits /= 10;
  for (; parts.exponent > 0 && parts.digits <= kLimit; --parts.exponent) parts.digits *= 10;
  if (parts.exponent > 0 || parts.exponent < -kDecimalDigitsMax) return false;
  *unscaled = parts.negative ? -parts.digits : parts.digits;
  *scale = static_cast<uint8_t>(-parts.exponent);
  return true;
}

double NotFinite(const DecimalParts& parts) {
  if (parts.form == DecimalParts::Form::kNaN) return std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  return parts.negative ? -infinity : infinity;
}

std::string_view AsBase64(std::string_view bytes, TextArena* arena) {
  const size_t size = Base64Size(bytes.size());
  char* const text = arena->Allocate(size);
  WriteBase64(bytes, text);
  return {text, size};
}

bool IsWellFormed(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

// Whether all names and strings in a document or array are UTF-8. libbson's JSON ends early,
// without an error, if an embedded document has invalid text or damaged bytes: *valid is false for
// the latter.
bool HasOnlyUtf8(BsonBytes bytes, int depth, bool* valid) {
  if (depth > kDepthMax) {
    *valid = false;
    return false;
  }
  bool inner_valid = true;
  const bool utf8 =
      ForEachBsonElement(bytes.data, bytes.size, valid, [&](const bson_iter_t* element) {
        if (!IsWellFormed(bson_iter_key(element))) return false;
        if (BSON_ITER_HOLDS_UTF8(element)) {
          uint32_t size = 0;
          const char* text = bson_iter_utf8(element, &size);
          return IsWellFormed({text, size});
        }
        if (!BSON_ITER_HOLDS_DOCUMENT(element) && !BSON_ITER_HOLDS_ARRAY(element)) return true;
        return HasOnlyUtf8(EmbeddedBson(element), depth + 1, &inner_valid);
      });
  *valid = *valid && inner_valid;
  return utf8;
}

// Cells have the text of libbson 1.23, on which keys and distinct counts of older states rest.
// Later ones write an empty document or array inside another with one space and not two; for the
// scope of a code, as 1.23 does.
std::string_view WithWideEmpties(std::string_view json, TextArena* arena) {
  constexpr std::string_view kScope = R"("$scope" : )";
  if (json.find("{ }") == json.npos && json.find("[ ]") == json.npos) return arena->Store(json);
  std::string wide;
  bool in_text = false;
  for (size_t i = 0; i < json.size(); ++i) {
    wide.push_back(json[i]);
    if (in_text && json[i] == '\\') {
      wide.push_back(json[++i]);
    } else if (json[i] == '"') {
      in_text = !in_text;
    }
    const std::string_view rest = json.substr(i);
    const bool is_empty = rest.starts_with("{ }") || rest.starts_with("[ ]");
    if (!in_text && is_empty && !json.substr(0, i).ends_with(kScope)) wide.push_back(' ');
  }
  return arena->Store(wide);
}

// What may stand in a projection's path.
bool IsProjectable(std::string_view name) {
  return !name.empty() && !name.starts_with('$') && name.find('.') == name.npos &&
         name.find('\0') == name.npos;
}

}  // namespace

BsonDecoder::BsonDecoder(const Projection& projection)
    : projection_(projection), root_(BuildFieldTree(projection_)) {}

void BsonDecoder::BeginBatch() { arena_.Reset(); }

bool BsonDecoder::Decode(const uint8_t* data, size_t size, uint32_t row,
                         std::vector<Column>* columns, DeadLetter* dead) {
  columns_ = columns->data();
  row_ = row;
  dead_ = dead;
  for (size_t i = 0; i < projection_.fields.size(); ++i) columns_[i].cells[row] = Cell::Null();
  return WalkElements(data, size, *root_, /*list=*/false);
}

bool BsonDecoder::WalkElements(const uint8_t* data, size_t size, const FieldNode& node, bool list) {
  bool valid = true;
  uint32_t index = 0;
  const bool taken = ForEachBsonElement(data, size, &valid, [&](const bson_iter_t* element) {
    const FieldNode* child = list ? node.Find(index++) : node.Find(bson_iter_key(element));
    return child == nullptr || ReadNode(element, *child);
  });
  return valid ? taken : RefuseDocument();
}

bool BsonDecoder::ReadNode(const bson_iter_t* value, const FieldNode& node) {
  if (!node.is_leaf()) {
    // If a name occurs twice, nothing of the first may remain.
    node.ForEachColumn([this](uint32_t column) { columns_[column].cells[row_] = Cell::Null(); });
    const bool list = BSON_ITER_HOLDS_ARRAY(value);
    if (list || BSON_ITER_HOLDS_DOCUMENT(value)) {
      const BsonBytes bytes = EmbeddedBson(value);
      if (!WalkElements(bytes.data, bytes.size, node, list)) return false;
    }
  }
  for (const uint32_t column : node.columns) {
    if (!ReadField(value, column)) return false;
  }
  return true;
}

bool BsonDecoder::ReadField(const bson_iter_t* value, uint32_t column) {
  const FieldRequest& field = projection_.fields[column];
  Cell* cell = &columns_[column].cells[row_];
  if (!ReadValue(value, field, cell)) return false;
  if (field.as_time) ConvertToTime(field.unit, &time_parser_, cell);
  return true;
}

bool BsonDecoder::ReadValue(const bson_iter_t* value, const FieldRequest& field, Cell* cell) {
  uint32_t size = 0;
  const char* text = nullptr;
  uint32_t seconds = 0;
  uint32_t increment = 0;
  switch (bson_iter_type(value)) {
    case BSON_TYPE_INT32: *cell = Cell::Int(bson_iter_int32(value)); return true;
    case BSON_TYPE_INT64: *cell = Cell::Int(bson_iter_int64(value)); return true;
    case BSON_TYPE_DOUBLE: *cell = Cell::Double(bson_iter_double(value)); return true;
    case BSON_TYPE_DECIMAL128: return ReadDecimal(value, field, cell);
    case BSON_TYPE_UTF8:
      text = bson_iter_utf8(value, &size);
      return ReadString({text, size}, field, cell);
    case BSON_TYPE_SYMBOL:
      text = bson_iter_symbol(value, &size);
      return ReadString({text, size}, field, cell);
    case BSON_TYPE_CODE:
      text = bson_iter_code(value, &size);
      return ReadString({text, size}, field, cell);
    case BSON_TYPE_BOOL: *cell = Cell::Bool(bson_iter_bool(value)); return true;
    case BSON_TYPE_DATE_TIME:
      *cell = Cell::Time(TimeOfUnits(bson_iter_date_time(value), TimeUnit::kMillis));
      return true;
    case BSON_TYPE_TIMESTAMP:
      bson_iter_timestamp(value, &seconds, &increment);
      *cell = Cell::Time(seconds * kMicrosPerSecond);
      return true;
    case BSON_TYPE_OID: ReadOid(*bson_iter_oid(value), field, cell); return true;
    case BSON_TYPE_BINARY: ReadBinary(value, cell); return true;
    case BSON_TYPE_NULL:
    case BSON_TYPE_UNDEFINED: *cell = Cell::Null(); return true;
    default: return ReadJson(value, field, cell);
  }
}

bool BsonDecoder::ReadString(std::string_view text, const FieldRequest& field, Cell* cell) {
  if (!IsWellFormed(text)) {
    return Refuse(DeadReason::kInvalidUtf8, field, "a string that is not UTF-8");
  }
  *cell = Cell::String(text);
  return true;
}

bool BsonDecoder::ReadDecimal(const bson_iter_t* value, const FieldRequest& field, Cell* cell) {
  bson_decimal128_t decimal;
  bson_iter_decimal128(value, &decimal);
  const DecimalParts parts = SplitDecimal(decimal);
  if (parts.form != DecimalParts::Form::kFinite) {
    *cell = Cell::Double(NotFinite(parts));
    return true;
  }
  Int128 unscaled;
  uint8_t scale;
  if (FitDecimal(parts, &unscaled, &scale)) {
    *cell = MakeDecimalCell(unscaled, scale, &arena_);
    return true;
  }
  char text[BSON_DECIMAL128_STRING];
  bson_decimal128_to_string(&decimal, text);
  if (ParseJsonNumber(text, /*exact=*/false, &arena_, cell)) {
    cell->flags = Cell::kRounded;
    return true;
  }
  return Refuse(DeadReason::kNumberOverflow, field, "a decimal outside the range of doubles");
}

void BsonDecoder::ReadOid(const bson_oid_t& oid, const FieldRequest& field, Cell* cell) {
  constexpr size_t kOidDigits = 24;
  if (field.as_time) {
    *cell = Cell::Time(int64_t{bson_oid_get_time_t(&oid)} * kMicrosPerSecond);
    return;
  }
  char* text = arena_.Allocate(kOidDigits + 1);
  bson_oid_to_string(&oid, text);
  *cell = Cell::String({text, kOidDigits});
}

void BsonDecoder::ReadBinary(const bson_iter_t* value, Cell* cell) {
  bson_subtype_t subtype;
  uint32_t size = 0;
  const uint8_t* data = nullptr;
  bson_iter_binary(value, &subtype, &size, &data);
  if (subtype == BSON_SUBTYPE_UUID && size == parquet_source::kUuidBytes) {
    char* text = arena_.Allocate(parquet_source::kUuidTextBytes);
    parquet_source::FormatUuid(data, text);
    *cell = Cell::String({text, parquet_source::kUuidTextBytes});
  } else {
    *cell = Cell::String(AsBase64({reinterpret_cast<const char*>(data), size}, &arena_));
  }
}

bool BsonDecoder::ReadJson(const bson_iter_t* value, const FieldRequest& field, Cell* cell) {
  constexpr std::string_view kBegin = "{ \"\" : ";
  constexpr std::string_view kEnd = " }";
  BsonDocument document;
  bson_append_iter(document.get(), "", 0, value);
  bool valid = true;
  const bool utf8 =
      HasOnlyUtf8({document.data(), static_cast<uint32_t>(document.size())}, 0, &valid);
  if (!valid) return RefuseDocument();
  size_t size = 0;
  const BsonText text(bson_as_relaxed_extended_json(document.get(), &size));
  if (!utf8 || text == nullptr || size < kBegin.size() + kEnd.size()) {
    return Refuse(DeadReason::kInvalidUtf8, field, "a string in it is not UTF-8");
  }
  const std::string_view json(text.get() + kBegin.size(), size - kBegin.size() - kEnd.size());
  *cell = Cell::Json(WithWideEmpties(json, &arena_));
  return true;
}

bool BsonDecoder::Refuse(DeadReason reason, const FieldRequest& field, std::string_view what) {
  dead_->reason = reason;
  dead_->detail = fmt::format("{}: {}", field.path.ToString(), what);
  return false;
}

bool BsonDecoder::RefuseDocument() {
  dead_->reason = DeadReason::kUndecodable;
  dead_->detail = "the record is no valid BSON";
  return false;
}

void AppendServerProjection(const Projection& projection, bson_t* out) {
  std::set<NamePath> paths = {NamePath{"_id"}};  // whole: it names the record
  for (const FieldRequest& field : projection.fields) {
    paths.insert(NamesBefore(field.path, IsProjectable));
  }
  if (paths.contains(NamePath{})) return;
  for (const NamePath& path : OutermostPaths(paths)) {
    const std::string name = fmt::format("{}", fmt::join(path, "."));
    bson_append_int32(out, name.c_str(), static_cast<int>(name.size()), 1);
  }
}

}  // namespace murmur
