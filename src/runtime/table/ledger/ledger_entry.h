// The bytes of the ledger: what is known of each row; and for keys whose aggregates can't subtract,
// which rows contribute. docs/state_format.md describes them.
//
//   row key → flags, (version's length in a byte, version)?, (size in 4 bytes, big-endian, which
//             cells were taken)?, cells?                                  cells: fold/row_codec.h
//   FE, version's length in a byte, version, row key → as a row's: the content that the row of
//             this key had under its old key, until the change of this version puts it
//   FF, key's length (4 bytes, big-endian), key, row key → nothing        after all rows
//
// Threads: all functions may be called at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/state.h"

namespace murmur {

// --- rows

inline constexpr char kSeenLive = 1;  // live has read a change of the row
// Cells follow: if rows change, those by which the row counts.
inline constexpr char kHasCells = 2;
inline constexpr char kHasVersion = 4;
// Cells follow, but the row does not count: a later change may say that one of them stays.
inline constexpr char kHoldsCells = 8;
// Some cells come from earlier changes, not from the change of the entry's version.
inline constexpr char kHasTaken = 16;
// In a move (below): the cells that its row had under the old key follow.
inline constexpr char kLeftCells = 32;
inline constexpr char kKnownFlags = 63;
inline constexpr size_t kTakenSizeBytes = 4;

inline bool HasFlag(char flag, std::string_view entry) { return (entry.front() & flag) != 0; }
inline bool SeenLive(std::string_view entry) { return HasFlag(kSeenLive, entry); }
inline bool HasCells(std::string_view entry) { return HasFlag(kHasCells, entry); }

inline std::string_view VersionOf(std::string_view entry) {
  if (!HasFlag(kHasVersion, entry)) return {};
  return entry.substr(2, static_cast<uint8_t>(entry[1]));
}
inline bool HoldsCells(std::string_view entry) { return HasFlag(kHoldsCells, entry); }

// What follows flags and version.
inline std::string_view AfterVersion(std::string_view entry) {
  return entry.substr(HasFlag(kHasVersion, entry) ? 2 + VersionOf(entry).size() : 1);
}
// REQUIRES: `rest` follows flags and version in an entry with taken cells.
inline size_t TakenSize(std::string_view rest) {
  size_t size = 0;
  for (size_t i = 0; i < kTakenSizeBytes; ++i) size = size << 8 | static_cast<uint8_t>(rest[i]);
  return size;
}
inline std::string_view CellsOf(std::string_view entry) {
  const std::string_view rest = AfterVersion(entry);
  return HasFlag(kHasTaken, entry) ? rest.substr(kTakenSizeBytes + TakenSize(rest)) : rest;
}

// A cell that the entry's own change omits.
struct TakenCell {
  uint32_t field;            // its number, below 2^15
  std::string_view version;  // of the change that gave it, or of a later one
  // No change has given it. A version here is that of the key change by which the row got its
  // present key: the cell then has the value that it had under the old key.
  bool is_missing = false;
};
inline constexpr uint8_t kMissing = 0x80;  // in the first byte of a taken cell
// REQUIRES: a well-formed entry: each version has its length in a byte before it.
inline std::vector<TakenCell> TakenOf(std::string_view entry) {
  std::vector<TakenCell> taken;
  if (!HasFlag(kHasTaken, entry)) return taken;
  std::string_view rest = AfterVersion(entry);
  rest = rest.substr(kTakenSizeBytes, TakenSize(rest));
  while (!rest.empty()) {
    const auto byte = [rest](size_t i) { return static_cast<uint8_t>(rest[i]); };
    taken.push_back({.field = (byte(0) & ~uint32_t{kMissing}) << 8 | byte(1),
                     .version = rest.substr(3, byte(2)),
                     .is_missing = (byte(0) & kMissing) != 0});
    rest.remove_prefix(3 + size_t{byte(2)});
  }
  return taken;
}

inline bool IsWellFormed(std::string_view entry) {
  if (entry.empty() || (entry.front() & ~kKnownFlags) != 0) return false;
  if (HasFlag(kHasVersion, entry)) {
    if (entry.size() < 2 || entry.size() < size_t{2} + static_cast<uint8_t>(entry[1])) return false;
  }
  if (!HasFlag(kHasTaken, entry)) return true;
  std::string_view rest = AfterVersion(entry);
  if (rest.size() < kTakenSizeBytes || rest.size() - kTakenSizeBytes < TakenSize(rest))
    return false;
  for (rest = rest.substr(kTakenSizeBytes, TakenSize(rest)); !rest.empty();) {
    const size_t size = rest.size() < 3 ? SIZE_MAX : size_t{3} + static_cast<uint8_t>(rest[2]);
    if (rest.size() < size) return false;
    rest.remove_prefix(size);
  }
  return true;
}

struct EntryParts {
  bool live = false;
  std::string_view version;
  std::optional<std::string_view> cells;
  char cells_are = kHasCells;  // or kHoldsCells, kLeftCells
  std::vector<TakenCell> taken = {};
};
// None of the parts may be in *entry.
inline void SetEntry(const EntryParts& parts, std::string* entry) {
  const char cells = parts.cells ? parts.cells_are : '\0';
  entry->assign(1, static_cast<char>((parts.live ? kSeenLive : 0) | cells |
                                     (parts.version.empty() ? 0 : kHasVersion) |
                                     (parts.taken.empty() ? 0 : kHasTaken)));
  const auto append = [entry](std::string_view version) {
    entry->append(1, static_cast<char>(version.size())).append(version);
  };
  if (!parts.version.empty()) append(parts.version);
  if (!parts.taken.empty()) {
    size_t size = 0;
    for (const TakenCell& cell : parts.taken) size += 3 + cell.version.size();
    for (int shift = 24; shift >= 0; shift -= 8) entry->push_back(static_cast<char>(size >> shift));
    for (const TakenCell& cell : parts.taken) {
      entry->push_back(static_cast<char>(cell.field >> 8 | (cell.is_missing ? kMissing : 0)));
      entry->push_back(static_cast<char>(cell.field));
      append(cell.version);
    }
  }
  if (parts.cells) entry->append(*parts.cells);
}
inline std::string NewEntry(bool live, std::string_view version,
                            std::optional<std::string_view> cells) {
  std::string entry;
  SetEntry({.live = live, .version = version, .cells = cells}, &entry);
  return entry;
}

// --- moves

inline constexpr char kMoves = static_cast<char>(0xFE);  // no row key of a change log begins so

// The change of this version gives its row the key `row`.
inline std::string MoveKey(std::string_view version, std::string_view row) {
  std::string key(1, kMoves);
  key.push_back(static_cast<char>(version.size()));
  return key.append(version).append(row);
}

// --- contributors

inline constexpr char kContributors = static_cast<char>(0xFF);  // no row key begins so

inline bool IsContributor(std::string_view key) { return key.starts_with(kContributors); }

inline std::string ContributorPrefix(std::string_view key) {
  std::string prefix(1, kContributors);
  for (int shift = 24; shift >= 0; shift -= 8) {
    prefix.push_back(static_cast<char>(key.size() >> shift));
  }
  return prefix.append(key);
}
inline std::string ContributorKey(std::string_view key, std::string_view row) {
  return ContributorPrefix(key).append(row);
}

// Visits the rows of a ledger, ascending, until `visit` returns false.
template <class Visit>
Status ScanLedgerRows(const StateSnapshot& snapshot, const Visit& visit) {
  return snapshot.ScanLedger("", [&visit](std::string_view row, std::string_view entry) {
    return !IsContributor(row) && visit(row, entry);
  });
}

}  // namespace murmur
