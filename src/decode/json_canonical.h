// JSON in one form: equal values have equal bytes, whoever wrote them.
#pragma once

#include <string>
#include <string_view>

namespace murmur {

// Appends the value `json` without white space. Members are sorted by name; of two with one name,
// the last stays. Strings have as few escapes as possible. Numbers of up to 38 digits become
// decimals without trailing zeros; others stay as written. False: it is not JSON, or not UTF-8.
bool AppendCanonicalJson(std::string_view json, std::string* out);

// The payload if `json` is {"schema": {…}, "payload": …} and nothing else, as Kafka Connect's
// JsonConverter writes it; else `json`.
std::string_view ConnectPayload(std::string_view json);

}  // namespace murmur
