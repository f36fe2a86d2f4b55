// set(x, limit=1000): the different values, in order. distinct_exact(x, limit=1000000): how many
// there are. A set that would exceed its limit becomes an overflow, for good, and says so:
// {"overflow": true, "limit": 1000}. Whether it does depends on the union alone, not on the order.
//
// Bytes: 1, then the values (value_codec.h) in ascending order; or 2: the overflow.
#include <algorithm>
#include <unordered_set>
#include <vector>

#include "monoid/aggregate.h"
#include "monoid/hash.h"
#include "monoid/parameters.h"
#include "monoid/value_codec.h"
#include "monoid/value_table.h"

namespace murmur {
namespace {

constexpr int64_t kSetLimitDefault = 1000;
constexpr int64_t kSetLimitMax = 1'000'000;
constexpr int64_t kExactLimitDefault = 1'000'000;
constexpr int64_t kExactLimitMax = 100'000'000;
constexpr char kValuesTag = 1;
constexpr char kOverflowTag = 2;

enum class Shown { kValues, kCount };

struct ValueSet {
  struct State {
    std::unordered_set<std::string, ValueHash, std::equal_to<>> values;
    size_t heap_bytes = 0;
    bool overflow = false;
  };

  size_t limit;
  Shown shown;

  void Insert(State& state, std::string_view value) const {
    if (state.overflow || state.values.contains(value)) return;
    if (state.values.size() == limit) return Overflow(state);
    state.values.emplace(value);
    state.heap_bytes += ValueEntryBytes(value);
  }
  static void Overflow(State& state) {
    state = State();
    state.overflow = true;
  }

  void Add(State& state, const Cell& cell) const {
    if (state.overflow) return;
    std::string value;
    AppendValue(cell, &value);
    Insert(state, value);
  }
  void AddMany(State& state, const Cell& cell, int64_t /*count*/) const { Add(state, cell); }
  void Combine(State& state, const State& other) const {
    if (other.overflow) return Overflow(state);
    for (const std::string& value : other.values) Insert(state, value);
  }
  size_t HeapBytes(const State& state) const { return state.heap_bytes; }

  static std::vector<std::string_view> Sorted(const State& state) {
    std::vector<std::string_view> sorted(state.values.begin(), state.values.end());
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }
  void Encode(const State& state, std::string* out) const {
    if (state.overflow) return out->push_back(kOverflowTag);
    if (state.values.empty()) return;
    out->push_back(kValuesTag);
    for (const std::string_view value : Sorted(state)) out->append(value);
  }
  bool Decode(std::string_view bytes, State* state) const {
    const char tag = bytes.front();
    bytes.remove_prefix(1);
    if (tag == kOverflowTag) {
      state->overflow = true;
      return bytes.empty();
    }
    if (tag != kValuesTag || bytes.empty()) return false;
    std::string_view before;
    for (std::string_view value; !bytes.empty(); before = value) {
      if (!ReadValue(&bytes, &value) || value <= before) return false;
      Insert(*state, value);
    }
    return !state->overflow;
  }

  Value ValueOf(const State& state) const {
    if (state.overflow) return OverflowValue(limit);
    if (shown == Shown::kCount) return Value::Integer(Int128{state.values.size()});
    std::vector<Value> values;
    values.reserve(state.values.size());
    for (const std::string_view value : Sorted(state)) values.push_back(DecodeValue(value));
    return Value::List(std::move(values));
  }
};

Result<std::unique_ptr<Monoid>> MakeValueSet(std::string_view name, Shown shown, int64_t limit) {
  MonoidInfo info{.name = std::string(name) + ".v1(limit=" + std::to_string(limit) + ")",
                  .traits = {.idempotent = true}};
  return std::make_unique<SimpleMonoid<ValueSet>>(std::move(info),
                                                  ValueSet{static_cast<size_t>(limit), shown});
}

}  // namespace

MonoidFunction SetFunction() {
  return {.name = "set",
          .parameters = {"limit"},
          .usage = "set(x) or set(x, limit=100)",
          .description = "The different values; an overflow beyond the limit.",
          .make = [](const MonoidParams& params) -> Result<std::unique_ptr<Monoid>> {
            MURMUR_ASSIGN(const int64_t limit,
                          IntParameter(params, "limit", {1, kSetLimitMax}, kSetLimitDefault));
            return MakeValueSet("set", Shown::kValues, limit);
          }};
}

MonoidFunction DistinctExactFunction() {
  return {.name = "distinct_exact",
          .parameters = {"limit"},
          .usage = "distinct_exact(x) or distinct_exact(x, limit=10000)",
          .description =
              "How many different values there are, exactly; an overflow beyond the "
              "limit.",
          .make = [](const MonoidParams& params) -> Result<std::unique_ptr<Monoid>> {
            MURMUR_ASSIGN(const int64_t limit,
                          IntParameter(params, "limit", {1, kExactLimitMax}, kExactLimitDefault));
            return MakeValueSet("distinct_exact", Shown::kCount, limit);
          }};
}

}  // namespace murmur
