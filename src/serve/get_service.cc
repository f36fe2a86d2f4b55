#include "serve/get_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <initializer_list>
#include <optional>
#include <utility>

#include "base/shown.h"
#include "monoid/numbers.h"
#include "query/json_format.h"
#include "query/request_text.h"
#include "serve/cursor.h"
#include "serve/error_codes.h"
#include "serve/proto_rows.h"

namespace murmur {
namespace {

// {"pipeline": "…", "version": 1, "commit": 7, "exactness": "exact", "rows": […]}
class JsonRows final : public RowSink {
 public:
  JsonRows(const std::string& pipeline, uint64_t rows_max)
      : pipeline_(pipeline), rows_left_(rows_max) {}

  Status Begin(const AnswerSchema& schema) override {
    schema_ = &schema;
    json_ = "{\"pipeline\": ";
    AppendJsonString(pipeline_, &json_);
    json_ += fmt::format(", \"version\": {}, \"commit\": {}, \"exactness\": ", schema.version,
                         schema.commit);
    AppendJsonString(schema.exactness, &json_);
    json_ += ", \"rows\": [";
    return {};
  }
  Status Add(const Row& row) override {
    if (rows_left_-- == 0) {
      return Status(Code::kResourceExhausted,
                    "the answer has more rows than one call may have: ask for a shorter range, "
                    "fewer keys, or /bulk");
    }
    json_ += any_ ? ",\n  " : "\n  ";
    any_ = true;
    AppendRowJson(*schema_, row, /*with_exactness=*/false, &json_);
    if (row.asked >= found_.size()) found_.resize(row.asked + 1);
    found_[row.asked] = true;
    return {};
  }
  Status End() override {
    json_ += "]";
    return {};
  }

  // The answer, with more members. REQUIRES: it has ended
  std::string Take(std::string_view more) {
    json_.append(more);
    return std::move(json_) + "}\n";
  }
  bool Has(size_t asked) const { return asked < found_.size() && found_[asked]; }

 private:
  const std::string& pipeline_;
  uint64_t rows_left_;
  const AnswerSchema* schema_ = nullptr;
  std::string json_;
  bool any_ = false;
  std::vector<bool> found_;  // by the number of the key that is asked for
};

HttpReply Json(std::string body) { return {.response = {.body = std::move(body)}}; }

Status CheckNames(const UrlQuery& query, std::initializer_list<std::string_view> known) {
  for (const auto& [name, values] : query) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return Status(Code::kInvalidArgument, fmt::format("no parameter {}; there are: {}",
                                                        Shown(name), fmt::join(known, ", ")));
    }
    if (values.size() > 1 && name != "key") {
      return Status(Code::kInvalidArgument, "parameter " + Shown(name) + " is given twice");
    }
  }
  return {};
}

std::string One(const UrlQuery& query, std::string_view name) {
  const auto found = query.find(name);
  return found == query.end() ? std::string() : found->second.front();
}

Result<uint64_t> Number(const UrlQuery& query, std::string_view name, uint64_t otherwise,
                        uint64_t most) {
  const std::string text = One(query, name);
  if (text.empty()) return otherwise;
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number > 0 && number <= most) {
    return number;
  }
  return Status(Code::kInvalidArgument,
                fmt::format("{} {}: expected a number from 1 to {}", name, Shown(text), most));
}

Result<bool> Flag(const UrlQuery& query, std::string_view name) {
  const std::string text = One(query, name);
  if (text.empty() || text == "false") return query.contains(name) && text.empty();
  if (text == "true") return true;
  return Status(Code::kInvalidArgument,
                fmt::format("{} {}: expected true or false", name, Shown(text)));
}

Result<WindowRange> RangeOf(const UrlQuery& query) {
  return ParseRange({.last = One(query, "window"),
                     .as_of = One(query, "as_of"),
                     .from = One(query, "from"),
                     .to = One(query, "to")});
}

// A part that may be a text or something else is the something else: quotes make it a text.
const KeyValue& Likeliest(const std::vector<KeyValue>& meanings) {
  const auto found = std::find_if(meanings.begin(), meanings.end(), [](const KeyValue& value) {
    return value.kind != Kind::kString;
  });
  return found == meanings.end() ? meanings.front() : *found;
}

