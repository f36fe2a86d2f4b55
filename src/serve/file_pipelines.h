// Pipelines whose states are read from their files, beside the processes that write them.
#pragma once

#include <vector>

#include "murmur/definition.h"
#include "murmur/status.h"
#include "serve/pipelines.h"

namespace murmur {

// Answers are at most kFilesOldMax older than what is committed.
inline constexpr std::chrono::milliseconds kFilesOldMax{100};

// A state that isn't there yet may come later. Errors: kInvalidArgument (two have one name), and
// those of opening a store, except kNotFound.
Result<Pipelines> PipelinesOfFiles(const std::vector<Definition>& definitions);

}  // namespace murmur
