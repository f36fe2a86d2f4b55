// What can be asked by GET, as an OpenAPI 3.1 document.
#pragma once

#include <string>

namespace murmur {

const std::string& OpenApiJson();

}  // namespace murmur
