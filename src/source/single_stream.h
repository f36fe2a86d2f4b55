// Hand-off tokens of a source whose changes are one stream: a collection's, a table's.
#pragma once

#include <string>
#include <string_view>
#include <utility>

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

}  // namespace murmur
