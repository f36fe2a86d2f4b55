// Keys and values of a state table as typed rows.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fold/pipeline.h"
#include "murmur/state.h"
#include "murmur/status.h"
#include "query/answer.h"

namespace murmur {

// "exact", "converging", "converging (assumed)", or "approximate (visitors: relative error 1.6 %)".
std::string ExactnessOf(const Pipeline& pipeline, const VersionInfo& info);

// Without the commit's number.
AnswerSchema SchemaOfAnswer(const Pipeline& pipeline, const VersionInfo& info);

// Indexes of the pipeline's aggregates.
using AggregateSpan = std::span<const size_t>;
// Of the aggregates with these names, in their order; of all, if there are none.
// Errors: kInvalidArgument (no such aggregate; names those that there are).
Result<std::vector<size_t>> FindAggregates(const Pipeline& pipeline,
                                           std::span<const std::string> names);
std::vector<size_t> AllAggregates(const Pipeline& pipeline);

// A row of all aggregates, or of those in `wanted`. Errors: kDataLoss (this pipeline did not write
// these bytes).
Result<Row> DecodeRow(const Pipeline& pipeline, std::string_view key, std::string_view value);
Result<Row> DecodeRow(const Pipeline& pipeline, AggregateSpan wanted, std::string_view key,
                      std::string_view value);
// The same for a value that combines several windows: the row has no bucket.
Result<Row> DecodeTotal(const Pipeline& pipeline, AggregateSpan wanted, std::string_view key,
                        std::string_view value);
// A row of the key alone, without values and bucket.
Result<Row> DecodeKeyOfRow(const Pipeline& pipeline, std::string_view key);

}  // namespace murmur
