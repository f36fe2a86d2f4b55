// The contract of murmur/source.h as tests. A source gets all of them with
//
//   MURMUR_SNAPSHOT_SOURCE_CONTRACT(MongoContract);
//   INSTANTIATE_TEST_SUITE_P(Mongo, MongoContract, testing::Values(SourceCase{…}), SourceCaseName);
//
// where a SourceCase puts given records where the source finds them. The test program links
// Murmur::testing. An example: tests/consumer/project/sqlite_source_test.cc.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <functional>
#include <iomanip>
#include <memory>
#include <mutex>
#include <ostream>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "murmur/source.h"
#include "murmur/state.h"
#include "murmur/testing/stop_inside.h"

namespace murmur {

// A record to be read: fields id, name (null where empty) and amount.
struct ContractRecord {
  int64_t id = 0;
  std::string name;
  double amount = 0;

  std::string ToJson() const {
    const std::string text = name.empty() ? "null" : '"' + name + '"';
    std::ostringstream json;
    json << "{\"id\":" << id << ",\"name\":" << text << ",\"amount\":" << std::fixed
         << std::setprecision(2) << amount << "}";
    return json.str();
  }
  bool operator==(const ContractRecord&) const = default;
  auto operator<=>(const ContractRecord&) const = default;
};

// A record as it was read, with its name.
struct NamedRecord {
  std::string object;
  uint64_t offset = 0;
  ContractRecord record;
  bool operator==(const NamedRecord&) const = default;
  auto operator<=>(const NamedRecord&) const = default;
};

inline void PrintTo(const NamedRecord& r, std::ostream* os) {
  *os << r.object << ":" << r.offset << " " << r.record.ToJson();
}

// Where the records of one test lie. Removes them when it goes.
class SourceFixture {
 public:
  virtual ~SourceFixture() = default;
  // A source over the records; a second call stands for another process.
  virtual std::unique_ptr<SnapshotSource> MakeSource() = 0;
  // Changes an object that a scan has frozen. False: this kind of source has none.
  virtual bool ChangeAnObject() { return false; }
  // From now on nobody answers its sources. Null: they never wait.
  virtual std::unique_ptr<Hang> BeginHang() { return nullptr; }
};

struct SourceCase {
  std::string name;
  std::function<std::unique_ptr<SourceFixture>(const std::vector<ContractRecord>&)> make;
  HandoffToken handoff = {};  // that the source gives
};

inline void PrintTo(const SourceCase& c, std::ostream* os) { *os << c.name; }
inline std::string SourceCaseName(const testing::TestParamInfo<SourceCase>& info) {
  return info.param.name;
}

class SnapshotSourceContract : public testing::TestWithParam<SourceCase> {
 protected:
  static constexpr int64_t kRecords = 9000;  // more than four batches

  void SetUp() override {
    for (int64_t id = 0; id < kRecords; ++id) {
      records_.push_back({.id = id,
                          .name = id % 7 == 0 ? "" : "user-" + std::to_string(id * 31 % 100),
                          .amount = static_cast<double>(id % 1000) / 4});
    }
    fixture_ = GetParam().make(records_);
    source_ = fixture_->MakeSource();
  }

  static Projection AllFields() {
    Projection projection;
    for (const char* name : {"id", "name", "amount"}) {
      projection.fields.emplace_back().path.steps.emplace_back(name);
    }
    return projection;
  }

  static double ToDouble(const Cell& cell) {
    if (cell.kind == Kind::kInt) return static_cast<double>(cell.i);
    if (cell.kind == Kind::kDecimal) {  // of few digits
      return static_cast<double>(cell.decimal()) / std::pow(10, cell.scale);
    }
    EXPECT_EQ(cell.kind, Kind::kDouble);
    return cell.d;
  }

  // Copies the batch's records out.
  static void Append(RecordBatch* batch, std::vector<NamedRecord>* out) {
    EXPECT_LE(batch->rows, kBatchRows);
    EXPECT_TRUE(batch->dead_letters.empty());
    for (Column& column : batch->columns) column.Materialize(batch->rows);
    for (uint32_t row = 0; row < batch->rows; ++row) {
      const Cell& name = batch->columns[1].cells[row];
      for (const Column& column : batch->columns) {
        EXPECT_TRUE(column.kinds & KindBit(column.cells[row].kind)) << "kinds misses a kind";
      }
      out->push_back({.object = std::string(batch->object),
                      .offset = batch->offsets[row],
                      .record = {.id = batch->columns[0].cells[row].i,
                                 .name = std::string(name.is_null() ? "" : name.text()),
                                 .amount = ToDouble(batch->columns[2].cells[row])}});
    }
  }

