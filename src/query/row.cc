#include "query/row.h"

#include <utility>
#include <vector>

#include "murmur/state_value.h"

namespace murmur {

std::string ExactnessOf(const Pipeline& pipeline, const VersionInfo& info) {
  if (info.status != VersionStatus::kComplete) return "converging";
  if (!info.assumed_ends.empty()) return "converging (assumed)";
  if (!info.inexact.empty()) return "at-least-once (" + info.inexact + ")";
  std::string approximate;
  for (const auto& aggregate : pipeline.aggregates()) {
    const std::string bound = aggregate.monoid->Approximation();
    if (bound.empty()) continue;
    approximate.append(approximate.empty() ? "" : "; ").append(aggregate.name + ": " + bound);
  }
  return approximate.empty() ? "exact" : "approximate (" + approximate + ")";
}

AnswerSchema SchemaOfAnswer(const Pipeline& pipeline, const VersionInfo& info) {
  AnswerSchema schema;
  schema.version = info.number;
  for (const auto& rollup : pipeline.rollups()) {
    std::vector<std::string>& names = schema.rollups.emplace_back();
    for (const auto& part : rollup.parts) names.push_back(part.name);
  }
  for (const auto& aggregate : pipeline.aggregates()) {
    schema.aggregates.push_back({aggregate.name, aggregate.monoid->output_type()});
  }
  schema.buckets = pipeline.buckets();
  schema.exactness = ExactnessOf(pipeline, info);
  return schema;
}

Result<Row> DecodeRow(const Pipeline& pipeline, std::string_view key, std::string_view value) {
  MURMUR_ASSIGN(Row row, DecodeTotal(pipeline, key, value));
  if (pipeline.buckets().windowed()) row.bucket = BucketOfKey(key);
  return row;
}

Result<Row> DecodeTotal(const Pipeline& pipeline, std::string_view key, std::string_view value) {
  MURMUR_ASSIGN(DecodedKey decoded, DecodeKey(key, pipeline.buckets().windowed()));
  const Status damaged(Code::kDataLoss, "a stored value does not fit the definition");
  if (decoded.rollup >= pipeline.rollups().size() ||
      decoded.parts.size() != pipeline.rollups()[decoded.rollup].parts.size()) {
    return damaged;
  }
  Row row{.rollup = decoded.rollup, .key = std::move(decoded.parts), .bucket = {}, .values = {}};
  int64_t records = 0;
  std::vector<std::string_view> encoded(pipeline.aggregates().size());
  if (!SplitValue(value, &records, encoded)) return damaged;
  row.values.reserve(encoded.size());
  for (size_t i = 0; i < encoded.size(); ++i) {
    MURMUR_ASSIGN(Value one, pipeline.aggregates()[i].monoid->ValueOf(encoded[i], records));
    row.values.push_back(std::move(one));
  }
  return row;
}

}  // namespace murmur
