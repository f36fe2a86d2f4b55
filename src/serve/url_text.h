// The text of URLs: RFC 3986.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/status.h"

namespace murmur {

// "%2Fhome+page" → "/home page" in a query; in a path a "+" stays. Errors: kInvalidArgument.
Result<std::string> DecodeUrl(std::string_view text, bool plus_is_space);

// "a=1&b=2&a=3" → a: 1, 3; b: 2. Errors: kInvalidArgument.
using UrlQuery = std::map<std::string, std::vector<std::string>, std::less<>>;
Result<UrlQuery> ParseUrlQuery(std::string_view text);

// "/v1/a%2Fb/keys" → "v1", "a/b", "keys". Errors: kInvalidArgument.
Result<std::vector<std::string>> SplitUrlPath(std::string_view path);

}  // namespace murmur
