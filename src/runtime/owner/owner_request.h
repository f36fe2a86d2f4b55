// What one process asks another that owns a version: query, dump and status; and swap, which an
// owner that follows a live source performs itself. Both are of the same program version.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "murmur/query.h"
#include "murmur/status.h"
#include "runtime/owner/read_service.h"

namespace murmur {

enum class OwnerVerb { kQuery, kDump, kStatus, kSwap };

struct OwnerRequest {
  OwnerVerb verb = OwnerVerb::kStatus;
  QueryRequest query = {};  // kQuery
  uint64_t version = 0;     // kSwap: the version that will serve
  RowFormat format = RowFormat::kJsonLines;

  std::string ToJson() const;
  // Errors: kInvalidArgument (no request, or one of another program version).
  static Result<OwnerRequest> FromJson(std::string_view json);
};

// Answers with formatted text, which goes to `write` in pieces. The members of `more` are appended
// to a status, or replace its own. Errors: those of the service; kUnimplemented (swap).
Status AnswerInText(const OwnerRequest& request, const ReadService& service,
                    const nlohmann::ordered_json& more, const WriteText& write);

}  // namespace murmur
