#include "serve/query_methods.h"

#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/shown.h"
#include "definition/units.h"
#include "query/key_prefix.h"
#include "query/request_text.h"
#include "serve/cursor.h"
#include "serve/error_codes.h"
#include "serve/proto_rows.h"

namespace murmur {
namespace {

// Hands each row to `add`, up to the limit of rows of one answer.
class ProtoSink final : public RowSink {
 public:
  using Add_ = std::function<v1::Row*(const Row&)>;
  ProtoSink(const std::string& pipeline, uint64_t rows_max, v1::Basis* basis, Add_ add)
      : pipeline_(pipeline), rows_left_(rows_max), basis_(basis), add_(std::move(add)) {}

  Status Begin(const AnswerSchema& schema) override {
    schema_ = &schema;
    ToProto(schema, pipeline_, basis_);
    return {};
  }
  Status Add(const Row& row) override {
    if (rows_left_-- == 0) {
      return Status(Code::kResourceExhausted,
                    "the answer has more rows than one call may have: ask for a shorter range, "
                    "fewer keys, or Bulk");
    }
    ToProto(*schema_, row, add_(row));
    return {};
  }
  Status End() override { return {}; }

 private:
  const std::string& pipeline_;
  uint64_t rows_left_;
  v1::Basis* const basis_;
  const Add_ add_;
  const AnswerSchema* schema_ = nullptr;
};

// Of the requests that ask for keys. Errors: kInvalidArgument.
template <class Request>
Result<QueryRequest> QueryOf(const Request& request) {
  QueryRequest query;
  query.rollup.assign(request.rollup().begin(), request.rollup().end());
  query.aggregates.assign(request.aggregates().begin(), request.aggregates().end());
  MURMUR_ASSIGN(query.range, RangeFromProto(request.range()));
  return query;
}

template <class Request>
Result<AskedKeys> KeyRangeOf(const Request& request) {
  AskedKeys keys;
  keys.rollup.assign(request.rollup().begin(), request.rollup().end());
  MURMUR_ASSIGN(keys.prefix, PartsFromProto(request.prefix()));
  return keys;
}

// That there is nothing under a key is an answer.
Status Answered(Status status) { return status.code() == Code::kNotFound ? Status() : status; }

Status TooMany(size_t asked, const char* what, size_t most) {
  return Status(Code::kResourceExhausted,
                Counted(asked, what) + ": a call may have " + Counted(most, what));
}

const char* TypeName(OutputType type) {
  switch (type) {
    case OutputType::kInteger: return "integer";
    case OutputType::kNumber: return "number";
    case OutputType::kText: return "text";
    case OutputType::kJson: return "json";
  }
  return "";
}

}  // namespace

Result<ReadSession> QueryMethods::Open(const std::string& pipeline, const ScanLimit& limit) const {
  MURMUR_ASSIGN(const ServedPipeline* served, pipelines_.Find(pipeline));
  return served->service->Open(limit);
}

Status QueryMethods::Get(const v1::GetRequest& request, const ScanLimit& limit,
                         v1::GetResponse* out) const {
  MURMUR_ASSIGN(QueryRequest query, QueryOf(request));
  MURMUR_ASSIGN(query.keys.emplace_back(), KeyFromProto(request.key()));
  query.total = true;
  MURMUR_ASSIGN(const ReadSession session, Open(request.pipeline(), limit));
  ProtoSink rows(request.pipeline(), limits_.rows, out->mutable_basis(), [out](const Row&) {
    return out->has_row() ? out->add_more() : out->mutable_row();
  });
  return Answered(session.Query(query, &rows));
}

Status QueryMethods::GetMany(const v1::GetManyRequest& request, const ScanLimit& limit,
                             v1::GetManyResponse* out) const {
  const auto asked = static_cast<size_t>(request.keys_size());
  if (asked > limits_.keys) return TooMany(asked, "key", limits_.keys);
  MURMUR_ASSIGN(QueryRequest query, QueryOf(request));
  for (const v1::Key& key : request.keys()) {
    MURMUR_ASSIGN(query.keys.emplace_back(), KeyFromProto(key));
    out->add_found();
  }
  query.total = true;
  MURMUR_ASSIGN(const ReadSession session, Open(request.pipeline(), limit));
  ProtoSink rows(request.pipeline(), limits_.rows, out->mutable_basis(), [out](const Row& row) {
    return out->mutable_found(static_cast<int>(row.asked))->add_rows();
  });
  return Answered(session.Query(query, &rows));
}

Status QueryMethods::Batch(const v1::BatchRequest& request, const ScanLimit& limit,
                           v1::BatchResponse* out) const {
  const auto asked = static_cast<size_t>(request.questions_size());
  if (asked > limits_.keys) return TooMany(asked, "question", limits_.keys);
  // One session a pipeline, so that its answers are of one commit.
  std::map<std::string, Result<ReadSession>, std::less<>> sessions;
  for (const v1::BatchRequest::Question& question : request.questions()) {
    v1::BatchResponse::Answer* const answer = out->add_answers();
    const auto ask = [&]() -> Status {
      auto session = sessions.find(question.pipeline());
      if (session == sessions.end()) {
        session = sessions.emplace(question.pipeline(), Open(question.pipeline(), limit)).first;
      }
      MURMUR_TRY(session->second.status());
      MURMUR_ASSIGN(QueryRequest query, QueryOf(question));
      MURMUR_ASSIGN(query.keys.emplace_back(), KeyFromProto(question.key()));
      query.total = true;
      ProtoSink rows(question.pipeline(), limits_.rows, answer->mutable_basis(),
                     [answer](const Row&) { return answer->add_rows(); });
      return Answered(session->second->Query(query, &rows));
    };
    const Status status = ask();
    if (status.ok()) continue;
    // What ends the call ends it for all.
    if (status.code() == Code::kCancelled || status.code() == Code::kDeadlineExceeded) {
      return status;
    }
    answer->Clear();
    answer->mutable_error()->set_code(std::string(ConnectCodeName(status.code())));
    answer->mutable_error()->set_message(std::string(status.message()));
  }
  return {};
}

Status QueryMethods::Windows(const v1::WindowsRequest& request, const ScanLimit& limit,
                             v1::WindowsResponse* out) const {
  MURMUR_ASSIGN(QueryRequest query, QueryOf(request));
  MURMUR_ASSIGN(query.keys.emplace_back(), KeyFromProto(request.key()));
  MURMUR_ASSIGN(const ReadSession session, Open(request.pipeline(), limit));
  ProtoSink rows(request.pipeline(), limits_.rows, out->mutable_basis(),
                 [out](const Row&) { return out->add_rows(); });
  return Answered(session.Query(query, &rows));
}

Status QueryMethods::Trailing(const v1::TrailingRequest& request, const ScanLimit& limit,
                              v1::WindowsResponse* out) const {
  MURMUR_ASSIGN(QueryRequest query, QueryOf(request));
  MURMUR_ASSIGN(query.keys.emplace_back(), KeyFromProto(request.key()));
  MURMUR_ASSIGN(query.trailing, ParseWindowLength(request.length(), "length"));
  MURMUR_ASSIGN(const ReadSession session, Open(request.pipeline(), limit));
  ProtoSink rows(request.pipeline(), limits_.rows, out->mutable_basis(),
                 [out](const Row&) { return out->add_rows(); });
  return Answered(session.Query(query, &rows));
}

Status QueryMethods::Keys(const v1::KeysRequest& request, const ScanLimit& limit,
                          v1::KeysResponse* out) const {
  KeysRequest keys;
  MURMUR_ASSIGN(keys.keys, KeyRangeOf(request));
  keys.limit = request.limit() == 0 ? kKeysDefault : request.limit();
  if (keys.limit > limits_.keys) return TooMany(keys.limit, "key", limits_.keys);
  MURMUR_ASSIGN(keys.keys.after, ParseCursor(request.cursor()));
  MURMUR_ASSIGN(const ReadSession session, Open(request.pipeline(), limit));
  MURMUR_ASSIGN(const size_t rollup, FindRollup(session.pipeline(), keys.keys.rollup));
  for (const std::string& part : session.schema().rollups[rollup]) out->add_parts(part);
  ProtoSink rows(request.pipeline(), limits_.rows, out->mutable_basis(),
                 [out](const Row&) { return out->add_rows(); });
  std::vector<KeyValue> next;
  MURMUR_TRY(session.Keys(keys, &rows, &next));
  if (next.empty()) return {};
  MURMUR_ASSIGN(*out->mutable_next_cursor(), CursorAfter(next));
  return {};
}

Status QueryMethods::Top(const v1::TopRequest& request, const ScanLimit& limit,
                         v1::TopResponse* out) const {
  TopRequest top;
  MURMUR_ASSIGN(top.keys, KeyRangeOf(request));
  MURMUR_ASSIGN(top.range, RangeFromProto(request.range()));
  top.aggregate = request.aggregate();
  top.aggregates.assign(request.aggregates().begin(), request.aggregates().end());
  top.limit = request.limit() == 0 ? kTopDefault : request.limit();
  top.compared_max = limits_.compared_keys;
  if (top.limit > limits_.keys) return TooMany(top.limit, "key", limits_.keys);
  MURMUR_ASSIGN(const ReadSession session, Open(request.pipeline(), limit));
  ProtoSink rows(request.pipeline(), limits_.rows, out->mutable_basis(),
                 [out](const Row&) { return out->add_rows(); });
  TopOutcome outcome;
  MURMUR_TRY(session.Top(top, &rows, &outcome));
  out->set_keys_compared(outcome.compared);
  out->set_complete(outcome.complete);
  return {};
}

Status QueryMethods::List(const v1::ListRequest& /*request*/, const ScanLimit& limit,
                          v1::ListResponse* out) const {
  for (const auto& [name, pipeline] : pipelines_.all()) {
    v1::ListResponse::Pipeline* const one = out->add_pipelines();
    one->set_name(name);
    const auto session = pipeline.service->Open(limit);
    if (!session.ok()) {
      one->set_unavailable(std::string(session.status().message()));
      continue;
    }
    one->set_version(session->schema().version);
    one->set_commit(session->schema().commit);
    one->set_exactness(session->schema().exactness);
  }
  return {};
}

Status QueryMethods::PipelineStatus(const v1::StatusRequest& request, const ScanLimit& limit,
                                    v1::StatusResponse* out) const {
  MURMUR_ASSIGN(const ServedPipeline* pipeline, pipelines_.Find(request.pipeline()));
  MURMUR_ASSIGN(*out->mutable_json(), pipeline->status(limit));
  out->set_pipeline(request.pipeline());
  return {};
}

Status QueryMethods::Describe(const v1::DescribeRequest& request, const ScanLimit& limit,
                              v1::DescribeResponse* out) const {
  MURMUR_ASSIGN(const ReadSession session, Open(request.pipeline(), limit));
  const AnswerSchema& schema = session.schema();
  ToProto(schema, request.pipeline(), out->mutable_basis());
  for (const auto& rollup : schema.rollups) {
    v1::DescribeResponse::Rollup* const one = out->add_rollups();
    for (const std::string& part : rollup) one->add_parts(part);
  }
  for (size_t i = 0; i < schema.aggregates.size(); ++i) {
    v1::DescribeResponse::Aggregate* const one = out->add_aggregate_types();
    one->set_name(schema.aggregates[i].name);
    one->set_type(TypeName(schema.aggregates[i].type));
    one->set_error(session.pipeline().aggregates()[i].monoid->Approximation());
  }
  const BucketRule& buckets = schema.buckets;
  if (buckets.calendar()) out->set_window(std::string(CalendarUnitName(buckets.unit)));
  if (buckets.every > 0) out->set_window(std::to_string(buckets.every) + "s");
  if (const auto& window = session.pipeline().definition().window) {
    out->set_time_zone(window->zone);
  }
  return {};
}

Status QueryMethods::Bulk(const v1::BulkRequest& request, const ScanLimit& limit,
                          const WriteText& write) const {
  RowFormat format = RowFormat::kJsonLines;
  switch (request.format()) {
    case v1::BulkRequest::FORMAT_UNSPECIFIED:
    case v1::BulkRequest::FORMAT_JSON_LINES: break;
    case v1::BulkRequest::FORMAT_CSV: format = RowFormat::kCsv; break;
    case v1::BulkRequest::FORMAT_PARQUET: format = RowFormat::kParquet; break;
    case v1::BulkRequest::FORMAT_ARROW_STREAM: format = RowFormat::kArrowStream; break;
    default: return Status(Code::kInvalidArgument, "no such format");
  }
  MURMUR_ASSIGN(const ReadSession session, Open(request.pipeline(), limit));
  const auto rows = MakeFormatter(format, write);
  return session.Dump(rows.get());
}

}  // namespace murmur
