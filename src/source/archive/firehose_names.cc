// Firehose puts no offset into a name, its stream's version is optional, prefixes need no '/' at
// their end, and streams may be called anything: names are read from the right.
#include <algorithm>
#include <array>

#include "base/time_text.h"
#include "source/archive/names.h"

namespace murmur::archive {
namespace {

constexpr size_t kUuidBytes = 36;
constexpr size_t kTimeBytes = 19;                           // "2019-08-09-23-55-09"
constexpr size_t kTailBytes = 2 + kTimeBytes + kUuidBytes;  // with a '-' before each

// What !{firehose:error-output-type} becomes.
constexpr std::array<std::string_view, 10> kErrorTypes = {
    "processing-failed",
    "format-conversion-failed",
    "metadata-extraction-failed",
    "iceberg-failed",
    "splunk-failed",
    "http-endpoint-failed",
    "elasticsearch-failed",
    "AmazonOpenSearchService-failed",
    "AmazonOpenSearchServerless-failed",
    "snowflake-failed",
};

bool IsUuid(std::string_view text) {
  for (size_t i = 0; i < kUuidBytes; ++i) {
    const char c = text[i];
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (c != '-') return false;
    } else if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
      return false;
    }
  }
  return true;
}

// "2019-08-09-23-55-09"
std::optional<int64_t> ParseTime(std::string_view text) {
  std::string rfc(text);
  if (rfc[10] != '-' || rfc[13] != '-' || rfc[16] != '-') return std::nullopt;
  rfc[10] = 'T';
  rfc[13] = rfc[16] = ':';
  int64_t micros;
  if (!TimeParser().Parse(rfc, &micros)) return std::nullopt;
  return micros;
}

bool IsExtension(std::string_view text) {
  return text.size() > 1 && std::all_of(text.begin(), text.end(), [](char c) {
           return c == '.' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                  (c >= 'A' && c <= 'Z');
         });
}

std::string_view WithoutVersion(std::string_view stream) {
  const size_t dash = stream.rfind('-');
  const bool version = dash != stream.npos && dash > 0 && IsDigits(stream.substr(dash + 1));
  return version ? stream.substr(0, dash) : stream;
}

// The error type at the end of `text`, and the text before it.
std::string_view TypeAtEnd(std::string_view text, std::string_view* before) {
  for (const std::string_view type : kErrorTypes) {
    if (!text.ends_with(type)) continue;
    *before = text.substr(0, text.size() - type.size());
    return type;
  }
  return {};
}

std::string_view TypeIn(const PathParts& path) {
  std::string_view before;
  for (const std::string_view directory : path.directories) {
    if (const auto type = TypeAtEnd(directory, &before); !type.empty()) return type;
  }
  for (const std::string_view type : kErrorTypes) {
    if (path.file.find(type) != path.file.npos) return type;
  }
  return {};
}

}  // namespace

std::optional<ParsedName> ParseFirehoseName(const PathParts& path) {
  const std::string_view file = path.file;
  // Extensions and the stream may contain points: the end of the UUID decides.
  for (size_t end = file.size(); end != file.npos && end >= kTailBytes;
       end = end == 0 ? file.npos : file.rfind('.', end - 1)) {
    if (end < file.size() && !IsExtension(file.substr(end))) break;
    const std::string_view tail = file.substr(end - kTailBytes, kTailBytes);
    if (tail[0] != '-' || tail[1 + kTimeBytes] != '-') continue;
    if (!IsUuid(tail.substr(2 + kTimeBytes))) continue;
    const auto time = ParseTime(tail.substr(1, kTimeBytes));
    if (!time) continue;
    ParsedName name;
    name.time_us = time;
    name.stream = WithoutVersion(file.substr(0, end - kTailBytes));
    return name;
  }
  return std::nullopt;
}

void FirehoseErrors::Learn(const PathParts& path, const ParsedName& name) {
  if (TypeIn(path).empty()) streams_.insert(name.stream);
  for (const std::string_view directory : path.directories) {
    const size_t equals = directory.find('=');
    std::string_view before;
    if (equals != directory.npos && TypeAtEnd(directory.substr(equals), &before).empty()) {
      keys_.insert(directory.substr(0, equals));
    }
  }
}

// A type alone as a directory is error output; but not `status=processing-failed/` if other objects
// have another status. A type at the end of a longer directory (if the error prefix has no '/'
// before it) or directly before the stream's name is error output if the stream also writes
// elsewhere. A stream that writes only there was given that prefix for its data.
std::string_view FirehoseErrors::TypeOf(const PathParts& path, const ParsedName& name) const {
  for (const std::string_view directory : path.directories) {
    std::string_view before;
    const std::string_view type = TypeAtEnd(directory, &before);
    if (type.empty()) continue;
    const size_t equals = directory.find('=');
    if (before.empty()) return type;
    if (equals != directory.npos) {
      if (before.size() == equals + 1 && !keys_.contains(directory.substr(0, equals))) return type;
    } else if (streams_.contains(name.stream)) {
      return type;
    }
  }
  for (const std::string_view type : kErrorTypes) {
    const size_t at = name.stream.rfind(type);
    if (at != name.stream.npos && streams_.contains(name.stream.substr(at + type.size()))) {
      return type;
    }
  }
  return {};
}

}  // namespace murmur::archive
