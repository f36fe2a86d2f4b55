// Finds the fields of a pipeline for which no record had a value. A misspelt name counts nothing,
// and would go unnoticed otherwise. Costs nothing once each field has been seen.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fold/pipeline.h"
#include "murmur/record.h"
#include "murmur/state.h"

namespace murmur {

// Threads: one.
class AbsentFields {
 public:
  explicit AbsentFields(const Pipeline& pipeline);

  // Removes the fields that the batch has a value for. REQUIRES: before the fold, which drops rows.
  void Note(const RecordBatch& batch, SplitProgress* progress);

 private:
  bool HasValue(const RecordBatch& batch, const std::string& name) const;
  void Sample(const RecordBatch& batch);
  const std::string& Meant(const std::string& name);

  std::vector<std::string> names_;    // of the projection's fields, in its order
  std::vector<std::string> sampled_;  // names of fields that records have
  size_t samples_ = 0;
  std::map<std::string, std::string> meant_;  // by name, of those sampled
};

// The fields without which an expression has no value. Fields inside `coalesce` or before `is null`
// are not among them: these are made for fields that may be missing.
std::vector<std::string> FieldsNeeded(std::string_view expression);

// "no record had a value for 'amuont' (looked for in 3 records); did you mean 'amount'?"
std::string DescribeAbsent(const AbsentField& field, uint64_t records);

}  // namespace murmur
