// A range of a table whose rows change faster than they can be read, kept by cuts.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <thread>

#include "murmur/definition.h"
#include "murmur/testing/state_table_kit.h"
#include "runtime/table/ledger/key_rebuild.h"
#include "runtime/table/table_runner.h"
#include "state/memory/memory_table.h"

namespace murmur {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t kRows = 3000;
constexpr size_t kRowsAtOnce = 500;      // that a read brings
constexpr size_t kChangesAtOnce = 1000;  // that live brings: more than may be held for a read
constexpr milliseconds kReadTakes{30};
constexpr char kName[] = "hot";
constexpr char kYaml[] =
    "name: rows\nkey: [[]]\naggregates: {n: count, total: sum(v)}\n"
    "source: {mongo: {uri: unused, database: d, collection: c}}\n";

std::string Key(size_t row) { return fmt::format("{:0600}", row); }
std::string Place(size_t position) { return fmt::format("{:012}", position); }

// Change i, counted from 1, sets row i modulo kRows to i. The log has no end while it is hot: what
// is asked for has happened.
class HotTable {
 public:
  size_t end() const { return end_; }
  // The end of the log; if it is hot, it moves by `more` changes first.
  size_t Grow(size_t more) { return is_hot_ ? end_ += more : end_.load(); }
  void Cool() { is_hot_ = false; }
  static int64_t ValueAt(size_t row, size_t position) {
    // The last i up to position with i % kRows == row.
    const size_t back = (position % kRows + kRows - row) % kRows;
    return back > position ? 0 : static_cast<int64_t>(position - back);
  }
  std::atomic<int> reads{0};

 private:
  std::atomic<bool> is_hot_{true};
  std::atomic<size_t> end_{1000};
};

void BeginBatch(RecordBatch* batch, std::deque<std::string>* keys) {
  batch->Clear();
  batch->object = kName;
  batch->AsTable().row_keys.clear();
  batch->table->changes.clear();
  batch->table->places.clear();
  keys->clear();
}

void FillRow(RecordBatch* batch, std::deque<std::string>* keys, size_t row, int64_t value,
             RowChange change) {
  const uint32_t at = batch->rows++;
  batch->table->row_keys.push_back(keys->emplace_back(Key(row)));
  batch->table->changes.push_back(change);
  batch->offsets[at] = RowId(batch->table->row_keys[at]);
  for (Column& column : batch->columns) column.cells[at] = Cell::Int(value);
}

class HotStream final : public RecordStream {
 public:
  HotStream(HotTable* table, size_t next) : table_(*table), next_(next) {}

  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override {
    BeginBatch(batch, &keys_);
    if (!begun_) {  // a server takes its time, and sees what there is when it begins
      seen_ = table_.end();
      const auto until = steady_clock::now() + kReadTakes;
      while (steady_clock::now() < until && !stop.stop_requested()) {
        std::this_thread::sleep_for(milliseconds(1));
      }
      ++table_.reads;
    }
    begun_ = true;
    if (stop.stop_requested()) return Status(Code::kCancelled, kName);
    batch->table->read_point = Place(seen_);
    if (next_ == kRows) {
      table_.Cool();
      return ReadState::kEnd;
    }
    const size_t end = std::min(kRows, next_ + kRowsAtOnce);
    for (; next_ < end; ++next_) {
      FillRow(batch, &keys_, next_, HotTable::ValueAt(next_, seen_), RowChange::kPut);
    }
    for (Column& column : batch->columns) column.SetTypeFromCells(batch->rows);
    batch->after = std::to_string(next_);
    return ReadState::kRecords;
  }

 private:
  HotTable& table_;
  size_t next_;
  size_t seen_ = 0;
  bool begun_ = false;
  std::deque<std::string> keys_;
};

class HotRows final : public SnapshotSource {
 public:
  explicit HotRows(HotTable* table) : table_(*table) {}
  std::string_view Name() const noexcept override { return kName; }
  Result<HandoffToken> HandoffNow(std::stop_token /*stop*/) override {
    return HandoffToken{.streams = {{"log", {{"0", Place(table_.end())}}}}};
  }
  Result<ScanPlan> Scan(std::stop_token /*stop*/) override {
    return ScanPlan{.source = kName, .splits = {{.id = "rows", .bytes = 1, .payload = ""}}};
  }
  Status Resume(const ScanPlan& /*plan*/, std::stop_token /*stop*/) override { return {}; }
  Result<std::unique_ptr<RecordStream>> Open(const Split& /*split*/, const Position& after,
                                             const Projection& /*projection*/,
                                             std::stop_token /*stop*/) override {
    return std::unique_ptr<RecordStream>(
        std::make_unique<HotStream>(&table_, after.empty() ? 0 : std::stoul(after)));
  }
  Result<std::string> WhyNoBefore(std::stop_token /*stop*/) override { return std::string(); }
  Result<RowRange> RowsOf(const Split& /*split*/) const override { return RowRange(); }
  Status Close() override { return {}; }

