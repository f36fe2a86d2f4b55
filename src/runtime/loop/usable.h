// Whether a run could use any record at all: if not, that is a failure, not an empty answer.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "fold/pipeline.h"
#include "murmur/run.h"
#include "murmur/state.h"
#include "murmur/status.h"

namespace murmur {

// Errors: kFailedPrecondition: every record is a dead letter; or `where` refused every record, and
// needs a field that none of them has.
Status CheckUsable(const Pipeline& pipeline, const std::map<std::string, SplitProgress>& progress);

// The fields that no record of the version had a value for.
std::vector<UnknownField> UnknownFieldsOf(const std::map<std::string, SplitProgress>& progress);

}  // namespace murmur
