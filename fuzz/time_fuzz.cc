// Any bytes are refused, with a reason, or are a time; what the program prints of a time is that
// time again, and a parser that has read others before says the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/time_text.h"
#include "murmur/key.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static murmur::TimeParser used;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  int64_t micros = 0;
  int64_t again = 0;
  const bool good = murmur::TimeParser().Parse(text, &micros);
  if (used.Parse(text, &again) != good || again != micros) std::abort();
  if (!good) {
    if (murmur::WhyNoTime(text).empty()) std::abort();
    return 0;
  }
  const std::string shown = murmur::FormatTime(micros);
  if (!used.Parse(shown, &again) || again != micros) std::abort();
  return 0;
}
