// Versions of rows, by which a change log tells what is newer of a row though it comes in another
// order: a place in a log. A change's version names the log, so that places in two logs (a database
// fails over to a server that numbers anew) are not compared. A version without a log is of a row
// as a snapshot found it: at a place, but not of that place.
#pragma once

#include <string>
#include <string_view>

namespace murmur {

inline constexpr size_t kRowVersionBytesMax = 255;

struct RowVersion {
  std::string_view log;
  std::string_view place;  // orders by its bytes
  // Another order that holds wherever that of places does, where there is one. If the two differ,
  // the log is another under the same name.
  std::string_view also;
};

// REQUIRES: all of it has at most kRowVersionBytesMax - 2 bytes.
inline void AppendRowVersion(const RowVersion& version, std::string* out) {
  out->push_back(static_cast<char>(version.log.size()));
  out->append(version.log);
  out->push_back(static_cast<char>(version.place.size()));
  out->append(version.place).append(version.also);
}

// REQUIRES: AppendRowVersion wrote it.
inline RowVersion ParseRowVersion(std::string_view bytes) {
  const auto take = [&bytes] {
    const auto size = static_cast<unsigned char>(bytes.front());
    const std::string_view part = bytes.substr(1, size);
    bytes.remove_prefix(1 + part.size());
    return part;
  };
  RowVersion version;
  version.log = take();
  version.place = bytes.empty() ? bytes : take();
  version.also = bytes;
  return version;
}

// Whether what comes now with `version` is older than what is known with `known_version`, both as
// bytes. Where versions don't tell, it is not: what comes later is newer. So is a change of a row
// that is known from a snapshot, as changes follow their snapshot; a snapshot's row is older than a
// change at its place.
inline bool IsOlderRowVersion(std::string_view version, std::string_view known_version) {
  if (version.empty() || known_version.empty()) return false;
  const RowVersion now = ParseRowVersion(version);
  const RowVersion known = ParseRowVersion(known_version);
  if (now.log.empty()) {
    return known.log.empty() ? now.place < known.place : now.place <= known.place;
  }
  if (now.log != known.log || now.place >= known.place) return false;
  return now.also.empty() || known.also.empty() || now.also <= known.also;
}

}  // namespace murmur
