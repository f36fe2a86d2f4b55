#include "query/json_format.h"

#include "monoid/numbers.h"
#include "query/format.h"
#include "query/text_sink.h"

namespace murmur {
namespace {

// Whether its windows differ in length, or are written in a zone.
bool HasEnds(const BucketRule& buckets) { return buckets.calendar() || buckets.zone != nullptr; }

class JsonSink final : public TextSink {
 public:
  JsonSink(bool with_tag, WriteText write) : TextSink(std::move(write)), with_tag_(with_tag) {}

 private:
  void AppendRow(const Row& row, std::string* text) override {
    AppendRowJson(schema(), row, with_tag_, text);
    text->push_back('\n');
  }

  const bool with_tag_;
};

}  // namespace

void AppendKeyJson(const KeyValue& value, std::string* json) {
  switch (value.kind) {
    case Kind::kNull: *json += "null"; return;
    case Kind::kBool: *json += value.i != 0 ? "true" : "false"; return;
    case Kind::kInt: *json += std::to_string(value.i); return;
    case Kind::kDouble: return AppendJsonDouble(value.d, json);
    case Kind::kTime: return AppendJsonString(FormatTime(value.i), json);
    case Kind::kDecimal:
    case Kind::kString:
    case Kind::kJson: return AppendJsonString(value.text, json);
  }
}

void AppendWindowJson(const AnswerSchema& schema, const Row& row, std::string* json) {
  if (!row.bucket) {
    *json += "null";
  } else {
    AppendJsonString(schema.buckets.FormatStart(*row.bucket), json);
  }
}

void AppendRowJson(const AnswerSchema& schema, const Row& row, bool with_exactness,
                   std::string* json) {
  const std::vector<std::string>& parts = schema.rollups[row.rollup];
  *json += "{\"key\": {";
  for (size_t i = 0; i < row.key.size(); ++i) {
    if (i > 0) *json += ", ";
    AppendJsonString(parts[i], json);
    *json += ": ";
    AppendKeyJson(row.key[i], json);
  }
  *json += "}, \"window\": ";
  AppendWindowJson(schema, row, json);
  if (HasEnds(schema.buckets)) {
    *json += ", \"window_end\": ";
    if (row.bucket) {
      AppendJsonString(schema.buckets.FormatEnd(*row.bucket), json);
    } else {
      *json += "null";
    }
  }
  for (size_t i = 0; i < row.values.size(); ++i) {
    *json += ", ";
    AppendJsonString(schema.aggregates[i].name, json);
    *json += ": ";
    AppendJson(row.values[i], json);
  }
  if (with_exactness && !schema.exactness.empty()) {
    *json += ", \"_exact\": ";
    AppendJsonString(schema.exactness, json);
  }
  *json += '}';
}

std::unique_ptr<RowSink> MakeJsonFormatter(bool with_tag, WriteText write) {
  return std::make_unique<JsonSink>(with_tag, std::move(write));
}

}  // namespace murmur