Result<std::vector<KeyValue>> LikeliestParts(const std::string& text) {
  std::vector<KeyValue> parts;
  if (text.empty()) return parts;
  MURMUR_ASSIGN(const KeyQuery key, ParseKey(text));
  for (const auto& meanings : key.parts) parts.push_back(Likeliest(meanings));
  return parts;
}

Result<AskedKeys> KeyRangeOf(const UrlQuery& query) {
  AskedKeys keys;
  keys.rollup = SplitNames(One(query, "rollup"));
  MURMUR_ASSIGN(keys.prefix, LikeliestParts(One(query, "prefix")));
  return keys;
}

std::string ETagOf(const AnswerSchema& schema) {
  return fmt::format("\"{}-{}\"", schema.version, schema.commit);
}

// The answer that says that nothing has changed since the client's.
std::optional<HttpReply> Unchanged(const HttpCall& request, const AnswerSchema& schema) {
  const std::string tag = ETagOf(schema);
  if (request.header("if-none-match") != tag) return std::nullopt;
  return HttpReply{.response = {.code = 304, .headers = {{"ETag", tag}}}};
}

HttpReply Tagged(const AnswerSchema& schema, std::string body) {
  return {.response = {.headers = {{"ETag", ETagOf(schema)}}, .body = std::move(body)}};
}

// The keys that have nothing, if there are several; of one, the error.
std::string MissingJson(const std::vector<KeyQuery>& keys, const JsonRows& rows) {
  std::string json;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (rows.Has(i)) continue;
    json += json.empty() ? ", \"missing\": [" : ", ";
    AppendJsonString(keys[i].text, &json);
  }
  return json.empty() ? json : json + "]";
}

struct BulkFormat {
  std::string_view name;
  v1::BulkRequest::Format format;
  const char* content_type;
};
constexpr std::array<BulkFormat, 4> kBulkFormats = {
    {{"jsonl", v1::BulkRequest::FORMAT_JSON_LINES, "application/x-ndjson"},
     {"csv", v1::BulkRequest::FORMAT_CSV, "text/csv; charset=utf-8"},
     {"parquet", v1::BulkRequest::FORMAT_PARQUET, "application/vnd.apache.parquet"},
     {"arrow", v1::BulkRequest::FORMAT_ARROW_STREAM, "application/vnd.apache.arrow.stream"}}};

}  // namespace

bool GetService::IsQuick(const HttpCall& request) const {
  const bool has_key =
      request.query.starts_with("key=") || request.query.find("&key=") != std::string::npos;
  const bool is_long = request.query.find("trailing=") != std::string::npos;
  return request.path.starts_with("/v1/") && has_key && !is_long;
}

HttpReply GetService::Answer(const HttpCall& request, const std::stop_token& stop) const {
  const auto began = std::chrono::steady_clock::now();
  auto answer = Route(request, stop);
  calls_.Note(answer.status().code(), std::chrono::steady_clock::now() - began);
  if (answer.ok()) return std::move(answer).value();
  const Status& status = answer.status();
  return {.response = {.code = HttpCode(status.code()), .body = ErrorJson(status) + "\n"}};
}

Result<HttpReply> GetService::Route(const HttpCall& request, const std::stop_token& stop) const {
  MURMUR_ASSIGN(const auto path, SplitUrlPath(request.path));
  MURMUR_ASSIGN(const UrlQuery query, ParseUrlQuery(request.query));
  const Status nothing(Code::kNotFound,
                       "nothing is at " + Shown(request.path) + "; /v1 lists the pipelines");
  if (path.empty() || path.front() != "v1" || path.size() > 3) return nothing;
  const ScanLimit limit = LimitFor(methods_.limits().call, stop);
  if (path.size() == 1) return List(limit);
  MURMUR_ASSIGN(const ServedPipeline* pipeline, methods_.pipelines().Find(path[1]));
  const Asked asked{.request = request, .pipeline = *pipeline, .query = query, .limit = limit};
  if (path.size() == 2) return query.contains("key") ? Query(asked) : Describe(asked);
  if (path[2] == "keys") return Keys(asked);
  if (path[2] == "top") return Top(asked);
  if (path[2] == "bulk") return Bulk(asked, stop);
  if (path[2] != "status") return nothing;
  MURMUR_TRY(CheckNames(query, {}));
  MURMUR_ASSIGN(std::string status, pipeline->status(limit));
  return Json(std::move(status));
}

