// A snapshot source over objects (files). It lists the objects and checks that they do not change;
// its formats cut them into splits and read them.
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
  bool head = false;          // only the first records are needed
  RecordSlice slice;
  // The object (index in the list of all) that begins where this one should end. Reading looks for
  // its first record in this object; SlicePosition then says where it is.
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

  // Whether the object has this format, by its name; or, if that says nothing, by its first bytes.
  virtual bool HasName(std::string_view name) const = 0;
  virtual bool Recognises(std::string_view head) const = 0;  // up to kFormatBytes
  // Whether the records' offsets are their numbers in the object.
  virtual bool OffsetsAreNumbers() const = 0;
  // Appends the splits of `object`; their payloads are only for Open. With mode.counted, if only
  // counting gives records their numbers, the object is one split.
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
  std::vector<std::unique_ptr<ObjectFormat>> formats;  // the first that recognises an object
  bool hive = false;  // key=value directories are fields: hive_stream.h
};

// Whether `spec` asks for it. If so, it is added to *name: a scan begun one way can't go on the
// other.
bool TakesHiveFields(const SourceSpec& spec, std::string* name);

// Threads: as SnapshotSource; Scan, Resume and More call Pick and AddSplits.
class ObjectSource : public SnapshotSource {
 public:
  explicit ObjectSource(ObjectSourceOptions options);

  std::string_view Name() const noexcept override { return options_.name; }
  Result<HandoffToken> HandoffNow(std::stop_token stop) override;
  Result<ScanPlan> Scan(std::stop_token stop) override;
  Status Resume(const ScanPlan& plan, std::stop_token stop) override;
  Result<std::unique_ptr<RecordStream>> Open(const Split& split, const Position& after,
                                             const Projection& projection,
                                             std::stop_token stop) override;
  std::vector<std::string> Notes() const override { return notes_; }
  // Checks again that objects of a remote store have not changed: a read there sees an object's
  // newest content, whatever was listed.
  Result<ScanEnd> Finish(const ScanPlan& plan, const ProgressMap& progress,
                         std::stop_token stop) override;
  Status Close() override;

 protected:
  const std::vector<SourceObject>& objects() const noexcept { return frozen_; }
  // The object of a plan's split. Errors: kInvalidArgument.
  static Result<PickedObject> PickedOf(const Split& split);
  Result<std::string> ReadObjectHead(const SourceObject& object, size_t size) const {
    return options_.objects->ReadHead(object, size);
  }
  InterruptOnStop InterruptingOn(const std::stop_token& stop) const {
    return InterruptOnStop(stop, *options_.objects);
  }
  void AddNote(std::string note) { notes_.push_back(std::move(note)); }

  // Which of the listed objects are read, in which order and how: by default all, whole. May state
  // in *plan that records can be in more than one. Called again after a restart, for the same list.
  virtual Result<std::vector<PickedObject>> Pick(std::stop_token stop, ScanPlan* plan);
  // The splits of a picked object. `suffix` distinguishes their ids from those it already has.
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
  StreamsAhead ahead_;  // for a remote store; last: it uses all members above
};

}  // namespace murmur
