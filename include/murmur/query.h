// What to read from a state, and how to write it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/key.h"
#include "murmur/status.h"
#include "murmur/window.h"

namespace murmur {

// kJsonLines: one object a (key, window), no tags; kJsonWithTag: the same with "_exact".
enum class RowFormat { kJsonLines, kJsonWithTag, kTable, kCsv, kParquet };

// Takes output in pieces; if it returns an error, reading ends.
using WriteText = std::function<Status(std::string_view)>;

// A key that is asked for: for each of its parts, in the definition's order, the values that it may
// have. A program gives one each. Text may mean several: 5 is the number or the string; then every
// such key that exists is an answer.
struct KeyQuery {
  std::vector<std::vector<KeyValue>> parts;  // none: the key of a rollup without parts
  std::string text;                          // as asked, for messages; empty: made from the parts
};

// Reads a key as the command line has it: values joined by commas. A value with a comma or a quote
// is a JSON string. "" is the key of a rollup without parts.
// Errors: kInvalidArgument (a value begins with a quote and is no JSON string).
Result<KeyQuery> ParseKey(std::string_view text);

struct QueryRequest {
  std::vector<KeyQuery> keys;
  std::vector<std::string> rollup;   // the parts' names; empty: the first with as many parts as KEY
  std::optional<TimeLength> window;  // the last windows of that length together, up to `as_of`
  std::optional<TimeBorder> as_of;   // default: the newest event time
  std::optional<TimeBorder> from;    // windows that hold it, and later ones
  std::optional<TimeBorder> until;   // windows that hold earlier times
  bool total = false;                // one row: all those windows combined
};

}  // namespace murmur
