#include "runtime/verify/row_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <thread>
#include <unordered_set>

#include "base/shown.h"
#include "fold/folder.h"
#include "fold/id_reader.h"
#include "fold/row_codec.h"
#include "runtime/loop/fold_worker.h"
#include "runtime/table/ledger/ledger_entry.h"

namespace murmur {
namespace {

constexpr std::chrono::milliseconds kReportEvery{200};
constexpr size_t kDifferenceOverhead = 200;  // in a map

Status Stopped() { return Status(Code::kCancelled, "stopped"); }

// A key without a known text form.
std::string KeyAsText(std::string_view key) {
  const auto is_plain = [](char c) { return c >= ' ' && c <= '~'; };
  if (!key.empty() && std::all_of(key.begin(), key.end(), is_plain)) return std::string(key);
  std::string text = "0x";
  for (const char c : key) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

bool Counts(const std::optional<std::string>& entry) { return entry && HasCells(*entry); }

}  // namespace

// Compares batches with the ledger. One thread.
class RowCheck::Worker {
 public:
  explicit Worker(RowCheck* check)
      : check_(*check), batch_(check->pipeline_->projection()), folder_(check->pipeline_) {}

  RecordBatch* batch() { return &batch_; }

  Status Compare() {
    const uint32_t rows = batch_.rows;
    MURMUR_TRY(Load());
    for (uint32_t row = 0; row < rows; ++row) {
      cells_[row].clear();
      if (batch_.table->changes[row] == RowChange::kPut) AppendRow(batch_, row, &cells_[row]);
    }
    FindCounting();
    for (uint32_t row = 0; row < rows; ++row) MURMUR_TRY(CompareRow(row));
    check_.NoteRead(rows, batch_.bytes);
    return {};
  }

 private:
  // Reads the rows' ledger entries, and decides which rows to compare.
  Status Load() {
    keys_.assign(batch_.table->row_keys.begin(), batch_.table->row_keys.begin() + batch_.rows);
    const RowDifferences* only = check_.options_.only;
    looked_at_.assign(batch_.rows, true);
    if (only != nullptr) {
      for (uint32_t row = 0; row < batch_.rows; ++row) {
        looked_at_[row] = only->find(keys_[row]) != only->end();
      }
    }
    MURMUR_ASSIGN(entries_, check_.table_->LedgerEntries(keys_));
    for (const auto& entry : entries_) {
      if (entry && !IsWellFormed(*entry)) {
        return Status(Code::kDataLoss, "an entry of the ledger is damaged");
      }
    }
    return {};
  }

  bool IsSame(uint32_t row) const {
    if (!Counts(entries_[row])) return false;
    return batch_.table->changes[row] == RowChange::kPut && CellsOf(*entries_[row]) == cells_[row];
  }

  // Finds the rows that count and differ from the ledger. Expired rows don't matter.
  void FindCounting() {
    const uint32_t rows = batch_.rows;
    counts_.assign(rows, false);
    expired_.assign(rows, false);
    std::vector<bool> keep(rows);
    for (uint32_t row = 0; row < rows; ++row) {
      keep[row] = looked_at_[row] && batch_.table->changes[row] == RowChange::kPut && !IsSame(row);
      expired_[row] = IsExpired(row);
    }
    batch_.numbers.resize(kBatchRows);
    std::iota(batch_.numbers.begin(), batch_.numbers.begin() + rows, 0);
    KeepRows(keep, &batch_);
    const int64_t ahead = std::chrono::microseconds(check_.options_.max_ahead).count();
    const Folder::Context context{.latest_time = check_.options_.clock->WallMicros() + ahead};
    SplitProgress ignored;
    std::vector<DeadLetter> dead;
    folder_.Fold(context, &batch_, &ignored, &dead);
    folder_.table().Clear();
    for (uint32_t row = 0; row < batch_.rows; ++row) {
      const uint32_t number = batch_.numbers[row];
      counts_[number] = !expired_[number];
    }
  }

