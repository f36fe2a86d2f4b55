// Where the next page of keys begins, as text that clients hand back as it is.
#pragma once

#include <string>
#include <vector>

#include "murmur/key.h"
#include "murmur/status.h"

namespace murmur {

// After this key. Errors: kInternal (it is no key).
Result<std::string> CursorAfter(const std::vector<KeyValue>& key);
// The key; none for "". Errors: kInvalidArgument.
Result<std::vector<KeyValue>> ParseCursor(const std::string& cursor);

}  // namespace murmur
