#include "definition/secret.h"

#include <fmt/format.h>

#include <cstdlib>

namespace murmur {

Result<std::string> ResolveSecret(std::string_view text) {
  std::string out;
  for (size_t at = text.find("${"); at != std::string_view::npos; at = text.find("${")) {
    const size_t end = text.find('}', at);
    if (end == std::string_view::npos) {
      return Status(Code::kInvalidArgument, fmt::format("'{}': a ${{ without its }}", text));
    }
    const std::string name(text.substr(at + 2, end - at - 2));
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) {
      return Status(Code::kNotFound, fmt::format("the environment variable {} is not set", name));
    }
    out.append(text.substr(0, at)).append(value);
    text.remove_prefix(end + 1);
  }
  return out.append(text);
}

}  // namespace murmur
