#include "decode/connect_types.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/decimal.h"

namespace murmur {
namespace {

using nlohmann::json;
using Form = ConnectType::Form;

constexpr std::pair<std::string_view, Form> kForms[] = {
    {"org.apache.kafka.connect.data.Decimal", Form::kDecimal},
    {"io.debezium.data.VariableScaleDecimal", Form::kVariableDecimal},
    {"org.apache.kafka.connect.data.Date", Form::kDays},
    {"io.debezium.time.Date", Form::kDays},
    {"org.apache.kafka.connect.data.Timestamp", Form::kMillis},
    {"io.debezium.time.Timestamp", Form::kMillis},
    {"io.debezium.time.MicroTimestamp", Form::kMicros},
    {"io.debezium.time.NanoTimestamp", Form::kNanos},
    {"io.debezium.time.ZonedTimestamp", Form::kTimeText},
    {"io.debezium.time.IsoTimestamp", Form::kTimeText},
    {"io.debezium.time.IsoDate", Form::kTimeText},
};

json Parsed(std::string_view text) {
  return json::parse(text, nullptr, /*allow_exceptions=*/false);
}

std::string TextIn(const json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

// The schema of a struct's field; null: it has none.
const json* FieldOf(const json& schema, const std::string& name) {
  const auto fields = schema.find("fields");
  if (fields == schema.end() || !fields->is_array()) return nullptr;
  for (const json& field : *fields) {
    if (field.is_object() && TextIn(field, "field") == name) return &field;
  }
  return nullptr;
}

ConnectType TypeOf(const json* schema, const FieldPath& path) {
  for (const FieldPath::Step& step : path.steps) {
    const auto* const name = std::get_if<std::string>(&step);
    if (schema == nullptr || name == nullptr) return {};
    schema = FieldOf(*schema, *name);
  }
  if (schema == nullptr) return {};
  const std::string name = TextIn(*schema, "name");
  const auto* const known = std::find_if(std::begin(kForms), std::end(kForms),
                                         [&](const auto& form) { return form.first == name; });
  if (known == std::end(kForms)) return {};
  ConnectType type{.form = known->second};
  if (const auto it = schema->find("parameters"); it != schema->end() && it->is_object()) {
    const std::string scale = TextIn(*it, "scale");
    std::from_chars(scale.data(), scale.data() + scale.size(), type.scale);
  }
  return type;
}

// Strict, with padding; empty: it is not base64.
std::optional<std::string> DecodeBase64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  size_t size = text.size() / 4 * 3;
  for (int pads = 0; pads < 2 && text.back() == '='; ++pads, --size) text.remove_suffix(1);
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const size_t digit = kDigits.find(c);
    if (digit == kDigits.npos) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<char>(bits >> count));
  }
  return bytes.size() == size ? std::optional(std::move(bytes)) : std::nullopt;
}

// Big-endian two's complement. Empty: more than 38 digits.
std::optional<Int128> UnscaledOf(std::string_view bytes) {
  const bool negative = !bytes.empty() && (bytes.front() & 0x80) != 0;
  const char sign = negative ? '\xFF' : '\0';
  while (bytes.size() > sizeof(Int128) && bytes.front() == sign) bytes.remove_prefix(1);
  if (bytes.size() > sizeof(Int128)) return std::nullopt;
  UInt128 value = negative ? ~UInt128{0} : 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  const auto unscaled = static_cast<Int128>(value);
  if ((unscaled < 0) != negative || !FitsDecimal(unscaled)) return std::nullopt;
  return unscaled;
}

// The value of the bytes at a scale, which may be negative: 1 at -3 is 1000. False: it does not
// fit.
bool DecimalOf(std::string_view bytes, int scale, Int128* unscaled, int* scale_read) {
  const auto number = UnscaledOf(bytes);
  if (!number || scale > kDecimalDigitsMax) return false;
  *scale_read = std::max(scale, 0);
  if (scale >= 0 || *number == 0) {
    *unscaled = *number;
    return true;
  }
  if (scale < -kDecimalDigitsMax) return false;
  return Rescale(*number, 0, -scale, unscaled);
}

}  // namespace

DecimalText ReadDecimalText(std::string_view text, std::optional<int> scale, DecimalMode mode,
                            Int128* unscaled, int* scale_read) {
  const auto bytes = mode == DecimalMode::kString || mode == DecimalMode::kDouble
                         ? std::nullopt
                         : DecodeBase64(text);
  const bool is_text = mode != DecimalMode::kPrecise && ParseDecimal(text, unscaled, scale_read);
  if (is_text && (!bytes || mode == DecimalMode::kString)) return DecimalText::kDecimal;
  if (!bytes) return DecimalText::kNoDecimal;
  if (is_text && scale.value_or(0) == 0) return DecimalText::kEither;
  if (!scale) return DecimalText::kBytes;
  const bool has_room = DecimalOf(*bytes, *scale, unscaled, scale_read);
  return has_room ? DecimalText::kDecimal : DecimalText::kNoDecimal;
}

