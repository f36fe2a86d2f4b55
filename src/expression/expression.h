// Expressions over fields, in keys, `where` and aggregate arguments.
//
//   country = 'US' and (amount * 2 >= 10 or page in ('/a', '/b')) and lower(user.name) is not null
//
// Parsed to an Arrow compute expression; Arrow's functions do the work, on Arrow arrays made from
// the columns of a batch. A bare field is a column as it is and never comes here.
//
// A row's result depends on that row's own values only, never on its neighbours: rows are evaluated
// in groups of equal input types, so that a JSON field that is an integer here and a float there
// gives the same results in any batch. `/` on numbers is always floating-point division; `+ - *` on
// integers are checked, and an overflow is that row's error.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/record.h"
#include "murmur/status.h"

namespace murmur {

// A parsed expression. Immutable; share freely between threads.
class Expression {
 public:
  // Errors: kInvalidArgument with "column N: …": what was found, what was expected, did-you-mean
  // for unknown functions.
  static Result<std::shared_ptr<const Expression>> Parse(std::string_view text);

  ~Expression();

  // The fields it reads, in order of first use, no duplicates.
  const std::vector<FieldPath>& fields() const noexcept;
  // Non-null if the whole expression is one field.
  const FieldPath* as_field() const noexcept;
  // The text in canonical form: equal expressions, equal text.
  const std::string& canonical() const noexcept;

 private:
  friend class Evaluator;
  Expression();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Reads one field path, "a.b[0]"; back-quotes or double quotes hold odd names. Errors:
// kInvalidArgument.
Result<FieldPath> ParseFieldPath(std::string_view text);

struct EvaluationError {
  uint32_t row;
  DeadReason reason;  // kExpression, kWrongType or kNumberOverflow
  std::string detail;
};

// Evaluates one expression over batches. Not thread-safe: one per worker.
class Evaluator {
 public:
  // inputs[i] is the index in the batch's columns of expression->fields()[i].
  Evaluator(std::shared_ptr<const Expression> expression, std::vector<size_t> inputs);
  ~Evaluator();

  // Fills *out (plain cells, kinds set) for rows [0, batch.rows). Strings in *out live until the
  // next Evaluate. A row that fails is null in *out and has an entry in *errors, by row ascending.
  void Evaluate(RecordBatch& batch, Column* out, std::vector<EvaluationError>* errors);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace murmur
