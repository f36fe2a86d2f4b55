// What to read from a state, and how to write it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/status.h"
#include "murmur/window.h"

namespace murmur {

// kJsonLines: one object a (key, window), no tags; kJsonWithTag: the same with "_exact".
enum class RowFormat { kJsonLines, kJsonWithTag, kTable, kCsv, kParquet };

// Takes output in pieces; if it returns an error, reading ends.
using WriteText = std::function<Status(std::string_view)>;

struct QueryRequest {
  // Each is the key's values in the definition's order, joined by commas; a value with a comma or a
  // quote is a JSON string. "" is the key of a rollup without parts.
  std::vector<std::string> keys;
  std::vector<std::string> rollup;   // the parts' names; empty: the first with as many parts as KEY
  std::optional<TimeLength> window;  // the last windows of that length together, up to `as_of`
  std::optional<TimeBorder> as_of;   // default: the newest event time
  std::optional<TimeBorder> from;    // windows that hold it, and later ones
  std::optional<TimeBorder> until;   // windows that hold earlier times
  bool total = false;                // one row: all those windows combined
};

}  // namespace murmur
