#include "source/object_source.h"

#include <fmt/format.h>

#include <atomic>
#include <iterator>
#include <mutex>
#include <sstream>
#include <thread>

#include "base/shown.h"
#include "source/detachable_thread.h"
#include "source/hive_stream.h"

namespace murmur {
namespace {

constexpr size_t kLookingThreads = 16;

// A split's payload is this line, a newline, and the format's payload.
struct Place {
  size_t object = 0;
  size_t format = 0;
  ReadMode mode;
};

std::string Serialize(const Place& place) {
  const ReadMode& mode = place.mode;
  const std::string next = mode.next ? fmt::format(" {}", *mode.next) : "";
  return fmt::format("{} {} {} {} {} {}{}\n", place.object, place.format, mode.counted ? 1 : 0,
                     mode.concatenated ? 1 : 0, mode.slice.begin, mode.slice.end, next);
}

// Removes the line from *payload; false if there is none.
bool TakePlace(std::string* payload, Place* place) {
  const size_t newline = payload->find('\n');
  if (newline == payload->npos) return false;
  std::istringstream line(payload->substr(0, newline));
  if (!(line >> place->object >> place->format >> place->mode.counted >> place->mode.concatenated >>
        place->mode.slice.begin >> place->mode.slice.end)) {
    return false;
  }
  if (size_t next = 0; line >> next) place->mode.next = next;
  payload->erase(0, newline + 1);
  return true;
}

// A stream whose reads end soon after a stop, whatever the store does.
class StoppableStream final : public RecordStream {
 public:
  StoppableStream(std::unique_ptr<RecordStream> stream, std::shared_ptr<const ObjectSet> objects)
      : objects_(std::move(objects)), stream_(std::move(stream)) {}

  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override {
    const InterruptOnStop interrupt(stop, *objects_);
    auto state = stream_->Read(stop, batch);
    if (!state.ok() && stop.stop_requested()) return Status(Code::kCancelled, "stopped");
    return state;
  }

