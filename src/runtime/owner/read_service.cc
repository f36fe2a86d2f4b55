#include "runtime/owner/read_service.h"

#include <utility>

#include "query/query.h"
#include "query/row.h"

namespace murmur {

ReadService::ReadService(std::shared_ptr<const Pipeline> pipeline, const StateTable* table)
    : ReadService([served = ServedVersion{.pipeline = std::move(pipeline),
                                          .table = std::shared_ptr<const StateTable>(
                                              std::shared_ptr<void>(), table)}] {
        return Result<ServedVersion>(served);
      }) {}

Status ReadService::Query(const QueryCall& call, RowSink* out) const {
  return Answer(call.limit, out, [&](const Pipeline& pipeline, const StateSnapshot& snapshot) {
    return RunQuery(pipeline, snapshot, call.request, call.limit, out);
  });
}

Status ReadService::Dump(const DumpCall& call, RowSink* out) const {
  return Answer(call.limit, out, [&](const Pipeline& pipeline, const StateSnapshot& snapshot) {
    return RunDump(pipeline, snapshot, call.limit, out);
  });
}

template <class Run>
Status ReadService::Answer(const ScanLimit& limit, RowSink* out, const Run& run) const {
  MURMUR_TRY(limit.Check());
  MURMUR_ASSIGN(const ServedVersion version, version_());
  // Before the snapshot: what it is said to be is at most what it is.
  MURMUR_ASSIGN(const VersionInfo info, version.table->Info());
  MURMUR_ASSIGN(const auto snapshot, version.table->Snapshot());
  AnswerSchema schema = SchemaOfAnswer(*version.pipeline, info);
  MURMUR_ASSIGN(schema.commit, snapshot->CommitNumber());
  MURMUR_TRY(out->Begin(schema));
  return run(*version.pipeline, *snapshot);
}

Result<VersionReport> ReadService::Report(const StatusCall& call) const {
  MURMUR_TRY(call.limit.Check());
  MURMUR_ASSIGN(const ServedVersion version, version_());
  return ReadReport(*version.pipeline, *version.table);
}

}  // namespace murmur
