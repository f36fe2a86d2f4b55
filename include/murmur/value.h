// One value of an answer: what an aggregate says about a group, with its type.
// Every number is exact: integers of any size, decimals with the digits they were written with.
// Absent is not zero: it says that there was nothing to answer from.
// Threads: a plain value; as thread-safe as a string.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "murmur/record.h"

namespace murmur {

enum class ValueKind : uint8_t {
  kAbsent,       // JSON null
  kBool,         // i is 0 or 1
  kInteger,      // i
  kWideInteger,  // text: the digits of an integer beyond 64 bits
  kDecimal,      // text: "-12.50"; no exponent, any number of digits
  kDouble,       // d; may be NaN or infinite
  kText,         // text: meant as UTF-8, but bytes are kept as they came
  kTime,         // i: µs since the Unix epoch, or one of the two infinities (record.h)
  kList,         // items
  kRecord,       // items, with as many names
  kJson,         // text: any JSON, of an aggregate that has nothing better
};

// How far a value may be from the true one.
enum class ErrorKind : uint8_t {
  kExact,
  kRelative,  // at most `error` times the true value
  kStandard,  // the standard error, relative to the true value
};

struct Value {
  // The names of a record's items. Shared by all records of one aggregate.
  using Names = std::shared_ptr<const std::vector<std::string>>;

  ValueKind kind = ValueKind::kAbsent;
  ErrorKind error_kind = ErrorKind::kExact;
  int64_t i = 0;
  double d = 0;
  double error = 0;  // as error_kind says; not of the items, which have their own
  std::string text;
  std::vector<Value> items;
  Names names;

  static Value Absent() { return {}; }
  static Value Bool(bool v) { return Number(ValueKind::kBool, v ? 1 : 0); }
  static Value Time(int64_t micros) { return Number(ValueKind::kTime, micros); }
  static Value Integer(Int128 v);
  // From decimal digits, with a '-' if it is negative: of any size. REQUIRES: digits is that
  static Value Integer(std::string digits);
  static Value Decimal(std::string digits) {
    return Worded(ValueKind::kDecimal, std::move(digits));
  }
  static Value Double(double v);
  // Absent if it is NaN or infinite.
  static Value Finite(double v);
  static Value Text(std::string v) { return Worded(ValueKind::kText, std::move(v)); }
  static Value List(std::vector<Value> items);
  // REQUIRES: as many items as names
  static Value Record(Names names, std::vector<Value> items);
  // Any JSON text; null is Absent. REQUIRES: it is valid
  static Value Json(std::string json);

  static Names MakeNames(std::vector<std::string> names) {
    return std::make_shared<const std::vector<std::string>>(std::move(names));
  }

  bool absent() const noexcept { return kind == ValueKind::kAbsent; }
  Value&& WithError(ErrorKind its_kind, double amount) && {
    error_kind = its_kind;
    error = amount;
    return std::move(*this);
  }

 private:
  static Value Number(ValueKind kind, int64_t i);
  static Value Worded(ValueKind kind, std::string text);
};

bool operator==(const Value& a, const Value& b);  // names by their text; NaN equals NaN

// Numbers as JSON numbers, decimals and times as strings, NaN and the infinities as "NaN",
// "Infinity" and "-Infinity". Bytes of a text that are not UTF-8 become U+FFFD.
void AppendJson(const Value& value, std::string* json);

// The same for people and flat formats: texts, decimals and times without quotes, absent as
// nothing.
void AppendPlain(const Value& value, std::string* text);

}  // namespace murmur
