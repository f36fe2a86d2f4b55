// Versions order what a change log says about one row, even if it arrives in another order. A
// version is a place in a log. The version of a change names its log, so that places in two logs
// are not compared (a database may fail over to a server that numbers anew). A version without a
// log belongs to a row of a snapshot: the snapshot was taken at that place, but the row did not
// change there.
#pragma once

#include <string>
#include <string_view>

namespace murmur {

inline constexpr size_t kRowVersionBytesMax = 255;

struct RowVersion {
  std::string_view log;
  std::string_view place;  // orders by its bytes
  // A second order, if the log has one. It must agree with the order of places; if it does not,
  // this is another log under the same name.
  std::string_view also;
};

// REQUIRES: its parts have at most kRowVersionBytesMax - 2 bytes together.
inline void AppendRowVersion(const RowVersion& version, std::string* out) {
  out->push_back(static_cast<char>(version.log.size()));
  out->append(version.log);
  out->push_back(static_cast<char>(version.place.size()));
  out->append(version.place).append(version.also);
}

// REQUIRES: `bytes` were written by AppendRowVersion.
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

// Whether what arrives now, with `version`, is older than what is known, with `known_version`. If
// the versions can't tell, it is newer, since it came later. A change is newer than what a snapshot
// found of its row, since changes follow their snapshot. A snapshot's row is older than a change at
// the same place.
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
