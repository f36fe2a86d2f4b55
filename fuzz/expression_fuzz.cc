// Any text is refused with a message, or parses to an expression whose canonical text parses to the
// same canonical text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "expression/expression.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = murmur::Expression::Parse(text);
  if (!parsed.ok()) {
    if (parsed.status().message().empty()) std::abort();
    return 0;
  }
  const auto again = murmur::Expression::Parse((*parsed)->canonical());
  if (!again.ok() || (*again)->canonical() != (*parsed)->canonical()) std::abort();
  return 0;
}
