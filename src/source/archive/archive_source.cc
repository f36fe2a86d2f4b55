#include "source/archive/archive_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "base/shown.h"
#include "definition/units.h"
#include "murmur/state.h"
#include "source/archive/layout.h"
#include "source/archive/proof.h"
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

// The part of the path before the names that a layout reads: up to a star.
std::string RootOf(const std::string& path, const std::vector<SourceObject>& objects) {
  const bool is_file = path.find("://") == path.npos;
  const std::string normal = is_file ? NormalisedPath(path) : path;
  std::string root = normal.substr(0, normal.find_first_of("*?["));
  if (root.empty()) return root;
  while (root.ends_with('/')) root.pop_back();
  const std::string below = root + "/";
  const bool directory = std::all_of(objects.begin(), objects.end(), [&](const auto& object) {
    return object.name.starts_with(below);
  });
  return directory ? below : root.substr(0, root.rfind('/') + 1);
}

// Adds the result of one split of an object.
void Add(const SlicePosition& position, ReadObject* object) {
  object->records += position.count;
  object->next_found_more |= position.found_more || (object->next_found && position.found);
  if (!object->next_found) object->next_found = position.found;
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
  Status CheckManifest(const std::vector<ReadObject>& read) const;
  Result<std::vector<ReadObject>> WhatWasRead(const ScanPlan& plan,
                                              const ProgressMap& progress) const;
  Coverage CoverageOf(const std::vector<ReadObject>& read) const;
  Result<std::vector<Split>> SplitsOf(const MoreRecords& more);
  Status CheckEnds(const ProgressMap& progress, Proof* proof);
  HandoffToken EndOf(const std::vector<ReadObject>& read) const;
  // Whether the offsets of records are only assumed, and must be proven by what is read.
  bool supposed() const noexcept {
    return options_.layout.offsets == LayoutOptions::Offsets::kAuto && !archive_.partitions.empty();
  }

  const std::string path_;
  const ArchiveOptions options_;
  Archive archive_;
  std::map<size_t, NextObject> next_;  // by what is listed
};

