#include "source/mariadb/maria_charset.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "source/mariadb/maria_connection.h"

namespace murmur {
namespace {

constexpr char kNone[] = "?";

// --- those that are ways to write Unicode

constexpr uint32_t kHighSurrogate = 0xD800;
constexpr uint32_t kLowSurrogate = 0xDC00;
constexpr uint32_t kAfterSurrogates = 0xE000;
constexpr uint32_t kBeyondUnits = 0x10000;
constexpr uint32_t kCharactersMax = 0x110000;

void AppendCharacter(uint32_t code, std::string* text) {
  const auto put = [text](uint32_t byte) { *text += static_cast<char>(byte); };
  const auto tail = [&put](uint32_t bits) { put(0x80 | (bits & 0x3F)); };
  if (code >= kCharactersMax) {
    *text += kNone;
  } else if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    tail(code);
  } else if (code < kBeyondUnits) {
    put(0xE0 | code >> 12);
    tail(code >> 6);
    tail(code);
  } else {
    put(0xF0 | code >> 18);
    tail(code >> 12);
    tail(code >> 6);
    tail(code);
  }
}

uint32_t UnitAt(std::string_view bytes, size_t at, size_t size, bool is_little_endian) {
  uint32_t unit = 0;
  for (size_t i = 0; i < size; ++i) {
    const size_t byte = is_little_endian ? size - 1 - i : i;
    unit = unit << 8 | static_cast<unsigned char>(bytes[at + byte]);
  }
  return unit;
}

bool IsLow(uint32_t unit) { return unit >= kLowSurrogate && unit < kAfterSurrogates; }
bool IsHigh(uint32_t unit) { return unit >= kHighSurrogate && unit < kLowSurrogate; }

void AppendUnicode(MariaCharset::Is is, std::string_view bytes, std::string* text) {
  const size_t size = is == MariaCharset::Is::kUtf32 ? 4 : 2;
  const bool is_little_endian = is == MariaCharset::Is::kUtf16LittleEndian;
  const bool has_pairs = is == MariaCharset::Is::kUtf16 || is_little_endian;
  for (size_t at = 0; at + size <= bytes.size(); at += size) {
    const uint32_t unit = UnitAt(bytes, at, size, is_little_endian);
    if (has_pairs && IsHigh(unit) && at + 2 * size <= bytes.size()) {
      const uint32_t next = UnitAt(bytes, at + size, size, is_little_endian);
      if (IsLow(next)) {
        AppendCharacter(kBeyondUnits + ((unit - kHighSurrogate) << 10) + (next - kLowSurrogate),
                        text);
        at += size;
        continue;
      }
    }
    AppendCharacter(unit, text);
  }
}

// --- those that the server tells

// The characters that are `prefix` and one more byte.
Result<std::shared_ptr<MariaCharset>> ReadTexts(MariaConnection& connection,
                                                const std::string& name, uint64_t prefix,
                                                const std::stop_token& stop) {
  auto charset = std::make_shared<MariaCharset>();
  std::string question;
  for (size_t byte = 0; byte < charset->texts.size(); ++byte) {
    question += fmt::format("{}CONVERT(CHAR({} USING {}) USING utf8mb4)",
                            byte == 0 ? "SELECT " : ", ", prefix << 8 | byte, name);
  }
  MURMUR_ASSIGN(const MariaRowSet texts, connection.Ask(question, "to read a character set", stop));
  for (size_t byte = 0; byte < charset->texts.size(); ++byte) {
    charset->texts[byte] = texts.at(0, static_cast<int>(byte));
  }
  return charset;
}

bool HasNone(const MariaCharset& charset) {
  return std::all_of(charset.texts.begin(), charset.texts.end(),
                     [](const std::string& text) { return text.empty(); });
}

// Of a byte that is no character, more bytes may be one; of two bytes, only where no two that begin
// so are one.
Status ReadLonger(MariaConnection& connection, const std::string& name, uint64_t prefix,
                  uint64_t bytes_left, MariaCharset* charset, const std::stop_token& stop) {
  if (bytes_left == 0) return {};
  for (size_t byte = 0; byte < charset->texts.size(); ++byte) {
    if (!charset->texts[byte].empty()) continue;
    const uint64_t longer_prefix = prefix << 8 | byte;
    if (longer_prefix == 0) continue;
    MURMUR_ASSIGN(auto longer, ReadTexts(connection, name, longer_prefix, stop));
    if (HasNone(*longer)) {
      MURMUR_TRY(ReadLonger(connection, name, longer_prefix, bytes_left - 1, longer.get(), stop));
      const bool leads = std::any_of(longer->longer.begin(), longer->longer.end(),
                                     [](const auto& next) { return next != nullptr; });
      if (!leads) continue;
    }
    charset->longer[byte] = std::move(longer);
  }
  return {};
}

Result<std::shared_ptr<const MariaCharset>> Read(MariaConnection& connection,
                                                 const std::string& name, uint64_t bytes_max,
                                                 const std::stop_token& stop) {
  static const std::map<std::string, MariaCharset::Is> kUnicode = {
      {"ucs2", MariaCharset::Is::kUcs2},
      {"utf16", MariaCharset::Is::kUtf16},
      {"utf16le", MariaCharset::Is::kUtf16LittleEndian},
      {"utf32", MariaCharset::Is::kUtf32}};
  if (const auto unicode = kUnicode.find(name); unicode != kUnicode.end()) {
    auto charset = std::make_shared<MariaCharset>();
    charset->is = unicode->second;
    return std::shared_ptr<const MariaCharset>(std::move(charset));
  }
  MURMUR_ASSIGN(auto charset, ReadTexts(connection, name, 0, stop));
  MURMUR_TRY(ReadLonger(connection, name, 0, bytes_max - 1, charset.get(), stop));
  return std::shared_ptr<const MariaCharset>(std::move(charset));
}

// False: two characters have one text.
bool AddTexts(const MariaCharset& charset, std::set<std::string_view>* texts) {
  for (size_t byte = 0; byte < charset.texts.size(); ++byte) {
    const std::string& text = charset.texts[byte];
    if (!text.empty() && !texts->insert(text).second) return false;
    if (charset.longer[byte] != nullptr && !AddTexts(*charset.longer[byte], texts)) return false;
  }
  return true;
}

}  // namespace