 private:
  const std::shared_ptr<const ObjectSet> objects_;
  const std::unique_ptr<RecordStream> stream_;
};

}  // namespace

bool TakesHiveFields(const SourceSpec& spec, std::string* name) {
  const auto option = spec.options.find("hive");
  if (option == spec.options.end() || option->second != "true") return false;
  *name += " hive=true";
  return true;
}

ObjectSource::ObjectSource(ObjectSourceOptions options)
    : options_(std::move(options)),
      ahead_([this](const Split& split, const Position& after, const Projection& projection) {
        return OpenNow(split, after, projection);
      }) {}

Result<HandoffToken> ObjectSource::HandoffNow(std::stop_token stop) {
  if (stop.stop_requested()) return Status(Code::kCancelled, options_.name);
  return options_.handoff;
}

Result<ScanPlan> ObjectSource::Scan(std::stop_token stop) {
  ahead_.Begin({});
  notes_.clear();
  MURMUR_ASSIGN(Listing listing,
                UnlessStopped<Listing>(stop, options_.name, [objects = options_.objects, stop] {
                  return objects->List(stop);
                }));
  frozen_.clear();
  for (Listing::Entry& entry : listing.entries) frozen_.push_back(std::move(entry.object));
  notes_ = std::move(listing.notes);
  ScanPlan plan{
      .source = options_.name, .splits = {}, .payload = SerializeObjects(frozen_), .inexact = {}};
  const InterruptOnStop interrupt(stop, *options_.objects);
  MURMUR_ASSIGN(const auto picked, Pick(stop, &plan));
  MURMUR_TRY(AddAllSplits(stop, picked, &plan.splits));
  if (options_.objects->remote()) ahead_.Begin(plan.splits);
  return plan;
}

// Some objects must be looked into; if each is a round trip, many at once.
Status ObjectSource::AddAllSplits(const std::stop_token& stop,
                                  const std::vector<PickedObject>& picked,
                                  std::vector<Split>* splits) {
  std::vector<std::vector<Split>> of_object(picked.size());
  std::atomic<size_t> next{0};
  std::mutex mutex;
  Status failure;
  const auto work = [&] {
    for (size_t i = next++; i < picked.size(); i = next++) {
      Status status = stop.stop_requested() ? Status(Code::kCancelled, options_.name)
                                            : AddSplits(picked[i], "", &of_object[i]);
      if (status.ok()) continue;
      const std::lock_guard lock(mutex);
      if (failure.ok()) failure = std::move(status);
      next = picked.size();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (size_t i = 1; options_.objects->remote() && i < kLookingThreads; ++i) {
      threads.emplace_back(work);
    }
    work();
  }
  for (std::vector<Split>& some : of_object) {
    std::move(some.begin(), some.end(), std::back_inserter(*splits));
  }
  return failure;
}

Result<size_t> ObjectSource::FormatOf(const PickedObject& picked) const {
  const SourceObject& object = frozen_[picked.object];
  if (options_.formats.size() == 1) return 0;
  // Users choose the names of Firehose's objects, so names say nothing about the format.
  for (size_t i = 0; i < options_.formats.size() && !picked.mode.concatenated; ++i) {
    if (options_.formats[i]->HasName(object.name)) return i;
  }
  MURMUR_ASSIGN(const std::string head, options_.objects->ReadHead(object, kFormatBytes));
  for (size_t i = 0; i < options_.formats.size(); ++i) {
    if (options_.formats[i]->Recognises(head)) return i;
  }
  return Status(Code::kInvalidArgument,
                object.name + ": begins like no format that can be read here");
}

Result<std::vector<PickedObject>> ObjectSource::Pick(std::stop_token, ScanPlan*) {
  std::vector<PickedObject> picked(frozen_.size());
  for (size_t object = 0; object < frozen_.size(); ++object) picked[object].object = object;
  return picked;
}

Result<PickedObject> ObjectSource::PickedOf(const Split& split) {
  std::string payload = split.payload;
  Place place;
  if (!TakePlace(&payload, &place)) {
    return Status(Code::kInvalidArgument, "split '" + split.id + "' is not of this source's plan");
  }
  return PickedObject{.object = place.object, .mode = place.mode};
}

Status ObjectSource::AddSplits(const PickedObject& picked, std::string_view suffix,
                               std::vector<Split>* splits) {
  const SourceObject& frozen = frozen_[picked.object];
  MURMUR_ASSIGN(const size_t format, FormatOf(picked));
  const size_t before = splits->size();
  MURMUR_TRY(options_.formats[format]->AddSplits(frozen, picked.mode, splits));
  const std::string place =
      Serialize({.object = picked.object, .format = format, .mode = picked.mode});
  for (size_t i = before; i < splits->size(); ++i) {
    (*splits)[i].id += suffix;
    (*splits)[i].payload.insert(0, place);
  }
  return Status();
}

Status ObjectSource::Resume(const ScanPlan& plan, std::stop_token stop) {
  if (plan.source != options_.name) {
    return Status(Code::kInvalidArgument, fmt::format("the plan is of source '{}', not of '{}'",
                                                      plan.source, options_.name));
  }
  ahead_.Begin({});
  MURMUR_ASSIGN(frozen_, ParseObjects(plan.payload));
  MURMUR_ASSIGN(const auto changes, Changes(stop));
  if (options_.objects->remote()) ahead_.Begin(plan.splits);
  return changes.AllThere();
}

void ObjectSource::NoteAppeared(const std::vector<std::string>& names) {
  if (names.empty()) return;
  AddNote(fmt::format("{} not in it; the first is {}",
                      Counted(names.size(), "object appeared since the scan began and is",
                              "objects appeared since the scan began and are"),
                      names.front()));
}

Result<ObjectChanges> ObjectSource::Changes(const std::stop_token& stop) const {
  return UnlessStopped<ObjectChanges>(stop, options_.name,
                                      [objects = options_.objects, frozen = frozen_, stop] {
                                        return objects->Compare(frozen, stop);
                                      });
}

Result<ScanEnd> ObjectSource::Finish(const ScanPlan& plan, const ProgressMap&,
                                     std::stop_token stop) {
  MURMUR_ASSIGN(const auto changes, Changes(stop));
  if (options_.objects->remote()) MURMUR_TRY(changes.changed);
  NoteAppeared(changes.appeared);
  return ScanEnd{.live_from = {}, .inexact = plan.inexact};
}

Status ObjectSource::Close() {
  ahead_.Begin({});
  return {};
}

Result<std::unique_ptr<RecordStream>> ObjectSource::Open(const Split& split, const Position& after,
                                                         const Projection& projection,
                                                         std::stop_token stop) {
  const InterruptOnStop interrupt(stop, *options_.objects);
  if (stop.stop_requested()) return Status(Code::kCancelled, split.id);
  auto stream = ahead_.Open(split, after, projection);
  if (!stream.ok() && stop.stop_requested()) return Status(Code::kCancelled, split.id);
  if (!stream.ok() || !options_.objects->remote()) return stream;
  return std::unique_ptr<RecordStream>(
      std::make_unique<StoppableStream>(*std::move(stream), options_.objects));
}

Result<std::unique_ptr<RecordStream>> ObjectSource::OpenNow(const Split& split,
                                                            const Position& after,
                                                            const Projection& projection) {
  Split inner{.id = split.id, .bytes = split.bytes, .payload = split.payload};
  Place place;
  if (!TakePlace(&inner.payload, &place) || place.object >= frozen_.size() ||
      place.format >= options_.formats.size()) {
    return Status(Code::kInvalidArgument,
                  fmt::format("split '{}' is not of this source's plan", split.id));
  }
  ObjectFormat& format = *options_.formats[place.format];
  const SourceObject& object = frozen_[place.object];
  const auto with_fields = [&](std::unique_ptr<RecordStream> stream) {
    if (!options_.hive) return stream;
    return AddHiveFields(HiveFieldsOf(RawName(object)), projection, std::move(stream));
  };
  if (!place.mode.counted) {
    MURMUR_ASSIGN(auto stream, format.Open(object, place.mode, inner, after, projection));
    return with_fields(std::move(stream));
  }
  MURMUR_ASSIGN(const SlicePosition position, ParseSlicePosition(after));
  MURMUR_ASSIGN(auto stream, format.Open(object, place.mode, inner, position.inner, projection));
  std::optional<RecordMark> next;
  if (place.mode.next) {
    MURMUR_ASSIGN(next, FirstRecordOf(*place.mode.next, place.mode, projection));
  }
  return with_fields(std::make_unique<SliceStream>(std::move(stream), place.mode.slice,
                                                   format.OffsetsAreNumbers(), position, next));
}

// The mark of an object's first record; empty if it can't be read.
Result<RecordMark> ObjectSource::FirstRecordOf(size_t object, const ReadMode& mode,
                                               const Projection& projection) {
  if (object >= frozen_.size()) return RecordMark();
  const PickedObject picked{
      .object = object, .mode = {.counted = true, .concatenated = mode.concatenated, .head = true}};
  MURMUR_ASSIGN(const size_t format, FormatOf(picked));
  std::vector<Split> splits;
  MURMUR_TRY(options_.formats[format]->AddSplits(frozen_[object], picked.mode, &splits));
  if (splits.empty()) return RecordMark();
  MURMUR_ASSIGN(const auto stream, options_.formats[format]->Open(frozen_[object], picked.mode,
                                                                  splits.front(), {}, projection));
  RecordBatch batch(projection);
  for (;;) {
    MURMUR_ASSIGN(const ReadState state, stream->Read({}, &batch));
    if (state == ReadState::kEnd) return RecordMark();
    if (batch.rows > 0 || !batch.dead_letters.empty()) return FirstMark(batch);
  }
}

}  // namespace murmur
