// What to read from a state, and how it is written.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/status.h"

namespace murmur {

// kJsonLines: one object a (key, window), no tags; kJsonWithTag: the same with "_exact".
enum class RowFormat { kJsonLines, kJsonWithTag, kTable, kCsv, kParquet };

// Takes output in pieces; an error of it ends the reading.
using WriteText = std::function<Status(std::string_view)>;

struct QueryRequest {
  // Each: the key's values in the definition's order, joined by commas; a JSON string where a
  // value has a comma or a quote. "" is the key of a rollup without parts.
  std::vector<std::string> keys;
  std::vector<std::string> rollup;  // the parts' names; empty: the first with as many parts as KEY
  std::optional<std::chrono::seconds> window;  // the last so many, ending at `as_of`
  std::optional<int64_t> as_of;                // µs; default: the newest event time
  std::optional<int64_t> from;   // µs: windows that begin at or behind its window's start
  std::optional<int64_t> until;  // µs: windows that begin before it
  bool total = false;            // one row: all those windows combined
};

}  // namespace murmur
