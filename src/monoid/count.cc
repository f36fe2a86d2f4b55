// count: how many records there are. The group's own record count says it, so there is no state.
// count_if(condition): how many records have a true condition.
//
// Bytes of count: none, ever. Of count_if: the count as a signed varint.
#include "monoid/aggregate.h"
#include "monoid/varint.h"

namespace murmur {
namespace {

constexpr MonoidTraits kGroup = {.invertible = true};

class Count final : public NamedMonoid {
 public:
  Count() : NamedMonoid({"count.v1", kGroup, OutputType::kInteger, 0}) {}
  size_t state_size() const noexcept override { return 0; }
  void AddBatch(const LiftInput&, const StateSpan&, Scratch*) const override {}
  bool Combine(char*, std::string_view encoded, Arena*) const override { return encoded.empty(); }
  void Encode(const char*, std::string*) const override {}
  Result<Value> ValueOf(std::string_view encoded, int64_t records) const override {
    if (!encoded.empty()) return Damaged();
    return Value::Integer(records);
  }
};

class CountIf final : public NamedMonoid {
 public:
  CountIf() : NamedMonoid({"count_if.v1", kGroup, OutputType::kInteger, KindBit(Kind::kBool)}) {}
  size_t state_size() const noexcept override { return sizeof(int64_t); }

  void AddBatch(const LiftInput& input, const StateSpan& states, Scratch*) const override {
    ForEachValue<int64_t>(input, states, [](int64_t& count, const Cell& cell) {
      count = WrappingAdd(count, cell.i);
    });
  }
  bool Combine(char* state, std::string_view encoded, Arena*) const override {
    int64_t other;
    if (!Read(encoded, &other)) return false;
    auto& count = *reinterpret_cast<int64_t*>(state);
    count = WrappingAdd(count, other);
    return true;
  }
  void Encode(const char* state, std::string* out) const override {
    const int64_t count = *reinterpret_cast<const int64_t*>(state);
    if (count != 0) AppendSigned(count, out);
  }
  void Negate(char* state, Arena*) const override {
    auto& count = *reinterpret_cast<int64_t*>(state);
    count = WrappingNegate(count);
  }
  Result<Value> ValueOf(std::string_view encoded, int64_t) const override {
    int64_t count;
    if (!Read(encoded, &count)) return Damaged();
    return Value::Integer(count);
  }

 private:
  static bool Read(std::string_view encoded, int64_t* count) {
    *count = 0;
    return encoded.empty() || (ReadSigned(&encoded, count) && encoded.empty() && *count != 0);
  }
};

}  // namespace

MonoidFunction CountFunction() {
  return {.name = "count",
          .expressions = 0,
          .parameters = {},
          .usage = "count()",
          .description = "The number of records.",
          .make = [](const MonoidParams&) { return std::make_unique<Count>(); }};
}

MonoidFunction CountIfFunction() {
  return {.name = "count_if",
          .parameters = {},
          .usage = "count_if(condition)",
          .description = "The number of records for which the condition is true.",
          .make = [](const MonoidParams&) { return std::make_unique<CountIf>(); }};
}

}  // namespace murmur
