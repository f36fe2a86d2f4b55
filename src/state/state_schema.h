// Checks and records of what a version is opened with.
#pragma once

#include "murmur/state_store.h"
#include "state/records.h"

namespace murmur {

// Whether a version with `info` and `stored` may be opened with `schema`: the monoids must be the
// same, and the buckets except for `keep`.
// Errors: kFailedPrecondition, one line per difference.
Status CheckSchema(const StateSchema& schema, const VersionInfo& info,
                   const RetentionRecord& stored);

// Whether the version may serve: it can be followed, if it ever could. Errors: kFailedPrecondition.
Status LogIsLetGo(uint64_t number);

// The parts of Apply that every table checks alike. Errors: kInvalidArgument.
Status CheckHasMoves(const Commit& commit);
// kAborted: a record with this id counts already.
Status IdIsStored(std::string_view id);

// The record to store when a version with event times up to `newest` is opened with `rule`. What
// has expired by `stored` stays expired, so that reads do not depend on compaction.
RetentionRecord Reopened(const RetentionRecord& stored, const BucketRule& rule, int64_t newest);

// The first bucket that is shown.
int64_t FirstVisible(const RetentionRecord& record, int64_t newest) noexcept;

}  // namespace murmur
