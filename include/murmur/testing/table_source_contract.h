// The contract of a table as tests: a SnapshotSource of its rows and a LiveSource of their changes
// (murmur/source.h, docs/tables.md). What each of the two promises alone is asked by
// snapshot_source_contract.h and live_source_contract.h; here is what they promise each other. A
// table gets all of it with
//
//   MURMUR_TABLE_SOURCE_CONTRACT(MongoTableContract);
//   INSTANTIATE_TEST_SUITE_P(Mongo, MongoTableContract, testing::Values(TableCase{…}),
//                            TableCaseName);
//
// where a TableCase makes a fixture that writes rows and opens sources over them. The test program
// links Murmur::testing.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "murmur/source.h"
#include "murmur/state.h"

namespace murmur {

// A row to be written: the fields id, which is its primary key, and v.
struct ContractRow {
  int64_t id = 0;
  int64_t v = 0;
};

// The table of one test, empty at first. Removes it when it goes. Threads: Put and Delete from many
// at once, each for rows of its own; the others from one.
class TableFixture {
 public:
  virtual ~TableFixture() = default;
  // Sources over the table; each call is like another process. A scan of 6000 rows should have
  // several splits.
  virtual std::unique_ptr<SnapshotSource> MakeRows() = 0;
  virtual std::unique_ptr<LiveSource> MakeChanges() = 0;

  // When one of these returns, readers see what it did. Put inserts or updates; all rows of a call
  // in one transaction, if there are such.
  virtual void Put(const std::vector<ContractRow>& rows) = 0;
  virtual void Delete(int64_t id) = 0;
  // Gives a row another primary key. False: that is not possible.
  virtual bool ChangeKey(int64_t /*from*/, int64_t /*to*/) { return false; }
  // Removes all rows, other than by deleting each. False: that is not possible.
  virtual bool Truncate() { return false; }
  // The origin forgets all of its log that nobody asked it to keep. False: it can't be made to.
  virtual bool ForgetLog() { return false; }
};

struct TableCase {
  std::string name;
  std::function<std::unique_ptr<TableFixture>()> make;
};
inline void PrintTo(const TableCase& c, std::ostream* os) { *os << c.name; }
inline std::string TableCaseName(const testing::TestParamInfo<TableCase>& info) {
  return info.param.name;
}

// What a source said about a row. The fields of a kDelete are 0.
struct SaidOfRow {
  std::string key;
  RowChange change = RowChange::kPut;
  int64_t id = 0;
  int64_t v = 0;
  std::string place;
  bool operator==(const SaidOfRow&) const = default;
};
inline void PrintTo(const SaidOfRow& row, std::ostream* os) {
  static constexpr const char* kNames[] = {"put", "delete", "retract"};
  *os << kNames[static_cast<int>(row.change)] << " " << row.id << "=" << row.v << " of key "
      << testing::PrintToString(row.key);
}

// Two threads that change rows, each its own, until they are told to stop.
class ContractWriters {
 public:
  using Values = std::map<int64_t, int64_t>;  // by id

