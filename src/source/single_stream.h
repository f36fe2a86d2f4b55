// Hand-off tokens of a source whose changes are one stream: a collection's, a table's.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "murmur/source.h"

namespace murmur {

inline constexpr char kSingleStream[] = "0";  // its partition

inline HandoffToken SingleStreamHandoff(const std::string& source, Position position) {
  return {.streams = {{source, {{kSingleStream, std::move(position)}}}}};
}

// Null: the token has no position of this source.
inline const Position* SingleStreamPosition(const std::string& source, const HandoffToken& token) {
  const auto stream = token.streams.find(source);
  if (stream == token.streams.end()) return nullptr;
  const auto it = stream->second.find(kSingleStream);
  return it == stream->second.end() ? nullptr : &it->second;
}

// Every split at one position.
inline LiveSource::PositionMap AllAt(const std::vector<Split>& splits, const Position& position) {
  LiveSource::PositionMap positions;
  for (const Split& split : splits) positions[split.id] = position;
  return positions;
}

// LiveSource::Begin: where the token of `source` says, or else, if the definition says where
// changes begin (`has_start`), at start(), a Result<Position>. `where`: of messages.
template <class Start>
Result<LiveSource::PositionMap> BeginSingleStream(const std::string& source,
                                                  const std::string& where,
                                                  const std::vector<Split>& splits,
                                                  const HandoffToken& token, bool has_start,
                                                  const Start& start) {
  if (const Position* position = SingleStreamPosition(source, token)) {
    return AllAt(splits, *position);
  }
  if (!has_start) {
    return Status(Code::kFailedPrecondition,
                  where +
                      ": nothing that was read before tells where its changes are to be read from. "
                      "Begin with its rows: murmur bootstrap FILE --fresh");
  }
  MURMUR_ASSIGN(const Position begin, start());
  return AllAt(splits, begin);
}

}  // namespace murmur
