#include "query/row.h"

#include "monoid/numbers.h"
#include "murmur/value.h"

namespace murmur {
namespace {

std::string KeyValueAsJson(const KeyValue& value) {
  std::string json;
  switch (value.kind) {
    case Kind::kNull: return "null";
    case Kind::kBool: return value.i != 0 ? "true" : "false";
    case Kind::kInt: return std::to_string(value.i);
    case Kind::kDouble: AppendJsonDouble(value.d, &json); return json;
    case Kind::kTime: AppendJsonString(FormatTime(value.i), &json); return json;
    case Kind::kDecimal:
    case Kind::kString:
    case Kind::kJson: AppendJsonString(value.text, &json); return json;
  }
  return json;
}

// Whether its windows differ in length, or are written in a zone.
bool HasEnds(const BucketRule& buckets) { return buckets.calendar() || buckets.zone != nullptr; }

}  // namespace

Result<Row> RenderRow(const Pipeline& pipeline, std::string_view key, std::string_view value) {
  MURMUR_ASSIGN(const DecodedKey decoded, DecodeKey(key, pipeline.buckets().windowed()));
  MURMUR_ASSIGN(Row row, RenderTotal(pipeline, key, value));
  const BucketRule& buckets = pipeline.buckets();
  if (!buckets.windowed()) return row;
  row.window.clear();
  AppendJsonString(buckets.FormatStart(decoded.bucket), &row.window);
  if (!HasEnds(buckets)) return row;
  row.window_end.clear();
  AppendJsonString(buckets.FormatEnd(decoded.bucket), &row.window_end);
  return row;
}

Result<Row> RenderTotal(const Pipeline& pipeline, std::string_view key, std::string_view value) {
  MURMUR_ASSIGN(const DecodedKey decoded, DecodeKey(key, pipeline.buckets().windowed()));
  const Status damaged(Code::kDataLoss, "a stored value does not fit the definition");
  if (decoded.rollup >= pipeline.rollups().size()) return damaged;
  Row row{.rollup = &pipeline.rollups()[decoded.rollup],
          .key = {},
          .window = "null",
          .window_end = {},
          .aggregates = {}};
  if (decoded.parts.size() != row.rollup->parts.size()) return damaged;
  if (HasEnds(pipeline.buckets())) row.window_end = "null";
  for (const KeyValue& part : decoded.parts) row.key.push_back(KeyValueAsJson(part));

  int64_t records = 0;
  std::vector<std::string_view> encoded(pipeline.aggregates().size());
  if (!SplitValue(value, &records, encoded)) return damaged;
  for (size_t i = 0; i < encoded.size(); ++i) {
    const Monoid& monoid = *pipeline.aggregates()[i].monoid;
    MURMUR_TRY(monoid.Render(encoded[i], records, &row.aggregates.emplace_back()));
  }
  return row;
}

std::string RowAsJson(const Pipeline& pipeline, const Row& row, std::string_view exactness) {
  std::string json = "{\"key\": {";
  for (size_t i = 0; i < row.key.size(); ++i) {
    if (i > 0) json += ", ";
    AppendJsonString(row.rollup->parts[i].name, &json);
    json.append(": ").append(row.key[i]);
  }
  json.append("}, \"window\": ").append(row.window);
  if (!row.window_end.empty()) json.append(", \"window_end\": ").append(row.window_end);
  for (size_t i = 0; i < row.aggregates.size(); ++i) {
    json += ", ";
    AppendJsonString(pipeline.aggregates()[i].name, &json);
    json.append(": ").append(row.aggregates[i]);
  }
  if (!exactness.empty()) {
    json += ", \"_exact\": ";
    AppendJsonString(exactness, &json);
  }
  return json += "}";
}

}  // namespace murmur
