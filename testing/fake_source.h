// A table in memory with a change log, which stands for a database. Deterministic: tests decide
// when it is slow or fails.
//
// FakeTable holds rows and the log of their changes. FakeTableSource scans it in splits of
// kRowsPerSplit rows; its handoff token is the log's end: {"log": {"0": "<changes so far>"}}.
// FakeLiveStream reads the log from such a position on.
#pragma once

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "murmur/decoder.h"
#include "murmur/source.h"
#include "murmur/testing/stop_inside.h"

namespace murmur {

// Threads: any.
class FakeTable {
 public:
  explicit FakeTable(std::string name) : name_(std::move(name)) {}

  // Appends a row, given as a JSON object, and logs it.
  void Insert(std::string json) {
    const std::lock_guard lock(mutex_);
    log_.push_back(json);
    rows_.push_back(std::move(json));
  }
  // Appends a row without logging it: a row from before the log began.
  void Load(std::string json) {
    const std::lock_guard lock(mutex_);
    rows_.push_back(std::move(json));
  }
  // Appends to the log only: an event.
  void Publish(std::string json) {
    const std::lock_guard lock(mutex_);
    log_.push_back(std::move(json));
  }

  const std::string& name() const noexcept { return name_; }
  size_t row_count() const { return Count(rows_); }
  size_t log_size() const { return Count(log_); }
  std::vector<std::string> Rows(size_t begin, size_t end) const { return Copy(rows_, begin, end); }
  std::vector<std::string> Log(size_t begin, size_t end) const { return Copy(log_, begin, end); }

 private:
  size_t Count(const std::vector<std::string>& from) const {
    const std::lock_guard lock(mutex_);
    return from.size();
  }
  std::vector<std::string> Copy(const std::vector<std::string>& from, size_t begin,
                                size_t end) const {
    const std::lock_guard lock(mutex_);
    end = std::min(end, from.size());
    begin = std::min(begin, end);
    return {from.begin() + static_cast<std::ptrdiff_t>(begin),
            from.begin() + static_cast<std::ptrdiff_t>(end)};
  }

  const std::string name_;
  mutable std::mutex mutex_;
  std::vector<std::string> rows_;
  std::vector<std::string> log_;
};

// Behaviour other than reading; shared by all streams of a source, and by sources over one table.
struct FakeBehaviour {
  uint32_t batch_rows = 100;                // rows per Read
  std::chrono::milliseconds read_delay{0};  // before each Read; a stop cuts it short
  std::atomic<int> captures{0};             // HandoffNow calls
  std::atomic<int64_t> reads{0};            // Read calls
  std::atomic<int64_t> fail_at_read{-1};    // this one, counted from 0, fails with `failure`
  Status failure{Code::kUnavailable, "the fake source failed as it was told"};
  std::atomic<bool> fail_publishing{false};  // of dead letters
  std::function<void()> after_capture;       // a hook for a crash, or for changes
  std::function<void()> before_holds;        // a hook: LiveSource::Holds is about to answer
  std::atomic<bool> fail_hold{false};        // LiveSource::Hold and Holds
  std::atomic<bool> fail_let_go{false};      // LiveSource::LetGo
  // While set, every call waits as if nobody answered, until a stop is asked for.
  std::atomic<bool> hangs{false};

  // Returns OK if the call may go on. Errors: kCancelled.
  Status Answer(const std::stop_token& stop) const {
    while (hangs && !stop.stop_requested()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return stop.stop_requested() ? Status(Code::kCancelled, "stopped") : Status();
  }
};

class FakeHang final : public Hang {
 public:
  explicit FakeHang(FakeBehaviour* behaviour) : behaviour_(*behaviour) { behaviour_.hangs = true; }
  ~FakeHang() override { behaviour_.hangs = false; }

 private:
  FakeBehaviour& behaviour_;
};

// Reads JSON texts [next, end) of `object`. Positions are "n=" and the number of the next one.
class FakeStream final : public RecordStream {
 public:
  using Fetch = std::function<std::vector<std::string>(size_t begin, size_t end)>;

  // A live stream (`end` empty) is kIdle where a finite one is kEnd.
  FakeStream(std::string object, size_t next, std::optional<size_t> end, Fetch fetch,
             const Projection& projection, FakeBehaviour* behaviour)
      : object_(std::move(object)),
        next_(next),
        end_(end),
        fetch_(std::move(fetch)),
        decoder_(std::move(MakeDecoder("json", projection)).value()),
        behaviour_(behaviour) {}

  static Result<size_t> ParsePosition(const Position& position) {
    size_t next = 0;
    if (position.empty()) return next;
    const char* end = position.data() + position.size();
    if (!position.starts_with("n=") || std::from_chars(position.data() + 2, end, next).ptr != end) {
      return Status(Code::kInvalidArgument, "'" + position + "' is no position of a fake source");
    }
    return next;
  }

  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override {
    batch->Clear();
    batch->object = object_;
    Wait(stop);
    MURMUR_TRY(behaviour_->Answer(stop));
    if (behaviour_->reads++ == behaviour_->fail_at_read) return behaviour_->failure;
    const size_t wanted = std::min(behaviour_->batch_rows, kBatchRows);
    texts_ = fetch_(next_, std::min(end_.value_or(SIZE_MAX), next_ + wanted));
    if (texts_.empty()) return end_ ? ReadState::kEnd : ReadState::kIdle;
    decoder_->BeginBatch();
    for (const std::string& text : texts_) Decode(text, batch);
    for (Column& column : batch->columns) column.SetTypeFromCells(batch->rows);
    batch->after = "n=" + std::to_string(next_);
    return ReadState::kRecords;
  }

