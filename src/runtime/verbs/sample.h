// What would happen to the first records of a source, for `check`. Writes nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "fold/pipeline.h"
#include "murmur/source.h"
#include "murmur/state.h"
#include "murmur/status.h"

namespace murmur {

struct FieldSample {
  uint64_t looked_at = 0;    // records that could be decoded
  uint64_t undecodable = 0;  // records that could not
  uint64_t counted = 0;
  uint64_t filtered = 0;
  uint64_t dead = 0;
  std::string first_dead;  // where, and why
  std::vector<AbsentField> absent;
};

// Reads up to kSampleRecords of the source's first splits, or until `stop`. Errors: those of the
// source.
inline constexpr uint64_t kSampleRecords = 10'000;
Result<FieldSample> SampleRecords(const std::shared_ptr<const Pipeline>& pipeline,
                                  SnapshotSource* source, std::stop_token stop);

}  // namespace murmur
