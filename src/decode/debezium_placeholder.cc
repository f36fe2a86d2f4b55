#include "decode/debezium_placeholder.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/hex.h"

namespace murmur {
namespace {

using nlohmann::json;

constexpr std::string_view kHexPrefix = "hex:";
constexpr std::string_view kSpaces = " \t\r\n";

// Text that is not hexadecimal stands for itself.
std::string BytesOf(std::string_view property) {
  if (!property.starts_with(kHexPrefix)) return std::string(property);
  std::string bytes;
  return FromHex(property.substr(kHexPrefix.size()), &bytes) ? bytes : std::string(property);
}

// RFC 1321.
std::array<unsigned char, 16> Md5(std::string_view text) {
  constexpr int kTurns[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
  std::string bytes(text);
  bytes.push_back('\x80');
  while (bytes.size() % 64 != 56) bytes.push_back('\0');
  for (int shift = 0; shift < 64; shift += 8) {
    bytes.push_back(static_cast<char>(uint64_t{8} * text.size() >> shift));
  }
  std::array<uint32_t, 4> hash = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  for (size_t block = 0; block < bytes.size(); block += 64) {
    auto [a, b, c, d] = hash;
    for (uint32_t i = 0; i < 64; ++i) {
      const uint32_t round = i / 16;
      const uint32_t mixed = round == 0   ? (b & c) | (~b & d)
                             : round == 1 ? (d & b) | (~d & c)
                             : round == 2 ? b ^ c ^ d
                                          : c ^ (b | ~d);
      const uint32_t at = (round == 0   ? i
                           : round == 1 ? 5 * i + 1
                           : round == 2 ? 3 * i + 5
                                        : 7 * i) %
                          16;
      uint32_t word = 0;
      for (uint32_t k = 4; k-- > 0;) {
        word = word << 8 | static_cast<unsigned char>(bytes[block + 4 * at + k]);
      }
      const auto constant = static_cast<uint32_t>(std::floor(std::abs(std::sin(i + 1.0)) * 0x1p32));
      const uint32_t sum = a + mixed + constant + word;
      a = d;
      d = c;
      c = b;
      b += std::rotl(sum, kTurns[round][i % 4]);
    }
    hash = {hash[0] + a, hash[1] + b, hash[2] + c, hash[3] + d};
  }
  std::array<unsigned char, 16> digest{};
  for (size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<unsigned char>(hash[i / 4] >> 8 * (i % 4));
  }
  return digest;
}

// Version 3, without a namespace.
std::string NameUuid(std::string_view name) {
  auto digest = Md5(name);
  digest[6] = (digest[6] & 0x0f) | 0x30;
  digest[8] = (digest[8] & 0x3f) | 0x80;
  std::string hex = ToHex({reinterpret_cast<const char*>(digest.data()), digest.size()});
  for (const size_t at : {20, 16, 12, 8}) hex.insert(at, 1, '-');
  return hex;
}

bool IsListOfBytes(const json& list, std::string_view bytes) {
  return std::equal(list.begin(), list.end(), bytes.begin(), bytes.end(),
                    [](const json& number, char byte) {
                      return number.is_number_integer() &&
                             (number == static_cast<int>(static_cast<signed char>(byte)) ||
                              number == static_cast<int>(static_cast<unsigned char>(byte)));
                    });
}

}  // namespace

DebeziumPlaceholder::DebeziumPlaceholder(std::string_view property)
    : text_(BytesOf(property)),
      base64_(ToBase64(text_)),
      url_base64_(base64_),
      hex_(ToHex(text_)),
      uuid_(NameUuid(text_)) {
  std::replace(url_base64_.begin(), url_base64_.end(), '+', '-');
  std::replace(url_base64_.begin(), url_base64_.end(), '/', '_');
  map_ = json{{text_, text_}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

bool DebeziumPlaceholder::StandsFor(const Cell& cell) const {
  if (text_.empty()) return false;
  if (cell.kind == Kind::kString) return IsText(cell.text()) || cell.text() == map_;
  return cell.kind == Kind::kJson && IsJson(cell.text());
}

bool DebeziumPlaceholder::IsText(std::string_view text) const {
  return text == text_ || text == base64_ || text == url_base64_ || text == hex_;
}

bool DebeziumPlaceholder::IsJson(std::string_view text) const {
  // Only lists and objects that may be placeholders are parsed: those that contain one of the
  // texts, or begin with the first byte as a number.
  const size_t first = std::min(text.find_first_not_of(kSpaces, 1), text.size());
  const std::string_view inner = text.substr(first);
  const auto holds = [text](const std::string& form) { return text.find(form) != text.npos; };
  const bool may_be_bytes = inner.starts_with(std::to_string(static_cast<signed char>(text_[0]))) ||
                            inner.starts_with(std::to_string(static_cast<unsigned char>(text_[0])));
  if (!may_be_bytes && !holds(text_) && !holds(base64_) && !holds(url_base64_) && !holds(hex_) &&
      !holds(uuid_)) {
    return false;
  }
  const json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto is_form = [this](const json& inside) {
    return inside.is_string() && (IsText(inside.get_ref<const std::string&>()));
  };
  if (value.is_object()) return std::any_of(value.begin(), value.end(), is_form);
  if (!value.is_array() || value.empty()) return false;
  if (value.size() == 1 && value[0].is_string()) return is_form(value[0]) || value[0] == uuid_;
  return IsListOfBytes(value, text_);
}

}  // namespace murmur
