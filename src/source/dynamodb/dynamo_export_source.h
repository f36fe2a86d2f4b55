// The rows of a table of DynamoDB as a full export to S3 has them.
//
// They are as they were at the time of the export. Live reads everything that the stream has, from
// before that time too (dynamo_handoff.h): so for each row that the stream tells of, what it tells
// last is what the row is, and each other row has not changed since the export. That is what the
// ledger makes of it, in whatever order scan and stream come: a row that live has told of stays as
// live has it.
#pragma once

#include <memory>

#include "murmur/definition.h"
#include "murmur/source.h"

namespace murmur {

// `export:` of a source: where the export is.
inline constexpr char kDynamoExportOption[] = "export";

// REQUIRES: the definition's table has that option. Errors: as MakeDynamoSnapshot.
Result<std::unique_ptr<SnapshotSource>> MakeDynamoExportSource(const Definition& definition);

}  // namespace murmur
