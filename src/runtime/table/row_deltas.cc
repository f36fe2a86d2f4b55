#include "runtime/table/row_deltas.h"

#include <algorithm>
#include <string>
#include <utility>

namespace murmur {

RowDeltas::RowDeltas(std::shared_ptr<const Pipeline> pipeline, const FoldOptions& options)
    : pipeline_(std::move(pipeline)),
      options_(options),
      folder_(pipeline_),
      taken_(std::make_unique<GroupTable>(pipeline_->Monoids())),
      taking_(pipeline_->projection()) {}

int64_t RowDeltas::LatestTime() const {
  return options_.clock->WallMicros() + std::chrono::microseconds(options_.max_ahead).count();
}

void RowDeltas::Add(int64_t latest_time, RecordBatch* batch, SplitProgress* progress,
                    OnCounted on_counted) {
  Fold({.latest_time = latest_time,
        .newest_known = newest_time_,
        .times = options_.times,
        .on_counted = std::move(on_counted)},
       batch, progress);
}

void RowDeltas::Check(RecordBatch* batch, SplitProgress* progress) {
  Fold({.counts = false,
        .latest_time = LatestTime(),
        .newest_known = newest_time_,
        .times = options_.times,
        .on_counted = {}},
       batch, progress);
}

void RowDeltas::Fold(const Folder::Context& context, RecordBatch* batch, SplitProgress* progress) {
  const size_t dead = dead_letters_.size();
  folder_.Fold(context, batch, progress, &dead_letters_);
  for (size_t i = dead; i < dead_letters_.size(); ++i) dead_bytes_ += dead_letters_[i].raw.size();
  if (options_.dead_news && dead < dead_letters_.size()) {
    options_.dead_news->Note(std::span(dead_letters_).subspan(dead));
  }
  newest_time_ = std::max(newest_time_, progress->newest_time);
}

void RowDeltas::BeginTaking() { taking_.Clear(); }

Status RowDeltas::Take(std::string_view cells, uint64_t id, uint32_t number) {
  if (taking_.Add(cells, id, number)) return {};
  return Status(Code::kDataLoss, "an entry of the ledger is damaged");
}

Status RowDeltas::EndTaking(OnCounted on_counted) {
  const std::vector<DeadLetter> dead = FoldTaken(std::move(on_counted));
  if (dead.empty()) return {};
  return Status(Code::kInternal, "a row that was counted can't be taken away: " + dead[0].detail);
}

void RowDeltas::EndTakingWhatCounted() { (void)FoldTaken({}); }

std::vector<DeadLetter> RowDeltas::FoldTaken(OnCounted on_counted) {
  std::vector<DeadLetter> dead;
  if (taking_.size() == 0) return dead;
  SplitProgress ignored;
  taken_ = folder_.ExchangeTable(std::move(taken_));
  // A row that counted when it arrived counts now, whatever the clock says.
  folder_.Fold({.latest_time = INT64_MAX,
                .newest_known = newest_time_,
                .times = options_.times,
                .on_counted = std::move(on_counted)},
               taking_.Batch(), &ignored, &dead);
  taken_ = folder_.ExchangeTable(std::move(taken_));
  return dead;
}

void RowDeltas::AddDeadLetter(DeadLetter letter) {
  dead_bytes_ += letter.raw.size();
  dead_letters_.push_back(std::move(letter));
  if (options_.dead_news) options_.dead_news->Note(std::span(dead_letters_).last(1));
}

RowDeltas::Tables RowDeltas::NewTables() const {
  return {.added = std::make_unique<GroupTable>(pipeline_->Monoids()),
          .taken = std::make_unique<GroupTable>(pipeline_->Monoids())};
}

RowDeltas::Tables RowDeltas::Exchange(Tables empty) {
  return {.added = folder_.ExchangeTable(std::move(empty.added)),
          .taken = std::exchange(taken_, std::move(empty.taken))};
}

std::vector<DeadLetter> RowDeltas::ExchangeDeadLetters() {
  dead_bytes_ = 0;
  return std::exchange(dead_letters_, {});
}

}  // namespace murmur
