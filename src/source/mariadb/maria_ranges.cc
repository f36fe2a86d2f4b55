#include "source/mariadb/maria_ranges.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/decimal.h"
#include "base/take_text.h"

namespace murmur {
namespace {

constexpr std::string_view kDoing = "to cut the table into ranges";

// The value of the key's first column `skip` rows after the last of those with the value `after`;
// none: there are not so many.
Result<std::optional<std::string>> NextBound(MariaConnection& connection, const MariaTable& table,
                                             const std::optional<std::string>& after, uint64_t skip,
                                             const std::stop_token& stop) {
  const MariaColumn& column = table.columns[table.key[0]];
  const std::string name = QuotedMariaName(column.name);
  MURMUR_ASSIGN(const MariaRowSet found,
                connection.Ask(fmt::format("SELECT {} FROM {}{} ORDER BY {} LIMIT 1 OFFSET {}",
                                           column.select, connection.place().Quoted(),
                                           after ? fmt::format(" WHERE {} > {}", name,
                                                               MariaLiteralOf(column, *after))
                                                 : "",
                                           name, skip),
                               kDoing, stop));
  if (found.size() == 0) return std::optional<std::string>();
  return std::optional(MariaTextOf(column, found.at(0, 0)));
}

// By walking the key.
Result<std::vector<std::string>> WalkedBounds(MariaConnection& connection, const MariaTable& table,
                                              uint64_t rows, const std::stop_token& stop) {
  std::vector<std::string> bounds;
  std::optional<std::string> last;
  for (;;) {
    MURMUR_ASSIGN(last, NextBound(connection, table, last, rows, stop));
    if (!last) return bounds;
    bounds.push_back(*last);
  }
}

// By halving ranges of integers until the server's estimate, for which it looks at a few pages,
// says that they are small. So a table of any size is cut in about a millisecond a range.
class EstimatedBounds {
 public:
  EstimatedBounds(MariaConnection& connection, const MariaTable& table, uint64_t rows,
                  std::stop_token stop)
      : connection_(connection),
        column_(table.columns[table.key[0]]),
        rows_(rows),
        stop_(std::move(stop)) {}

  Result<std::vector<std::string>> Find() {
    const std::string name = QuotedMariaName(column_.name);
    MURMUR_ASSIGN(const MariaRowSet ends,
                  connection_.Ask(fmt::format("SELECT MIN({0}), MAX({0}) FROM {1}", name,
                                              connection_.place().Quoted()),
                                  kDoing, stop_));
    if (ends.is_null(0, 0)) return std::move(bounds_);
    Number first = 0;
    Number last = 0;
    if (!Parse(ends.at(0, 0), &first) || !Parse(ends.at(0, 1), &last)) {
      return Status(Code::kDataLoss, connection_.place().text + ": a key that is no integer");
    }
    MURMUR_TRY(Halve(first, last + 1));
    return std::move(bounds_);
  }

 private:
  using Number = Int128;  // of 64 bits, with or without a sign

  static bool Parse(std::string_view text, Number* number) {
    int scale = 0;
    return ParseDecimal(text, number, &scale) && scale == 0;
  }
  static std::string TextOf(Number number) { return fmt::format("{}", number); }

  Status Halve(Number from, Number until) {
    MURMUR_ASSIGN(const uint64_t rows, Estimate(from, until));
    if (rows > rows_ / 2 && until - from > 1) {
      const Number middle = from + (until - from) / 2;
      MURMUR_TRY(Halve(from, middle));
      return Halve(middle, until);
    }
    if (in_range_ > 0 && in_range_ + rows > rows_) {
      bounds_.push_back(TextOf(from));
      in_range_ = 0;
    }
    in_range_ += rows;
    return {};
  }

  Result<uint64_t> Estimate(Number from, Number until) {
    constexpr int kRows = 8;
    const std::string name = QuotedMariaName(column_.name);
    MURMUR_ASSIGN(const MariaRowSet plan,
                  connection_.Ask(
                      fmt::format("EXPLAIN SELECT {0} FROM {1} FORCE INDEX (PRIMARY) WHERE "
                                  "{0} >= {2} AND {0} < {3}",
                                  name, connection_.place().Quoted(), TextOf(from), TextOf(until)),
                      kDoing, stop_));
    uint64_t rows = 0;
    std::string_view text = plan.at(0, kRows);  // null where there can be none
    (void)TakeNumber(&text, &rows);
    return rows;
  }

  MariaConnection& connection_;
  const MariaColumn& column_;
  const uint64_t rows_;
  const std::stop_token stop_;
  std::vector<std::string> bounds_;
  uint64_t in_range_ = 0;  // after the last bound
};

}  // namespace

// A value of a key's column in a condition. A number in quotes would be compared as a double.
std::string MariaLiteralOf(const MariaColumn& column, std::string_view text) {
  switch (column.is) {
    case MariaIs::kSigned:
    case MariaIs::kUnsigned:
    case MariaIs::kDecimal:
      if (text.find_first_not_of("-.0123456789") == text.npos) return std::string(text);
      break;
    case MariaIs::kBytes:
      if (text.find_first_not_of("0123456789abcdef") == text.npos) {
        return fmt::format("X'{}'", text);
      }
      break;
    default: break;
  }
  return QuotedMariaText(text);
}

// The text of a value that a SELECT of MariaColumn::select gave.
std::string MariaTextOf(const MariaColumn& column, std::string_view selected) {
  if (!IsOfBytes(column.is)) return std::string(selected);
  std::string text;
  (void)AppendMariaBytes(column.is, selected, &text);
  return text;
}

Result<std::vector<Split>> CutMariaTable(MariaConnection& connection, const MariaTable& table,
                                         uint64_t split_rows, const std::stop_token& stop) {
  const uint64_t rows = std::max(split_rows, table.rows / kKeyRangesMax);
  const MariaIs is = table.columns[table.key[0]].is;
  const bool is_integer = is == MariaIs::kSigned || is == MariaIs::kUnsigned;
  MURMUR_ASSIGN(const auto bounds, is_integer
                                       ? EstimatedBounds(connection, table, rows, stop).Find()
                                       : WalkedBounds(connection, table, rows, stop));
  return SplitsAt(bounds, connection.place().table, table.bytes);
}

}  // namespace murmur
