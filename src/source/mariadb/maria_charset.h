// Character sets other than UTF-8, as the server itself turns them into UTF-8.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "murmur/status.h"

namespace murmur {

class MariaConnection;

struct MariaCharset {
  enum class Is : uint8_t {
    kTold,  // as the server told, by `texts`
    kUcs2,
    kUtf16,
    kUtf16LittleEndian,
    kUtf32,
  };
  Is is = Is::kTold;
  // By byte; "?": a character without a text, as a SELECT gives it, too; empty: no character.
  std::array<std::string, 256> texts = {};
  // What follows a byte that is only the beginning of a character; null: it is none.
  std::array<std::shared_ptr<const MariaCharset>, 256> longer = {};

  // Whether different texts stay different.
  bool tells_apart() const;
  void AppendText(std::string_view bytes, std::string* text) const;
};

// A server's set is asked for once in the life of the process. `bytes_max`: of a character.
// Errors: those of MariaConnection::Ask.
Result<std::shared_ptr<const MariaCharset>> ReadMariaCharset(MariaConnection& connection,
                                                             const std::string& name,
                                                             uint64_t bytes_max,
                                                             const std::stop_token& stop);

}  // namespace murmur
