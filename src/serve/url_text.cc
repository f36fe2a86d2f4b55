#include "serve/url_text.h"

#include <algorithm>
#include <optional>

#include "base/shown.h"

namespace murmur {
namespace {

std::optional<unsigned> HexDigit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

}  // namespace

Result<std::string> DecodeUrl(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      decoded += ' ';
    } else if (text[i] != '%') {
      decoded += text[i];
    } else {
      const bool has_both = text.size() - i > 2;
      const auto high = has_both ? HexDigit(text[i + 1]) : std::nullopt;
      const auto low = has_both ? HexDigit(text[i + 2]) : std::nullopt;
      if (!high || !low) {
        return Status(Code::kInvalidArgument,
                      "a % without two hexadecimal digits after it: " + Shown(text));
      }
      decoded += static_cast<char>(*high * 16 + *low);
      i += 2;
    }
  }
  return decoded;
}

Result<UrlQuery> ParseUrlQuery(std::string_view text) {
  UrlQuery query;
  while (!text.empty()) {
    const size_t end = std::min(text.find('&'), text.size());
    const std::string_view one = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (one.empty()) continue;
    const size_t equals = std::min(one.find('='), one.size());
    MURMUR_ASSIGN(const std::string name, DecodeUrl(one.substr(0, equals), true));
    MURMUR_ASSIGN(std::string value, DecodeUrl(one.substr(std::min(equals + 1, one.size())), true));
    query[name].push_back(std::move(value));
  }
  return query;
}

Result<std::vector<std::string>> SplitUrlPath(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    if (path.front() == '/') path.remove_prefix(1);
    const size_t end = std::min(path.find('/'), path.size());
    MURMUR_ASSIGN(parts.emplace_back(), DecodeUrl(path.substr(0, end), false));
    path.remove_prefix(end);
  }
  return parts;
}

}  // namespace murmur
