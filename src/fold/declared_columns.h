// Reads columns as the types that the definition declares for them (`columns:`).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/time_text.h"
#include "murmur/record.h"

namespace murmur {

// Belongs to one worker.
class DeclaredColumns {
 public:
  // `projection` outlives this.
  explicit DeclaredColumns(const Projection& projection);

  // Converts the cells of declared columns to kDecimal of the declared scale or to kTime; null
  // stays. A value that is not of its type becomes null, and refuse(row, detail) is called.
  // Converting twice changes nothing. Decimals live until the next call.
  using Refuse = std::function<void(uint32_t row, std::string detail)>;
  void Apply(RecordBatch* batch, const Refuse& refuse);

 private:
  struct Target {
    size_t column = 0;
    Int128 limit = 1;                   // 10^precision: an upper bound of a decimal's digits
    std::vector<Int128> decimals = {};  // kBatchRows: the batch's decimals
  };
  bool Read(const FieldRequest& field, Int128 limit, Cell* cell, Int128* decimal);

  const Projection& projection_;
  std::vector<Target> targets_;
  TimeParser time_parser_;
};

}  // namespace murmur
