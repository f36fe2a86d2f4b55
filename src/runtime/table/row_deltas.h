// What rows have added to the aggregates and subtracted from them since the last commit.
// Threads: one at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "fold/folder.h"
#include "fold/pipeline.h"
#include "fold/row_codec.h"
#include "murmur/status.h"
#include "runtime/loop/fold_worker.h"

namespace murmur {

class RowDeltas {
 public:
  // Called for each row that counts: its number (RecordBatch::numbers) and each of its keys.
  using OnCounted = std::function<void(uint32_t number, std::string_view key)>;
  struct Tables {
    std::unique_ptr<GroupTable> added, taken;
  };

  RowDeltas(std::shared_ptr<const Pipeline> pipeline, const FoldOptions& options);

  // Sets the newest time that the version has seen: what had expired stays so after a restart.
  void BeginAt(int64_t newest_time) { newest_time_ = std::max(newest_time_, newest_time); }

  // Adds the rows; the batch is consumed. `latest_time`: as in Folder::Context.
  void Add(int64_t latest_time, RecordBatch* batch, SplitProgress* progress,
           OnCounted on_counted = {});
  // As Add, but adds nothing: finds out what each row would come to; a newer row has replaced it.
  void Check(RecordBatch* batch, SplitProgress* progress);
  int64_t LatestTime() const;  // the latest time accepted at this moment

  // Subtracts rows: any number of Take, then EndTaking. `cells`: written by AppendRow
  // (row_codec.h); they must stay valid until EndTaking. `id`: the offset that the row had when it
  // was added.
  // Errors: kDataLoss (malformed cells), kInternal (of EndTaking: a row that never counted).
  void BeginTaking();
  Status Take(std::string_view cells, uint64_t id, uint32_t number);
  Status EndTaking(OnCounted on_counted = {});
  // As EndTaking, but skips rows that never counted.
  void EndTakingWhatCounted();

  void AddDeadLetter(DeadLetter letter);
  size_t bytes() const { return folder_.table().bytes() + taken_->bytes(); }
  size_t dead_bytes() const noexcept { return dead_bytes_; }

  Tables NewTables() const;
  // Continues with `empty`; returns what was gathered.
  Tables Exchange(Tables empty);
  std::vector<DeadLetter> ExchangeDeadLetters();

 private:
  void Fold(const Folder::Context& context, RecordBatch* batch, SplitProgress* progress);
  std::vector<DeadLetter> FoldTaken(OnCounted on_counted);

  const std::shared_ptr<const Pipeline> pipeline_;
  const FoldOptions options_;
  Folder folder_;
  std::unique_ptr<GroupTable> taken_;
  int64_t newest_time_ = INT64_MIN;
  std::vector<DeadLetter> dead_letters_;
  size_t dead_bytes_ = 0;
  StoredRows taking_;
};

}  // namespace murmur
