#include "source/archive/archive_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "definition/units.h"
#include "murmur/state.h"
#include "source/archive/layout.h"
#include "source/s3/s3_source.h"

namespace murmur {
namespace {

constexpr std::chrono::seconds kLagDefault = std::chrono::days(1);
constexpr uint64_t kManifestBytesMax = 256ull << 20;
constexpr size_t kExamples = 3;  // of names, in a note
// As in `handoff: {kafka: {0: 1500}}`.
constexpr std::string_view kKafkaStream = "kafka";

struct ArchiveOptions {
  LayoutOptions layout;
  ReplayRange range;
  std::chrono::seconds lag = kLagDefault;
  bool has_id = false;  // the definition says what names a record
};

// What lies before the names that a layout looks at: the path, up to a star.
std::string RootOf(const std::string& path, const std::vector<SourceObject>& objects) {
  std::string root = path.substr(0, path.find_first_of("*?["));
  while (root.ends_with('/')) root.pop_back();
  const std::string below = root + "/";
  const bool directory = std::all_of(objects.begin(), objects.end(), [&](const auto& object) {
    return object.name.starts_with(below);
  });
  return directory ? below : root.substr(0, root.rfind('/') + 1);
}

class ArchiveSource final : public ObjectSource {
 public:
  ArchiveSource(ObjectSourceOptions source, std::string path, ArchiveOptions options)
      : ObjectSource(std::move(source)), path_(std::move(path)), options_(std::move(options)) {}

  Status Resume(const ScanPlan& plan, std::stop_token stop) override {
    MURMUR_TRY(ObjectSource::Resume(plan, stop));
    ScanPlan unused;
    return Pick(stop, &unused).status();
  }
  Result<std::vector<Split>> More(const ScanPlan& plan, const ProgressMap& progress,
                                  std::stop_token stop) override;
  Result<ScanEnd> Finish(const ScanPlan& plan, const ProgressMap& progress,
                         std::stop_token stop) override;

 protected:
  Result<std::vector<PickedObject>> Pick(std::stop_token stop, ScanPlan* plan) override;

 private:
  Status ReadManifest(const std::vector<ListedObject>& listing);
  Status Cut();
  void AddNotes(size_t pruned);
  bool IsCounted(const ArchiveObject& object) const;
  bool IsHole(const OffsetGap& gap) const;
  Status CheckManifest(const std::vector<uint64_t>& counts) const;
  Result<std::vector<uint64_t>> Counts(const ScanPlan& plan, const ProgressMap& progress) const;
  HandoffToken EndOf(const std::vector<uint64_t>& counts) const;