 private:
  HotTable& table_;
};

class HotLog final : public RecordStream {
 public:
  HotLog(HotTable* table, size_t next) : table_(*table), next_(next) {}

  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override {
    BeginBatch(batch, &keys_);
    if (stop.stop_requested()) return Status(Code::kCancelled, kName);
    const size_t end = std::min(table_.Grow(kChangesAtOnce), next_ + kChangesAtOnce);
    if (end <= next_) return ReadState::kIdle;
    for (; next_ < end; ++next_) {
      const size_t row = (next_ + 1) % kRows;
      FillRow(batch, &keys_, row, HotTable::ValueAt(row, next_), RowChange::kRetract);
      FillRow(batch, &keys_, row, static_cast<int64_t>(next_ + 1), RowChange::kPut);
      batch->table->places.insert(batch->table->places.end(), 2, Place(next_ + 1));
    }
    for (Column& column : batch->columns) column.SetTypeFromCells(batch->rows);
    batch->table->watermark = batch->after = Place(next_);
    return ReadState::kRecords;
  }

 private:
  HotTable& table_;
  size_t next_;
  std::deque<std::string> keys_;
};

class HotChanges final : public LiveSource {
 public:
  explicit HotChanges(HotTable* table) : table_(*table) {}
  std::string_view Name() const noexcept override { return kName; }
  Result<HandoffToken> HandoffNow(std::stop_token /*stop*/) override { return HandoffToken(); }
  Result<std::vector<Split>> Splits(std::stop_token /*stop*/) override {
    return std::vector<Split>{{.id = "log", .bytes = 0, .payload = ""}};
  }
  Result<PositionMap> Begin(const std::vector<Split>& /*splits*/, const HandoffToken& token,
                            std::stop_token /*stop*/) override {
    return PositionMap{{"log", token.streams.at("log").at("0")}};
  }
  Result<PositionMap> Ends(const std::vector<Split>& /*splits*/,
                           std::stop_token /*stop*/) override {
    return PositionMap{{"log", Place(table_.end())}};
  }
  uint64_t Distance(const Position& position, const Position& end) const override {
    const uint64_t from = std::stoull(position);
    const uint64_t to = std::stoull(end);
    return from < to ? to - from : 0;
  }
  Result<std::string> PlaceOf(const Position& position) const override { return position; }
  Result<std::unique_ptr<RecordStream>> Open(const Split& /*split*/, const Position& after,
                                             const Projection& /*projection*/,
                                             std::function<void()> /*wake*/,
                                             std::stop_token /*stop*/) override {
    return std::unique_ptr<RecordStream>(std::make_unique<HotLog>(&table_, std::stoul(after)));
  }
  Status Close() override { return {}; }

 private:
  HotTable& table_;
};

TEST(HotRangeTest, ARangeThatChangesFasterThanItIsReadIsReadToItsEnd) {
  const auto definition = ParseDefinition(kYaml, "test.yaml", ".");
  ASSERT_TRUE(definition.ok()) << definition.status().ToString();
  const std::shared_ptr<const Pipeline> pipeline = *Pipeline::Compile(*definition);
  const StateSchema schema{.monoids = pipeline->Monoids(), .buckets = pipeline->buckets()};
  const auto table = *OpenMemoryTable(MakeMemoryStore({}, schema), schema);
  HotTable hot;
  HotRows rows(&hot);
  HotChanges changes(&hot);
  // A small share: the changes while a read begins do not fit.
  FoldOptions options{.threads = 1, .delta_bytes = 1 << 20};
  std::stop_source stop;
  TableRunner runner(pipeline, &rows, &changes, table.get(), options, options);
  const std::jthread patience([&stop](const std::stop_token& done) {
    const auto give_up = steady_clock::now() + std::chrono::seconds(60);
    while (!done.stop_requested() && steady_clock::now() < give_up) {
      std::this_thread::sleep_for(milliseconds(10));
    }
    stop.request_stop();
  });
  const Status status = runner.Run(stop.get_token());
  ASSERT_TRUE(status.ok()) << status.ToString() << ", " << hot.reads << " reads";
  EXPECT_GT(hot.reads, 1) << "nothing was held too long: the test is none";

  int64_t total = 0;
  for (size_t row = 0; row < kRows; ++row) total += HotTable::ValueAt(row, hot.end());
  const auto values = Dump(*table);
  ASSERT_EQ(values.size(), 1u);
  EXPECT_EQ(RecordsOfValue(values.begin()->second), static_cast<int64_t>(kRows));
  int64_t records = 0;
  std::string_view parts[2];
  ASSERT_TRUE(SplitValue(values.begin()->second, &records, parts));
  const auto sum = pipeline->Monoids()[1]->ValueOf(parts[1], records);
  ASSERT_TRUE(sum.ok()) << sum.status().ToString();
  EXPECT_EQ(*sum, Value::Integer(total));
}

}  // namespace
}  // namespace murmur
