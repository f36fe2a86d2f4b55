#include "source/dynamodb/attribute_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "decode/json_canonical.h"
#include "decode/json_number.h"
#include "source/name_paths.h"

namespace murmur {
namespace {

using Is = AttributeValue::Is;

struct NamedType {
  std::string_view name;
  Is is;
  Is of = Is::kString;
};
constexpr std::array<NamedType, 10> kTypes = {{{"S", Is::kString},
                                               {"N", Is::kNumber},
                                               {"B", Is::kBinary},
                                               {"BOOL", Is::kBool},
                                               {"NULL", Is::kNull},
                                               {"M", Is::kMap},
                                               {"L", Is::kList},
                                               {"SS", Is::kSet, Is::kString},
                                               {"NS", Is::kSet, Is::kNumber},
                                               {"BS", Is::kSet, Is::kBinary}}};

const NamedType* FindType(std::string_view name) {
  for (const NamedType& type : kTypes) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

bool HasText(Is is) { return is == Is::kString || is == Is::kNumber || is == Is::kBinary; }

// The payload, `p` at it. Null: it does not fit the type.
const char* TakePayload(JsonScanner* scanner, const char* p, AttributeValue* value) {
  if (HasText(value->is)) {
    if (*p != '"') return nullptr;
    const char* end = scanner->SkipString(p, &value->escaped);
    if (end != nullptr) value->text = {p + 1, static_cast<size_t>(end - p - 2)};
    return end;
  }
  if (value->is == Is::kBool) value->truth = *p == 't';
  if (value->is == Is::kMap || value->is == Is::kList || value->is == Is::kSet) {
    if (*p != (value->is == Is::kMap ? '{' : '[')) return nullptr;
    value->inner = p;
  }
  return scanner->SkipValue(p, 1);
}

// REQUIRES: as for JsonScanner, here and where it is called
bool IsNumber(std::string_view text) {
  return JsonScanner::SkipNumber(text.data()) == text.data() + text.size();
}

// A number with its sign, digits and exponent, so that it can be compared: without zeros at either
// end of the digits, which are 0.digits * 10^exponent.
struct NumberParts {
  bool negative = false;
  std::string digits;
  int64_t exponent = 0;
};

// The service has none beyond 130.
constexpr int64_t kExponentMax = 1'000'000;

bool SplitNumber(std::string_view text, NumberParts* parts) {
  if (text.empty() || !IsNumber(text)) return false;
  parts->negative = text.front() == '-';
  if (parts->negative) text.remove_prefix(1);
  const size_t e = text.find_first_of("eE");
  const std::string_view mantissa = text.substr(0, e);
  const size_t point = std::min(mantissa.find('.'), mantissa.size());
  parts->exponent = static_cast<int64_t>(point);
  if (e != text.npos) {
    std::string_view written = text.substr(e + 1);
    if (written.starts_with('+')) written.remove_prefix(1);
    int64_t exponent = 0;
    const auto read = std::from_chars(written.begin(), written.end(), exponent);
    if (read.ec != std::errc() || std::abs(exponent) > kExponentMax) return false;
    parts->exponent += exponent;
  }
  parts->digits = mantissa;
  std::erase(parts->digits, '.');
  const size_t first = std::min(parts->digits.find_first_not_of('0'), parts->digits.size());
  parts->digits.erase(0, first);
  parts->exponent -= static_cast<int64_t>(first);
  while (parts->digits.ends_with('0')) parts->digits.pop_back();
  if (parts->digits.empty()) *parts = {};
  return true;
}

int CompareNumbers(const NumberParts& a, const NumberParts& b) {
  const auto sign = [](const NumberParts& n) { return n.digits.empty() ? 0 : n.negative ? -1 : 1; };
  if (sign(a) != sign(b)) return sign(a) < sign(b) ? -1 : 1;
  const auto magnitude = [](const NumberParts& n) { return std::pair(n.exponent, n.digits); };
  if (magnitude(a) == magnitude(b)) return 0;
  return (magnitude(a) < magnitude(b)) != a.negative ? -1 : 1;
}

// --- values as JSON

bool AppendJson(JsonScanner* scanner, const AttributeValue& value, std::string* json);

bool AppendScalar(Is is, std::string_view text, std::string* json) {
  if (is == Is::kNumber && !IsNumber(text)) return false;
  const char* const quote = is == Is::kNumber ? "" : "\"";
  json->append(quote).append(text).append(quote);
  return true;
}

bool AppendMap(JsonScanner* scanner, const char* p, std::string* json) {
  *json += '{';
  const char* end = scanner->WalkObject(p, [&](std::string_view name, bool, const char* at) {
    if (json->back() != '{') *json += ',';
    json->append("\"").append(name).append("\":");
    AttributeValue value;
    const char* const after = TakeAttributeValue(scanner, at, &value);
    return after != nullptr && AppendJson(scanner, value, json) ? after : nullptr;
  });
  *json += '}';
  return end != nullptr;
}

bool AppendList(JsonScanner* scanner, const char* p, std::string* json) {
  *json += '[';
  const char* end = scanner->WalkList(p, [&](uint32_t index, const char* at) {
    if (index > 0) *json += ',';
    AttributeValue value;
    const char* const after = TakeAttributeValue(scanner, at, &value);
    return after != nullptr && AppendJson(scanner, value, json) ? after : nullptr;
  });
  *json += ']';
  return end != nullptr;
}

// A set has no order: its elements get one, so that equal sets have equal texts.
bool AppendSet(JsonScanner* scanner, const AttributeValue& set, std::string* json) {
  struct Element {
    std::string_view text;
    std::string plain;
    NumberParts number;
  };
  std::vector<Element> elements;
  const char* end = scanner->WalkList(set.inner, [&](uint32_t, const char* at) -> const char* {
    bool escaped = false;
    const char* const after = *at == '"' ? scanner->SkipString(at, &escaped) : nullptr;
    if (after == nullptr) return nullptr;
    Element& element = elements.emplace_back();
    element.text = {at + 1, static_cast<size_t>(after - at - 2)};
    if (set.of == Is::kNumber) {
      return !escaped && SplitNumber(element.text, &element.number) ? after : nullptr;
    }
    element.plain = Unescaped(element.text, escaped);
    return after;
  });
  if (end == nullptr) return false;
  std::sort(elements.begin(), elements.end(), [&set](const Element& a, const Element& b) {
    return set.of == Is::kNumber ? CompareNumbers(a.number, b.number) < 0 : a.plain < b.plain;
  });
  *json += '[';
  for (const Element& element : elements) {
    if (json->back() != '[') *json += ',';
    if (!AppendScalar(set.of, element.text, json)) return false;
  }
  *json += ']';
  return true;
}

bool AppendJson(JsonScanner* scanner, const AttributeValue& value, std::string* json) {
  switch (value.is) {
    case Is::kString:
    case Is::kNumber:
    case Is::kBinary: return AppendScalar(value.is, value.text, json);
    case Is::kBool: json->append(value.truth ? "true" : "false"); return true;
    case Is::kNull: json->append("null"); return true;
    case Is::kMap: return AppendMap(scanner, value.inner, json);
    case Is::kList: return AppendList(scanner, value.inner, json);
    case Is::kSet: return AppendSet(scanner, value, json);
  }
  return false;
}

}  // namespace

std::string Unescaped(std::string_view text, bool escaped) {
  if (!escaped) return std::string(text);
  std::string plain(text.size(), '\0');
  plain.resize(static_cast<size_t>(UnescapeJson(text, plain.data()) - plain.data()));
  return plain;
}

const char* TakeAttributeValue(JsonScanner* scanner, const char* p, AttributeValue* value) {
  if (*p != '{') return nullptr;
  bool found = false;
  const char* end =
      scanner->WalkObject(p, [&](std::string_view name, bool, const char* at) -> const char* {
        const NamedType* type = FindType(name);
        if (type == nullptr || std::exchange(found, true)) return nullptr;
        value->is = type->is;
        value->of = type->of;
        return TakePayload(scanner, at, value);
      });
  return found ? end : nullptr;
}

bool AppendCanonicalNumber(std::string_view text, std::string* out) {
  NumberParts parts;
  if (!SplitNumber(text, &parts)) return false;
  if (parts.digits.empty()) {
    *out += '0';
    return true;
  }
  const auto exponent = parts.exponent - static_cast<int64_t>(parts.digits.size());
  fmt::format_to(std::back_inserter(*out), "{}{}E{}", parts.negative ? "-" : "", parts.digits,
                 exponent);
  return true;
}

ItemDecoder::ItemDecoder(const Projection& projection)
    : projection_(projection), root_(BuildFieldTree(projection_)) {}

bool ItemDecoder::Decode(const char* item, uint32_t row, std::vector<Column>* columns,
                         DeadLetter* dead) {
  columns_ = columns->data();
  row_ = row;
  dead_ = dead;
  refused_ = false;
  for (size_t i = 0; i < projection_.fields.size(); ++i) columns_[i].cells[row] = Cell::Null();
  scanner_.ForgetSeen();
  if (WalkMap(item, *root_) != nullptr) return true;
  if (!refused_) {
    dead_->reason = DeadReason::kUndecodable;
    dead_->detail = "the item has something that is no attribute value";
  }
  return false;
}

const char* ItemDecoder::WalkMap(const char* p, const FieldNode& node) {
  return scanner_.WalkObject(p, [&](std::string_view name, bool escaped, const char* at) {
    const FieldNode* child =
        escaped ? node.Find(Unescaped(name, /*escaped=*/true)) : node.Find(name);
    return child != nullptr ? ReadNode(at, *child) : scanner_.SkipValue(at, 1);
  });
}

const char* ItemDecoder::WalkList(const char* p, const FieldNode& node) {
  return scanner_.WalkList(p, [&](uint32_t index, const char* at) {
    const FieldNode* child = node.Find(index);
    return child != nullptr ? ReadNode(at, *child) : scanner_.SkipValue(at, 1);
  });
}

const char* ItemDecoder::ReadNode(const char* p, const FieldNode& node) {
  AttributeValue value;
  const char* const end = TakeAttributeValue(&scanner_, p, &value);
  if (end == nullptr) return nullptr;
  if (!node.is_leaf()) {
    const bool fits = (value.is != Is::kMap || WalkMap(value.inner, node) != nullptr) &&
                      (value.is != Is::kList || WalkList(value.inner, node) != nullptr);
    if (!fits) return nullptr;
  }
  for (const uint32_t column : node.columns) {
    if (!ReadField(value, column)) return nullptr;
  }
  return end;
}

bool ItemDecoder::ReadField(const AttributeValue& value, uint32_t column) {
  const FieldRequest& field = projection_.fields[column];
  Cell* cell = &columns_[column].cells[row_];
  if (!ReadValue(value, field, cell)) return false;
  if (field.as_time) ConvertToTime(field.unit, &time_parser_, cell);
  return true;
}

bool ItemDecoder::ReadValue(const AttributeValue& value, const FieldRequest& field, Cell* cell) {
  switch (value.is) {
    case Is::kString:
    case Is::kBinary: return ReadText(value, field, cell);
    case Is::kNumber:
      if (ReadShortNumber(value.text.data(), /*exact=*/true, cell) ==
              value.text.data() + value.text.size() ||
          (IsNumber(value.text) && ParseJsonNumber(value.text, /*exact=*/true, &arena_, cell))) {
        return true;
      }
      return Refuse(DeadReason::kUndecodable, field, "a number that is none");
    case Is::kBool: *cell = Cell::Bool(value.truth); return true;
    case Is::kNull: *cell = Cell::Null(); return true;
    default: return ReadJson(value, field, cell);
  }
}

bool ItemDecoder::ReadText(const AttributeValue& value, const FieldRequest& field, Cell* cell) {
  std::string_view text = value.text;
  if (value.escaped) {
    char* const plain = arena_.Allocate(text.size());
    text = {plain, static_cast<size_t>(UnescapeJson(text, plain) - plain)};
  }
  if (!scanner_.seen_ascii() && !IsUtf8(text)) {
    return Refuse(DeadReason::kInvalidUtf8, field, "a string that is not UTF-8");
  }
  *cell = Cell::String(text);
  return true;
}

bool ItemDecoder::ReadJson(const AttributeValue& value, const FieldRequest& field, Cell* cell) {
  json_.clear();
  canonical_.clear();
  if (!AppendJson(&scanner_, value, &json_) || !AppendCanonicalJson(json_, &canonical_)) {
    return Refuse(DeadReason::kUndecodable, field, "a value that can't be read");
  }
  *cell = Cell::Json(arena_.Store(canonical_));
  return true;
}

bool ItemDecoder::Refuse(DeadReason reason, const FieldRequest& field, std::string_view what) {
  refused_ = true;
  dead_->reason = reason;
  dead_->detail = fmt::format("{}: {}", field.path.ToString(), what);
  return false;
}

ScanProjection ScanProjectionOf(const Projection& projection, const std::vector<std::string>& key) {
  std::set<NamePath> paths;
  for (const std::string& name : key) paths.insert(NamePath{name});  // whole: it names the row
  for (const FieldRequest& field : projection.fields) {
    paths.insert(NamesBefore(field.path, [](std::string_view) { return true; }));
  }
  paths.erase(NamePath{});
  ScanProjection made;
  auto names = nlohmann::ordered_json::object();
  for (const NamePath& path : OutermostPaths(paths)) {
    if (!made.expression.empty()) made.expression += ',';
    for (size_t i = 0; i < path.size(); ++i) {
      const std::string placeholder = fmt::format("#n{}", names.size());
      made.expression += (i == 0 ? "" : ".") + placeholder;
      names[placeholder] = path[i];
    }
  }
  made.names = names.dump();
  return made;
}

}  // namespace murmur
