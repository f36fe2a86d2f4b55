// min(x), max(x): the least and the greatest value; numbers by value, strings by bytes, and of
// mixed kinds bool < number < time < string. NaN adds nothing, as it is not comparable; infinities
// compare.
//
// Bytes: the value (value_codec.h).
#include <cmath>

#include "monoid/aggregate.h"
#include "monoid/value_codec.h"
#include "monoid/value_extremes.h"

namespace murmur {
namespace {

class MinMax final : public ExtremeMonoid {
 public:
  MinMax(std::string name, Keep keep)
      : ExtremeMonoid({.name = std::move(name), .traits = {.idempotent = true}}, keep) {}

  void AddBatch(const LiftInput& input, const StateSpan& states, Scratch*) const override {
    std::string value;
    for (uint32_t row = 0; row < input.rows; ++row) {
      const Cell& cell = CellAt(*input.args[0], row);
      if (cell.is_null() || (cell.kind == Kind::kDouble && std::isnan(cell.d))) continue;
      char* const state = states.at(input.groups[row]);
      if (IsWorse(cell, Kept(state))) continue;
      value.clear();
      AppendValue(cell, &value);
      Offer(state, value, states.arena);
    }
  }
  Result<Value> ValueOf(std::string_view encoded, int64_t) const override {
    if (encoded.empty()) return Value::Absent();
    if (!Valid(encoded)) return Damaged();
    return DecodeValue(encoded);
  }

 private:
  // Whether the cell certainly is no better than the value, without its bytes. Most cells are not.
  bool IsWorse(const Cell& cell, std::string_view kept) const {
    const int order = CompareRoughly(cell, kept);
    return keep() == Keep::kLeast ? order > 0 : order < 0;
  }
  int Compare(std::string_view a, std::string_view b) const override { return CompareValues(a, b); }
  bool Valid(std::string_view encoded) const override {
    static const std::string nan = [] {
      std::string bytes;
      AppendValue(Cell::Double(std::nan("")), &bytes);
      return bytes;
    }();
    std::string_view value;
    return ReadValue(&encoded, &value) && encoded.empty() && value != nan;
  }
};

}  // namespace

MonoidFunction MinFunction() {
  return {
      .name = "min",
      .parameters = {},
      .usage = "min(x)",
      .description = "The least value.",
      .make = [](const MonoidParams&) { return std::make_unique<MinMax>("min.v1", Keep::kLeast); }};
}

MonoidFunction MaxFunction() {
  return {.name = "max",
          .parameters = {},
          .usage = "max(x)",
          .description = "The greatest value.",
          .make = [](const MonoidParams&) {
            return std::make_unique<MinMax>("max.v1", Keep::kGreatest);
          }};
}

}  // namespace murmur
