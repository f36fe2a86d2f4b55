// topk(x, k): the k most frequent values: [{"value": …, "count": …, "error": …}, …], by falling
// count, then by value. The true count is at least `count` and at most `count + error`, whatever
// the order and bracketing in which states were combined. With at most `capacity` = max(8k, 64)
// different values, error is 0; else it is at most n / (capacity + 1) of n counted values.
//
// Counters are added; when too many, the (capacity + 1)-th greatest count is taken off each, and
// those left with nothing go. So each count is short by at most the sum of what was taken off.
// Source: Agarwal, Cormode, Huang, Phillips, Wei, Yi (2012), Mergeable Summaries, section 2
// (Misra-Gries). No such summary is associative byte for byte.
//
// Bytes: varint error; then, in ascending order of the values, each value (value_codec.h) and its
// count as a varint.
#include <algorithm>
#include <vector>

#include "monoid/aggregate.h"
#include "monoid/parameters.h"
#include "monoid/value_codec.h"
#include "monoid/value_table.h"
#include "monoid/varint.h"

namespace murmur {
namespace {

constexpr int64_t kMost = 10'000;
constexpr int64_t kDefault = 10;
constexpr uint64_t kCountMax = uint64_t{1} << 62;

struct Topk {
  struct State {
    ValueCounts counts;
    uint64_t error = 0;
    size_t heap_bytes = 0;
  };
  using Entry = std::pair<std::string_view, int64_t>;

  size_t k;
  size_t capacity;

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
    // Twice the room makes shrinking rare.
    if (state.counts.size() > 2 * capacity) state = Shrunk(state);
  }
  void Combine(State& state, const State& other) const {
    for (const auto& [value, count] : other.counts) Count(state, value, count);
    state.error += other.error;
    if (state.counts.size() > 2 * capacity) state = Shrunk(state);
  }
  size_t HeapBytes(const State& state) const { return state.heap_bytes; }

  State Shrunk(const State& state) const {
    std::vector<int64_t> counts;
    for (const auto& [value, count] : state.counts) counts.push_back(count);
    const auto cut = counts.begin() + static_cast<ptrdiff_t>(capacity);
    std::nth_element(counts.begin(), cut, counts.end(), std::greater<>());
    State out;
    out.error = state.error + static_cast<uint64_t>(*cut);
    for (const auto& [value, count] : state.counts) {
      if (count > *cut) Count(out, value, WrappingAdd(count, WrappingNegate(*cut)));
    }
    return out;
  }

  void Encode(const State& state, std::string* out) const {
    if (state.counts.size() > capacity) return Encode(Shrunk(state), out);
    if (state.counts.empty() && state.error == 0) return;
    std::vector<Entry> sorted(state.counts.begin(), state.counts.end());
    std::sort(sorted.begin(), sorted.end());
    AppendVarint(state.error, out);
    for (const auto& [value, count] : sorted) {
      out->append(value);
      AppendVarint(static_cast<uint64_t>(count), out);
    }
  }
  bool Decode(std::string_view bytes, State* state) const {
    if (!ReadVarint(&bytes, &state->error) || state->error > kCountMax) return false;
    std::string_view before;
    uint64_t count;
    for (std::string_view value; !bytes.empty(); before = value) {
      if (!ReadValue(&bytes, &value) || value <= before) return false;
      if (!ReadVarint(&bytes, &count) || count == 0 || count > kCountMax) return false;
      Count(*state, value, static_cast<int64_t>(count));
    }
    return state->counts.size() <= capacity && (state->error != 0 || !state->counts.empty());
  }

  Value ValueOf(const State& state) const {
    std::vector<Entry> sorted(state.counts.begin(), state.counts.end());
    const auto end = sorted.begin() + static_cast<ptrdiff_t>(std::min(k, sorted.size()));
    std::partial_sort(sorted.begin(), end, sorted.end(), [](const Entry& a, const Entry& b) {
      return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
    static const Value::Names names = Value::MakeNames({"value", "count", "error"});
    std::vector<Value> entries;
    entries.reserve(static_cast<size_t>(end - sorted.begin()));
    for (auto entry = sorted.begin(); entry != end; ++entry) {
      entries.push_back(
          Value::Record(names, {DecodeValue(entry->first), Value::Integer(entry->second),
                                Value::Integer(Int128{state.error})}));
    }
    return Value::List(std::move(entries));
  }
};

}  // namespace

MonoidFunction TopkFunction() {
  return {.name = "topk",
          .parameters = {"k"},
          .usage = "topk(x, k)",
          .description =
              "The k most frequent values; the true count is between count and "
              "count + error.",
          .make = [](const MonoidParams& params) -> Result<std::unique_ptr<Monoid>> {
            MURMUR_ASSIGN(const int64_t k, IntParameter(params, "k", {1, kMost}, kDefault));
            MonoidInfo info{.name = "topk.v1(k=" + std::to_string(k) + ")",
                            .traits = {.exact = false},
                            .approximation = "each count within its error"};
            const auto size = static_cast<size_t>(k);
            const size_t capacity = std::max<size_t>(8 * size, 64);
            return std::make_unique<SimpleMonoid<Topk>>(std::move(info), Topk{size, capacity});
          }};
}

}  // namespace murmur
