// Shared by the built-in aggregates: the loop over a batch, and the functions that registry.cc
// lists.
#pragma once

#include "murmur/simple_monoid.h"

namespace murmur {

// Calls visit(row, cell), without a question of the column's form for each row.
template <class Visit>
void ForEachCell(const Column& column, uint32_t rows, const Visit& visit) {
  if (column.dictionary_id == 0) {
    for (uint32_t row = 0; row < rows; ++row) visit(row, column.cells[row]);
  } else {
    for (uint32_t row = 0; row < rows; ++row) visit(row, column.dictionary[column.indices[row]]);
  }
}

// As ForEachCell, for some of the rows: visit(row, cell).
template <class Visit>
void ForEachCell(const Column& column, std::span<const uint32_t> rows, const Visit& visit) {
  if (column.dictionary_id == 0) {
    for (const uint32_t row : rows) visit(row, column.cells[row]);
  } else {
    for (const uint32_t row : rows) visit(row, column.dictionary[column.indices[row]]);
  }
}

// Calls visit(state, cell) for every row whose argument is not null; State lies in the table.
template <class State, class Visit>
void ForEachValue(const LiftInput& input, const StateSpan& states, Visit&& visit) {
  ForEachCell(*input.args[0], input.rows, [&](uint32_t row, const Cell& cell) {
    if (!cell.is_null()) visit(*reinterpret_cast<State*>(states.at(input.groups[row])), cell);
  });
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
