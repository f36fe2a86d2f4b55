// A snapshot source over objects (files): which objects there are and that they stay as they were
// is its matter; how one is cut into splits and read, that of its formats.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "source/objects.h"
#include "source/slice_stream.h"
#include "source/streams_ahead.h"

namespace murmur {

// How an object is to be read.
struct ReadMode {
  bool counted = false;       // slices need the records' numbers
  bool concatenated = false;  // JSON values may follow each other without a newline
  bool head = false;          // only the first records are wanted
  RecordSlice slice;
  // The object (index in the list of all) that begins where this one should end: is its first
  // record in this one too, and where? As SlicePosition tells then.
  std::optional<size_t> next;
};

// An object of a scan that is to be read.
struct PickedObject {
  size_t object = 0;  // index in the list of all
  ReadMode mode;
};

// Threads: Open may be called from many at once.
class ObjectFormat {
 public:
  ObjectFormat() = default;
  ObjectFormat(const ObjectFormat&) = delete;
  ObjectFormat& operator=(const ObjectFormat&) = delete;
  virtual ~ObjectFormat() = default;

  // Is the object of this format, as its name says, or, if that says nothing, its first bytes?
  virtual bool HasName(std::string_view name) const = 0;
  virtual bool Recognises(std::string_view head) const = 0;  // up to kFormatBytes
  // Are the records' offsets their numbers in the object?
  virtual bool OffsetsAreNumbers() const = 0;
  // Appends the splits of `object`; their payloads are for Open alone. Where records have no other
  // numbers and mode.counted, it is one.
  virtual Status AddSplits(const SourceObject& object, const ReadMode& mode,
                           std::vector<Split>* splits) = 0;
  // As SnapshotSource::Open.
  virtual Result<std::unique_ptr<RecordStream>> Open(const SourceObject& object,
                                                     const ReadMode& mode, const Split& split,
                                                     const Position& after,
                                                     const Projection& projection) = 0;
};

inline constexpr size_t kFormatBytes = 16;

struct ObjectSourceOptions {
  std::string name;  // SnapshotSource::Name
  HandoffToken handoff;
  std::shared_ptr<const ObjectSet> objects;
  std::vector<std::unique_ptr<ObjectFormat>> formats;  // the first that recognises an object has it
  bool hive = false;  // key=value directories are fields: hive_stream.h
};

// Does `spec` say so? *name says it too then: what one way has begun the other can't go on with.
bool TakesHiveFields(const SourceSpec& spec, std::string* name);

// Threads: as SnapshotSource says; Pick and AddSplits belong to Scan, Resume and More.
class ObjectSource : public SnapshotSource {
 public:
  explicit ObjectSource(ObjectSourceOptions options);

  std::string_view Name() const noexcept override { return options_.name; }
  Result<HandoffToken> CaptureHandoff(std::stop_token stop) override;
  Result<ScanPlan> Scan(std::stop_token stop) override;
  Status Resume(const ScanPlan& plan, std::stop_token stop) override;
  Result<std::unique_ptr<RecordStream>> Open(const Split& split, const Position& after,
                                             const Projection& projection,
                                             std::stop_token stop) override;
  std::vector<std::string> Notes() const override { return notes_; }
  // Looks once more whether objects of a remote store are what they were: a read there sees an
  // object's newest content, whatever was listed.
  Result<ScanEnd> Finish(const ScanPlan& plan, const ProgressMap& progress,
                         std::stop_token stop) override;
  Status Close() override;

 protected:
  const std::vector<SourceObject>& objects() const noexcept { return frozen_; }
  // What the split of a plan is of. Errors: kInvalidArgument.
  static Result<PickedObject> PickedOf(const Split& split);
  Result<std::string> ReadObjectHead(const SourceObject& object, size_t size) const {
    return options_.objects->ReadHead(object, size);
  }
  InterruptOnStop InterruptingOn(const std::stop_token& stop) const {
    return InterruptOnStop(stop, *options_.objects);
  }
  void AddNote(std::string note) { notes_.push_back(std::move(note)); }

  // Which of the listed objects are read, in which order and how: all of them, whole. May say in
  // *plan that records can be in more than one. Asked again after a restart, for the same list.
  virtual Result<std::vector<PickedObject>> Pick(std::stop_token stop, ScanPlan* plan);
  // The splits of a picked object; `suffix` makes their ids differ from those that it has already.
  Status AddSplits(const PickedObject& picked, std::string_view suffix, std::vector<Split>* splits);

 private:
  Result<std::unique_ptr<RecordStream>> OpenNow(const Split& split, const Position& after,
                                                const Projection& projection);
  Result<size_t> FormatOf(const PickedObject& picked) const;
  Result<RecordMark> FirstRecordOf(size_t object, const ReadMode& mode,
                                   const Projection& projection);
  Result<ObjectChanges> Changes(const std::stop_token& stop) const;
  void NoteAppeared(const std::vector<std::string>& names);
  Status AddAllSplits(const std::stop_token& stop, const std::vector<PickedObject>& picked,
                      std::vector<Split>* splits);

  const ObjectSourceOptions options_;
  std::vector<SourceObject> frozen_;  // all that were listed
  std::vector<std::string> notes_;
  StreamsAhead ahead_;  // of a remote store; last: it uses all above
};

}  // namespace murmur
