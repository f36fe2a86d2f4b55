// JSON in one form: equal values are equal bytes, whoever wrote them.
#pragma once

#include <string>
#include <string_view>

namespace murmur {

// Appends the value that is `json`, without white space: members by name, of two with one name the
// last; strings with as few escapes as there may be; numbers of up to 38 digits as a decimal
// without trailing zeros, others as they are written. False: it is not JSON, or not UTF-8.
bool AppendCanonicalJson(std::string_view json, std::string* out);

// The payload where `json` is {"schema": {…}, "payload": …} and nothing else, as Kafka Connect's
// JsonConverter writes it; else `json`.
std::string_view ConnectPayload(std::string_view json);

}  // namespace murmur