 private:
  void Wait(const std::stop_token& stop) const {
    const auto until = std::chrono::steady_clock::now() + behaviour_->read_delay;
    while (!stop.stop_requested() && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  void Decode(const std::string& text, RecordBatch* batch) {
    const uint64_t offset = next_++;
    batch->bytes += text.size();
    DeadLetter dead;
    if (decoder_->Decode(text, batch->rows, &batch->columns, &dead)) {
      batch->raw[batch->rows] = text;
      batch->offsets[batch->rows++] = offset;
      return;
    }
    dead.object = object_;
    dead.offset = offset;
    dead.raw = text.substr(0, kDeadLetterRawBytes);
    batch->dead_letters.push_back(std::move(dead));
  }

  std::string object_;
  size_t next_;
  std::optional<size_t> end_;
  Fetch fetch_;
  std::unique_ptr<RecordDecoder> decoder_;
  FakeBehaviour* behaviour_;
  std::vector<std::string> texts_;
};

// Table and behaviour must outlive it.
class FakeTableSource final : public SnapshotSource {
 public:
  static constexpr size_t kRowsPerSplit = 1000;

  FakeTableSource(const FakeTable* table, FakeBehaviour* behaviour)
      : table_(table), behaviour_(behaviour), name_("fake:" + table->name()) {}

  std::string_view Name() const noexcept override { return name_; }

  Result<HandoffToken> HandoffNow(std::stop_token stop) override {
    MURMUR_TRY(behaviour_->Answer(stop));
    ++behaviour_->captures;
    HandoffToken token;
    token.streams["log"]["0"] = std::to_string(table_->log_size());
    if (behaviour_->after_capture) behaviour_->after_capture();
    return token;
  }

  Result<ScanPlan> Scan(std::stop_token stop) override {
    MURMUR_TRY(behaviour_->Answer(stop));
    const size_t rows = table_->row_count();
    ScanPlan plan{.source = name_, .splits = {}, .payload = std::to_string(rows)};
    for (size_t begin = 0; begin < rows; begin += kRowsPerSplit) {
      const size_t end = std::min(rows, begin + kRowsPerSplit);
      plan.splits.push_back({.id = table_->name() + "#" + std::to_string(begin / kRowsPerSplit),
                             .bytes = end - begin,
                             .payload = std::to_string(begin) + "-" + std::to_string(end)});
    }
    return plan;
  }

  Status Resume(const ScanPlan& plan, std::stop_token stop) override {
    MURMUR_TRY(behaviour_->Answer(stop));
    if (plan.source != name_) {
      return Status(Code::kInvalidArgument, "the plan is of source '" + plan.source + "'");
    }
    return Status();
  }

  Result<std::unique_ptr<RecordStream>> Open(const Split& split, const Position& after,
                                             const Projection& projection,
                                             std::stop_token stop) override {
    MURMUR_TRY(behaviour_->Answer(stop));
    MURMUR_ASSIGN(const size_t next, FakeStream::ParsePosition(after));
    const size_t dash = split.payload.find('-');
    const size_t begin = std::stoul(split.payload.substr(0, dash));
    const size_t end = std::stoul(split.payload.substr(dash + 1));
    return std::unique_ptr<RecordStream>(std::make_unique<FakeStream>(
        table_->name(), std::max(begin, next), end,
        [this](size_t from, size_t to) { return table_->Rows(from, to); }, projection, behaviour_));
  }

  Result<std::vector<Split>> More(const ScanPlan& /*plan*/, const ProgressMap& /*progress*/,
                                  std::stop_token stop) override {
    MURMUR_TRY(behaviour_->Answer(stop));
    return std::vector<Split>();
  }
  Result<ScanEnd> Finish(const ScanPlan& /*plan*/, const ProgressMap& /*progress*/,
                         std::stop_token stop) override {
    MURMUR_TRY(behaviour_->Answer(stop));
    return ScanEnd();
  }

  Status Close() override { return Status(); }

 private:
  const FakeTable* table_;
  FakeBehaviour* behaviour_;
  std::string name_;
};

// The table's log from the token that FakeTableSource captured. Errors: kInvalidArgument.
inline Result<std::unique_ptr<RecordStream>> OpenFakeLog(const FakeTable* table,
                                                         const HandoffToken& token,
                                                         const Projection& projection,
                                                         FakeBehaviour* behaviour) {
  const auto stream = token.streams.find("log");
  if (stream == token.streams.end() || !stream->second.contains("0")) {
    return Status(Code::kInvalidArgument, "the token has no position in the log");
  }
  MURMUR_ASSIGN(const size_t next, FakeStream::ParsePosition("n=" + stream->second.at("0")));
  return std::unique_ptr<RecordStream>(std::make_unique<FakeStream>(
      table->name() + "/log", next, std::nullopt,
      [table](size_t from, size_t to) { return table->Log(from, to); }, projection, behaviour));
}

}  // namespace murmur
