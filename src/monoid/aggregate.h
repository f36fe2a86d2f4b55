// What the built-in aggregates share: a base class that knows its name and traits, loops over the
// rows of a batch, and the functions that registry.cc lists.
#pragma once

#include <string>
#include <utility>

#include "murmur/monoid.h"

namespace murmur {

struct AggregateInfo {
  std::string name;  // "distinct.v1(precision=12)"
  MonoidTraits traits;
  OutputType output = OutputType::kJson;
  KindSet accepts = kScalarKinds;
};

class Aggregate : public Monoid {
 public:
  explicit Aggregate(AggregateInfo info) : info_(std::move(info)) {}
  std::string_view Name() const noexcept override { return info_.name; }
  MonoidTraits Traits() const noexcept override { return info_.traits; }
  OutputType output_type() const noexcept override { return info_.output; }
  KindSet Accepts(size_t /*index*/) const noexcept override { return info_.accepts; }

 protected:
  Status Damaged() const {
    return Status(Code::kDataLoss, "the state of " + info_.name + " is damaged");
  }

 private:
  AggregateInfo info_;
};

// Calls visit(state, cell) for every row whose argument is not null; State lies in the table.
template <class State, class Visit>
void ForEachValue(const LiftInput& input, const StateSpan& states, Visit&& visit) {
  const Column& column = *input.args[0];
  for (uint32_t row = 0; row < input.rows; ++row) {
    const Cell& cell = CellAt(column, row);
    if (!cell.is_null()) visit(*reinterpret_cast<State*>(states.at(input.groups[row])), cell);
  }
}

MonoidFunction CountFunction();
MonoidFunction CountIfFunction();
MonoidFunction SumFunction();
MonoidFunction MinFunction();
MonoidFunction MaxFunction();
MonoidFunction AvgFunction();
MonoidFunction VarianceFunction();
MonoidFunction StddevFunction();
MonoidFunction FirstFunction();
MonoidFunction LastFunction();
MonoidFunction DistinctFunction();
MonoidFunction DistinctExactFunction();
MonoidFunction SetFunction();
MonoidFunction CountByFunction();
MonoidFunction TopkFunction();
MonoidFunction QuantilesFunction();
MonoidFunction HistogramFunction();
MonoidFunction BloomFunction();
MonoidFunction DecayedSumFunction();

}  // namespace murmur
