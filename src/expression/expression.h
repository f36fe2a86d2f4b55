// Expressions over fields, in keys, `where` and aggregate arguments.
//
//   country = 'US' and (amount * 2 >= 10 or page in ('/a', '/b')) and lower(user.name) is not null
//
// A tree of steps, each of which fills a column of the batch. Arithmetic, comparisons, logic and
// times are implemented here; text and rare functions use Arrow. A bare field is used as a column
// directly and never gets here.
//
// A row's result depends only on that row's values, never on its neighbours: a JSON field that is
// an integer in one record and a float in another gives the same results in any batch.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/zone.h"
#include "murmur/record.h"
#include "murmur/status.h"

namespace murmur {

// How numbers written in digits (JSON, text, a literal) are read; docs/definition.md, "Numbers with
// a fraction".
enum class Numbers : uint8_t {
  kNearest,  // the nearest double
  kWritten,  // the decimal as written; a double, if 38 digits can't hold it. In comparisons
  // As kWritten, but a binary double is its shortest text, and a number that 38 digits can't hold
  // is an error. In sums of decimals.
  kDecimal,
};

// A field that an expression reads.
struct FieldUse {
  FieldPath path;
  Numbers numbers = Numbers::kNearest;
  bool operator==(const FieldUse&) const = default;
};

// A time zone that an expression names.
struct ZoneUse {
  std::string name;
  size_t column = 1;  // position of the name in the text, from 1, in bytes
};

// A parsed expression. Immutable; any threads may share it.
class Expression {
 public:
  // Errors: kInvalidArgument with "column N: …": what was found, what was expected, did-you-mean
  // for unknown functions.
  static Result<std::shared_ptr<const Expression>> Parse(std::string_view text,
                                                         Numbers numbers = Numbers::kNearest);

  ~Expression();

  // The fields it reads, in order of first use, no duplicates.
  const std::vector<FieldUse>& fields() const noexcept;
  // The time zones that it names, in order, with duplicates. They may not exist.
  const std::vector<ZoneUse>& zones() const noexcept;
  // Non-null if the whole expression is one field.
  const FieldPath* as_field() const noexcept;
  // The text in canonical form: equal expressions have equal text.
  const std::string& canonical() const noexcept;
  // How its numbers are read.
  Numbers numbers() const noexcept;

 private:
  friend class Evaluator;
  Expression();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Reads one field path, "a.b[0]"; back-quotes or double quotes hold unusual names. Errors:
// kInvalidArgument.
Result<FieldPath> ParseFieldPath(std::string_view text);

struct EvaluationError {
  uint32_t row;
  DeadReason reason;  // kExpression, kWrongType or kNumberOverflow
  std::string detail;
};

// What a condition says of one row. In this order `and` is the least, and `or` the greatest.
enum class Truth : uint8_t { kNo, kUnknown, kYes };

// Evaluates one expression over batches. Not thread-safe: one per worker.
class Evaluator {
 public:
  // inputs[i] is the index in the batch's columns of expression->fields()[i].
  // REQUIRES: zones has each of expression->zones()
  Evaluator(std::shared_ptr<const Expression> expression, std::vector<size_t> inputs,
            const ZoneMap& zones = {});
  ~Evaluator();

  // Fills *out (its kinds set; dictionary-coded where the expression is of one such column) for
  // rows [0, batch.rows). What *out points to lives until the next Evaluate. A row that fails is
  // null in *out and has an entry in *errors, ascending by row.
  void Evaluate(RecordBatch& batch, Column* out, std::vector<EvaluationError>* errors);

  // The batch columns of which a part of the expression is computed once for each entry, if they
  // come dictionary-coded.
  const std::set<size_t>& ColumnsByEntry() const noexcept;

  // Whether every result is true, false or null, by the expression's operations alone.
  bool is_condition() const noexcept;
  // As Evaluate; null, and a row that fails, is kUnknown. REQUIRES: is_condition()
  void EvaluateCondition(RecordBatch& batch, Truth* truths, std::vector<EvaluationError>* errors);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace murmur
