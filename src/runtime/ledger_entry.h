// The bytes of the ledger: for each row what is known of it, and for keys whose aggregates can't
// take anything away, which rows contribute. docs/state_format.md describes them.
//
//   row key → flags, (version's length in a byte, version)?, cells?       cells: fold/row_codec.h
//   FF, key's length (4 bytes, big-endian), key, row key → nothing        behind all rows
//
// Threads: all functions may be called at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "murmur/state.h"

namespace murmur {

// --- rows

inline constexpr char kSeenLive = 1;  // live has said something of the row
// Its cells follow: where rows change, those that it counts by.
inline constexpr char kHasCells = 2;
inline constexpr char kHasVersion = 4;

inline bool HasFlag(char flag, std::string_view entry) { return (entry.front() & flag) != 0; }
inline bool SeenLive(std::string_view entry) { return HasFlag(kSeenLive, entry); }
inline bool HasCells(std::string_view entry) { return HasFlag(kHasCells, entry); }

inline std::string_view VersionOf(std::string_view entry) {
  if (!HasFlag(kHasVersion, entry)) return {};
  return entry.substr(2, static_cast<uint8_t>(entry[1]));
}
inline std::string_view CellsOf(std::string_view entry) {
  return entry.substr(HasFlag(kHasVersion, entry) ? 2 + VersionOf(entry).size() : 1);
}
inline bool IsWellFormed(std::string_view entry) {
  if (entry.empty()) return false;
  if (!HasFlag(kHasVersion, entry)) return true;
  return entry.size() >= 2 && entry.size() >= size_t{2} + static_cast<uint8_t>(entry[1]);
}

// None of both may be in *entry.
inline void SetEntry(bool live, std::string_view version, std::optional<std::string_view> cells,
                     std::string* entry) {
  entry->assign(1, static_cast<char>((live ? kSeenLive : 0) | (cells ? kHasCells : 0) |
                                     (version.empty() ? 0 : kHasVersion)));
  if (!version.empty()) entry->append(1, static_cast<char>(version.size())).append(version);
  if (cells) entry->append(*cells);
}
inline std::string NewEntry(bool live, std::string_view version,
                            std::optional<std::string_view> cells) {
  std::string entry;
  SetEntry(live, version, cells, &entry);
  return entry;
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
