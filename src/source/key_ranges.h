// Splits of a table that are ranges of its key's first column, and positions in them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "murmur/source.h"
#include "murmur/status.h"

namespace murmur {

inline constexpr uint64_t kKeyRangesMax = 10'000;  // of a table

// Rows whose key's first column lies in [from, until), after the row with the key `after`. Values
// are texts. Of a table without a primary key, all rows.
struct KeyRange {
  std::optional<std::string> from;
  std::optional<std::string> until;
  std::vector<std::string> after;  // empty: from the beginning
};

// The ranges between `bounds`, which ascend, of a table of about so many bytes. `name` is the
// table's.
std::vector<Split> SplitsAt(const std::vector<std::string>& bounds, const std::string& name,
                            uint64_t bytes);
// Errors: kInvalidArgument (not a split of a table, not a position in one).
Result<KeyRange> KeyRangeOf(const Split& split, const Position& after);
// The position after the row of this key.
Position PositionAfter(const std::vector<std::string>& key);

}  // namespace murmur
