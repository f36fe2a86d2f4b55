#include "serve/address.h"

#include <charconv>

#include "base/shown.h"

namespace murmur {

bool ServeAddress::IsLoopback() const {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

std::string ServeAddress::ToString() const {
  const bool is_v6 = host.find(':') != std::string::npos;
  return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<ServeAddress> ParseServeAddress(std::string_view text) {
  const Status wrong(Code::kInvalidArgument, "address " + Shown(text) +
                                                 ": expected HOST:PORT, such as 127.0.0.1:8080, "
                                                 "or PORT alone");
  ServeAddress address{.host = "127.0.0.1"};
  const size_t colon = text.rfind(':');
  std::string_view port = text;
  if (colon != std::string_view::npos) {
    std::string_view host = text.substr(0, colon);
    port = text.substr(colon + 1);
    const bool bracketed = host.starts_with('[') && host.ends_with(']');
    if (bracketed) host = host.substr(1, host.size() - 2);
    if (host.empty() || (!bracketed && host.find(':') != std::string_view::npos)) return wrong;
    address.host = host;
  }
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size()) return wrong;
  return address;
}

}  // namespace murmur
