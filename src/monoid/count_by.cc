// count_by(x, limit=1000): how many records each value has, in order of the values:
// [{"value": …, "count": …}, …]. The state keeps every value, so that rows can be subtracted: a
// value whose count returns to 0 is gone. With more than `limit` values the result is an overflow,
// {"overflow": true, "limit": 1000}.
//
// Bytes: for each value in ascending order, the value (value_codec.h) and its count, not 0, as a
// signed varint.
#include <algorithm>
#include <vector>

#include "monoid/aggregate.h"
#include "monoid/parameters.h"
#include "monoid/value_codec.h"
#include "monoid/value_table.h"
#include "monoid/varint.h"

namespace murmur {
namespace {

constexpr int64_t kLimitDefault = 1000;
constexpr int64_t kLimitMax = 1'000'000;

struct CountBy {
  struct State {
    ValueCounts counts;
    size_t heap_bytes = 0;
  };
  using Entry = std::pair<std::string_view, int64_t>;

  size_t limit;

  void Count(State& state, std::string_view value, int64_t count) const {
    const size_t size = state.counts.size();
    AddCount(state.counts, value, count);
    if (state.counts.size() > size) state.heap_bytes += ValueEntryBytes(value);
  }
  void Add(State& state, const Cell& cell) const { AddMany(state, cell, 1); }
  void AddMany(State& state, const Cell& cell, int64_t count) const {
    std::string value;
    AppendValue(cell, &value);
    Count(state, value, count);
  }
  void Combine(State& state, const State& other) const {
    for (const auto& [value, count] : other.counts) Count(state, value, count);
  }
  void Negate(State& state) const {
    for (auto& [value, count] : state.counts) count = WrappingNegate(count);
  }
  size_t HeapBytes(const State& state) const { return state.heap_bytes; }

  // Without the values that cancelled out.
  static std::vector<Entry> Sorted(const State& state) {
    std::vector<Entry> sorted;
    for (const auto& [value, count] : state.counts) {
      if (count != 0) sorted.emplace_back(value, count);
    }
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }
  void Encode(const State& state, std::string* out) const {
    for (const auto& [value, count] : Sorted(state)) {
      out->append(value);
      AppendSigned(count, out);
    }
  }
  bool Decode(std::string_view bytes, State* state) const {
    std::string_view before;
    int64_t count;
    for (std::string_view value; !bytes.empty(); before = value) {
      if (!ReadValue(&bytes, &value) || value <= before) return false;
      if (!ReadSigned(&bytes, &count) || count == 0) return false;
      Count(*state, value, count);
    }
    return true;
  }
  Value ValueOf(const State& state) const {
    const std::vector<Entry> sorted = Sorted(state);
    if (sorted.size() > limit) return OverflowValue(limit);
    static const Value::Names names = Value::MakeNames({"value", "count"});
    std::vector<Value> entries;
    entries.reserve(sorted.size());
    for (const auto& [value, count] : sorted) {
      entries.push_back(Value::Record(names, {DecodeValue(value), Value::Integer(count)}));
    }
    return Value::List(std::move(entries));
  }
};

}  // namespace

MonoidFunction CountByFunction() {
  return {.name = "count_by",
          .parameters = {"limit"},
          .usage = "count_by(x) or count_by(x, limit=100)",
          .description = "How many records each value has; an overflow beyond the limit.",
          .make = [](const MonoidParams& params) -> Result<std::unique_ptr<Monoid>> {
            MURMUR_ASSIGN(const int64_t limit,
                          IntParameter(params, "limit", {1, kLimitMax}, kLimitDefault));
            MonoidInfo info{.name = "count_by.v1(limit=" + std::to_string(limit) + ")",
                            .traits = {.invertible = true}};
            return std::make_unique<SimpleMonoid<CountBy>>(std::move(info),
                                                           CountBy{static_cast<size_t>(limit)});
          }};
}

}  // namespace murmur