bool MariaCharset::tells_apart() const {
  std::set<std::string_view> seen;
  return AddTexts(*this, &seen);
}

void MariaCharset::AppendText(std::string_view bytes, std::string* text) const {
  if (is != Is::kTold) return AppendUnicode(is, bytes, text);
  while (!bytes.empty()) {
    const MariaCharset* of = this;
    size_t size = 0;
    while (size + 1 < bytes.size() && of->longer[static_cast<unsigned char>(bytes[size])]) {
      of = of->longer[static_cast<unsigned char>(bytes[size++])].get();
    }
    const std::string& found = of->texts[static_cast<unsigned char>(bytes[size])];
    *text += found.empty() ? kNone : found;
    bytes.remove_prefix(found.empty() ? 1 : size + 1);
  }
}

Result<std::shared_ptr<const MariaCharset>> ReadMariaCharset(MariaConnection& connection,
                                                             const std::string& name,
                                                             uint64_t bytes_max,
                                                             const std::stop_token& stop) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<const MariaCharset>> known;  // under mutex
  const std::string key = connection.version() + " " + name;
  {
    const std::lock_guard lock(mutex);
    if (const auto it = known.find(key); it != known.end()) return it->second;
  }
  MURMUR_ASSIGN(auto charset, Read(connection, name, bytes_max, stop));
  const std::lock_guard lock(mutex);
  return known[key] = std::move(charset);
}

}  // namespace murmur