  // Reads a split from the position `after` to its end; *positions gets each batch's position, with
  // the number of records read until then.
  static std::vector<NamedRecord> ReadSplit(
      SnapshotSource* source, const Split& split, const Position& after,
      std::vector<std::pair<Position, size_t>>* positions = nullptr) {
    std::vector<NamedRecord> out;
    const Projection projection = AllFields();
    auto stream = source->Open(split, after, projection, {});
    EXPECT_TRUE(stream.ok()) << stream.status().ToString();
    if (!stream.ok()) return out;
    RecordBatch batch(projection);
    for (;;) {
      const auto state = (*stream)->Read({}, &batch);
      EXPECT_TRUE(state.ok()) << state.status().ToString();
      if (!state.ok()) return out;
      if (*state == ReadState::kEnd) break;
      if (*state == ReadState::kIdle) continue;
      Append(&batch, &out);
      EXPECT_FALSE(batch.after.empty());
      if (positions != nullptr) positions->emplace_back(batch.after, out.size());
    }
    EXPECT_EQ(batch.rows, 0u);
    EXPECT_TRUE(batch.dead_letters.empty());
    return out;
  }

  ScanPlan Scan() {
    auto plan = source_->Scan({});
    EXPECT_TRUE(plan.ok()) << plan.status().ToString();
    return plan.ok() ? *plan : ScanPlan();
  }

  void ExpectAllOnce(const std::vector<NamedRecord>& read) {
    std::vector<ContractRecord> found;
    std::set<std::pair<std::string, uint64_t>> names;
    for (const NamedRecord& record : read) {
      found.push_back(record.record);
      EXPECT_TRUE(names.insert({record.object, record.offset}).second)
          << "two records are named " << record.object << ":" << record.offset;
    }
    std::sort(found.begin(), found.end());
    EXPECT_EQ(found, records_);
  }

  void EveryRecordIsReadOnce() {
    std::vector<NamedRecord> read;
    for (const Split& split : Scan().splits) {
      const auto part = ReadSplit(source_.get(), split, {});
      read.insert(read.end(), part.begin(), part.end());
    }
    ExpectAllOnce(read);
  }

