// Questions as text, as the command line and GET requests have them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/query.h"
#include "murmur/status.h"

namespace murmur {

// Empty: not given.
struct RangeText {
  std::string last;
  std::string as_of;
  std::string from;
  std::string to;
};

// What messages call them, and what they begin with.
struct RangeNames {
  const char* last = "window";
  const char* as_of = "as_of";
  const char* from = "from";
  const char* to = "to";
};

// Errors: kInvalidArgument.
Result<WindowRange> ParseRange(const RangeText& text, const RangeNames& names = {});
// Of windows, so longer than nothing. Errors: kInvalidArgument.
Result<TimeLength> ParseWindowLength(std::string_view text, std::string_view name);
// "a,b" → a and b; "" → nothing.
std::vector<std::string> SplitNames(std::string_view text);

}  // namespace murmur
