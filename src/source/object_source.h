// A snapshot source over objects (files): which objects there are and that they stay as they were
// is its matter; how one is cut into splits and read, that of its formats.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "source/objects.h"

namespace murmur {

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
  // Appends the splits of `object`; their payloads are for Open alone.
  virtual Status AddSplits(const SourceObject& object, std::vector<Split>* splits) = 0;
  // As SnapshotSource::Open.
  virtual Result<std::unique_ptr<RecordStream>> Open(const SourceObject& object, const Split& split,
                                                     const Position& after,
                                                     const Projection& projection) = 0;
};

inline constexpr size_t kFormatBytes = 16;

struct ObjectSourceOptions {
  std::string name;  // SnapshotSource::Name
  HandoffToken handoff;
  std::shared_ptr<const ObjectSet> objects;
  std::vector<std::unique_ptr<ObjectFormat>> formats;  // the first that recognises an object has it
};

class ObjectSource : public SnapshotSource {
 public:
  explicit ObjectSource(ObjectSourceOptions options);

  std::string_view Name() const noexcept override { return options_.name; }
  Result<HandoffToken> CaptureHandoff(std::stop_token stop) override;
  Result<ScanPlan> Scan(std::stop_token stop) override;
  Status Resume(const ScanPlan& plan) override;
  Result<std::unique_ptr<RecordStream>> Open(const Split& split, const Position& after,
                                             const Projection& projection) override;
  std::vector<std::string> Notes() const override { return notes_; }
  // Looks once more whether objects of a remote store are what they were: a read there sees an
  // object's newest content, whatever was listed.
  Result<HandoffToken> EndOf(const ScanPlan& plan,
                             const std::map<std::string, SplitProgress>& progress) override;
  Status Close() override { return Status(); }

 protected:
  const std::vector<SourceObject>& objects() const noexcept { return frozen_; }
  void AddNote(std::string note) { notes_.push_back(std::move(note)); }

 private:
  Result<size_t> FormatOf(const SourceObject& object) const;
  void NoteAppeared(const std::vector<std::string>& names);
  Status AddAllSplits(const std::stop_token& stop, std::vector<Split>* splits);
  Status AddSplits(size_t object, std::vector<Split>* splits);

  const ObjectSourceOptions options_;
  std::vector<SourceObject> frozen_;  // in the plan's order
  std::vector<std::string> notes_;
};

}  // namespace murmur
