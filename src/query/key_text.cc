// The keys of the command line as typed keys.
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/decimal.h"
#include "murmur/query.h"

namespace murmur {
namespace {

// Splits "a,\"b,c\",3" at commas outside JSON strings. Quoted values keep their quotes.
std::vector<std::string> SplitKey(std::string_view key) {
  std::vector<std::string> values(1);
  bool quoted = false;
  for (size_t i = 0; i < key.size(); ++i) {
    const char c = key[i];
    if (c == ',' && !quoted) {
      values.emplace_back();
      continue;
    }
    if (c == '"') quoted = !quoted && values.back().empty();
    if (quoted && c == '\\' && i + 1 < key.size()) values.back() += key[i++];
    values.back() += key[i];
  }
  return values;
}

bool IsJsonNumber(const std::string& text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  // JSON may have spaces around it.
  if (text.empty() || (text.front() != '-' && !is_digit(text.front())) || !is_digit(text.back())) {
    return false;
  }
  return nlohmann::json::accept(text);
}

// The value that a key part of this cell has when it is read back.
KeyValue Canonical(const Cell& cell) {
  std::string key(1, static_cast<char>(kKeyBase));
  AppendKeyPart(cell, &key);
  return DecodeKey(key, /*windowed=*/false).value().parts.at(0);
}

KeyValue TextValue(std::string text) {
  KeyValue value;
  value.kind = Kind::kString;
  value.text = std::move(text);
  return value;
}

// The possible meanings of a value as written: 5 is the number, or the string.
Result<std::vector<KeyValue>> MeaningsOf(const std::string& value) {
  std::vector<KeyValue> meanings;
  if (value.starts_with('"')) {
    const auto parsed = nlohmann::json::parse(value, nullptr, /*allow_exceptions=*/false);
    if (!parsed.is_string()) {
      return Status(Code::kInvalidArgument, "key value " + value + " is no JSON string");
    }
    meanings.push_back(TextValue(parsed.get<std::string>()));
    return meanings;
  }
  meanings.push_back(TextValue(value));
  if (value == "null") meanings.emplace_back();
  if (value == "true" || value == "false")
    meanings.push_back(Canonical(Cell::Bool(value == "true")));
  if (IsJsonNumber(value)) {
    // The exact number. A key is the same for every kind of number with that value.
    Int128 unscaled = 0;
    int scale = 0;
    if (ParseDecimal(value, &unscaled, &scale)) {
      meanings.push_back(Canonical(Cell::Decimal(&unscaled, static_cast<uint8_t>(scale))));
    }
    // A fraction may also be the nearest double, if records have doubles.
    const double nearest = std::strtod(value.c_str(), nullptr);
    const bool is_fraction = value.find_first_of(".eE") != value.npos;
    if (is_fraction && std::isfinite(nearest)) meanings.push_back(Canonical(Cell::Double(nearest)));
  }
  return meanings;
}

}  // namespace

Result<KeyQuery> ParseKey(std::string_view text) {
  KeyQuery key{.parts = {}, .text = std::string(text)};
  if (text.empty()) return key;
  for (const std::string& value : SplitKey(text)) {
    MURMUR_ASSIGN(auto meanings, MeaningsOf(value));
    key.parts.push_back(std::move(meanings));
  }
  return key;
}

}  // namespace murmur
