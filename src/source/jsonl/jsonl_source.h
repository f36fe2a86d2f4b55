// Lines of JSON (or of a registered format) in files as a snapshot source: plain, gzip, zstd or
// lz4, told apart by their first bytes. docs/sources.md says what users need to know.
//
// A plain file is cut into splits of kSplitBytes, a compressed one is one split. Positions are
// "o=" and the offset of the next line in the decompressed bytes, or "end". A compressed object is
// resumed by decompressing it again up to there.
#pragma once

#include <istream>
#include <memory>
#include <string>
#include <vector>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "murmur/status.h"
#include "source/objects.h"

namespace murmur {

inline constexpr uint64_t kSplitBytes = 64 << 20;
inline constexpr size_t kReadBytes = 512 << 10;

struct JsonlOptions {
  std::vector<std::string> paths;
  std::string base_directory = ".";
  std::string format = "json";
  HandoffToken handoff;
  uint64_t record_bytes_max = 16 << 20;
  uint64_t split_bytes = kSplitBytes;
  size_t read_bytes = kReadBytes;
};

class JsonlSource final : public SnapshotSource {
 public:
  explicit JsonlSource(JsonlOptions options);

  // A reader that can be read once: Resume is kUnimplemented. `name` stands for the object.
  // Takes format, handoff and record_bytes_max from `options`.
  static std::unique_ptr<SnapshotSource> FromReader(std::string name,
                                                    std::unique_ptr<std::istream> reader,
                                                    JsonlOptions options);
  // The same over standard input.
  static std::unique_ptr<SnapshotSource> FromStandardInput(JsonlOptions options);

  std::string_view Name() const noexcept override { return name_; }
  Result<HandoffToken> CaptureHandoff(std::stop_token stop) override;
  Result<ScanPlan> Scan(std::stop_token stop) override;
  Status Resume(const ScanPlan& plan) override;
  Result<std::unique_ptr<RecordStream>> Open(const Split& split, const Position& after,
                                             const Projection& projection) override;
  Status Close() override { return Status(); }

 private:
  Status AddSplits(const SourceObject& object, std::vector<Split>* splits) const;

  JsonlOptions options_;
  std::string name_;
  ObjectSet objects_;
};

// The source of definition.bootstrap, path "-" being standard input.
// Errors: kInvalidArgument, kNotFound (the format), kFailedPrecondition (handoff: live).
Result<std::unique_ptr<SnapshotSource>> MakeJsonlSource(const Definition& definition);

}  // namespace murmur
