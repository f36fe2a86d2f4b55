// Character sets of one byte a character, as the server itself turns them into UTF-8.
#pragma once

#include <array>
#include <stop_token>
#include <string>
#include <string_view>

#include "murmur/status.h"

namespace murmur {

class MariaConnection;

struct MariaCharset {
  std::array<std::string, 256> texts;  // by byte; "?": none, as a SELECT gives it, too

  // Whether different texts stay different.
  bool tells_apart() const;
  void AppendText(std::string_view bytes, std::string* text) const {
    for (const char c : bytes) *text += texts[static_cast<unsigned char>(c)];
  }
};

// REQUIRES: it has one byte a character. Errors: those of MariaConnection::Ask.
Result<MariaCharset> ReadMariaCharset(MariaConnection& connection, std::string_view name,
                                      const std::stop_token& stop);

}  // namespace murmur
