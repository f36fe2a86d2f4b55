// Keys and values of a state table as typed rows.
#pragma once

#include <string>
#include <string_view>

#include "fold/pipeline.h"
#include "murmur/state.h"
#include "murmur/status.h"
#include "query/answer.h"

namespace murmur {

// "exact", "converging", "converging (assumed)", or "approximate (visitors: relative error 1.6 %)".
std::string ExactnessOf(const Pipeline& pipeline, const VersionInfo& info);

// Without the commit's number.
AnswerSchema SchemaOfAnswer(const Pipeline& pipeline, const VersionInfo& info);

// Errors: kDataLoss (this pipeline did not write these bytes).
Result<Row> DecodeRow(const Pipeline& pipeline, std::string_view key, std::string_view value);

// The same for a value that combines several windows: the row has no bucket.
Result<Row> DecodeTotal(const Pipeline& pipeline, std::string_view key, std::string_view value);

}  // namespace murmur
