// The reading verbs, query, dump and status, as requests: run on a table at hand, or sent to the
// process that owns it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "fold/pipeline.h"
#include "murmur/state.h"
#include "murmur/status.h"
#include "query/query.h"

namespace murmur {

enum class ReadVerb { kQuery, kDump, kStatus };

struct ReadRequest {
  ReadVerb verb = ReadVerb::kStatus;
  QueryRequest query;  // kQuery
  RowFormat format = RowFormat::kJsonLines;

  std::string ToJson() const;
  static Result<ReadRequest> FromJson(std::string_view json);  // kInvalidArgument
};

// Answers from one snapshot of `table`; the text goes to `write` in pieces.
Status RunRead(const ReadRequest& request, const Pipeline& pipeline, const StateTable& table,
               const WriteText& write);

}  // namespace murmur
