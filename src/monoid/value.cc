#include "murmur/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "base/decimal.h"
#include "monoid/numbers.h"
#include "murmur/key.h"

namespace murmur {
namespace {

// "NaN" and the like; empty: it is finite.
std::string_view NotFiniteText(double v) {
  if (std::isfinite(v)) return {};
  return std::isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity";
}

void AppendList(const std::vector<Value>& items, std::string* json) {
  *json += '[';
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) *json += ", ";
    AppendJson(items[i], json);
  }
  *json += ']';
}

void AppendRecord(const Value& record, std::string* json) {
  *json += '{';
  for (size_t i = 0; i < record.items.size(); ++i) {
    if (i > 0) *json += ", ";
    AppendJsonString((*record.names)[i], json);
    *json += ": ";
    AppendJson(record.items[i], json);
  }
  *json += '}';
}

}  // namespace

Value Value::Number(ValueKind kind, int64_t i) {
  Value v;
  v.kind = kind;
  v.i = i;
  return v;
}

Value Value::Worded(ValueKind kind, std::string text) {
  Value v;
  v.kind = kind;
  v.text = std::move(text);
  return v;
}

Value Value::Integer(Int128 v) {
  if (v >= INT64_MIN && v <= INT64_MAX) {
    return Number(ValueKind::kInteger, static_cast<int64_t>(v));
  }
  return Worded(ValueKind::kWideInteger, FormatInt128(v));
}

Value Value::Integer(std::string digits) {
  int64_t v = 0;
  const char* end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(digits.data(), end, v);
  if (error == std::errc() && rest == end) return Number(ValueKind::kInteger, v);
  return Worded(ValueKind::kWideInteger, std::move(digits));
}

Value Value::Double(double v) {
  Value value;
  value.kind = ValueKind::kDouble;
  value.d = v;
  return value;
}

Value Value::Finite(double v) { return std::isfinite(v) ? Double(v) : Absent(); }

Value Value::List(std::vector<Value> items) {
  Value v;
  v.kind = ValueKind::kList;
  v.items = std::move(items);
  return v;
}

Value Value::Record(Names names, std::vector<Value> items) {
  Value v;
  v.kind = ValueKind::kRecord;
  v.names = std::move(names);
  v.items = std::move(items);
  return v;
}

Value Value::Json(std::string json) {
  return json == "null" ? Absent() : Worded(ValueKind::kJson, std::move(json));
}

bool operator==(const Value& a, const Value& b) {
  const bool same_double = a.d == b.d || (std::isnan(a.d) && std::isnan(b.d));
  const bool same_names =
      a.names == b.names || (a.names != nullptr && b.names != nullptr && *a.names == *b.names);
  return a.kind == b.kind && a.error_kind == b.error_kind && a.i == b.i && same_double &&
         a.error == b.error && a.text == b.text && a.items == b.items && same_names;
}

void AppendJson(const Value& value, std::string* json) {
  switch (value.kind) {
    case ValueKind::kAbsent: *json += "null"; return;
    case ValueKind::kBool: *json += value.i != 0 ? "true" : "false"; return;
    case ValueKind::kInteger: *json += std::to_string(value.i); return;
    case ValueKind::kDouble:
      if (const auto text = NotFiniteText(value.d); !text.empty()) {
        return AppendJsonString(text, json);
      }
      return AppendJsonDouble(value.d, json);
    case ValueKind::kWideInteger:
    case ValueKind::kJson: *json += value.text; return;
    case ValueKind::kDecimal:
    case ValueKind::kText: return AppendJsonString(value.text, json);
    case ValueKind::kTime: return AppendJsonString(FormatTime(value.i), json);
    case ValueKind::kList: return AppendList(value.items, json);
    case ValueKind::kRecord: return AppendRecord(value, json);
  }
}

void AppendPlain(const Value& value, std::string* text) {
  switch (value.kind) {
    case ValueKind::kAbsent: return;
    case ValueKind::kDouble:
      if (const auto special = NotFiniteText(value.d); !special.empty()) {
        text->append(special);
        return;
      }
      return AppendJson(value, text);
    case ValueKind::kDecimal: *text += value.text; return;
    case ValueKind::kText: return AppendUtf8(value.text, text);
    case ValueKind::kTime: *text += FormatTime(value.i); return;
    case ValueKind::kBool:
    case ValueKind::kInteger:
    case ValueKind::kWideInteger:
    case ValueKind::kList:
    case ValueKind::kRecord:
    case ValueKind::kJson: return AppendJson(value, text);
  }
}

}  // namespace murmur
