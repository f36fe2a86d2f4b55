// Turns a tree of calls that Arrow computes into an Arrow compute expression, for one combination
// of input types. Include it in .cc files only: it includes Arrow's headers.
//
// Types inside an expression: null, boolean, int64, double, decimal256(37, scale), utf8, timestamp
// in µs without zone (UTC), and binary for objects and lists, which only "is null" can use. A
// function's result is widened to one of these at once.
#pragma once

#include <arrow/compute/expression.h>
#include <arrow/type.h>

#include <memory>
#include <vector>

#include "expression/syntax.h"
#include "murmur/record.h"

namespace murmur::expression {

// The type of a kind's cells inside an expression; `scale` is that of decimals.
std::shared_ptr<arrow::DataType> TypeOf(Kind kind, int scale);

// The tree over fields of these types, bound to them. Errors: kInvalidArgument (what does not fit).
arrow::Result<arrow::compute::Expression> Compile(
    const Node& root, const std::vector<std::shared_ptr<arrow::DataType>>& inputs);

// Whether a null input gives the same result for every type, so that nulls need no group of their
// own.
bool NullsFitAnyType(const Node& root);

}  // namespace murmur::expression
