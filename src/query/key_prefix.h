// The stored keys, without buckets, that a key of a question means.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "fold/pipeline.h"
#include "murmur/query.h"
#include "murmur/status.h"

namespace murmur {

// The key in messages.
std::string ShownKey(const KeyQuery& key);

// Ascending, each once. Errors: kInvalidArgument (no such rollup, another number of parts, a value
// that no key can have, too many meanings).
Result<std::vector<std::string>> PrefixesOf(const Pipeline& pipeline,
                                            std::span<const std::string> rollup,
                                            const KeyQuery& key);

// The index of the rollup with these parts; the first, if none are named. Errors: kInvalidArgument.
Result<size_t> FindRollup(const Pipeline& pipeline, std::span<const std::string> names);

// The bytes with which the keys of a rollup begin whose first parts are `parts`.
// Errors: kInvalidArgument (too many parts, or a value that no key can have).
Result<std::string> PrefixOf(const Pipeline& pipeline, size_t rollup,
                             std::span<const KeyValue> parts);

}  // namespace murmur
