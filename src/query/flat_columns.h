// The columns of the flat formats: key parts of all rollups, each name once; then the window, then
// the aggregates.
#pragma once

#include <string>
#include <vector>

#include "query/answer.h"

namespace murmur {

class FlatColumns {
 public:
  explicit FlatColumns(const AnswerSchema& schema);

  const std::vector<std::string>& names() const { return names_; }
  size_t keys() const { return keys_; }    // columns of key parts, the first ones
  size_t window() const { return keys_; }  // the column of the window
  size_t values() const { return keys_ + 1; }
  // The row's value of a key column; null: its rollup has no such part.
  const KeyValue* KeyAt(const Row& row, size_t column) const;

 private:
  std::vector<std::string> names_;
  size_t keys_;
  // By rollup and key column: the part, or its number of parts if it has none.
  std::vector<std::vector<size_t>> parts_;
};

// Without quotes. Null, and a number that is not finite: "null".
std::string FlatKey(const KeyValue& value);
// Without quotes, if it is a text; lists and records as JSON; absent: "".
std::string FlatValue(const Value& value);

// One text for each column; "" for a part that the row's rollup lacks, and for absent values.
// `shown`: how values are written.
std::vector<std::string> FlatCells(const AnswerSchema& schema, const FlatColumns& columns,
                                   const Row& row,
                                   std::string (*shown)(const Value& value) = FlatValue);

}  // namespace murmur
