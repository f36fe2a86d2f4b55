#include "serve/error_codes.h"

#include <array>
#include <cstddef>

#include "monoid/numbers.h"

namespace murmur {
namespace {

struct Names {
  std::string_view connect;
  int http;
};
// By the code's number.
constexpr std::array<Names, 17> kNames = {{{"ok", 200},
                                           {"canceled", 499},
                                           {"unknown", 500},
                                           {"invalid_argument", 400},
                                           {"deadline_exceeded", 504},
                                           {"not_found", 404},
                                           {"already_exists", 409},
                                           {"permission_denied", 403},
                                           {"resource_exhausted", 429},
                                           {"failed_precondition", 400},
                                           {"aborted", 409},
                                           {"out_of_range", 400},
                                           {"unimplemented", 501},
                                           {"internal", 500},
                                           {"unavailable", 503},
                                           {"data_loss", 500},
                                           {"unauthenticated", 401}}};

const Names& NamesOf(Code code) { return kNames.at(static_cast<size_t>(code)); }

}  // namespace

std::string_view ConnectCodeName(Code code) noexcept { return NamesOf(code).connect; }

int HttpCode(Code code) noexcept { return NamesOf(code).http; }

std::string ErrorJson(const Status& status) {
  std::string json = "{\"code\": ";
  AppendJsonString(ConnectCodeName(status.code()), &json);
  json += ", \"message\": ";
  AppendJsonString(status.message(), &json);
  return json + "}";
}

}  // namespace murmur
