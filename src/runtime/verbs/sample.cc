#include "runtime/verbs/sample.h"

#include <chrono>

#include "base/clock.h"
#include "fold/absent_fields.h"
#include "fold/folder.h"
#include "runtime/loop/dead_news.h"
#include "state/progress.h"

namespace murmur {
namespace {

// Folds records one by one into one progress.
class Sampler {
 public:
  explicit Sampler(const std::shared_ptr<const Pipeline>& pipeline)
      : pipeline_(*pipeline),
        folder_(pipeline),
        absent_(*pipeline),
        batch_(pipeline->projection()) {
    const auto ahead = std::chrono::microseconds(pipeline->definition().max_ahead).count();
    context_.latest_time = Clock::System().WallMicros() + ahead;
  }

  bool enough() const { return LookedAt(progress_) + DeadCount(progress_) >= kSampleRecords; }

  Status Read(SnapshotSource* source, const Split& split, const std::stop_token& stop) {
    MURMUR_ASSIGN(const auto stream, source->Open(split, "", pipeline_.projection(), stop));
    while (!enough() && !stop.stop_requested()) {
      batch_.Clear();
      MURMUR_ASSIGN(const ReadState state, stream->Read(stop, &batch_));
      if (state == ReadState::kEnd) return {};
      absent_.Note(batch_, &progress_);
      folder_.Fold(context_, &batch_, &progress_, &dead_);
      if (dead_.size() > 1) dead_.resize(1);
    }
    return {};
  }

  FieldSample Found() const {
    FieldSample found{.looked_at = LookedAt(progress_),
                      .counted = progress_.records - progress_.filtered,
                      .filtered = progress_.filtered,
                      .dead = DeadCount(progress_)};
    found.undecodable = progress_.records + progress_.expired + found.dead - found.looked_at;
    if (!dead_.empty()) found.first_dead = PlaceOf(dead_[0]) + ": " + dead_[0].detail;
    found.absent = progress_.absent.value_or(std::vector<AbsentField>());
    return found;
  }

 private:
  const Pipeline& pipeline_;
  Folder folder_;
  AbsentFields absent_;
  RecordBatch batch_;
  Folder::Context context_;
  SplitProgress progress_;
  std::vector<DeadLetter> dead_;
};

}  // namespace

Result<FieldSample> SampleRecords(const std::shared_ptr<const Pipeline>& pipeline,
                                  SnapshotSource* source, std::stop_token stop) {
  MURMUR_ASSIGN(const ScanPlan plan, source->Scan(stop));
  Sampler sampler(pipeline);
  for (const Split& split : plan.splits) {
    if (sampler.enough() || stop.stop_requested()) break;
    Status status = sampler.Read(source, split, stop);
    if (status.code() == Code::kCancelled) break;
    MURMUR_TRY(status);
  }
  return sampler.Found();
}

}  // namespace murmur
