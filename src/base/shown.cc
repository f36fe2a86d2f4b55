#include "base/shown.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "base/decimal.h"
#include "murmur/key.h"

namespace murmur {
namespace {

constexpr size_t kCharacterBytesMax = 4;

// Bytes of the first character of `text`; 0: it does not begin with one.
size_t FirstCharacter(std::string_view text) noexcept {
  for (size_t size = 1; size <= std::min(text.size(), kCharacterBytesMax); ++size) {
    if (IsUtf8(text.substr(0, size))) return size;
  }
  return 0;
}

bool IsControl(std::string_view character) noexcept {
  const auto first = static_cast<uint8_t>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7F;
  const auto second = static_cast<uint8_t>(character[1]);
  if (first == 0xC2) return second < 0xA0;  // U+0080 to U+009F
  // Line and paragraph separators, and characters that reverse the direction of text.
  if (first != 0xE2 || second != 0x80) return false;
  const auto third = static_cast<uint8_t>(character[2]);
  return third >= 0xA8 && third <= 0xAE;
}

void AppendEscaped(std::string_view bytes, std::string* out) {
  if (bytes == "\n") {
    *out += "\\n";
  } else if (bytes == "\t") {
    *out += "\\t";
  } else if (bytes == "\r") {
    *out += "\\r";
  } else {
    for (const char c : bytes) *out += fmt::format("\\x{:02x}", static_cast<uint8_t>(c));
  }
}

std::string ShownValue(const Cell& cell) {
  switch (cell.kind) {
    case Kind::kNull: return "null";
    case Kind::kBool: return cell.i != 0 ? "true" : "false";
    case Kind::kInt: return std::to_string(cell.i);
    case Kind::kDouble: return fmt::format("{}", cell.d);
    case Kind::kDecimal: return FormatDecimal(cell.decimal(), cell.scale);
    case Kind::kTime: return FormatTime(cell.i);
    case Kind::kString: return Shown(cell.text());
    case Kind::kJson: {
      const std::string_view start = CutAtCharacter(cell.text(), kShownBytes);
      return Escaped(start) + (start.size() < cell.text().size() ? "…" : "");
    }
  }
  return "unknown";
}

}  // namespace

std::string_view CutAtCharacter(std::string_view text, size_t bytes) noexcept {
  if (text.size() <= bytes) return text;
  for (size_t back = 1; back < kCharacterBytesMax && back <= bytes; ++back) {
    const size_t begin = bytes - back;
    const size_t size = FirstCharacter(text.substr(begin));
    if (size == 0) continue;
    return text.substr(0, begin + size > bytes ? begin : bytes);
  }
  return text.substr(0, bytes);
}

std::string Escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t size = FirstCharacter(text);
    const std::string_view first = text.substr(0, std::max<size_t>(size, 1));
    if (size == 0 || IsControl(first)) {
      AppendEscaped(first, &out);
    } else {
      out += first;
    }
    text.remove_prefix(first.size());
  }
  return out;
}

std::string Shown(std::string_view text) {
  const std::string_view start = CutAtCharacter(text, kShownBytes);
  return "'" + Escaped(start) + (start.size() < text.size() ? "…'" : "'");
}

std::string Shown(const Cell& cell) {
  const std::string value = ShownValue(cell);
  if (cell.is_null()) return value;
  const std::string_view name = KindName(cell.kind);
  const bool vowel = name.find_first_of("aeiou") == 0;
  return value + (vowel ? ", an " : ", a ") + std::string(name);
}

std::string Grouped(uint64_t n) {
  std::string text = std::to_string(n);
  for (size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

std::string Counted(uint64_t n, std::string_view one) {
  return fmt::format("{} {}{}", Grouped(n), one, n == 1 ? "" : "s");
}

std::string Counted(uint64_t n, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", Grouped(n), n == 1 ? one : many);
}

}  // namespace murmur
