#include "runtime/owner/read_service.h"

#include <utility>

#include "query/row.h"
#include "runtime/owner/row_map.h"

namespace murmur {
namespace {

// Passes rows on until the version's owner wants to close it.
class UntilEnding final : public RowSink {
 public:
  UntilEnding(RowSink* out, std::stop_token ending) : out_(*out), ending_(std::move(ending)) {}
  Status Begin(const AnswerSchema& schema) override { return out_.Begin(schema); }
  Status Add(const Row& row) override {
    if (!ending_.stop_requested()) return out_.Add(row);
    return Status(Code::kUnavailable, "the version is being closed: ask again");
  }
  Status End() override { return out_.End(); }

 private:
  RowSink& out_;
  const std::stop_token ending_;
};

}  // namespace

template <class Run>
Status ReadSession::Answer(std::span<const std::string> aggregates, RowSink* out,
                           const Run& run) const {
  MURMUR_TRY(limit_.Check());
  MURMUR_ASSIGN(const std::vector<size_t> wanted, FindAggregates(pipeline(), aggregates));
  const Reading reading{
      .pipeline = pipeline(), .snapshot = *snapshot_, .limit = limit_, .wanted = wanted};
  UntilEnding rows(out, version_.ending);
  if (aggregates.empty()) {
    MURMUR_TRY(rows.Begin(schema_));
    return run(reading, &rows);
  }
  AnswerSchema schema = schema_;
  schema.aggregates.clear();
  for (const size_t i : wanted) schema.aggregates.push_back(schema_.aggregates[i]);
  MURMUR_TRY(rows.Begin(schema));
  return run(reading, &rows);
}

Status ReadSession::Query(const QueryRequest& request, RowSink* out) const {
  return Answer(request.aggregates, out, [&](const Reading& reading, RowSink* rows) {
    return RunQuery(reading, request, rows);
  });
}

Status ReadSession::Keys(const KeysRequest& request, RowSink* out,
                         std::vector<KeyValue>* next) const {
  return Answer({}, out, [&](const Reading& reading, RowSink* rows) {
    return RunKeys(reading, request, rows, next);
  });
}

Status ReadSession::Top(const TopRequest& request, RowSink* out, TopOutcome* outcome) const {
  return Answer(request.aggregates, out, [&](const Reading& reading, RowSink* rows) {
    return RunTop(reading, request, rows, outcome);
  });
}

Status ReadSession::Dump(RowSink* out) const {
  return Answer({}, out,
                [&](const Reading& reading, RowSink* rows) { return RunDump(reading, rows); });
}

ReadService::ReadService(std::shared_ptr<const Pipeline> pipeline, const StateTable* table)
    : ReadService([served = ServedVersion{.pipeline = std::move(pipeline),
                                          .table = std::shared_ptr<const StateTable>(
                                              std::shared_ptr<void>(), table)}] {
        return Result<ServedVersion>(served);
      }) {}

Result<ReadSession> ReadService::Open(const ScanLimit& limit) const {
  MURMUR_TRY(limit.Check());
  ReadSession session;
  session.limit_ = limit;
  MURMUR_ASSIGN(session.version_, version_());
  // Before the snapshot: what it is said to be is at most what it is.
  MURMUR_ASSIGN(const VersionInfo info, session.version_.table->Info());
  RowMap* const rows = session.version_.rows;
  MURMUR_ASSIGN(session.snapshot_,
                rows != nullptr ? rows->Snapshot() : session.version_.table->Snapshot());
  session.schema_ = SchemaOfAnswer(*session.version_.pipeline, info);
  MURMUR_ASSIGN(session.schema_.commit, session.snapshot_->CommitNumber());
  return session;
}

Status ReadService::Query(const QueryCall& call, RowSink* out) const {
  MURMUR_ASSIGN(const ReadSession session, Open(call.limit));
  return session.Query(call.request, out);
}

Status ReadService::Dump(const DumpCall& call, RowSink* out) const {
  MURMUR_ASSIGN(const ReadSession session, Open(call.limit));
  return session.Dump(out);
}

Result<VersionReport> ReadService::Report(const StatusCall& call) const {
  MURMUR_TRY(call.limit.Check());
  MURMUR_ASSIGN(const ServedVersion version, version_());
  return ReadReport(*version.pipeline, *version.table);
}

}  // namespace murmur