std::vector<ConnectType> ConnectTypesOf(std::string_view schema, const Projection& projection) {
  const json parsed = Parsed(schema);
  const json* after = parsed.is_object() ? FieldOf(parsed, "after") : nullptr;
  std::vector<ConnectType> types;
  for (const FieldRequest& field : projection.fields) types.push_back(TypeOf(after, field.path));
  return types;
}

bool ConnectValues::Convert(const ConnectType& type, Cell* cell) {
  switch (type.form) {
    case Form::kPlain: return true;
    case Form::kDecimal:
      return cell->kind != Kind::kString || SetDecimal(cell->text(), type.scale, cell);
    case Form::kVariableDecimal: return cell->kind != Kind::kJson || SetVariableDecimal(cell);
    case Form::kDays: ConvertToTime(TimeUnit::kDays, &time_parser_, cell); return true;
    case Form::kMillis: ConvertToTime(TimeUnit::kMillis, &time_parser_, cell); return true;
    case Form::kMicros: ConvertToTime(TimeUnit::kMicros, &time_parser_, cell); return true;
    case Form::kNanos: ConvertToTime(TimeUnit::kNanos, &time_parser_, cell); return true;
    case Form::kTimeText: ConvertToTime(TimeUnit::kNone, &time_parser_, cell); return true;
  }
  return true;
}

bool ConnectValues::SetDecimal(std::string_view base64, int scale, Cell* cell) {
  const auto bytes = DecodeBase64(base64);
  Int128 unscaled;
  int scale_read;
  if (!bytes || !DecimalOf(*bytes, scale, &unscaled, &scale_read)) return false;
  *cell = MakeDecimalCell(unscaled, scale_read, arena_);
  return true;
}

void ConnectValues::ConvertVariableDecimal(Cell* cell) {
  if (cell->kind == Kind::kJson) SetVariableDecimal(cell);
}

bool ConnectValues::SetVariableDecimal(Cell* cell) {
  const json value = Parsed(cell->text());
  if (!value.is_object()) return false;
  const auto scale = value.find("scale");
  if (scale == value.end() || !scale->is_number_integer()) return false;
  return SetDecimal(TextIn(value, "value"), scale->get<int>(), cell);
}

void ConnectValues::Unwrap(Cell* cell) {
  if (cell->kind != Kind::kJson || cell->text().find('$') == std::string_view::npos) return;
  const json value = Parsed(cell->text());
  if (!value.is_object() || value.size() != 1) return;
  const std::string& name = value.begin().key();
  const json& inner = value.begin().value();
  if (name == "$date") {
    Cell time = CellOf(inner);
    Unwrap(&time);
    ConvertToTime(TimeUnit::kMillis, &time_parser_, &time);
    if (time.kind == Kind::kTime) *cell = time;
  } else if (inner.is_string()) {
    UnwrapText(name, inner.get<std::string>(), cell);
  }
}

// Milliseconds, {"$numberLong": "0"}, or RFC 3339.
Cell ConnectValues::CellOf(const json& value) {
  if (value.is_number_integer()) return Cell::Int(value.get<int64_t>());
  if (value.is_string()) return Cell::String(arena_->Store(value.get<std::string>()));
  return Cell::Json(arena_->Store(value.dump()));
}

void ConnectValues::UnwrapText(std::string_view name, const std::string& text, Cell* cell) {
  const char* end = text.data() + text.size();
  if (name == "$oid") {
    *cell = Cell::String(arena_->Store(text));
  } else if (name == "$numberLong" || name == "$numberInt") {
    int64_t number;
    const auto parsed = std::from_chars(text.data(), end, number);
    if (parsed.ec == std::errc() && parsed.ptr == end) *cell = Cell::Int(number);
  } else if (name == "$numberDouble") {
    double number;
    const auto parsed = std::from_chars(text.data(), end, number);
    if (parsed.ec == std::errc() && parsed.ptr == end) *cell = Cell::Double(number);
  } else if (name == "$numberDecimal") {
    Int128 unscaled;
    int scale;
    if (!ParseDecimal(text, &unscaled, &scale)) return;
    *cell = MakeDecimalCell(unscaled, scale, arena_);
  }
}

}  // namespace murmur
