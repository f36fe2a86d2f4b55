// Listings for tests.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "murmur/key.h"
#include "source/archive/layout.h"

namespace murmur {

inline constexpr uint64_t kListedBytes = 1000;

inline std::vector<ListedObject> Listing(const std::vector<std::string>& names) {
  std::vector<ListedObject> listing;
  for (const std::string& name : names) listing.push_back({name, kListedBytes});
  return listing;
}

inline Archive MustRead(const std::vector<ListedObject>& listing,
                        const LayoutOptions& options = {}) {
  auto archive = ReadLayout(listing, options);
  EXPECT_TRUE(archive.ok()) << archive.status().ToString();
  return archive.ok() ? *std::move(archive) : Archive();
}

inline std::string MessageOf(const std::vector<ListedObject>& listing,
                             const LayoutOptions& options = {}) {
  auto archive = ReadLayout(listing, options);
  return archive.ok() ? "OK: " + archive->why : archive.status().ToString();
}

// In reading order.
inline std::vector<std::string> NamesOf(const Archive& archive,
                                        const std::vector<ListedObject>& listing) {
  std::vector<std::string> names;
  for (const ArchiveObject& object : archive.objects) names.push_back(listing[object.listed].name);
  return names;
}

// Why `name` is excluded; empty: it is not.
inline std::string ReasonOf(const Archive& archive, const std::vector<ListedObject>& listing,
                            std::string_view name) {
  for (const ExcludedObject& object : archive.excluded) {
    if (listing[object.listed].name == name) return object.reason;
  }
  return "";
}

// "2026-03-01T05:00:00Z to 2026-03-01T06:00:00Z"
inline std::string TimeOf(const ArchiveObject& object) {
  if (!object.path_time) return "none";
  return FormatTime(object.path_time->from) + " to " + FormatTime(object.path_time->until);
}

}  // namespace murmur
