// Murmur's codes as Connect names them, and as HTTP numbers them.
// Source: the Connect protocol, "Error codes".
#pragma once

#include <string>
#include <string_view>

#include "murmur/status.h"

namespace murmur {

// "not_found"
std::string_view ConnectCodeName(Code code) noexcept;
// 404
int HttpCode(Code code) noexcept;
// {"code": "not_found", "message": "…"}
std::string ErrorJson(const Status& status);

}  // namespace murmur