  const std::string path_;
  const ArchiveOptions options_;
  Archive archive_;
};

Result<std::vector<PickedObject>> ArchiveSource::Pick(std::stop_token, ScanPlan* plan) {
  const std::string root = RootOf(path_, objects());
  std::vector<ListedObject> listing;
  for (const SourceObject& object : objects()) {
    listing.push_back({.name = object.name.substr(root.size()), .size = object.size});
  }
  MURMUR_ASSIGN(archive_, ReadLayout(listing, options_.layout));
  if (archive_.manifest) MURMUR_TRY(ReadManifest(listing));
  MURMUR_TRY(Cut());
  const size_t pruned = options_.range.times.unbounded()
                            ? 0
                            : PruneByTime(options_.range.times, options_.lag, &archive_);
  AddNotes(pruned);
  plan->deduplicate = !archive_.exact && options_.has_id;
  if (!archive_.exact && !options_.has_id) plan->inexact = archive_.inexact_why;
  std::vector<PickedObject> picked;
  for (const ArchiveObject& object : archive_.objects) {
    picked.push_back({.object = object.listed,
                      .mode = {.counted = IsCounted(object),
                               .concatenated = archive_.concatenated,
                               .slice = {.begin = object.begin, .end = object.end}}});
  }
  return picked;
}

Status ArchiveSource::ReadManifest(const std::vector<ListedObject>& listing) {
  const SourceObject& object = objects()[*archive_.manifest];
  if (object.size > kManifestBytesMax) {
    return Status(Code::kDataLoss, object.name + " is too long for a manifest");
  }
  MURMUR_ASSIGN(const std::string text, ReadObjectHead(object, object.size));
  MURMUR_ASSIGN(const auto files, ParseManifest(text));
  return ApplyManifest(files, listing, &archive_);
}

Status ArchiveSource::Cut() {
  const ReplayRange& range = options_.range;
  if (!range.by_offset()) return {};
  std::map<int64_t, PartitionRange> ranges;
  for (const auto& [partition, offset] : range.from_offsets) {
    ranges[partition].from = offset;
  }
  for (const auto& [partition, offset] : range.until_offsets) {
    ranges[partition].until = offset;
  }
  std::vector<PartitionRange> list;
  for (auto& [partition, one] : ranges) {
    one.partition = partition;
    list.push_back(one);
  }
  return CutByOffsets(list, &archive_);
}

void ArchiveSource::AddNotes(size_t pruned) {
  AddNote(archive_.why);
  if (pruned > 0) AddNote(fmt::format("{} objects are outside the range of times", pruned));
  std::map<std::string, std::vector<size_t>> excluded;
  for (const ExcludedObject& object : archive_.excluded) {
    excluded[object.reason].push_back(object.listed);
  }
  for (const auto& [reason, listed] : excluded) {
    std::string names;
    for (size_t i = 0; i < std::min(listed.size(), kExamples); ++i) {
      names += (i == 0 ? "" : ", ") + objects()[listed[i]].name;
    }
    AddNote(fmt::format("{} objects are left out, {}: {}{}", listed.size(), reason, names,
                        listed.size() > kExamples ? ", …" : ""));
  }
}

bool ArchiveSource::IsCounted(const ArchiveObject& object) const {
  if (archive_.manifest) return true;
  return std::any_of(archive_.partitions.begin(), archive_.partitions.end(), [&](const auto& p) {
    return p.dense && p.topic == object.topic && p.partition == object.partition;
  });
}

// Of the objects in dense partitions: how many records each holds.
Result<std::vector<uint64_t>> ArchiveSource::Counts(const ScanPlan& plan,
                                                    const ProgressMap& progress) const {
  std::map<size_t, uint64_t> by_listed;
  for (const Split& split : plan.splits) {
    MURMUR_ASSIGN(const PickedObject picked, PickedOf(split));
    const auto it = progress.find(split.id);
    if (!picked.mode.counted || it == progress.end()) continue;
    MURMUR_ASSIGN(const SlicePosition position, ParseSlicePosition(it->second.position));
    by_listed[picked.object] += position.count;
  }
  std::vector<uint64_t> counts;
  for (const ArchiveObject& object : archive_.objects) counts.push_back(by_listed[object.listed]);
  return counts;
}

Result<std::vector<Split>> ArchiveSource::More(const ScanPlan& plan, const ProgressMap& progress,
                                               std::stop_token stop) {
  MURMUR_ASSIGN(const auto counts, Counts(plan, progress));
  std::vector<Split> splits;
  for (const RecordRange& range : CheckCoverage(archive_, counts).more) {
    const PickedObject picked{.object = archive_.objects[range.object].listed,
                              .mode = {.counted = true,
                                       .concatenated = archive_.concatenated,
                                       .slice = {.begin = range.begin, .end = range.end}}};
    if (stop.stop_requested()) return Status(Code::kCancelled, std::string(Name()));
    MURMUR_TRY(AddSplits(picked, fmt::format("+{}", range.begin), &splits));
  }
  return splits;
}

// Where a live source goes on: behind the last offset of every partition, if all are known.
HandoffToken ArchiveSource::EndOf(const std::vector<uint64_t>& counts) const {
  HandoffToken token;
  const auto& partitions = archive_.partitions;
  const bool known = std::all_of(partitions.begin(), partitions.end(),
                                 [](const ArchivePartition& p) { return p.dense; });
  if (!known || !options_.range.times.unbounded()) return token;
  const bool one_topic = std::all_of(partitions.begin(), partitions.end(), [&](const auto& p) {
    return p.topic == partitions.front().topic;
  });
  for (const ArchivePartition& partition : partitions) {
    int64_t end = 0;
    for (size_t i = 0; i < archive_.objects.size(); ++i) {
      const ArchiveObject& object = archive_.objects[i];
      if (object.topic != partition.topic || object.partition != partition.partition) continue;
      end = std::max(end, object.start_offset + static_cast<int64_t>(counts[i]));
    }
    if (partition.from)
      end = std::max(end, *partition.from);  // an empty range ends where it begins
    if (partition.until) end = std::min(end, *partition.until);
    const std::string stream =
        one_topic ? std::string(kKafkaStream) : fmt::format("{}:{}", kKafkaStream, partition.topic);
    token.streams[stream][std::to_string(partition.partition)] = std::to_string(end);
  }
  return token;
}

// Do offsets behind the gap exist? Else the archive just ends there.
bool ArchiveSource::IsHole(const OffsetGap& gap) const {
  return std::any_of(archive_.objects.begin(), archive_.objects.end(), [&](const auto& object) {
    return object.topic == gap.topic && object.partition == gap.partition &&
           object.start_offset >= gap.until;
  });
}

Status ArchiveSource::CheckManifest(const std::vector<uint64_t>& counts) const {
  for (size_t i = 0; i < counts.size() && archive_.manifest; ++i) {
    const ArchiveObject& object = archive_.objects[i];
    if (counts[i] == object.expected.value_or(counts[i])) continue;
    return Status(Code::kDataLoss,
                  fmt::format("{} has {} items, but the export's manifest says {}: the export, or "
                              "this copy of it, is not whole",
                              objects()[object.listed].name, counts[i], *object.expected));
  }
  return {};
}

Result<ScanEnd> ArchiveSource::Finish(const ScanPlan& plan, const ProgressMap& progress,
                                      std::stop_token stop) {
  MURMUR_ASSIGN(ScanEnd end, ObjectSource::Finish(plan, progress, stop));
  MURMUR_ASSIGN(const auto counts, Counts(plan, progress));
  MURMUR_TRY(CheckManifest(counts));
  const Coverage coverage = CheckCoverage(archive_, counts);
  if (coverage.overlaps > 0) {
    AddNote(fmt::format("{} objects repeat offsets of others; each offset counts once",
                        coverage.overlaps));
  }
  for (size_t i = 0; i < std::min(coverage.gaps.size(), kExamples); ++i) {
    const OffsetGap& gap = coverage.gaps[i];
    AddNote(
        fmt::format("offsets [{}, {}) of {}/{} are in no object: deleted from the archive, or "
                    "never records (transactions, compaction)",
                    gap.from, gap.until, gap.topic, gap.partition));
  }
  if (coverage.gaps.size() > kExamples) {
    AddNote(fmt::format("{} more such gaps", coverage.gaps.size() - kExamples));
  }
  // With holes an object's record i need not have offset start + i.
  const bool holes = std::any_of(coverage.gaps.begin(), coverage.gaps.end(),
                                 [this](const OffsetGap& gap) { return IsHole(gap); });
  if (holes && coverage.overlaps > 0 && !options_.has_id) {
    end.inexact = fmt::format(
        "{} objects overlap, and offsets are missing, so that the offsets of "
        "single records are not known; `id:` would make it exact",
        coverage.overlaps);
  }
  end.live_from = EndOf(counts);
  return end;
}

template <class T>
Status OneOf(const SourceSpec& spec, const std::string& name,
             const std::map<std::string, T>& values, T* out) {
  const auto it = spec.options.find(name);
  if (it == spec.options.end()) return {};
  const auto value = values.find(it->second);
  if (value == values.end()) {
    std::string known;
    for (const auto& [text, unused] : values) known += (known.empty() ? "" : ", ") + text;
    return Status(Code::kInvalidArgument,
                  fmt::format("archive: {} '{}': expected one of {}", name, it->second, known));
  }
  *out = value->second;
  return {};
}

Result<ArchiveOptions> OptionsOf(const SourceSpec& spec) {
  ArchiveOptions options;
  const auto text = [&spec](const std::string& name, const std::string& missing) {
    const auto it = spec.options.find(name);
    return it == spec.options.end() ? missing : it->second;
  };
  if (const std::string layout = text("layout", "auto"); layout != "auto") {
    MURMUR_ASSIGN(options.layout.layout, ParseLayout(layout));
  }
  options.layout.file_delimiter = text("file_delimiter", options.layout.file_delimiter);
  options.layout.dynamodb_export = text("export", "");
  using Offsets = LayoutOptions::Offsets;
  MURMUR_TRY(OneOf<Offsets>(
      spec, "offsets",
      {{"auto", Offsets::kAuto}, {"dense", Offsets::kDense}, {"sparse", Offsets::kSparse}},
      &options.layout.offsets));
  using PathTime = LayoutOptions::PathTime;
  MURMUR_TRY(OneOf<PathTime>(
      spec, "path_time",
      {{"arrival", PathTime::kArrival}, {"record", PathTime::kRecord}, {"none", PathTime::kNone}},
      &options.layout.path_time));
  if (const std::string lag = text("lag", ""); !lag.empty()) {
    const auto duration = ParseDuration(lag);
    if (!duration || duration->count() < 0) {
      return Status(Code::kInvalidArgument,
                    "archive: lag '" + lag + "': expected a duration such as 6h");
    }
    options.lag = std::chrono::ceil<std::chrono::seconds>(*duration);
  }
  return options;
}

}  // namespace

Result<std::unique_ptr<SnapshotSource>> MakeArchiveSource(const Definition& definition,
                                                          const ReplayRange& range) {
  const SourceSpec& spec = *definition.replay;
  const std::vector<std::string> paths = PathsOf(spec);
  if (paths.size() != 1) {
    return Status(Code::kInvalidArgument, "archive: give one path, the archive's root");
  }
  MURMUR_ASSIGN(ArchiveOptions options, OptionsOf(spec));
  options.range = range;
  options.has_id = !definition.id.empty();
  ObjectSourceOptions source;
  source.name = "archive:" + paths.front();
  // Read another way it is another source: what one way has begun the other can't go on with.
  for (const char* option : {"layout", "offsets", "path_time", "file_delimiter", "lag", "export"}) {
    const auto it = spec.options.find(option);
    if (it != spec.options.end()) source.name += fmt::format(" {}={}", option, it->second);
  }
  // Which objects are none of its records the layout decides: a topic may be called _events.
  MURMUR_ASSIGN(source.objects, MakeObjectSet(spec, definition, HiddenFiles::kListed));
  MURMUR_ASSIGN(source.formats, MakeFormats(spec, definition, source.objects));
  return std::unique_ptr<SnapshotSource>(
      std::make_unique<ArchiveSource>(std::move(source), paths.front(), std::move(options)));
}

}  // namespace murmur
