// Any names as an archive's listing: each object is read or left out once, and in a dense partition
// whose objects reach each other every offset is given once.
//
// The first byte chooses the options; lines are names, and a name's last byte its size.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "source/archive/layout.h"
#include "source/archive/names.h"
#include "source/archive/proof.h"

namespace {

using murmur::Archive;
using murmur::ArchiveObject;
using murmur::Layout;
using murmur::LayoutOptions;
using murmur::ListedObject;

void Require(bool holds) {
  if (!holds) std::abort();
}

LayoutOptions OptionsOf(uint8_t byte) {
  constexpr Layout kLayouts[] = {
      Layout::kPlain,       Layout::kHive,     Layout::kKafkaConnect,  Layout::kAiven,
      Layout::kMskDelivery, Layout::kFirehose, Layout::kDynamoDbExport};
  LayoutOptions options;
  if (byte % 8 < std::size(kLayouts)) options.layout = kLayouts[byte % 8];
  options.offsets = static_cast<LayoutOptions::Offsets>(byte / 8 % 3);
  options.path_time = static_cast<LayoutOptions::PathTime>(byte / 32 % 3);
  return options;
}

std::vector<ListedObject> ListingOf(std::string_view text) {
  std::vector<ListedObject> listing;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view name = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    const uint64_t size = name.empty() ? 0 : static_cast<unsigned char>(name.back());
    listing.push_back({.name = std::string(name), .size = size});
  }
  return listing;
}

void CheckEachOnce(const Archive& archive, size_t listed) {
  std::set<size_t> seen;
  for (const ArchiveObject& object : archive.objects) {
    Require(object.listed < listed && seen.insert(object.listed).second);
    Require(object.begin <= object.end);
  }
  for (const auto& object : archive.excluded) {
    Require(object.listed < listed && seen.insert(object.listed).second && !object.reason.empty());
  }
}

// As if every object of a dense partition held what lies up to the next start, or up to `limit`.
void CheckOffsets(const Archive& archive) {
  constexpr uint64_t kLast = 3;
  const auto next = NextObjects(archive);
  std::vector<uint64_t> counts;
  std::vector<murmur::ReadObject> read;
  for (const ArchiveObject& object : archive.objects) {
    const auto it = next.find(object.listed);
    counts.push_back(it == next.end() ? kLast : it->second.span);
    murmur::ReadObject& one = read.emplace_back();
    one.records = counts.back();
    if (it != next.end()) one.span = it->second.span;
  }
  const auto coverage = CheckCoverage(archive, counts);
  Require(coverage.more.empty() && coverage.gaps.empty());
  Require(Prove(archive, read, coverage.more).unproven.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const LayoutOptions options = OptionsOf(*data);
  const auto listing = ListingOf({reinterpret_cast<const char*>(data) + 1, size - 1});
  auto archive = ReadLayout(listing, options);
  if (!archive.ok()) {
    Require(!archive.status().message().empty());
    return 0;
  }
  Require(!archive->objects.empty() && archive->exact == archive->inexact_why.empty());
  CheckEachOnce(*archive, listing.size());
  CheckOffsets(*archive);
  const size_t before = archive->objects.size();
  const size_t dropped = PruneByTime({0, 1'800'000'000'000'000}, std::chrono::hours(24), &*archive);
  Require(archive->objects.size() + dropped == before);
  return 0;
}
