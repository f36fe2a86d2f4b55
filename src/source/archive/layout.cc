#include "source/archive/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/civil_time.h"
#include "base/shown.h"
#include "source/archive/names.h"

namespace murmur {
namespace archive {
namespace {

struct NamedLayout {
  Layout layout;
  std::string_view name;
};
// In the order in which they are tried; names of the first four don't arise by chance.
constexpr NamedLayout kLayouts[] = {
    {Layout::kDynamoDbExport, "dynamodb-export"},
    {Layout::kFirehose, "firehose"},
    {Layout::kMskDelivery, "msk-delivery"},
    {Layout::kKafkaConnect, "kafka-connect"},
    {Layout::kAiven, "aiven"},
    {Layout::kHive, "hive"},
    {Layout::kPlain, "plain"},
};
constexpr size_t kUnmistakable = 4;

bool HasOffsets(Layout layout) {
  return layout == Layout::kKafkaConnect || layout == Layout::kAiven ||
         layout == Layout::kMskDelivery;
}

std::string FormOf(Layout layout, const LayoutOptions& options) {
  switch (layout) {
    case Layout::kPlain: return "names are taken as they are";
    case Layout::kHive: return "names lie below key=value directories";
    case Layout::kKafkaConnect:
      return fmt::format("names are <topic>{0}<partition>{0}<offset>", options.file_delimiter);
    case Layout::kAiven: return "names are <topic>-<partition>-<offset>";
    case Layout::kMskDelivery: return "names are <topic>+<partition>+<offset>-<number>-<unique>";
    case Layout::kFirehose: return "names are <stream>-<version>-<time>-<uuid>";
    case Layout::kDynamoDbExport: break;
  }
  return "names are of an export with a manifest";
}

std::optional<ParsedName> ParseName(Layout layout, Certainty certainty,
                                    const LayoutOptions& options, const PathParts& path) {
  switch (layout) {
    case Layout::kKafkaConnect: return ParseKafkaConnectName(path, options.file_delimiter);
    case Layout::kAiven: return ParseAivenName(path, certainty);
    case Layout::kMskDelivery: return ParseMskName(path, certainty);
    case Layout::kFirehose: return ParseFirehoseName(path);
    case Layout::kHive: {
      const bool fits =
          std::any_of(path.directories.begin(), path.directories.end(),
                      [](std::string_view name) { return name.find('=', 1) != name.npos; });
      return fits ? std::optional(ParsedName()) : std::nullopt;
    }
    case Layout::kPlain: return ParsedName();
    case Layout::kDynamoDbExport: break;
  }
  return std::nullopt;
}

bool LooksHidden(std::string_view name) { return name.starts_with('.') || name.starts_with('_'); }

// Topics and streams may begin like hidden files ("_schemas"), so a layout's name decides; but not
// after a point ("._schemas+0+0.crc"), unless the topic's directory begins so too.
bool IsHidden(const PathParts& path, const std::optional<ParsedName>& name, bool names_tell) {
  bool is_topic = false;
  for (const std::string_view directory : path.directories) {
    if (name && !name->topic.empty() && directory == name->topic) {
      is_topic = true;
    } else if (LooksHidden(directory)) {
      return true;
    }
  }
  if (name && names_tell && !path.file.starts_with('.')) return false;
  return LooksHidden(path.file) && !is_topic;
}

// Why an object needs no place in any layout; empty: it needs one.
std::string_view CommonReason(const ListedObject& object, const PathParts& path, bool hidden) {
  if (path.file.empty()) return "a directory";
  if (hidden) return "hidden";
  if (object.size == 0) return "empty";
  return {};
}

Placement PlaceByName(std::span<const ListedObject> listing, Layout layout, Certainty certainty,
                      const LayoutOptions& options) {
  Placement placement;
  placement.layout = layout;
  placement.form = FormOf(layout, options);
  const bool names_tell = layout != Layout::kHive && layout != Layout::kPlain;
  const std::string unplaced = fmt::format("other {}", placement.form);
  FirehoseErrors errors;
  if (layout == Layout::kFirehose) {
    for (const ListedObject& object : listing) {
      const PathParts path = SplitPath(object.name);
      if (const auto name = ParseFirehoseName(path)) errors.Learn(path, *name);
    }
  }
  for (size_t i = 0; i < listing.size(); ++i) {
    const PathParts path = SplitPath(listing[i].name);
    const auto name = ParseName(layout, certainty, options, path);
    const bool hidden = IsHidden(path, name, names_tell);
    const std::string_view common = CommonReason(listing[i], path, hidden);
    if (!common.empty()) {
      placement.Exclude(i, std::string(common));
      continue;
    }
    ++placement.names;
    if (!name) {
      placement.ExcludeUnplaced(i, unplaced);
      continue;
    }
    ++placement.placed;
    const std::string_view error =
        layout == Layout::kFirehose ? errors.TypeOf(path, *name) : std::string_view();
    if (!error.empty()) {
      placement.Exclude(i, fmt::format("Firehose error output ({})", error));
    } else if (!name->no_records.empty()) {
      if (name->no_records == kTombstones) {
        placement.tombstones.emplace(name->topic, name->partition);
      }
      placement.Exclude(i, std::string(name->no_records));
    } else {
      ArchiveObject object{.listed = i,
                           .size = listing[i].size,
                           .topic = std::string(name->topic),
                           .partition = name->partition,
                           .start_offset = name->start_offset};
      if (name->time_us) {
        object.path_time = TimeSpan{*name->time_us, *name->time_us + kMicrosPerSecond};
      }
      placement.objects.push_back(std::move(object));
    }
  }
  return placement;
}

Result<Placement> Place(std::span<const ListedObject> listing, Layout layout, Certainty certainty,
                        const LayoutOptions& options) {
  if (layout == Layout::kDynamoDbExport) return PlaceDynamoDbExport(listing, options);
  return PlaceByName(listing, layout, certainty, options);
}

bool Fits(const Placement& placement) {
  const size_t unplaced = placement.names - placement.placed;
  return placement.placed > 0 && unplaced * 100 <= kUnplacedPercentMax * placement.names;
}

std::string UnplacedNames(std::span<const ListedObject> listing, const Placement& placement) {
  std::vector<std::string> names;
  for (const ExcludedObject& object : placement.excluded) {
    if (object.unplaced) names.push_back(listing[object.listed].name);
  }
  return FirstFew(names);
}

std::string CountOf(const Placement& placement) {
  return fmt::format("{}: {} of {} {}", LayoutName(placement.layout), Grouped(placement.placed),
                     Grouped(placement.names), placement.form);
}

// With the wrong delimiter, kafka-connect's .keys objects would be read as records.
Status CheckOtherDelimiter(std::span<const ListedObject> listing) {
  std::string_view guess;
  size_t names = 0;
  size_t alike = 0;
  for (const ListedObject& object : listing) {
    const PathParts path = SplitPath(object.name);
    if (!CommonReason(object, path, IsHidden(path, {}, false)).empty()) continue;
    ++names;
    const std::string_view delimiter = GuessDelimiter(path.file);
    if (guess.empty()) guess = delimiter;
    if (!guess.empty() && delimiter == guess) ++alike;
  }
  if (alike == 0 || (names - alike) * 100 > kUnplacedPercentMax * names) return Status();
  return Status(
      Code::kInvalidArgument,
      fmt::format("{0} of {1} names are <topic>{2}<partition>{2}<offset>, as kafka-connect's with "
                  "file.delim '{2}'. Say layout: kafka-connect and file_delimiter: '{2}', or "
                  "layout: plain",
                  Grouped(alike), Grouped(names), guess));
}

Result<Placement> Detect(std::span<const ListedObject> listing, const LayoutOptions& options) {
  std::string parts;
  std::string unplaced;
  for (size_t i = 0; i < kUnmistakable; ++i) {
    MURMUR_ASSIGN(Placement placement,
                  Place(listing, kLayouts[i].layout, Certainty::kSure, options));
    if (Fits(placement)) return placement;
    if (placement.placed == 0) continue;
    parts += fmt::format("{}{}", parts.empty() ? "" : "; ", CountOf(placement));
    if (unplaced.empty()) unplaced = UnplacedNames(listing, placement);
  }
  if (!parts.empty()) {
    return Status(Code::kInvalidArgument,
                  fmt::format("the names are of no one layout ({}; not: {}). Make path: one "
                              "archive only, or say which layout: it is",
                              parts, unplaced));
  }
  Placement aiven = PlaceByName(listing, Layout::kAiven, Certainty::kSure, options);
  if (Fits(aiven)) return aiven;
  MURMUR_TRY(CheckOtherDelimiter(listing));
  Placement hive = PlaceByName(listing, Layout::kHive, Certainty::kSure, options);
  if (Fits(hive)) return hive;
  Placement plain = PlaceByName(listing, Layout::kPlain, Certainty::kSure, options);
  for (const Placement* other : {&aiven, &hive}) {
    if (other->placed > 0) plain.form += fmt::format("; not {}", CountOf(*other));
  }
  return plain;
}

Result<Placement> PlaceAsTold(std::span<const ListedObject> listing, const LayoutOptions& options) {
  MURMUR_ASSIGN(Placement placement, Place(listing, *options.layout, Certainty::kTold, options));
  if (placement.names == 0 || Fits(placement)) return placement;
  if (placement.layout == Layout::kDynamoDbExport && !placement.manifest) {
    return Status(
        Code::kInvalidArgument,
        "layout dynamodb-export: no manifest-files.json below the path; an export without "
        "it isn't complete");
  }
  return Status(
      Code::kInvalidArgument,
      fmt::format("layout {}; not: {}. At most {} in 100 may be something else: make "
                  "path: the archive only, or say another layout",
                  CountOf(placement), UnplacedNames(listing, placement), kUnplacedPercentMax));
}

Status CheckListing(std::span<const ListedObject> listing) {
  std::vector<std::string_view> names;
  for (const ListedObject& object : listing) names.push_back(object.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return Status();
  return Status(Code::kInvalidArgument, fmt::format("{} is listed twice", *twice));
}

Status CheckDelimiter(std::string_view delimiter) {
  if (!delimiter.empty() && delimiter.find_first_of("/0123456789") == delimiter.npos) {
    return Status();
  }
  return Status(
      Code::kInvalidArgument,
      fmt::format("file_delimiter '{}': expected text without '/' and digits", delimiter));
}

// Options must have a meaning in the layout.
Status CheckOptions(const LayoutOptions& options, Layout layout) {
  using PathTime = LayoutOptions::PathTime;
  if (options.offsets == LayoutOptions::Offsets::kDense && !HasOffsets(layout)) {
    return Status(
        Code::kInvalidArgument,
        fmt::format("offsets: dense: {} has no offsets in its names", LayoutName(layout)));
  }
  if (options.path_time == PathTime::kRecord && !HasOffsets(layout) && layout != Layout::kHive) {
    return Status(
        Code::kInvalidArgument,
        fmt::format("path_time: record: paths of {} hold no times of records", LayoutName(layout)));
  }
  return Status();
}

Status NothingToRead(std::span<const ListedObject> listing, const Placement& placement) {
  if (listing.empty()) return Status(Code::kNotFound, "the archive has no objects");
  const ExcludedObject& first = placement.excluded.front();
  return Status(Code::kNotFound,
                fmt::format("{}; {}: {}",
                            listing.size() == 1 ? "the one object holds no records"
                                                : fmt::format("none of {} objects holds records",
                                                              Grouped(listing.size())),
                            listing[first.listed].name, first.reason));
}

void Sort(std::span<const ListedObject> listing, std::vector<ArchiveObject>* objects) {
  std::sort(objects->begin(), objects->end(), [&](const ArchiveObject& a, const ArchiveObject& b) {
    const ListedObject& x = listing[a.listed];
    const ListedObject& y = listing[b.listed];
    if (a.start_offset < 0 && b.start_offset < 0) return x.name < y.name;
    return std::tie(a.topic, a.partition, a.start_offset, y.size, x.name) <
           std::tie(b.topic, b.partition, b.start_offset, x.size, y.name);
  });
}

void JudgeExactness(Archive* archive) {
  if (archive->layout == Layout::kFirehose) {
    archive->inexact_why =
        "Firehose delivers at least once and names no offsets: a record may count twice without "
        "an id: in the definition";
  } else if (archive->layout == Layout::kDynamoDbExport) {
    archive->inexact_why = "the manifest was not read";
  } else if (HasOffsets(archive->layout)) {
    size_t loose = 0;
    size_t repeated = 0;
    for (const ArchivePartition& partition : archive->partitions) {
      if (partition.dense) continue;
      ++loose;
      repeated += partition.repeated_starts;
    }
    if (archive->objects.front().start_offset < 0) {
      archive->inexact_why =
          "some names hold no offset: a record may count twice without an id: in the definition";
    } else if (loose > 0) {
      archive->inexact_why = fmt::format(
          "the offsets of records aren't known in {} of {} partitions: what was written twice "
          "counts twice without an id: in the definition{}",
          Grouped(loose), Grouped(archive->partitions.size()),
          repeated == 0 ? ""
                        : "; " + Counted(repeated, "object starts where another does",
                                         "objects start where another does"));
    }
  }
  archive->exact = archive->inexact_why.empty();
}

}  // namespace
}  // namespace archive

std::string_view LayoutName(Layout layout) {
  for (const auto& [one, name] : archive::kLayouts) {
    if (one == layout) return name;
  }
  return {};
}

Result<Layout> ParseLayout(std::string_view name) {
  std::string expected;
  for (const auto& [layout, one] : archive::kLayouts) {
    if (one == name) return layout;
    expected += fmt::format("{}{}", expected.empty() ? "" : ", ", one);
  }
  return Status(Code::kInvalidArgument,
                fmt::format("'{}' is no layout; expected one of {}", name, expected));
}

Result<Archive> ReadLayout(std::span<const ListedObject> listing, const LayoutOptions& options) {
  using archive::Placement;
  MURMUR_TRY(archive::CheckDelimiter(options.file_delimiter));
  MURMUR_TRY(archive::CheckListing(listing));
  MURMUR_ASSIGN(Placement placement, options.layout ? archive::PlaceAsTold(listing, options)
                                                    : archive::Detect(listing, options));
  if (placement.objects.empty()) return archive::NothingToRead(listing, placement);
  MURMUR_TRY(archive::CheckOptions(options, placement.layout));
  Archive result;
  result.layout = placement.layout;
  result.why = archive::CountOf(placement);
  result.objects = std::move(placement.objects);
  result.excluded = std::move(placement.excluded);
  result.manifest = placement.manifest;
  result.path_time = options.path_time;
  result.concatenated = result.layout == Layout::kFirehose;
  archive::Sort(listing, &result.objects);
  if (archive::HasOffsets(result.layout)) {
    MURMUR_TRY(archive::ArrangeOffsets(listing, options, placement, &result));
  }
  if (options.path_time == LayoutOptions::PathTime::kNone) {
    for (ArchiveObject& object : result.objects) object.path_time.reset();
  } else if (archive::HasOffsets(result.layout) || result.layout == Layout::kHive) {
    archive::SetPathTimes(listing, &result.objects);
  }
  archive::JudgeExactness(&result);
  return result;
}

}  // namespace murmur