Result<HttpReply> GetService::List(const ScanLimit& limit) const {
  v1::ListResponse list;
  MURMUR_TRY(methods_.List({}, limit, &list));
  std::string json = "{\"pipelines\": [";
  for (const auto& one : list.pipelines()) {
    json += json.ends_with('[') ? "\n  {\"name\": " : ",\n  {\"name\": ";
    AppendJsonString(one.name(), &json);
    if (one.unavailable().empty()) {
      json += fmt::format(", \"version\": {}, \"commit\": {}, \"exactness\": ", one.version(),
                          one.commit());
      AppendJsonString(one.exactness(), &json);
    } else {
      json += ", \"unavailable\": ";
      AppendJsonString(one.unavailable(), &json);
    }
    json += '}';
  }
  return Json(json + "]}\n");
}

Result<HttpReply> GetService::Describe(const Asked& asked) const {
  MURMUR_TRY(CheckNames(asked.query, {"key"}));
  v1::DescribeRequest request;
  request.set_pipeline(asked.pipeline.name);
  v1::DescribeResponse described;
  MURMUR_TRY(methods_.Describe(request, asked.limit, &described));
  std::string json = "{\"pipeline\": ";
  AppendJsonString(asked.pipeline.name, &json);
  json += ", \"keys\": [";
  for (const auto& rollup : described.rollups()) {
    json += json.ends_with('[') ? "[" : ", [";
    for (const std::string& part : rollup.parts()) {
      if (!json.ends_with('[')) json += ", ";
      AppendJsonString(part, &json);
    }
    json += ']';
  }
  json += "], \"aggregates\": [";
  for (const auto& aggregate : described.aggregate_types()) {
    json += json.ends_with('[') ? "\n  {\"name\": " : ",\n  {\"name\": ";
    AppendJsonString(aggregate.name(), &json);
    json += ", \"type\": ";
    AppendJsonString(aggregate.type(), &json);
    if (!aggregate.error().empty()) {
      json += ", \"error\": ";
      AppendJsonString(aggregate.error(), &json);
    }
    json += '}';
  }
  json += "], \"window\": ";
  AppendJsonString(described.window(), &json);
  json += ", \"time_zone\": ";
  AppendJsonString(described.time_zone(), &json);
  return Json(json + "}\n");
}

Result<HttpReply> GetService::Query(const Asked& asked) const {
  MURMUR_TRY(CheckNames(asked.query, {"key", "window", "from", "to", "as_of", "total", "trailing",
                                      "rollup", "aggregates"}));
  QueryRequest request;
  for (const std::string& text : asked.query.find("key")->second) {
    MURMUR_ASSIGN(request.keys.emplace_back(), ParseKey(text));
  }
  if (request.keys.size() > methods_.limits().keys) {
    return Status(Code::kResourceExhausted,
                  "a call may have " + Counted(methods_.limits().keys, "key"));
  }
  request.rollup = SplitNames(One(asked.query, "rollup"));
  request.aggregates = SplitNames(One(asked.query, "aggregates"));
  MURMUR_ASSIGN(request.range, RangeOf(asked.query));
  MURMUR_ASSIGN(request.total, Flag(asked.query, "total"));
  if (const std::string trailing = One(asked.query, "trailing"); !trailing.empty()) {
    if (request.total) {
      return Status(Code::kInvalidArgument, "total and trailing exclude each other");
    }
    MURMUR_ASSIGN(request.trailing, ParseWindowLength(trailing, "trailing"));
  }
  MURMUR_ASSIGN(const ReadSession session, asked.pipeline.service->Open(asked.limit));
  if (auto unchanged = Unchanged(asked.request, session.schema())) return *std::move(unchanged);
  JsonRows rows(asked.pipeline.name, methods_.limits().rows);
  const Status status = session.Query(request, &rows);
  const bool has_some = request.keys.size() > 1 && status.code() == Code::kNotFound;
  if (!has_some) MURMUR_TRY(status);
  return Tagged(session.schema(), rows.Take(MissingJson(request.keys, rows)));
}

