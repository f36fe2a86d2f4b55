// Where a server listens.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "murmur/status.h"

namespace murmur {

struct ServeAddress {
  std::string host;  // "127.0.0.1", "::1", "localhost"
  uint16_t port = 0;

  bool IsLoopback() const;
  std::string ToString() const;  // "127.0.0.1:8080", "[::1]:8080"
};

// HOST:PORT, [IPV6]:PORT, or PORT alone, which is one of 127.0.0.1. Errors: kInvalidArgument.
Result<ServeAddress> ParseServeAddress(std::string_view text);

}  // namespace murmur
