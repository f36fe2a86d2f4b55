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
enum class RowFormat { kJsonLines, kJsonWithTag, kTable, kCsv, kParquet, kArrowStream };

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

// Which windows of a key. Default: all that are kept.
struct WindowRange {
  std::optional<TimeLength> last;   // the last windows of that length together, up to `as_of`
  std::optional<TimeBorder> as_of;  // default: the newest event time
  std::optional<TimeBorder> from;   // windows that hold it, and later ones
  std::optional<TimeBorder> until;  // windows that hold earlier times
};

struct QueryRequest {
  std::vector<KeyQuery> keys;
  std::vector<std::string> rollup;  // the parts' names; empty: the first with as many parts as KEY
  WindowRange range = {};
  bool total = false;  // one row: all those windows combined
  // One row for each of those windows: the windows of this length that end with it, combined. From
  // the key's first window on; a row may be of a window that has no records itself.
  std::optional<TimeLength> trailing = {};
  std::vector<std::string> aggregates = {};  // that the rows have; empty: all
};

// Where the keys of a rollup begin and end that are asked for.
struct AskedKeys {
  std::vector<std::string> rollup;    // the parts' names; empty: the definition's first
  std::vector<KeyValue> prefix = {};  // the first parts of each key
  std::vector<KeyValue> after = {};   // a whole key: those after it; empty: from the first on
};

struct KeysRequest {
  AskedKeys keys;
  uint64_t limit = UINT64_MAX;  // rows
};

struct TopRequest {
  AskedKeys keys;
  std::string aggregate;  // whose values are compared; they are numbers
  uint64_t limit = 10;    // rows
  WindowRange range = {};
  std::vector<std::string> aggregates = {};  // that the rows have; empty: all
  uint64_t compared_max = UINT64_MAX;        // keys; more are not looked at
};

}  // namespace murmur