  void EveryRecordIsReadOnceByManyThreads() {
    const ScanPlan plan = Scan();
    std::atomic<size_t> next{0};
    std::mutex mutex;
    std::vector<NamedRecord> read;
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (size_t at = next++; at < plan.splits.size(); at = next++) {
          // From the last split to the first: the order must not matter.
          const auto part = ReadSplit(source_.get(), plan.splits[plan.splits.size() - 1 - at], {});
          const std::lock_guard lock(mutex);
          read.insert(read.end(), part.begin(), part.end());
        }
      });
    }
    threads.clear();
    ExpectAllOnce(read);
  }

  void ResumeFromEveryPositionGivesExactlyTheRest() {
    for (const Split& split : Scan().splits) {
      std::vector<std::pair<Position, size_t>> positions;
      const auto whole = ReadSplit(source_.get(), split, {}, &positions);
      for (const auto& [position, count] : positions) {
        const auto rest = ReadSplit(source_.get(), split, position);
        const std::vector<NamedRecord> expected(whole.begin() + static_cast<std::ptrdiff_t>(count),
                                                whole.end());
        ASSERT_EQ(rest, expected) << split.id << " after " << position;
      }
    }
  }

  void APlanIsTakenUpByAnotherProcess() {
    const ScanPlan plan = Scan();
    std::set<std::string> ids;
    for (const Split& split : plan.splits) {
      EXPECT_TRUE(ids.insert(split.id).second) << "two splits are " << split.id;
    }
    const auto again = fixture_->MakeSource();
    EXPECT_EQ(again->Name(), source_->Name());
    const Status resumed = again->Resume(plan, {});
    ASSERT_TRUE(resumed.ok()) << resumed.ToString();
    for (const Split& split : plan.splits) {
      EXPECT_EQ(ReadSplit(again.get(), split, {}), ReadSplit(source_.get(), split, {}));
    }
  }

  void AForeignPlanIsRefused() {
    ScanPlan plan = Scan();
    plan.source = "foreign:" + plan.source;
    EXPECT_EQ(source_->Resume(plan, {}).code(), Code::kInvalidArgument);
  }

  void AChangedObjectIsRefused() {
    const ScanPlan plan = Scan();
    if (!fixture_->ChangeAnObject()) GTEST_SKIP() << "a scan of this source freezes no objects";
    EXPECT_EQ(fixture_->MakeSource()->Resume(plan, {}).code(), Code::kFailedPrecondition);
  }

  void AStoppedReadEndsAndGivesNothing() {
    const Projection projection = AllFields();
    const ScanPlan plan = Scan();
    ASSERT_FALSE(plan.splits.empty());
    auto stream = source_->Open(plan.splits[0], {}, projection, {});
    ASSERT_TRUE(stream.ok());
    RecordBatch batch(projection);
    std::stop_source stop;
    ASSERT_TRUE((*stream)->Read(stop.get_token(), &batch).ok());
    stop.request_stop();
    const auto begin = std::chrono::steady_clock::now();
    const auto state = (*stream)->Read(stop.get_token(), &batch);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
    ASSERT_FALSE(state.ok());
    EXPECT_EQ(state.status().code(), Code::kCancelled);
    EXPECT_EQ(batch.rows, 0u);
  }

  void AStopInsideACallEndsIt() {
    const ScanPlan plan = Scan();
    const Projection projection = AllFields();
    SnapshotSource::ProgressMap progress;
    for (const Split& split : plan.splits) progress[split.id].done = true;
    const std::vector<StoppableCall<SnapshotSource>> calls = {
        {"HandoffNow", [](auto* s, auto stop) { return s->HandoffNow(stop).status(); }},
        {"Scan", [](auto* s, auto stop) { return s->Scan(stop).status(); }},
        {"Resume", [&](auto* s, auto stop) { return s->Resume(plan, stop); }},
        {"WhyNoBefore", [](auto* s, auto stop) { return s->WhyNoBefore(stop).status(); }},
        {"WhyNotInKeyOrder", [](auto* s, auto stop) { return s->WhyNotInKeyOrder(stop).status(); }},
        {"Read",
         [&](auto* s, auto stop) -> Status {
           MURMUR_ASSIGN(const auto stream, s->Open(plan.splits.at(0), {}, projection, stop));
           return ReadUntilStopped(stream.get(), projection, stop);
         }},
        {"More", [&](auto* s, auto stop) { return s->More(plan, progress, stop).status(); }},
        {"Finish", [&](auto* s, auto stop) { return s->Finish(plan, progress, stop).status(); }}};
    std::vector<std::unique_ptr<SnapshotSource>> sources;
    for (size_t i = 0; i < calls.size(); ++i) {
      sources.push_back(fixture_->MakeSource());
      ASSERT_EQ(sources.back()->Resume(plan, {}), Status());
    }
    const int inside = StopInsideEach(calls, sources, fixture_.get());
    if (inside < 0) GTEST_SKIP() << "the fixture makes no call wait";
    EXPECT_GE(inside, 2) << "a scan and a read wait, at least";
  }

  void TheHandoffTokenIsTheSameEachTime() {
    for (int i = 0; i < 2; ++i) {
      const auto token = source_->HandoffNow({});
      ASSERT_TRUE(token.ok()) << token.status().ToString();
      EXPECT_EQ(*token, GetParam().handoff);
    }
  }

  void CloseTwiceIsFine() {
    EXPECT_TRUE(source_->Close().ok());
    EXPECT_TRUE(source_->Close().ok());
  }

  std::vector<ContractRecord> records_;
  std::unique_ptr<SourceFixture> fixture_;
  std::unique_ptr<SnapshotSource> source_;
};

}  // namespace murmur

// What the rows of a table promise: it has no objects, and its log goes on from token to token.
#define MURMUR_SNAPSHOT_SOURCE_CONTRACT_OF_TABLE(Suite)                          \
  class Suite : public ::murmur::SnapshotSourceContract {};                      \
  MURMUR_SOURCE_CONTRACT_TEST(Suite, EveryRecordIsReadOnce)                      \
  MURMUR_SOURCE_CONTRACT_TEST(Suite, EveryRecordIsReadOnceByManyThreads)         \
  MURMUR_SOURCE_CONTRACT_TEST(Suite, ResumeFromEveryPositionGivesExactlyTheRest) \
  MURMUR_SOURCE_CONTRACT_TEST(Suite, APlanIsTakenUpByAnotherProcess)             \
  MURMUR_SOURCE_CONTRACT_TEST(Suite, AForeignPlanIsRefused)                      \
  MURMUR_SOURCE_CONTRACT_TEST(Suite, AStoppedReadEndsAndGivesNothing)            \
  MURMUR_SOURCE_CONTRACT_TEST(Suite, AStopInsideACallEndsIt)                     \
  MURMUR_SOURCE_CONTRACT_TEST(Suite, CloseTwiceIsFine)                           \
  static_assert(true)
#define MURMUR_SNAPSHOT_SOURCE_CONTRACT(Suite)                         \
  MURMUR_SNAPSHOT_SOURCE_CONTRACT_OF_TABLE(Suite);                     \
  MURMUR_SOURCE_CONTRACT_TEST(Suite, AChangedObjectIsRefused)          \
  MURMUR_SOURCE_CONTRACT_TEST(Suite, TheHandoffTokenIsTheSameEachTime) \
  static_assert(true)
#define MURMUR_SOURCE_CONTRACT_TEST(Suite, Name) \
  TEST_P(Suite, Name) { Name(); }