Result<HttpReply> GetService::Keys(const Asked& asked) const {
  MURMUR_TRY(CheckNames(asked.query, {"rollup", "prefix", "limit", "cursor"}));
  KeysRequest request;
  MURMUR_ASSIGN(request.keys, KeyRangeOf(asked.query));
  MURMUR_ASSIGN(request.keys.after, ParseCursor(One(asked.query, "cursor")));
  MURMUR_ASSIGN(request.limit, Number(asked.query, "limit", kKeysDefault, methods_.limits().keys));
  MURMUR_ASSIGN(const ReadSession session, asked.pipeline.service->Open(asked.limit));
  std::vector<KeyValue> next;
  class KeysSink final : public RowSink {
   public:
    Status Begin(const AnswerSchema& schema) override {
      schema_ = &schema;
      return {};
    }
    Status Add(const Row& row) override {
      json += json.empty() ? "\n  {" : ",\n  {";
      for (size_t i = 0; i < row.key.size(); ++i) {
        if (i > 0) json += ", ";
        AppendJsonString(schema_->rollups[row.rollup][i], &json);
        json += ": ";
        AppendKeyJson(row.key[i], &json);
      }
      json += '}';
      return {};
    }
    Status End() override { return {}; }
    std::string json;

   private:
    const AnswerSchema* schema_ = nullptr;
  } rows;
  MURMUR_TRY(session.Keys(request, &rows, &next));
  std::string json = "{\"keys\": [" + rows.json + "]";
  if (!next.empty()) {
    json += ", \"next_cursor\": ";
    MURMUR_ASSIGN(const std::string cursor, CursorAfter(next));
    AppendJsonString(cursor, &json);
  }
  return Tagged(session.schema(), json + "}\n");
}

Result<HttpReply> GetService::Top(const Asked& asked) const {
  MURMUR_TRY(CheckNames(asked.query, {"rollup", "prefix", "aggregate", "limit", "window", "from",
                                      "to", "as_of", "aggregates"}));
  TopRequest request;
  MURMUR_ASSIGN(request.keys, KeyRangeOf(asked.query));
  MURMUR_ASSIGN(request.range, RangeOf(asked.query));
  MURMUR_ASSIGN(request.limit, Number(asked.query, "limit", kTopDefault, methods_.limits().keys));
  request.aggregate = One(asked.query, "aggregate");
  request.aggregates = SplitNames(One(asked.query, "aggregates"));
  request.compared_max = methods_.limits().compared_keys;
  MURMUR_ASSIGN(const ReadSession session, asked.pipeline.service->Open(asked.limit));
  if (auto unchanged = Unchanged(asked.request, session.schema())) return *std::move(unchanged);
  JsonRows rows(asked.pipeline.name, methods_.limits().rows);
  TopOutcome outcome;
  MURMUR_TRY(session.Top(request, &rows, &outcome));
  return Tagged(session.schema(), rows.Take(fmt::format(", \"keys_compared\": {}, \"complete\": {}",
                                                        outcome.compared, outcome.complete)));
}

Result<HttpReply> GetService::Bulk(const Asked& asked, const std::stop_token& stop) const {
  MURMUR_TRY(CheckNames(asked.query, {"format"}));
  std::string name = One(asked.query, "format");
  if (name.empty()) name = kBulkFormats.front().name;
  const auto format = std::find_if(kBulkFormats.begin(), kBulkFormats.end(),
                                   [&](const BulkFormat& one) { return one.name == name; });
  if (format == kBulkFormats.end()) {
    return Status(Code::kInvalidArgument,
                  "format " + Shown(name) + ": expected jsonl, csv, parquet or arrow");
  }
  // Shows what can be known before the first byte.
  MURMUR_TRY(asked.pipeline.service->Open(asked.limit).status());
  v1::BulkRequest request;
  request.set_pipeline(asked.pipeline.name);
  request.set_format(format->format);
  const auto write_all = [this, request, stop](const WriteBody& write) {
    return methods_.Bulk(request, LimitFor(methods_.limits().stream, stop), write);
  };
  return HttpReply{.response = {.content_type = format->content_type}, .stream = write_all};
}

}  // namespace murmur
