// Rows and their parts as JSON.
#pragma once

#include <string>

#include "query/answer.h"

namespace murmur {

// Decimals and times as strings; NaN and the infinities, which JSON does not have, as null.
void AppendKeyJson(const KeyValue& value, std::string* json);

// When the row's window begins, or null.
void AppendWindowJson(const AnswerSchema& schema, const Row& row, std::string* json);

// {"key": {"page": "/a"}, "window": "2026-03-01T00:00:00Z", "views": 3}. With "window_end" if
// windows differ in length or have a time zone; with the schema's exactness as "_exact", if asked.
void AppendRowJson(const AnswerSchema& schema, const Row& row, bool with_exactness,
                   std::string* json);

}  // namespace murmur