  bool IsExpired(uint32_t row) const {
    if (check_.first_bucket_ == INT64_MIN) return false;
    const Cell& cell = CellAt(batch_.columns[*check_.pipeline_->time_column()], row);
    return cell.kind == Kind::kTime &&
           check_.pipeline_->buckets().Bucket(cell.i) < check_.first_bucket_;
  }

  Status CompareRow(uint32_t row) {
    if (!looked_at_[row]) return {};
    const bool known = Counts(entries_[row]);
    if (known) check_.NoteSeen(keys_[row]);
    const bool differs = counts_[row] || (known && !IsSame(row));
    if (!differs) return {};
    RowDifference difference{.text = TextOf(row), .entry = entries_[row], .cells = {}};
    if (counts_[row]) difference.cells = cells_[row];
    return check_.NoteDifference(keys_[row], std::move(difference));
  }

  std::string TextOf(uint32_t row) const {
    DeadLetter letter;
    if (batch_.describe) batch_.describe(row, &letter);
    return letter.id.empty() ? KeyAsText(keys_[row]) : letter.id;
  }

  RowCheck& check_;
  RecordBatch batch_;
  Folder folder_;
  // For the batch, indexed by the rows' numbers as read.
  std::vector<std::string_view> keys_;
  std::vector<bool> looked_at_, counts_, expired_;
  std::vector<std::optional<std::string>> entries_;
  std::vector<std::string> cells_ = std::vector<std::string>(kBatchRows);
};

RowCheck::RowCheck(std::shared_ptr<const Pipeline> pipeline, SnapshotSource* source,
                   const StateTable* table, const StateSnapshot* snapshot, RowCheckOptions options)
    : pipeline_(std::move(pipeline)),
      source_(source),
      table_(table),
      snapshot_(snapshot),
      options_(std::move(options)),
      first_bucket_(pipeline_->buckets().windowed() ? snapshot->FirstBucket() : INT64_MIN) {
  if (options_.only == nullptr) unseen_.emplace(options_.unseen_max);
}

RowCheck::~RowCheck() = default;

Status RowCheck::Run(std::stop_token stop) {
  MURMUR_ASSIGN(plan_, source_->Scan(stop));
  MURMUR_TRY(ReadSplits(plan_.splits, stop));
  MURMUR_TRY(AddLater(stop));
  MURMUR_TRY(source_->Finish(plan_, progress_, stop));
  return options_.only != nullptr ? FindUnseenOfOnly() : FindUnseen(stop);
}

Status RowCheck::AddLater(std::stop_token stop) {
  for (;;) {
    MURMUR_ASSIGN(const auto splits, source_->More(plan_, progress_, stop));
    if (splits.empty()) return {};
    MURMUR_TRY(ReadSplits(splits, stop));
  }
}

Status RowCheck::ReadSplits(const std::vector<Split>& splits, std::stop_token stop) {
  for (const Split& split : splits) bytes_total_ += split.bytes;
  std::atomic<size_t> next{0};
  std::stop_source abort;
  const std::stop_callback pass_on(stop, [&abort] { abort.request_stop(); });
  std::vector<Status> outcomes(options_.threads);
  std::vector<std::jthread> threads;
  for (uint32_t i = 0; i < options_.threads; ++i) {
    threads.emplace_back([&, i] {
      Worker worker(this);
      for (size_t at = next++; at < splits.size() && outcomes[i].ok(); at = next++) {
        outcomes[i] = ReadSplit(&worker, splits[at], abort.get_token());
      }
      if (!outcomes[i].ok()) abort.request_stop();
    });
  }
  threads.clear();
  if (stop.stop_requested()) return Stopped();
  // A worker that failed has stopped the others.
  for (const Status& outcome : outcomes) {
    if (outcome.code() != Code::kCancelled) MURMUR_TRY(outcome);
  }
  for (const Status& outcome : outcomes) MURMUR_TRY(Unasked(outcome, /*asked=*/false));
  return {};
}

Status RowCheck::ReadSplit(Worker* worker, const Split& split, const std::stop_token& stop) {
  MURMUR_ASSIGN(const auto stream, source_->Open(split, "", pipeline_->projection(), stop));
  SplitProgress progress;
  while (!stop.stop_requested()) {
    worker->batch()->Clear();
    MURMUR_ASSIGN(const ReadState state, stream->Read(stop, worker->batch()));
    if (state == ReadState::kIdle) continue;
    if (state == ReadState::kEnd) {
      progress.done = true;
      const std::lock_guard lock(mutex_);
      progress_[split.id] = progress;
      return {};
    }
    progress.position = worker->batch()->after;
    progress.bytes += worker->batch()->bytes;
    MURMUR_TRY(worker->Compare());
  }
  return Stopped();
}

void RowCheck::NoteSeen(std::string_view key) {
  if (unseen_) return unseen_->Remove(HashRow(key));
  const std::lock_guard lock(mutex_);
  seen_.emplace(key);
}

Status RowCheck::NoteDifference(std::string_view key, RowDifference difference) {
  const std::lock_guard lock(mutex_);
  difference_bytes_ += key.size() + difference.text.size() + kDifferenceOverhead +
                       (difference.entry ? difference.entry->size() : 0) +
                       (difference.cells ? difference.cells->size() : 0);
  differences_.insert_or_assign(std::string(key), std::move(difference));
  if (difference_bytes_ <= options_.difference_bytes) return {};
  return Status(Code::kResourceExhausted,
                fmt::format("more than {} differ, which is more than can be listed within "
                            "`memory`: build the state anew, murmur bootstrap FILE --fresh",
                            Counted(differences_.size(), "row")));
}

void RowCheck::NoteRead(uint64_t rows, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  rows_ += rows;
  bytes_ += bytes;
  const auto now = std::chrono::steady_clock::now();
  if (!options_.on_progress || now - reported_ < kReportEvery) return;
  reported_ = now;
  options_.on_progress(rows_, bytes_, bytes_total_);
}

// Rows that count by the ledger, and are not in the source.
Status RowCheck::FindUnseen(const std::stop_token& stop) {
  MURMUR_TRY(ScanLedgerRows(*snapshot_, [&](std::string_view key, std::string_view entry) {
    if (IsWellFormed(entry) && HasCells(entry)) {
      ++ledger_rows_;
      unseen_->Add(HashRow(key));
    }
    return !stop.stop_requested();
  }));
  if (stop.stop_requested()) return Stopped();
  const auto rows = unseen_->Take();
  if (!rows) {
    return Status(Code::kResourceExhausted,
                  fmt::format("more than {} of the ledger are not in the source any more, "
                              "which is more than can be told apart within `memory`. If they were "
                              "deleted just now, try again; else build the state anew: murmur "
                              "bootstrap FILE --fresh",
                              Counted(options_.unseen_max, "row")));
  }
  if (rows->empty()) return {};
  const std::unordered_set<RowHash, RowHash::Hasher> hashes(rows->begin(), rows->end());
  Status status;
  MURMUR_TRY(ScanLedgerRows(*snapshot_, [&](std::string_view key, std::string_view entry) {
    if (!hashes.contains(HashRow(key)) || !HasCells(entry)) return true;
    status = NoteDifference(
        key, {.text = KeyAsText(key), .entry = std::string(entry), .cells = std::nullopt});
    return status.ok() && !stop.stop_requested();
  }));
  return stop.stop_requested() ? Stopped() : status;
}

Status RowCheck::FindUnseenOfOnly() {
  std::vector<std::string_view> keys;
  for (const auto& [key, difference] : *options_.only) {
    if (!seen_.contains(key)) keys.push_back(key);
  }
  MURMUR_ASSIGN(const auto entries, table_->LedgerEntries(keys));
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!entries[i] || !IsWellFormed(*entries[i]) || !HasCells(*entries[i])) continue;
    const std::string& text = options_.only->find(keys[i])->second.text;
    MURMUR_TRY(NoteDifference(keys[i], {.text = text, .entry = entries[i], .cells = std::nullopt}));
  }
  return {};
}

}  // namespace murmur
