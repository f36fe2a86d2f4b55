#include "monoid/numbers.h"

#include <charconv>
#include <cmath>

#include "base/decimal.h"

namespace murmur {
namespace {

// How many bytes the UTF-8 character at text[i] has; 0 if it is none.
size_t CharacterBytes(std::string_view text, size_t i) {
  const auto at = [text](size_t k) { return static_cast<unsigned char>(text[k]); };
  const unsigned first = at(i);
  if (first < 0x80) return 1;
  const size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() - i < size) return 0;
  for (size_t k = 1; k < size; ++k) {
    if ((at(i + k) & 0xC0) != 0x80) return 0;
  }
  const unsigned second = at(i + 1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool beyond = (first == 0xED && second > 0x9F) || (first == 0xF4 && second > 0x8F);
  return overlong || beyond ? 0 : size;
}

void AppendEscape(unsigned char c, std::string* json) {
  constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"': *json += "\\\""; return;
    case '\\': *json += "\\\\"; return;
    case '\n': *json += "\\n"; return;
    case '\r': *json += "\\r"; return;
    case '\t': *json += "\\t"; return;
    default: (*json += "\\u00") += {kHex[c >> 4], kHex[c & 15]};
  }
}

}  // namespace

bool DecimalToInteger(const Cell& cell, int64_t* integer) {
  Int128 unscaled = cell.decimal();
  int scale = cell.scale;
  StripTrailingZeros(&unscaled, &scale);
  if (scale != 0 || unscaled < INT64_MIN || unscaled > INT64_MAX) return false;
  *integer = static_cast<int64_t>(unscaled);
  return true;
}

std::string NumberText(double v) {
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof(text), v).ptr);
}

std::string ListText(const std::vector<double>& values) {
  std::string text = "[";
  for (const double v : values) {
    if (text.size() > 1) text += ',';
    text += NumberText(v);
  }
  return text += ']';
}

void AppendJsonDouble(double v, std::string* json) {
  if (!std::isfinite(v)) {
    *json += "null";
    return;
  }
  const std::string text = NumberText(v);
  *json += text;
  if (text.find_first_of(".e") == std::string::npos) *json += ".0";
}

void AppendUtf8(std::string_view text, std::string* out) {
  for (size_t i = 0; i < text.size();) {
    const size_t size = CharacterBytes(text, i);
    out->append(size == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(i, size));
    i += size == 0 ? 1 : size;
  }
}

void AppendJsonString(std::string_view text, std::string* json) {
  *json += '"';
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const size_t size = CharacterBytes(text, i);
    if (size == 0) {
      *json += "\xEF\xBF\xBD";
    } else if (c < 0x20 || c == '"' || c == '\\') {
      AppendEscape(c, json);
    } else {
      json->append(text.substr(i, size));
    }
    i += size == 0 ? 1 : size;
  }
  *json += '"';
}

}  // namespace murmur