  // `values`: what the rows below `ids` hold. Later values are greater than all of them.
  ContractWriters(TableFixture* fixture, const Values& values, int64_t ids) : fixture_(*fixture) {
    for (const auto& [id, v] : values) values_[static_cast<size_t>(id % kThreads)][id] = v;
    for (int64_t n = 0; n < kThreads; ++n) {
      threads_.emplace_back([this, n, ids](const std::stop_token& stop) { Write(n, ids, stop); });
    }
  }
  // Waits until `count` more changes are made.
  void WaitFor(int64_t count) const {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    for (const int64_t goal = made_ + count;
         made_ < goal && std::chrono::steady_clock::now() < give_up;) {
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }
  // Stops, and returns what the rows hold now.
  Values Stop() {
    threads_.clear();
    Values all;
    for (const Values& values : values_) all.insert(values.begin(), values.end());
    return all;
  }

 private:
  static constexpr int64_t kThreads = 2;

  void Write(int64_t n, int64_t ids, const std::stop_token& stop) {
    Values& values = values_[static_cast<size_t>(n)];
    std::mt19937_64 random(static_cast<uint64_t>(n));
    for (int64_t v = 1'000'000 + n; !stop.stop_requested(); v += kThreads) {
      const int64_t id =
          static_cast<int64_t>(random() % static_cast<uint64_t>(ids)) / kThreads * kThreads + n;
      if (random() % 4 == 0 && values.erase(id) > 0) {
        fixture_.Delete(id);
      } else {
        fixture_.Put({{.id = id, .v = v}});
        values[id] = v;
      }
      ++made_;
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }

  TableFixture& fixture_;
  std::atomic<int64_t> made_{0};
  Values values_[kThreads];  // each written by its thread
  std::vector<std::jthread> threads_;
};

class TableSourceContract : public testing::TestWithParam<TableCase> {
 protected:
  using Values = ContractWriters::Values;
  static constexpr int64_t kRows = 6000;
  static constexpr size_t kPassedBytesMax = 4096;  // of what ReadPoints::Pass makes
  static constexpr std::chrono::seconds kPatience{30};

  void SetUp() override {
    fixture_ = GetParam().make();
    rows_ = fixture_->MakeRows();
    changes_ = fixture_->MakeChanges();
    const auto why_no_before = rows_->WhyNoBefore({});
    ASSERT_TRUE(why_no_before.ok()) << why_no_before.status().ToString();
    before_ = why_no_before->empty();
    const auto why_not_in_order = rows_->WhyNotInKeyOrder({});
    ASSERT_TRUE(why_not_in_order.ok()) << why_not_in_order.status().ToString();
    in_key_order_ = why_not_in_order->empty();
  }

  // --- reading rows

  // One Read of a split: the rows, and the end of the split, which comes as a batch without rows.
  struct BatchOfRows {
    std::vector<SaidOfRow> rows;
    Position after;
    std::string read_point;
    bool is_end = false;
  };
  struct ReadOfSplit {
    Split split;
    std::vector<BatchOfRows> batches;

    std::vector<SaidOfRow> Rows(size_t from = 0) const {
      std::vector<SaidOfRow> all;
      for (size_t i = from; i < batches.size(); ++i) {
        all.insert(all.end(), batches[i].rows.begin(), batches[i].rows.end());
      }
      return all;
    }
    const std::string& last_read_point() const { return batches.back().read_point; }
  };

  Projection Fields() const {
    Projection projection;
    for (const char* name : {"id", "v"}) {
      projection.fields.emplace_back().path.steps.emplace_back(name);
    }
    projection.before = before_;
    return projection;
  }
  static void Copy(RecordBatch* batch, std::vector<SaidOfRow>* out) {
    ASSERT_TRUE(batch->table) << "it says nothing about the rows of a table";
    ASSERT_GE(batch->table->row_keys.size(), batch->rows);
    ASSERT_GE(batch->table->changes.size(), batch->rows);
    EXPECT_LE(batch->rows, kBatchRows);
    EXPECT_TRUE(batch->dead_letters.empty());
    for (Column& column : batch->columns) column.Materialize(batch->rows);
    for (uint32_t row = 0; row < batch->rows; ++row) {
      SaidOfRow& said = out->emplace_back();
      said.key = batch->table->row_keys[row];
      said.change = batch->table->changes[row];
      if (row < batch->table->places.size()) said.place = batch->table->places[row];
      if (said.change == RowChange::kDelete) continue;
      EXPECT_EQ(batch->columns[0].cells[row].kind, Kind::kInt) << "id";
      EXPECT_EQ(batch->columns[1].cells[row].kind, Kind::kInt) << "v";
      said.id = batch->columns[0].cells[row].i;
      said.v = batch->columns[1].cells[row].i;
    }
  }
  ReadOfSplit ReadSplit(
      SnapshotSource* source, const Split& split, const Position& after = {},
      const std::function<void()>& after_each = [] {}) const {
    ReadOfSplit read{.split = split, .batches = {}};
    auto stream = source->Open(split, after, Fields(), {});
    EXPECT_TRUE(stream.ok()) << stream.status().ToString();
    RecordBatch batch(Fields());
    while (stream.ok()) {
      const auto state = (*stream)->Read({}, &batch);
      EXPECT_TRUE(state.ok()) << state.status().ToString();
      if (!state.ok()) break;
      if (*state == ReadState::kIdle) continue;
      BatchOfRows& part = read.batches.emplace_back();
      part.is_end = *state == ReadState::kEnd;
      part.after = batch.after;
      if (batch.table) part.read_point = batch.table->read_point;
      EXPECT_TRUE(!before_ || !part.read_point.empty()) << "a read does not tell what it saw";
      if (part.is_end) return read;
      Copy(&batch, &part.rows);
      after_each();
    }
    read.batches.push_back({.rows = {}, .after = {}, .read_point = {}, .is_end = true});
    return read;
  }
  ScanPlan Scan() {
    auto plan = rows_->Scan({});
    EXPECT_TRUE(plan.ok()) << plan.status().ToString();
    return plan.ok() ? *plan : ScanPlan();
  }
  // All splits of a new scan.
  std::vector<ReadOfSplit> ReadRows(const std::function<void()>& after_each = [] {}) {
    std::vector<ReadOfSplit> reads;
    const ScanPlan plan = Scan();
    SnapshotSource::ProgressMap progress;
    for (std::vector<Split> splits = plan.splits; !splits.empty();) {
      for (const Split& split : splits) {
        reads.push_back(ReadSplit(rows_.get(), split, {}, after_each));
        progress[split.id].done = true;
      }
      auto more = rows_->More(plan, progress, {});
      EXPECT_TRUE(more.ok()) << more.status().ToString();
      splits = more.ok() ? *std::move(more) : std::vector<Split>();
    }
    return reads;
  }
  static std::vector<SaidOfRow> AllRows(const std::vector<ReadOfSplit>& reads) {
    std::vector<SaidOfRow> all;
    for (const ReadOfSplit& read : reads) {
      const auto rows = read.Rows();
      all.insert(all.end(), rows.begin(), rows.end());
    }
    return all;
  }

  // --- following changes

  struct Following {
    explicit Following(const Projection& projection) : batch(projection) {}
    struct Mark {
      Position after;
      std::string watermark;
      size_t rows = 0;  // that came before it
    };
    std::unique_ptr<RecordStream> stream;
    RecordBatch batch;
    Position at;
    std::vector<SaidOfRow> rows;  // since all were removed at once
    bool cleared = false;         // they were
    std::vector<Mark> marks;
  };

  static std::vector<Split> SplitsOf(LiveSource* source) {
    const auto splits = source->Splits({});
    EXPECT_TRUE(splits.ok()) << splits.status().ToString();
    EXPECT_TRUE(!splits.ok() || splits->size() == 1) << "the changes of a table are one split";
    return splits.ok() ? *splits : std::vector<Split>(1);
  }
  static Position BeginOf(LiveSource* source, const HandoffToken& token) {
    const auto positions = source->Begin(SplitsOf(source), token, {});
    EXPECT_TRUE(positions.ok()) << positions.status().ToString();
    return positions.ok() && positions->size() == 1 ? positions->begin()->second : Position();
  }
  static Position EndOf(LiveSource* source) {
    const auto ends = source->Ends(SplitsOf(source), {});
    EXPECT_TRUE(ends.ok()) << ends.status().ToString();
    return ends.ok() && ends->size() == 1 ? ends->begin()->second : Position();
  }
  static std::string PlaceOf(LiveSource* source, const Position& position) {
    const auto place = source->PlaceOf(position);
    EXPECT_TRUE(place.ok()) << place.status().ToString();
    return place.ok() ? *place : std::string();
  }
  static HandoffToken HandoffOf(const Result<HandoffToken>& token) {
    EXPECT_TRUE(token.ok()) << token.status().ToString();
    return token.ok() ? *token : HandoffToken();
  }

  Result<std::unique_ptr<Following>> TryToFollow(LiveSource* source, const Position& after) const {
    auto following = std::make_unique<Following>(Fields());
    MURMUR_ASSIGN(following->stream,
                  source->Open(SplitsOf(source).at(0), after, Fields(), [] {}, {}));
    following->at = after;
    return following;
  }
  std::unique_ptr<Following> Follow(LiveSource* source, const Position& after) const {
    auto following = TryToFollow(source, after);
    EXPECT_TRUE(following.ok()) << following.status().ToString();
    return following.ok() ? *std::move(following) : nullptr;
  }
  Status ReadOnce(LiveSource* source, Following* following) const {
    MURMUR_ASSIGN(const ReadState state, following->stream->Read({}, &following->batch));
    if (state == ReadState::kIdle) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (state != ReadState::kRecords) return {};
    if (following->batch.table->cleared) {
      EXPECT_EQ(following->batch.rows, 0U) << "rows in the batch that says that all are gone";
      following->cleared = true;
      following->rows.clear();
    }
    const size_t before = following->rows.size();
    Copy(&following->batch, &following->rows);
    following->at = following->batch.after;
    const std::string& watermark = following->batch.table->watermark;
    following->marks.push_back({following->at, watermark, following->rows.size()});
    if (!before_) return {};
    EXPECT_EQ(PlaceOf(source, following->at), watermark);
    EXPECT_FALSE(watermark.empty()) << "live does not tell how far it has come";
    for (size_t i = before; i < following->rows.size(); ++i) {
      EXPECT_FALSE(following->rows[i].place.empty()) << "a change does not tell its place";
    }
    return {};
  }
  // Reads on until `end` is reached.
  Status ReadUpTo(LiveSource* source, Following* following, const Position& end) const {
    if (following == nullptr) return Status(Code::kInternal, "not opened");
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    while (source->Distance(following->at, end) > 0) {
      MURMUR_TRY(ReadOnce(source, following));
      if (std::chrono::steady_clock::now() > give_up) {
        return Status(Code::kUnavailable, "live does not reach its end");
      }
    }
    return {};
  }
  // What another process reads from a position up to the present end.
  std::vector<SaidOfRow> RestFrom(const Position& after) const {
    const auto source = fixture_->MakeChanges();
    const auto following = Follow(source.get(), after);
    EXPECT_EQ(ReadUpTo(source.get(), following.get(), EndOf(source.get())), Status());
    return following ? following->rows : std::vector<SaidOfRow>();
  }

  // --- what it must come to

  struct Content {
    int64_t id = 0;
    int64_t v = 0;
    bool operator==(const Content&) const = default;
    friend void PrintTo(const Content& c, std::ostream* os) { *os << c.id << "=" << c.v; }
  };
  using Contents = std::map<std::string, Content>;  // by row key

  // The same rows are there. A row has one key, whoever tells it.
  static void ExpectHolds(const Contents& contents, const Values& values, const char* when) {
    Values found;
    for (const auto& [key, content] : contents) {
      EXPECT_TRUE(found.emplace(content.id, content.v).second)
          << when << ": row " << content.id << " has two keys";
    }
    EXPECT_EQ(found, values) << when;
  }
  // Says about the rows one after the other, each exactly once: with what they were before.
  static void ApplyExactly(const SaidOfRow& said, Contents* contents) {
    const auto it = contents->find(said.key);
    const bool is_there = it != contents->end();
    if (said.change == RowChange::kRetract) {
      ASSERT_TRUE(is_there) << "what is not there changes: " << testing::PrintToString(said);
      EXPECT_EQ(it->second, (Content{said.id, said.v})) << "it was another before the change";
      contents->erase(it);
      return;
    }
    EXPECT_FALSE(is_there) << "it was not retracted: " << testing::PrintToString(said);
    if (said.change == RowChange::kPut) (*contents)[said.key] = {said.id, said.v};
  }
  // The last thing that is said of a row counts.
  static void Replace(const SaidOfRow& said, Contents* contents) {
    contents->erase(said.key);
    if (said.change == RowChange::kPut) (*contents)[said.key] = {said.id, said.v};
  }
  // What live says, on top of `contents`.
  void Apply(const std::vector<SaidOfRow>& said, Contents* contents) const {
    for (const SaidOfRow& row : said) {
      before_ ? ApplyExactly(row, contents) : Replace(row, contents);
      if (HasFatalFailure()) return;
    }
  }
  static Contents ContentsOf(const std::vector<SaidOfRow>& rows) {
    Contents contents;
    for (const SaidOfRow& row : rows) {
      EXPECT_EQ(row.change, RowChange::kPut);
      EXPECT_TRUE(contents.emplace(row.key, Content{row.id, row.v}).second)
          << "row " << row.id << " was read twice";
    }
    return contents;
  }
  // The rows, by the changes that a read saw. `changes`: since the table was empty.
  Contents SeenBy(const std::string& read_point, const std::vector<SaidOfRow>& changes) const {
    Contents contents;
    for (const SaidOfRow& change : changes) {
      if (rows_->read_points().Saw(read_point, change.place)) Replace(change, &contents);
    }
    return contents;
  }
  // Values 1, 2, … of the rows from..until-1.
  static std::vector<ContractRow> NumberedRows(int64_t from, int64_t until) {
    std::vector<ContractRow> rows;
    for (int64_t id = from; id < until; ++id) rows.push_back({.id = id, .v = id + 1});
    return rows;
  }
  void PutRows(int64_t from, int64_t until) {
    constexpr int64_t kAtOnce = 500;
    for (; from < until; from += kAtOnce) {
      fixture_->Put(NumberedRows(from, std::min(until, from + kAtOnce)));
    }
  }
  static Values NumberedValues(int64_t from, int64_t until) {
    Values values;
    for (const ContractRow& row : NumberedRows(from, until)) values[row.id] = row.v;
    return values;
  }
  // The values of the puts and 0 for each delete.
  static std::vector<int64_t> ValuesOf(const std::vector<SaidOfRow>& said) {
    std::vector<int64_t> values;
    for (const SaidOfRow& row : said) {
      if (row.change == RowChange::kRetract) continue;
      values.push_back(row.change == RowChange::kPut ? row.v : 0);
    }
    return values;
  }

  // --- rows

  void EveryRowIsInOneSplit() {
    PutRows(0, kRows);
    const auto reads = ReadRows();
    EXPECT_GE(reads.size(), 2u) << "the test is for several splits";
    ExpectHolds(ContentsOf(AllRows(reads)), NumberedValues(0, kRows), "scanned");
  }

  // As cuts need it: ranges of keys that don't overlap, and rows that ascend in them.
  void RowsAscendByKeyUnlessTheSourceSaysThatTheyDoNot() {
    if (!in_key_order_) GTEST_SKIP() << "the source says that they don't: the ledger is used";
    PutRows(0, kRows);
    std::vector<RowRange> ranges;
    for (const ReadOfSplit& read : ReadRows()) {
      const std::string& id = read.split.id;
      const auto rows = read.Rows();
      for (size_t i = 1; i < rows.size(); ++i) {
        ASSERT_LT(rows[i - 1].key, rows[i].key)
            << id << ", rows " << rows[i - 1].id << " and " << rows[i].id;
      }
      if (!before_) continue;
      const auto range = rows_->RowsOf(read.split);
      ASSERT_TRUE(range.ok()) << range.status().ToString();
      ranges.push_back(*range);
      if (rows.empty()) continue;
      EXPECT_LE(range->from, rows.front().key) << id << " begins after its first row";
      EXPECT_TRUE(!range->until || rows.back().key < *range->until) << id << " ends too early";
    }
    std::sort(ranges.begin(), ranges.end(),
              [](const RowRange& a, const RowRange& b) { return a.from < b.from; });
    for (size_t i = 1; i < ranges.size(); ++i) {
      EXPECT_TRUE(ranges[i - 1].until && *ranges[i - 1].until <= ranges[i].from)
          << "the ranges of two splits overlap";
    }
  }

  void ASplitIsReadOnFromEveryPosition() {
    PutRows(0, kRows);
    const ScanPlan plan = Scan();
    const auto another = fixture_->MakeRows();
    ASSERT_EQ(another->Resume(plan, {}), Status());
    for (const Split& split : plan.splits) {
      const ReadOfSplit whole = ReadSplit(rows_.get(), split);
      for (size_t i = 0; i + 1 < whole.batches.size(); ++i) {
        const ReadOfSplit rest = ReadSplit(another.get(), split, whole.batches[i].after);
        ASSERT_EQ(rest.Rows(), whole.Rows(i + 1)) << split.id << " after its batch " << i;
      }
    }
  }

  // --- changes

  void ChangesSayWhatTheRowsAre() {
    fixture_->Put(NumberedRows(0, 10));
    const HandoffToken token = HandoffOf(rows_->HandoffNow({}));
    const Contents scanned = ContentsOf(AllRows(ReadRows()));
    Values values = NumberedValues(0, 10);
    const auto put = [&](int64_t id, int64_t v) {
      fixture_->Put({{.id = id, .v = v}});
      values[id] = v;
    };
    put(3, 103);
    put(20, 120);
    put(3, 203);
    fixture_->Delete(4);
    values.erase(4);
    fixture_->Delete(20);
    put(20, 220);
    fixture_->Delete(5);
    values.erase(5);
    Contents contents = scanned;
    Apply(RestFrom(BeginOf(changes_.get(), token)), &contents);
    ExpectHolds(contents, values, "after live");
    // The keys are those of the scan, also of deletes.
    EXPECT_EQ(contents, ContentsOf(AllRows(ReadRows())));
  }

  void AChangedKeyLeavesNoRowBehind() {
    fixture_->Put(NumberedRows(0, 10));
    const HandoffToken token = HandoffOf(rows_->HandoffNow({}));
    Contents contents = ContentsOf(AllRows(ReadRows()));
    if (!fixture_->ChangeKey(3, 30)) GTEST_SKIP() << "its keys don't change";
    Values values = NumberedValues(0, 10);
    values.erase(3);
    values[30] = 4;
    Apply(RestFrom(BeginOf(changes_.get(), token)), &contents);
    ExpectHolds(contents, values, "after live");
    EXPECT_EQ(contents, ContentsOf(AllRows(ReadRows())));
  }

  // Never silently: the rows are told gone, or it is an error that says so.
  void ATruncatedTableIsToldOf() {
    fixture_->Put(NumberedRows(0, 10));
    const HandoffToken token = HandoffOf(rows_->HandoffNow({}));
    Contents contents = ContentsOf(AllRows(ReadRows()));
    const Position begin = BeginOf(changes_.get(), token);
    fixture_->Put({{.id = 3, .v = 4}});
    if (!fixture_->Truncate()) GTEST_SKIP() << "it can't be truncated";
    fixture_->Put({{.id = 5, .v = 6}});
    const Position end = EndOf(changes_.get());
    const auto following = Follow(changes_.get(), begin);
    const Status read = ReadUpTo(changes_.get(), following.get(), end);
    if (!read.ok()) {
      EXPECT_EQ(read.code(), Code::kFailedPrecondition) << read.ToString();
      return;
    }
    if (following->cleared) contents.clear();
    Apply(following->rows, &contents);
    EXPECT_EQ(contents, ContentsOf(AllRows(ReadRows())));
  }

  // It may be too early, never too late.
  void EveryChangeAfterAHandoffComes() {
    constexpr int64_t kChanges = 10;
    fixture_->Put(NumberedRows(0, kChanges));
    std::vector<HandoffToken> tokens;
    std::vector<int64_t> changes;  // as ValuesOf
    for (int64_t i = 0; i < kChanges; ++i) {
      tokens.push_back(HandoffOf(i % 2 == 0 ? rows_->HandoffNow({}) : changes_->HandoffNow({})));
      const bool deletes = i % 5 == 3;
      changes.push_back(deletes ? 0 : 1000 + i);
      deletes ? fixture_->Delete(i) : fixture_->Put({{.id = i, .v = 1000 + i}});
    }
    for (size_t i = 0; i < tokens.size(); ++i) {
      const auto came = ValuesOf(RestFrom(BeginOf(changes_.get(), tokens[i])));
      const std::vector<int64_t> expected(changes.begin() + static_cast<std::ptrdiff_t>(i),
                                          changes.end());
      ASSERT_GE(came.size(), expected.size()) << "a change after hand-off " << i << " is lost";
      EXPECT_TRUE(std::equal(expected.rbegin(), expected.rend(), came.rbegin()))
          << "after hand-off " << i << " came " << testing::PrintToString(came);
    }
  }

  void EveryPositionOfLiveGivesTheSameRest() {
    const Position begin = BeginOf(changes_.get(), HandoffOf(changes_->HandoffNow({})));
    const auto whole = Follow(changes_.get(), begin);
    ASSERT_NE(whole, nullptr);
    for (int64_t id = 0; id < 10; ++id) {  // each in a batch of its own
      fixture_->Put({{.id = id, .v = id + 1}});
      ASSERT_EQ(ReadUpTo(changes_.get(), whole.get(), EndOf(changes_.get())), Status());
    }
    fixture_->Put(NumberedRows(10, 3000));
    for (int64_t id = 10; id < 20; ++id) fixture_->Delete(id);
    ASSERT_EQ(ReadUpTo(changes_.get(), whole.get(), EndOf(changes_.get())), Status());
    EXPECT_EQ(RestFrom(begin), whole->rows);
    constexpr size_t kPositions = 12;  // about; each is another process
    const size_t step = whole->marks.size() / kPositions + 1;
    for (size_t i = whole->marks.size() % step; i < whole->marks.size(); i += step) {
      const auto& mark = whole->marks[i];
      const auto rest = RestFrom(mark.after);
      const std::vector<SaidOfRow> expected(
          whole->rows.begin() + static_cast<std::ptrdiff_t>(mark.rows), whole->rows.end());
      ASSERT_EQ(rest.size(), expected.size()) << "after " << mark.after;
      ASSERT_TRUE(rest == expected) << "after " << mark.after;
    }
  }

  void TwoReadersDoNotDisturbEachOther() {
    const char* const holds[] = {"murmur_contract_a", "murmur_contract_b"};
    std::unique_ptr<LiveSource> sources[2];
    std::unique_ptr<Following> readers[2];
    for (size_t i = 0; i < 2; ++i) {
      sources[i] = fixture_->MakeChanges();
      const HandoffToken token = HandoffOf(sources[i]->Hold(holds[i], {}));
      sources[i]->ReadThrough(holds[i]);
      readers[i] = Follow(sources[i].get(), BeginOf(sources[i].get(), token));
      ASSERT_NE(readers[i], nullptr);
    }
    const auto read = [&](size_t i) {
      return ReadUpTo(sources[i].get(), readers[i].get(), EndOf(sources[i].get()));
    };
    fixture_->Put(NumberedRows(0, 100));
    ASSERT_EQ(read(0), Status());
    fixture_->Put(NumberedRows(100, 200));
    ASSERT_EQ(read(1), Status());
    // One has read everything and goes; the other has not.
    ASSERT_EQ(read(0), Status());
    sources[0]->NoteCommitted({{SplitsOf(sources[0].get())[0].id, readers[0]->at}});
    fixture_->Put(NumberedRows(200, 300));
    readers[0]->stream.reset();
    EXPECT_EQ(sources[0]->LetGo(holds[0], {}), Status());
    EXPECT_EQ(sources[0]->Close(), Status());
    fixture_->ForgetLog();
    ASSERT_EQ(read(1), Status());
    ExpectHolds(ContentsOf(readers[0]->rows), NumberedValues(0, 200), "the first");
    ExpectHolds(ContentsOf(readers[1]->rows), NumberedValues(0, 300), "the second");
    readers[1]->stream.reset();
    EXPECT_EQ(sources[1]->LetGo(holds[1], {}), Status());
  }

  // --- holds

  std::vector<std::string> Holds(const char* prefix = "murmur_contract_") {
    auto holds = fixture_->MakeChanges()->Holds(prefix, {});
    EXPECT_TRUE(holds.ok()) << holds.status().ToString();
    if (!holds.ok()) return {};
    std::sort(holds->begin(), holds->end());
    return *holds;
  }
  // What another process reads through a hold.
  Result<std::vector<SaidOfRow>> ReadThrough(const char* hold, const Position& after) const {
    const auto source = fixture_->MakeChanges();
    source->ReadThrough(hold);
    MURMUR_ASSIGN(const auto following, TryToFollow(source.get(), after));
    MURMUR_TRY(ReadUpTo(source.get(), following.get(), EndOf(source.get())));
    return following->rows;
  }
  // Exactly the numbered rows from..until-1, each put once, come through a hold.
  void ExpectThrough(const char* hold, const Position& after, int64_t from, int64_t until) const {
    const auto rows = ReadThrough(hold, after);
    ASSERT_TRUE(rows.ok()) << hold << ": " << rows.status().ToString();
    ExpectHolds(ContentsOf(*rows), NumberedValues(from, until), hold);
  }

  void AHoldKeepsTheLogUntilItIsLetGo() {
    if (!changes_->NeedsHold()) GTEST_SKIP() << "the origin keeps its log anyhow";
    const char* const a = "murmur_contract_a";
    const char* const b = "murmur_contract_b";
    const char* const other = "murmur_other";
    const Position from_a = BeginOf(changes_.get(), HandoffOf(changes_->Hold(a, {})));
    fixture_->Put(NumberedRows(0, 10));
    const Position from_b = BeginOf(changes_.get(), HandoffOf(changes_->Hold(b, {})));
    EXPECT_TRUE(changes_->Hold(other, {}).ok());
    fixture_->Put(NumberedRows(10, 20));
    fixture_->ForgetLog();
    EXPECT_EQ(Holds(), (std::vector<std::string>{a, b}));
    ExpectThrough(a, from_a, 0, 20);
    ExpectThrough(b, from_b, 10, 20);

    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(fixture_->MakeChanges()->LetGo(a, {}), Status()) << "also if there is none";
    }
    EXPECT_EQ(fixture_->MakeChanges()->LetGo("murmur_contract_never", {}), Status());
    EXPECT_EQ(Holds(), std::vector<std::string>{b});
    EXPECT_EQ(Holds("murmur_other"), std::vector<std::string>{other});
    fixture_->ForgetLog();
    ExpectThrough(b, from_b, 10, 20);
    const auto gone = ReadThrough(a, from_a);
    EXPECT_FALSE(gone.ok()) << "what is let go was read: " << testing::PrintToString(*gone);
    EXPECT_EQ(changes_->LetGo(b, {}), Status());
    EXPECT_EQ(changes_->LetGo(other, {}), Status());
    EXPECT_TRUE(Holds().empty());
  }

  // Reporting positions may let the origin forget what lies before them, and no more.
  void AHoldKeepsWhatIsNotCommitted() {
    if (!changes_->NeedsHold()) GTEST_SKIP() << "the origin keeps its log anyhow";
    const char* const hold = "murmur_contract_a";
    const Position begin = BeginOf(changes_.get(), HandoffOf(changes_->Hold(hold, {})));
    Position committed;
    {
      changes_->ReadThrough(hold);
      const auto following = Follow(changes_.get(), begin);
      for (int64_t id = 0; id < 10; ++id) fixture_->Put({{.id = id, .v = id + 1}});
      ASSERT_EQ(ReadUpTo(changes_.get(), following.get(), EndOf(changes_.get())), Status());
      committed = following->at;
      changes_->NoteCommitted({{SplitsOf(changes_.get())[0].id, committed}});
      for (int64_t id = 10; id < 20; ++id) fixture_->Put({{.id = id, .v = id + 1}});
      ASSERT_EQ(ReadUpTo(changes_.get(), following.get(), EndOf(changes_.get())), Status());
    }
    EXPECT_EQ(changes_->Close(), Status());
    fixture_->ForgetLog();
    ExpectThrough(hold, committed, 10, 20);
    EXPECT_EQ(fixture_->MakeChanges()->LetGo(hold, {}), Status());
  }

  // --- both

  // As a ledger combines them: a row counts as it was read unless live says something of it.
  void RowsThatChangeWhileTheyAreReadEndUpAsTheyAre() {
    PutRows(0, kRows);
    const HandoffToken token = HandoffOf(rows_->HandoffNow({}));
    ContractWriters writers(fixture_.get(), NumberedValues(0, kRows), kRows + 100);
    writers.WaitFor(10);
    Contents contents = ContentsOf(AllRows(ReadRows([&writers] { writers.WaitFor(4); })));
    writers.WaitFor(10);
    const Values values = writers.Stop();
    for (const SaidOfRow& said : RestFrom(BeginOf(changes_.get(), token))) {
      Replace(said, &contents);
    }
    ExpectHolds(contents, values, "after live");
    ExpectHolds(ContentsOf(AllRows(ReadRows())), values, "scanned again");
  }

  // A read's rows are those that the changes which it saw make, in every part of every split.
  void AReadSawExactlyWhatItSaysItSaw() {
    if (!before_) GTEST_SKIP() << "the source has no read points";
    const Position begin = BeginOf(changes_.get(), HandoffOf(rows_->HandoffNow({})));
    PutRows(0, kRows);
    auto reads = ReadRows();  // right after a transaction that live brings in several batches
    ContractWriters writers(fixture_.get(), NumberedValues(0, kRows), kRows + 100);
    writers.WaitFor(10);
    for (ReadOfSplit& read : ReadRows([&writers] { writers.WaitFor(4); })) {
      reads.push_back(std::move(read));
    }
    writers.WaitFor(10);
    const Values values = writers.Stop();
    const auto live = Follow(changes_.get(), begin);
    const Position end = EndOf(changes_.get());
    ASSERT_EQ(ReadUpTo(changes_.get(), live.get(), end), Status());
    Contents now;
    Apply(live->rows, &now);
    ExpectHolds(now, values, "after live");
    for (const ReadOfSplit& read : reads) ExpectSaw(read, live->rows);
    std::set<std::string> read_points;
    for (const ReadOfSplit& read : reads) {
      for (const BatchOfRows& batch : read.batches) read_points.insert(batch.read_point);
    }
    EXPECT_GE(read_points.size(), 2u) << "all was read at once: the test is none";
    for (const std::string& read_point : read_points) ExpectCovers(read_point, live->rows);
    for (const std::string& read_point : read_points) ExpectIsPassed(read_point, *live, end);
  }
  void ExpectSaw(const ReadOfSplit& read, const std::vector<SaidOfRow>& changes) const {
    RowRange range;
    if (in_key_order_) {
      const auto rows = rows_->RowsOf(read.split);
      ASSERT_TRUE(rows.ok()) << rows.status().ToString();
      range = *rows;
    }
    std::optional<std::string> last;
    for (const BatchOfRows& batch : read.batches) {
      const Contents seen = SeenBy(batch.read_point, changes);
      Contents came;
      for (const SaidOfRow& row : batch.rows) came[row.key] = {row.id, row.v};
      if (in_key_order_) {
        const auto from = last ? seen.upper_bound(*last) : seen.lower_bound(range.from);
        if (!came.empty()) {
          ASSERT_LT(last.value_or(""), came.begin()->first) << "the rows don't ascend";
          last = came.rbegin()->first;
          ASSERT_TRUE(!range.until || *last < *range.until) << read.split.id << " ends too late";
        }
        const auto end = range.until ? seen.lower_bound(*range.until) : seen.end();
        const auto until = batch.is_end ? end : seen.upper_bound(last.value_or(""));
        ASSERT_EQ(came, Contents(from, until)) << read.split.id << ": it saw something else";
        continue;
      }
      for (const auto& [key, content] : came) {
        const auto it = seen.find(key);
        ASSERT_TRUE(it != seen.end()) << "row " << content.id << " was read, but not seen";
        ASSERT_EQ(it->second, content) << "it was read as it was not seen";
      }
    }
  }
  // While live passes the changes one after the other.
  void ExpectCovers(const std::string& read_point, const std::vector<SaidOfRow>& changes) const {
    const ReadPoints& points = rows_->read_points();
    EXPECT_TRUE(points.Covers(read_point, "")) << "live has passed nothing";
    std::string passed;
    bool saw_all = true;
    for (const SaidOfRow& change : changes) {
      points.Pass(change.place, &passed);
      ASSERT_LE(passed.size(), kPassedBytesMax) << "what live has passed must stay small";
      saw_all = saw_all && points.Saw(read_point, change.place);
      ASSERT_TRUE(saw_all || !points.Covers(read_point, passed))
          << "it did not see everything that live has passed: " << testing::PrintToString(change);
    }
    const std::string once = passed;
    if (!changes.empty()) points.Pass(changes.back().place, &passed);
    EXPECT_EQ(passed, once) << "a change passes once";
  }
  void ExpectIsPassed(const std::string& read_point, const Following& live,
                      const Position& end) const {
    const ReadPoints& points = rows_->read_points();
    bool is_passed = false;
    size_t row = 0;
    for (const auto& mark : live.marks) {
      for (; row < mark.rows; ++row) {
        ASSERT_FALSE(is_passed && points.Saw(read_point, live.rows[row].place))
            << "it was passed before all that it saw had come: "
            << testing::PrintToString(live.rows[row]);
      }
      const bool was_passed = std::exchange(is_passed, points.IsPassed(read_point, mark.watermark));
      ASSERT_TRUE(is_passed || !was_passed) << "it is not passed any more";
    }
    EXPECT_TRUE(points.IsPassed(read_point, PlaceOf(changes_.get(), end)))
        << "live has come to its end after the read, and does not pass it";
  }

  // What live does not bring after a hand-off, each read after the hand-off saw.
  void AHandoffWhileRowsChangeIsNotTooLate() {
    if (!before_) GTEST_SKIP() << "the source has no read points";
    constexpr size_t kHandoffs = 10;
    const Position begin = BeginOf(changes_.get(), HandoffOf(rows_->HandoffNow({})));
    const Split split = Scan().splits.at(0);
    ContractWriters writers(fixture_.get(), {}, 100);
    std::vector<std::pair<HandoffToken, std::string>> handoffs;  // and a read point
    for (size_t i = 0; i < kHandoffs; ++i) {
      writers.WaitFor(2);
      const HandoffToken token = HandoffOf(rows_->HandoffNow({}));
      handoffs.emplace_back(token, ReadSplit(rows_.get(), split).batches.front().read_point);
    }
    writers.Stop();
    const auto whole = RestFrom(begin);
    for (const auto& [token, read_point] : handoffs) {
      const auto rest = RestFrom(BeginOf(changes_.get(), token));
      ASSERT_LE(rest.size(), whole.size());
      for (size_t i = 0; i + rest.size() < whole.size(); ++i) {
        ASSERT_TRUE(rows_->read_points().Saw(read_point, whole[i].place))
            << "neither live nor a read brings " << testing::PrintToString(whole[i]);
      }
    }
  }

  // A read between changes that are made one after the other.
  void AReadSawTheChangesBeforeItAndNoneAfterIt() {
    if (!before_) GTEST_SKIP() << "the source has no read points";
    const ReadPoints& points = rows_->read_points();
    const Position begin = BeginOf(changes_.get(), HandoffOf(rows_->HandoffNow({})));
    constexpr size_t kChanges = 12;
    std::vector<std::string> read_points;  // one before each change, and one at the end
    std::vector<std::string> ends;         // places of live, likewise, asked before the read
    for (size_t i = 0; i <= kChanges; ++i) {
      ends.push_back(PlaceOf(changes_.get(), EndOf(changes_.get())));
      const auto reads = ReadRows();
      ASSERT_FALSE(reads.empty()) << "also an empty table has a split";
      read_points.push_back(reads.back().last_read_point());
      const auto id = static_cast<int64_t>(i);
      if (i < kChanges) fixture_->Put({{.id = id % 4, .v = id + 1}});
    }
    const auto live = Follow(changes_.get(), begin);
    ASSERT_EQ(ReadUpTo(changes_.get(), live.get(), EndOf(changes_.get())), Status());
    std::vector<std::string> places;
    for (const SaidOfRow& said : live->rows) {
      if (said.change == RowChange::kPut) places.push_back(said.place);
    }
    ASSERT_EQ(places.size(), kChanges);
    for (size_t read = 0; read <= kChanges; ++read) {
      std::string passed;
      points.Pass(ends[0], &passed);  // where live begins
      EXPECT_TRUE(points.Covers(read_points[read], passed)) << "read " << read;
      for (size_t change = 0; change < kChanges; ++change) {
        EXPECT_EQ(points.Saw(read_points[read], places[change]), change < read)
            << "read " << read << ", change " << change;
        points.Pass(places[change], &passed);
        EXPECT_EQ(points.Covers(read_points[read], passed), change < read)
            << "read " << read << ", when live has passed change " << change;
        // ends[change] lies before the change, which a later read saw.
        EXPECT_TRUE(change >= read || !points.IsPassed(read_points[read], ends[change]))
            << "read " << read << " at the place before change " << change;
      }
      EXPECT_EQ(points.IsPassed(read_points[read], live->marks.back().watermark), true);
    }
  }

  std::unique_ptr<TableFixture> fixture_;
  std::unique_ptr<SnapshotSource> rows_;
  std::unique_ptr<LiveSource> changes_;
  bool before_ = false;        // the source gives rows as they were before, and read points
  bool in_key_order_ = false;  // as the source says
};

}  // namespace murmur

#define MURMUR_TABLE_SOURCE_CONTRACT(Suite)                                          \
  class Suite : public ::murmur::TableSourceContract {};                             \
  MURMUR_TABLE_CONTRACT_TEST(Suite, EveryRowIsInOneSplit)                            \
  MURMUR_TABLE_CONTRACT_TEST(Suite, RowsAscendByKeyUnlessTheSourceSaysThatTheyDoNot) \
  MURMUR_TABLE_CONTRACT_TEST(Suite, ASplitIsReadOnFromEveryPosition)                 \
  MURMUR_TABLE_CONTRACT_TEST(Suite, ChangesSayWhatTheRowsAre)                        \
  MURMUR_TABLE_CONTRACT_TEST(Suite, AChangedKeyLeavesNoRowBehind)                    \
  MURMUR_TABLE_CONTRACT_TEST(Suite, ATruncatedTableIsToldOf)                         \
  MURMUR_TABLE_CONTRACT_TEST(Suite, EveryChangeAfterAHandoffComes)                   \
  MURMUR_TABLE_CONTRACT_TEST(Suite, EveryPositionOfLiveGivesTheSameRest)             \
  MURMUR_TABLE_CONTRACT_TEST(Suite, TwoReadersDoNotDisturbEachOther)                 \
  MURMUR_TABLE_CONTRACT_TEST(Suite, AHoldKeepsTheLogUntilItIsLetGo)                  \
  MURMUR_TABLE_CONTRACT_TEST(Suite, AHoldKeepsWhatIsNotCommitted)                    \
  MURMUR_TABLE_CONTRACT_TEST(Suite, RowsThatChangeWhileTheyAreReadEndUpAsTheyAre)    \
  MURMUR_TABLE_CONTRACT_TEST(Suite, AHandoffWhileRowsChangeIsNotTooLate)             \
  MURMUR_TABLE_CONTRACT_TEST(Suite, AReadSawExactlyWhatItSaysItSaw)                  \
  MURMUR_TABLE_CONTRACT_TEST(Suite, AReadSawTheChangesBeforeItAndNoneAfterIt)        \
  static_assert(true)
#define MURMUR_TABLE_CONTRACT_TEST(Suite, Name) \
  TEST_P(Suite, Name) { Name(); }
