// What a caller must know to open a version: how its values combine, and which of its buckets
// count.
#pragma once

#include <string>
#include <vector>

#include "murmur/monoid.h"
#include "murmur/state.h"
#include "murmur/window.h"
#include "state/records.h"

namespace murmur {

struct StateSchema {
  std::vector<const Monoid*> monoids;  // in the order of the values; must outlive the table
  BucketRule buckets;

  std::vector<std::string> MonoidNames() const {
    std::vector<std::string> names;
    for (const Monoid* monoid : monoids) names.emplace_back(monoid->Name());
    return names;
  }
};

// Whether a version with `info` and `stored` may be opened with `schema`: the monoids must be the
// same, and the buckets except for `keep`.
// Errors: kFailedPrecondition, one line per difference.
Status CheckSchema(const StateSchema& schema, const VersionInfo& info,
                   const RetentionRecord& stored);

// The record to store when a version with event times up to `newest` is opened with `rule`. What
// has expired by `stored` stays expired, so that reads do not depend on compaction.
RetentionRecord Reopened(const RetentionRecord& stored, const BucketRule& rule, int64_t newest);

// The first bucket that is shown.
int64_t FirstVisible(const RetentionRecord& record, int64_t newest) noexcept;

}  // namespace murmur
