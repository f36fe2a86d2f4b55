#include "monoid/value_codec.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "base/decimal.h"
#include "base/key_number.h"

namespace murmur {
namespace {

constexpr size_t kNumberBytes = kKeyNumberBytes;
constexpr size_t kDoubleEnd = 9;
constexpr size_t kTimeBytes = 9;
constexpr char kDecimalResidual = '\x80';

// The size of the escaped text at the front of `in`, its end included; 0 if it is damaged.
size_t EscapedBytes(std::string_view in) {
  for (size_t i = 0; i < in.size(); ++i) {
    if (in[i] == 0) return i + 1;
    if (in[i] == 1 && (++i == in.size() || (in[i] != 1 && in[i] != 2))) return 0;
  }
  return 0;
}

KeyValue Decode(std::string_view value) {
  std::string key(1, static_cast<char>(kKeyBase));
  key.append(value);
  Result<DecodedKey> decoded = DecodeKey(key, false);
  if (!decoded.ok() || decoded->parts.size() != 1) return {};
  return std::move(decoded->parts[0]);
}

// Whether a number's bytes are the ones that its value has.
bool IsCanonicalNumber(std::string_view value) {
  const KeyValue number = Decode(value);
  std::string again;
  Int128 unscaled;
  int scale;
  switch (number.kind) {
    case Kind::kInt: AppendValue(Cell::Int(number.i), &again); break;
    case Kind::kDouble: AppendValue(Cell::Double(number.d), &again); break;
    case Kind::kDecimal:
      if (!ParseDecimal(number.text, &unscaled, &scale)) return false;
      AppendValue(Cell::Decimal(&unscaled, static_cast<uint8_t>(scale)), &again);
      break;
    default: return false;
  }
  return again == value;
}

size_t ValueBytes(std::string_view in) {
  switch (in.empty() ? '\0' : in[0]) {
    case value_tag::kFalse:
    case value_tag::kTrue: return 1;
    case value_tag::kTime: return kTimeBytes;
    case value_tag::kNumber: {
      if (in.size() < kNumberBytes || in[kDoubleEnd] != kDecimalResidual) return kNumberBytes;
      const size_t text = EscapedBytes(in.substr(kNumberBytes));
      return text == 0 ? 0 : kNumberBytes + text;
    }
    case value_tag::kText: {
      const size_t text = EscapedBytes(in.substr(1));
      return text == 0 ? 0 : 1 + text;
    }
    default: return 0;
  }
}

// The digits of a finite number with all its decimals.
std::string ExactText(std::string_view value) {
  const KeyValue number = Decode(value);
  if (number.kind == Kind::kDecimal) return number.text;
  if (number.kind == Kind::kInt) return std::to_string(number.i);
  constexpr int kDecimalsMax = 1074;
  std::array<char, 1500> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number.d,
                                 std::chars_format::fixed, kDecimalsMax);
  return std::string(text.data(), end.ptr);
}

// Compares two numbers' texts by value. REQUIRES: the same sign
int CompareDecimalTexts(std::string a, std::string b) {
  const bool negative = a[0] == '-';
  const auto point = [](const std::string& text) { return std::min(text.find('.'), text.size()); };
  const size_t whole = std::max(point(a), point(b));
  a.insert(0, whole - point(a), '0');
  b.insert(0, whole - point(b), '0');
  for (std::string* text : {&a, &b}) {
    const size_t sign = text->find('-');
    if (sign != std::string::npos) (*text)[sign] = '0';
    if (point(*text) == text->size()) *text += '.';
  }
  a.resize(std::max(a.size(), b.size()), '0');
  b.resize(a.size(), '0');
  return negative ? b.compare(a) : a.compare(b);
}

}  // namespace

bool ReadValue(std::string_view* in, std::string_view* value) {
  const size_t size = ValueBytes(*in);
  if (size == 0 || size > in->size()) return false;
  *value = in->substr(0, size);
  if (value->front() == value_tag::kNumber && !IsCanonicalNumber(*value)) return false;
  in->remove_prefix(size);
  return true;
}

int CompareValues(std::string_view a, std::string_view b) {
  const bool near = a.size() >= kNumberBytes && b.size() >= kNumberBytes &&
                    a[0] == value_tag::kNumber &&
                    a.substr(0, kDoubleEnd) == b.substr(0, kDoubleEnd) &&
                    (a[kDoubleEnd] == kDecimalResidual || b[kDoubleEnd] == kDecimalResidual);
  if (!near || a == b) return a.compare(b);
  const int order = CompareDecimalTexts(ExactText(a), ExactText(b));
  return order != 0 ? order : a.compare(b);
}

Value DecodeValue(std::string_view value) {
  KeyValue decoded = Decode(value);
  switch (decoded.kind) {
    case Kind::kBool: return Value::Bool(decoded.i != 0);
    case Kind::kInt: return Value::Integer(decoded.i);
    case Kind::kDouble: return Value::Double(decoded.d);
    case Kind::kDecimal: return Value::Decimal(std::move(decoded.text));
    case Kind::kString: return Value::Text(std::move(decoded.text));
    case Kind::kTime: return Value::Time(decoded.i);
    case Kind::kNull:
    case Kind::kJson: break;
  }
  return Value::Absent();
}

Value OverflowValue(size_t limit) {
  static const Value::Names names = Value::MakeNames({"overflow", "limit"});
  return Value::Record(names, {Value::Bool(true), Value::Integer(Int128{limit})});
}

}  // namespace murmur