Result<std::vector<PickedObject>> ArchiveSource::Pick(std::stop_token, ScanPlan* plan) {
  const std::string root = RootOf(path_, objects());
  std::vector<ListedObject> listing;
  for (const SourceObject& object : objects()) {
    listing.push_back({.name = object.name.substr(root.size()), .size = object.size});
  }
  MURMUR_ASSIGN(archive_, ReadLayout(listing, options_.layout));
  if (archive_.manifest) MURMUR_TRY(ReadManifest(listing));
  const size_t pruned = options_.range.times.unbounded()
                            ? 0
                            : PruneByTime(options_.range.times, options_.lag, &archive_);
  next_.clear();
  if (supposed()) next_ = NextObjects(archive_);
  MURMUR_TRY(Cut());
  AddNotes(pruned);
  plan->deduplicate = (!archive_.exact || supposed()) && options_.has_id;
  if (!archive_.exact && !options_.has_id) plan->inexact = archive_.inexact_why;
  std::vector<PickedObject> picked;
  for (const ArchiveObject& object : archive_.objects) {
    picked.push_back({.object = object.listed,
                      .mode = {.counted = IsCounted(object),
                               .concatenated = archive_.concatenated,
                               .slice = {.begin = object.begin, .end = object.end}}});
    const auto next = next_.find(object.listed);
    if (next != next_.end()) picked.back().mode.next = next->second.listed;
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
  if (pruned > 0) {
    AddNote(Counted(pruned, "object is", "objects are") + " outside the range of times");
  }
  std::map<std::string, std::vector<size_t>> excluded;
  for (const ExcludedObject& object : archive_.excluded) {
    excluded[object.reason].push_back(object.listed);
  }
  for (const auto& [reason, listed] : excluded) {
    std::string names;
    for (size_t i = 0; i < std::min(listed.size(), kExamples); ++i) {
      names += (i == 0 ? "" : ", ") + objects()[listed[i]].name;
    }
    AddNote(fmt::format("{} left out, {}: {}{}", Counted(listed.size(), "object is", "objects are"),
                        reason, names, listed.size() > kExamples ? ", …" : ""));
  }
}

bool ArchiveSource::IsCounted(const ArchiveObject& object) const {
  if (archive_.manifest) return true;
  return std::any_of(archive_.partitions.begin(), archive_.partitions.end(), [&](const auto& p) {
    return p.dense && p.topic == object.topic && p.partition == object.partition;
  });
}

// For objects in dense partitions: how many records each holds, and whether it reaches the next.
Result<std::vector<ReadObject>> ArchiveSource::WhatWasRead(const ScanPlan& plan,
                                                           const ProgressMap& progress) const {
  std::map<size_t, ReadObject> by_listed;
  for (const Split& split : plan.splits) {
    MURMUR_ASSIGN(const PickedObject picked, PickedOf(split));
    const auto it = progress.find(split.id);
    if (!picked.mode.counted || it == progress.end()) continue;
    MURMUR_ASSIGN(const SlicePosition position, ParseSlicePosition(it->second.position));
    Add(position, &by_listed[picked.object]);
  }
  std::vector<ReadObject> read;
  for (const ArchiveObject& object : archive_.objects) {
    ReadObject& one = read.emplace_back(by_listed[object.listed]);
    const auto next = next_.find(object.listed);
    if (next != next_.end()) one.span = next->second.span;
  }
  return read;
}

Coverage ArchiveSource::CoverageOf(const std::vector<ReadObject>& read) const {
  std::vector<uint64_t> counts;
  for (const ReadObject& object : read) counts.push_back(object.records);
  return CheckCoverage(archive_, counts);
}

Result<std::vector<Split>> ArchiveSource::More(const ScanPlan& plan, const ProgressMap& progress,
                                               std::stop_token stop) {
  const auto interrupt = InterruptingOn(stop);
  MURMUR_ASSIGN(const auto read, WhatWasRead(plan, progress));
  std::vector<MoreRecords> more;
  const std::vector<RecordRange> ranges = CoverageOf(read).more;
  if (supposed()) {
    more = Prove(archive_, read, ranges).more;
  } else {
    for (const RecordRange& range : ranges) more.push_back({.range = range});
  }
  std::vector<Split> splits;
  for (const MoreRecords& one : more) {
    if (stop.stop_requested()) return Status(Code::kCancelled, std::string(Name()));
    MURMUR_ASSIGN(auto some, SplitsOf(one));
    std::move(some.begin(), some.end(), std::back_inserter(splits));
  }
  return splits;
}

Result<std::vector<Split>> ArchiveSource::SplitsOf(const MoreRecords& more) {
  const RecordRange& range = more.range;
  PickedObject picked{.object = archive_.objects[range.object].listed,
                      .mode = {.counted = true,
                               .concatenated = archive_.concatenated,
                               .slice = {.begin = range.begin, .end = range.end}}};
  if (more.next) picked.mode.next = archive_.objects[*more.next].listed;
  std::vector<Split> splits;
  MURMUR_TRY(AddSplits(picked, fmt::format("+{}", range.begin), &splits));
  return splits;
}

// If additionally read records repeat those of other objects, the proof fails.
Status ArchiveSource::CheckEnds(const ProgressMap& progress, Proof* proof) {
  for (const MoreRecords& one : proof->more) {
    if (!one.next) continue;
    MURMUR_ASSIGN(const auto splits, SplitsOf(one));
    ReadObject read;
    for (const Split& split : splits) {
      const auto it = progress.find(split.id);
      if (it == progress.end()) continue;
      MURMUR_ASSIGN(const SlicePosition position, ParseSlicePosition(it->second.position));
      Add(position, &read);
    }
    if (IsEndProven(one, read)) continue;
    if (proof->unproven.empty()) {
      proof->why = "it holds more than a later object, and up to where can't be told";
    }
    proof->unproven.push_back(one.range.object);
  }
  return {};
}

// Where a live source goes on: after the last offset of every partition, if all are known.
HandoffToken ArchiveSource::EndOf(const std::vector<ReadObject>& read) const {
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
      end = std::max(end, object.start_offset + static_cast<int64_t>(read[i].records));
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

// Whether there are offsets after the gap. Else the archive just ends there.
bool ArchiveSource::IsHole(const OffsetGap& gap) const {
  return std::any_of(archive_.objects.begin(), archive_.objects.end(), [&](const auto& object) {
    return object.topic == gap.topic && object.partition == gap.partition &&
           object.start_offset >= gap.until;
  });
}

Status ArchiveSource::CheckManifest(const std::vector<ReadObject>& read) const {
  for (size_t i = 0; i < read.size() && archive_.manifest; ++i) {
    const ArchiveObject& object = archive_.objects[i];
    const uint64_t records = read[i].records;
    if (records == object.expected.value_or(records)) continue;
    return Status(Code::kDataLoss,
                  fmt::format("{} has {}, but the export's manifest says {}: the export, or "
                              "this copy of it, is not whole",
                              objects()[object.listed].name, Counted(records, "item"),
                              Grouped(*object.expected)));
  }
  return {};
}

Result<ScanEnd> ArchiveSource::Finish(const ScanPlan& plan, const ProgressMap& progress,
                                      std::stop_token stop) {
  const auto interrupt = InterruptingOn(stop);
  MURMUR_ASSIGN(ScanEnd end, ObjectSource::Finish(plan, progress, stop));
  MURMUR_ASSIGN(const auto read, WhatWasRead(plan, progress));
  MURMUR_TRY(CheckManifest(read));
  const Coverage coverage = CoverageOf(read);
  Proof proof = supposed() ? Prove(archive_, read, coverage.more) : Proof();
  MURMUR_TRY(CheckEnds(progress, &proof));
  if (coverage.overlaps > 0 && proof.unproven.empty()) {
    AddNote(Counted(coverage.overlaps, "object repeats", "objects repeat") +
            " offsets of others; each offset counts once");
  }
  for (size_t i = 0; i < std::min(coverage.gaps.size(), kExamples); ++i) {
    const OffsetGap& gap = coverage.gaps[i];
    AddNote(
        fmt::format("offsets [{}, {}) of {}/{} are in no object: deleted from the archive, or "
                    "never records (transactions, compaction)",
                    gap.from, gap.until, gap.topic, gap.partition));
  }
  if (coverage.gaps.size() > kExamples) {
    AddNote(Counted(coverage.gaps.size() - kExamples, "more such gap"));
  }
  // With holes, record i of an object need not have offset start + i.
  const bool holes = std::any_of(coverage.gaps.begin(), coverage.gaps.end(),
                                 [this](const OffsetGap& gap) { return IsHole(gap); });
  if (!proof.unproven.empty() && (!options_.has_id || proof.borders)) {
    end.inexact = fmt::format(
        "offsets of single records are not known in {}, such as {}: {}. {} Say offsets: "
        "dense if record i of an object has its start offset + i",
        Counted(proof.unproven.size(), "object"),
        objects()[archive_.objects[proof.unproven.front()].listed].name, proof.why,
        options_.has_id ? "" : "`id:` in the definition would make it exact.");
  } else if (!supposed() && holes && coverage.overlaps > 0 && !options_.has_id) {
    end.inexact = fmt::format(
        "{}, and offsets are missing, so that the offsets of single records are not known; `id:` "
        "would make it exact",
        Counted(coverage.overlaps, "object overlaps", "objects overlap"));
  }
  // If offsets have holes, the last object may have some too, and its count is not its end.
  if (!supposed() || (!holes && proof.unproven.empty())) end.live_from = EndOf(read);
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
  // These options change the source's name: a scan begun one way can't go on the other.
  for (const char* option : {"layout", "offsets", "path_time", "file_delimiter", "lag", "export"}) {
    const auto it = spec.options.find(option);
    if (it != spec.options.end()) source.name += fmt::format(" {}={}", option, it->second);
  }
  // The layout decides which objects hold no records: a topic may be called _events.
  MURMUR_ASSIGN(source.objects, MakeObjectSet(spec, definition, HiddenFiles::kListed));
  MURMUR_ASSIGN(source.formats, MakeFormats(spec, definition, source.objects));
  source.hive = TakesHiveFields(spec, &source.name);
  return std::unique_ptr<SnapshotSource>(
      std::make_unique<ArchiveSource>(std::move(source), paths.front(), std::move(options)));
}

}  // namespace murmur
