// What to read from a state, and how it is written.
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

// Takes output in pieces; an error of it ends the reading.
using WriteText = std::function<Status(std::string_view)>;

struct QueryRequest {
  // Each: the key's values in the definition's order, joined by commas; a JSON string where a
  // value has a comma or a quote. "" is the key of a rollup without parts.
  std::vector<std::string> keys;
  std::vector<std::string> rollup;   // the parts' names; empty: the first with as many parts as KEY
  std::optional<TimeLength> window;  // the last windows of that length together, until `as_of`
  std::optional<TimeBorder> as_of;   // default: the newest event time
  std::optional<TimeBorder> from;    // windows that hold it, and those after them
  std::optional<TimeBorder> until;   // windows that hold times before it
  bool total = false;                // one row: all those windows combined
};

}  // namespace murmur
