#include "query/row.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "base/shown.h"
#include "murmur/state_value.h"

namespace murmur {
namespace {

Status Damaged() { return Status(Code::kDataLoss, "a stored value does not fit the definition"); }

}  // namespace

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

std::vector<size_t> AllAggregates(const Pipeline& pipeline) {
  std::vector<size_t> all(pipeline.aggregates().size());
  std::iota(all.begin(), all.end(), size_t{0});
  return all;
}

Result<std::vector<size_t>> FindAggregates(const Pipeline& pipeline,
                                           std::span<const std::string> names) {
  if (names.empty()) return AllAggregates(pipeline);
  const auto& all = pipeline.aggregates();
  std::vector<size_t> found;
  for (const std::string& name : names) {
    const auto it = std::find_if(all.begin(), all.end(),
                                 [&](const auto& aggregate) { return aggregate.name == name; });
    if (it == all.end()) {
      std::string known;
      for (const auto& aggregate : all) known += (known.empty() ? "" : ", ") + aggregate.name;
      return Status(Code::kInvalidArgument,
                    "no aggregate " + Shown(name) + "; the definition has: " + known);
    }
    found.push_back(static_cast<size_t>(it - all.begin()));
  }
  return found;
}

Result<Row> DecodeKeyOfRow(const Pipeline& pipeline, std::string_view key) {
  MURMUR_ASSIGN(DecodedKey decoded, DecodeKey(key, pipeline.buckets().windowed()));
  if (decoded.rollup >= pipeline.rollups().size() ||
      decoded.parts.size() != pipeline.rollups()[decoded.rollup].parts.size()) {
    return Damaged();
  }
  return Row{.rollup = decoded.rollup, .key = std::move(decoded.parts), .bucket = {}, .values = {}};
}

Result<Row> DecodeTotal(const Pipeline& pipeline, AggregateSpan wanted, std::string_view key,
                        std::string_view value) {
  MURMUR_ASSIGN(Row row, DecodeKeyOfRow(pipeline, key));
  int64_t records = 0;
  std::vector<std::string_view> encoded(pipeline.aggregates().size());
  if (!SplitValue(value, &records, encoded)) return Damaged();
  row.values.reserve(wanted.size());
  for (const size_t i : wanted) {
    MURMUR_ASSIGN(Value one, pipeline.aggregates()[i].monoid->ValueOf(encoded[i], records));
    row.values.push_back(std::move(one));
  }
  return row;
}

Result<Row> DecodeRow(const Pipeline& pipeline, AggregateSpan wanted, std::string_view key,
                      std::string_view value) {
  MURMUR_ASSIGN(Row row, DecodeTotal(pipeline, wanted, key, value));
  if (pipeline.buckets().windowed()) row.bucket = BucketOfKey(key);
  return row;
}

Result<Row> DecodeRow(const Pipeline& pipeline, std::string_view key, std::string_view value) {
  return DecodeRow(pipeline, AllAggregates(pipeline), key, value);
}

}  // namespace murmur
