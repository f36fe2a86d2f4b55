// Which offsets each object gives: see layout.h. Objects are in order: those of one partition are
// together, and among those with one start the largest is first.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "source/archive/names.h"

namespace murmur::archive {
namespace {

// The path before the topic's directory; empty if there is no such directory.
std::optional<std::string> RootOf(const PathParts& path, std::string_view topic) {
  std::string root;
  for (const std::string_view directory : path.directories) {
    if (directory == topic) return root;
    root.append(directory).append("/");
  }
  return std::nullopt;
}

// The same names from two clusters or environments would count as written twice.
Status CheckOneRoot(std::span<const ListedObject> listing, const Archive& archive) {
  const ArchiveObject* first = nullptr;
  std::optional<std::string> root;
  for (const ArchiveObject& object : archive.objects) {
    const auto one = RootOf(SplitPath(listing[object.listed].name), object.topic);
    if (first == nullptr || first->topic != object.topic) {
      first = &object;
      root = one;
    } else if (one != root) {
      return Status(
          Code::kInvalidArgument,
          fmt::format("two archives of topic '{}' below the path: {} and {} don't lie "
                      "below the same directory; make path: one of them",
                      object.topic, listing[first->listed].name, listing[object.listed].name));
    }
  }
  return Status();
}

// partition=3 directly below the topic's directory, or below the root. Deeper it is a field's.
bool InPartitionDirectory(const PathParts& path, const ArchiveObject& object) {
  const auto& directories = path.directories;
  if (directories.empty()) return false;
  if (directories.back() != fmt::format("partition={}", object.partition)) return false;
  return directories.size() == 1 || directories[directories.size() - 2] == object.topic;
}

std::string_view DirectoryOf(std::string_view name) { return name.substr(0, name.rfind('/') + 1); }

// For one partition. The sink writes tombstones' offsets elsewhere.
bool LooksDense(std::span<const ListedObject> listing, std::span<const ArchiveObject> objects,
                const Placement& placement) {
  const ArchiveObject& first = objects.front();
  if (placement.tombstones.contains({first.topic, first.partition})) return false;
  const std::string_view directory = DirectoryOf(listing[first.listed].name);
  return std::all_of(objects.begin(), objects.end(), [&](const ArchiveObject& object) {
    const std::string_view name = listing[object.listed].name;
    return DirectoryOf(name) == directory && InPartitionDirectory(SplitPath(name), object);
  });
}

// Topics with a directory partition=<n> that holds another partition: n is a field's value.
std::set<std::string> TopicsByField(std::span<const ListedObject> listing,
                                    std::span<const ArchiveObject> objects) {
  std::set<std::string> topics;
  for (const ArchiveObject& object : objects) {
    const PathParts path = SplitPath(listing[object.listed].name);
    if (!path.directories.empty() && path.directories.back().starts_with("partition=") &&
        !InPartitionDirectory(path, object)) {
      topics.insert(object.topic);
    }
  }
  return topics;
}

ArchivePartition Describe(std::span<const ArchiveObject> objects) {
  ArchivePartition partition{.topic = objects.front().topic,
                             .partition = objects.front().partition,
                             .first_start = objects.front().start_offset,
                             .last_start = objects.back().start_offset};
  for (size_t i = 1; i < objects.size(); ++i) {
    const uint64_t span = Distance(objects[i - 1].start_offset, objects[i].start_offset);
    partition.longest_span = std::max(partition.longest_span, span);
    if (span == 0) ++partition.repeated_starts;
    if (span == 0) continue;
    const double bytes = static_cast<double>(objects[i - 1].size) / static_cast<double>(span);
    const bool least = partition.record_bytes == 0 || bytes < partition.record_bytes;
    if (least) partition.record_bytes = bytes;
  }
  return partition;
}

// Whole objects reach the next start in the partition of `objects`.
void ExpectSpans(std::span<ArchiveObject> objects) {
  for (size_t first = 0; first < objects.size();) {
    const size_t next = RunEnd(objects, first, objects.size());
    if (next == objects.size()) return;
    for (size_t i = first; i < next; ++i) {
      objects[i].expected = Distance(objects[i].start_offset, objects[next].start_offset);
    }
    first = next;
  }
}

// Sets the range of an object that gives what is below `next`, within the partition's cut.
void SetRange(const ArchivePartition& partition, std::optional<int64_t> next,
              ArchiveObject* object) {
  const int64_t start = object->start_offset;
  const int64_t from = std::max(start, partition.from.value_or(start));
  const int64_t until = std::min(next.value_or(INT64_MAX), partition.until.value_or(INT64_MAX));
  object->begin = object->end = 0;
  if (from >= until) return;
  object->begin = Distance(start, from);
  object->end = next || partition.until ? Distance(start, until) : UINT64_MAX;
}

}  // namespace

uint64_t Distance(int64_t from, int64_t until) {
  return static_cast<uint64_t>(until) - static_cast<uint64_t>(from);
}

size_t PartitionEnd(std::span<const ArchiveObject> objects, size_t first) {
  size_t end = first;
  while (end < objects.size() && objects[end].partition == objects[first].partition &&
         objects[end].topic == objects[first].topic) {
    ++end;
  }
  return end;
}

size_t RunEnd(std::span<const ArchiveObject> objects, size_t first, size_t last) {
  size_t end = first;
  while (end < last && objects[end].start_offset == objects[first].start_offset) ++end;
  return end;
}

const ArchivePartition* FindPartition(const Archive& archive, const ArchiveObject& object) {
  const auto found =
      std::lower_bound(archive.partitions.begin(), archive.partitions.end(), object,
                       [](const ArchivePartition& a, const ArchiveObject& b) {
                         return std::tie(a.topic, a.partition) < std::tie(b.topic, b.partition);
                       });
  const bool is = found != archive.partitions.end() && found->topic == object.topic &&
                  found->partition == object.partition;
  return is ? &*found : nullptr;
}

void AssignRanges(Archive* archive) {
  auto& objects = archive->objects;
  for (size_t first = 0; first < objects.size();) {
    const size_t last = PartitionEnd(objects, first);
    const ArchivePartition* const partition = FindPartition(*archive, objects[first]);
    if (partition == nullptr || !partition->dense) {
      first = last;
      continue;
    }
    while (first < last) {
      const size_t next = RunEnd(objects, first, last);
      SetRange(*partition, next < last ? std::optional(objects[next].start_offset) : std::nullopt,
               &objects[first]);
      for (ArchiveObject& repeat : std::span(objects).subspan(first + 1, next - first - 1)) {
        repeat.begin = repeat.end = 0;
      }
      first = next;
    }
  }
}

Status ArrangeOffsets(std::span<const ListedObject> listing, const LayoutOptions& options,
                      const Placement& placement, Archive* archive) {
  using Offsets = LayoutOptions::Offsets;
  if (archive->layout != Layout::kAiven) MURMUR_TRY(CheckOneRoot(listing, *archive));
  const std::set<std::string> by_field = TopicsByField(listing, archive->objects);
  for (size_t first = 0; first < archive->objects.size();) {
    const size_t last = PartitionEnd(archive->objects, first);
    const auto objects = std::span(archive->objects).subspan(first, last - first);
    first = last;
    if (objects.front().start_offset < 0) continue;
    ArchivePartition partition = Describe(objects);
    partition.dense = options.offsets == Offsets::kDense ||
                      (options.offsets == Offsets::kAuto && !by_field.contains(partition.topic) &&
                       LooksDense(listing, objects, placement));
    if (partition.dense) ExpectSpans(objects);
    archive->partitions.push_back(std::move(partition));
  }
  AssignRanges(archive);
  return Status();
}

}  // namespace murmur::archive
