// Requests to a state: query, dump and status, run on a table or sent to the process that owns it;
// and swap, which an owner that follows a live source performs itself.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "fold/pipeline.h"
#include "murmur/state.h"
#include "murmur/status.h"
#include "query/query.h"

namespace murmur {

enum class OwnerVerb { kQuery, kDump, kStatus, kSwap };

struct OwnerRequest {
  OwnerVerb verb = OwnerVerb::kStatus;
  QueryRequest query;    // kQuery
  uint64_t version = 0;  // kSwap: the version that will serve
  RowFormat format = RowFormat::kJsonLines;

  std::string ToJson() const;
  static Result<OwnerRequest> FromJson(std::string_view json);  // kInvalidArgument
};

// Answers from one snapshot of `table`; the text goes to `write` in pieces.
// Errors: kUnimplemented (swap).
Status RunRead(const OwnerRequest& request, const Pipeline& pipeline, const StateTable& table,
               const WriteText& write);

// RunRead of a kStatus request. The members of `more` are appended, or replace its own.
Status RunStatus(const Pipeline& pipeline, const StateTable& table,
                 const nlohmann::ordered_json& more, const WriteText& write);

}  // namespace murmur
