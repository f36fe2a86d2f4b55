// The contract of LiveSource in murmur/source.h as tests. A source gets all of them with
//
//   MURMUR_LIVE_SOURCE_CONTRACT(KafkaContract);
//   INSTANTIATE_TEST_SUITE_P(Kafka, KafkaContract, testing::Values(LiveCase{…}), LiveCaseName);
//
// where a LiveCase writes given records where the source finds them.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "murmur/source.h"
#include "murmur/testing/stop_inside.h"

namespace murmur {

// The stream of one test: kSplits splits at first, all empty. A record is {"id": N}.
class LiveFixture {
 public:
  static constexpr size_t kSplits = 3;
  virtual ~LiveFixture() = default;
  // A source over the stream that begins at its oldest record; each call is like another process.
  virtual std::unique_ptr<LiveSource> MakeSource() = 0;
  // Appends records. When it returns, readers see them.
  virtual void Append(size_t split, const std::vector<int64_t>& ids) = 0;
  virtual void AddSplit() = 0;
  // Removes the oldest `count` records of a split.
  virtual void DropOldest(size_t split, size_t count) = 0;
  // Numbered as `split` above.
  virtual std::string SplitId(size_t split) const = 0;
  // From now on nobody answers its sources. Null: that can't be simulated.
  virtual std::unique_ptr<Hang> BeginHang() { return nullptr; }
};

struct LiveCase {
  std::string name;
  std::function<std::unique_ptr<LiveFixture>()> make;
};
inline void PrintTo(const LiveCase& c, std::ostream* os) { *os << c.name; }
inline std::string LiveCaseName(const testing::TestParamInfo<LiveCase>& info) {
  return info.param.name;
}

class LiveSourceContract : public testing::TestWithParam<LiveCase> {
 protected:
  using PositionMap = LiveSource::PositionMap;
  static constexpr std::chrono::seconds kPatience{30};

  void SetUp() override {
    fixture_ = GetParam().make();
    source_ = fixture_->MakeSource();
  }

  static std::vector<int64_t> Ids(int64_t from, int64_t until) {
    std::vector<int64_t> ids;
    for (int64_t id = from; id < until; ++id) ids.push_back(id);
    return ids;
  }

  std::vector<Split> Splits() {
    auto splits = source_->Splits({});
    EXPECT_TRUE(splits.ok()) << splits.status().ToString();
    return splits.ok() ? *splits : std::vector<Split>();
  }
  Split SplitOf(size_t number) {
    for (Split& split : Splits()) {
      if (split.id == fixture_->SplitId(number)) return split;
    }
    ADD_FAILURE() << "no split " << fixture_->SplitId(number);
    return {};
  }
  PositionMap Begin(const HandoffToken& token = {}) {
    auto positions = source_->Begin(Splits(), token, {});
    EXPECT_TRUE(positions.ok()) << positions.status().ToString();
    return positions.ok() ? *positions : PositionMap();
  }

  // One split that is being read.
  struct Reading {
    std::shared_ptr<std::atomic<int>> wakes = std::make_shared<std::atomic<int>>(0);
    std::unique_ptr<RecordStream> stream;
    RecordBatch batch{Fields()};
    std::vector<int64_t> ids;
    std::set<uint64_t> offsets;
    std::vector<std::pair<Position, size_t>> positions;  // with the number of ids before each
  };
  static Projection Fields() {
    Projection projection;
    projection.fields.emplace_back().path.steps.emplace_back("id");
    return projection;
  }
  std::unique_ptr<Reading> Open(const Split& split, const Position& after) {
    auto reading = std::make_unique<Reading>();
    auto stream = source_->Open(split, after, Fields(),
                                [wakes = reading->wakes] { wakes->fetch_add(1); }, {});
    EXPECT_TRUE(stream.ok()) << stream.status().ToString();
    if (stream.ok()) reading->stream = std::move(stream).value();
    return reading;
  }
  // One Read.
  Result<ReadState> Read(Reading* reading) {
    MURMUR_ASSIGN(const ReadState state, reading->stream->Read({}, &reading->batch));
    EXPECT_NE(state, ReadState::kEnd) << "a live stream has no end";
    if (state != ReadState::kRecords) return state;
    for (uint32_t row = 0; row < reading->batch.rows; ++row) {
      reading->ids.push_back(reading->batch.columns[0].cells[row].i);
      EXPECT_TRUE(reading->offsets.insert(reading->batch.offsets[row]).second);
    }
    EXPECT_FALSE(reading->batch.after.empty());
    const auto place = source_->PlaceOf(reading->batch.after);
    EXPECT_TRUE(place.ok()) << place.status().ToString();
    if (place.ok()) {
      EXPECT_EQ(*place, reading->batch.table->watermark);
    }
    reading->positions.emplace_back(reading->batch.after, reading->ids.size());
    return state;
  }
  // Reads until there are `count` ids.
  void ReadUntil(Reading* reading, size_t count) {
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    while (reading->ids.size() < count) {
      const auto state = Read(reading);
      ASSERT_TRUE(state.ok()) << state.status().ToString();
      ASSERT_LT(std::chrono::steady_clock::now(), give_up) << reading->ids.size() << " ids";
      if (*state == ReadState::kIdle) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  // Reads until nothing comes any more.
  Status ReadAll(Reading* reading) {
    for (auto quiet = std::chrono::steady_clock::now() + std::chrono::seconds(1);
         std::chrono::steady_clock::now() < quiet;) {
      MURMUR_ASSIGN(const ReadState state, Read(reading));
      if (state == ReadState::kRecords) {
        quiet = std::chrono::steady_clock::now() + std::chrono::seconds(1);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return {};
  }

  void EveryRecordComesOnceInItsSplitsOrder() {
    for (size_t split = 0; split < LiveFixture::kSplits; ++split) {
      fixture_->Append(split, Ids(0, 3000));
    }
    const PositionMap begin = Begin();
    ASSERT_EQ(begin.size(), LiveFixture::kSplits);
    std::vector<std::unique_ptr<Reading>> readings;  // side by side
    for (size_t split = 0; split < LiveFixture::kSplits; ++split) {
      readings.push_back(Open(SplitOf(split), begin.at(fixture_->SplitId(split))));
    }
    for (size_t split = 0; split < LiveFixture::kSplits; ++split) {
      fixture_->Append(split, Ids(3000, 3000 + static_cast<int64_t>(split)));
      ReadUntil(readings[split].get(), 3000 + split);
      EXPECT_EQ(readings[split]->ids, Ids(0, 3000 + static_cast<int64_t>(split)));
    }
  }

  void EveryPositionIsAPlaceToGoOnFrom() {
    fixture_->Append(0, Ids(0, 5000));
    const Split split = SplitOf(0);
    const Position begin = Begin().at(split.id);
    auto reading = Open(split, begin);
    ReadUntil(reading.get(), 5000);
    reading->stream.reset();
    for (const auto& [position, count] : reading->positions) {
      source_ = fixture_->MakeSource();
      auto rest = Open(split, position);
      ReadUntil(rest.get(), 5000 - count);
      EXPECT_EQ(rest->ids, Ids(static_cast<int64_t>(count), 5000)) << "after " << position;
    }
  }

  void AHandoffTokenSeparatesWhatIsFromWhatComes() {
    for (size_t split = 0; split < LiveFixture::kSplits; ++split) {
      fixture_->Append(split, Ids(0, 10));
    }
    const auto token = source_->HandoffNow({});
    ASSERT_TRUE(token.ok()) << token.status().ToString();
    fixture_->Append(0, Ids(10, 20));
    const PositionMap begin = Begin(*token);
    for (size_t split = 0; split < 2; ++split) {
      auto reading = Open(SplitOf(split), begin.at(fixture_->SplitId(split)));
      EXPECT_EQ(ReadAll(reading.get()), Status());
      EXPECT_EQ(reading->ids, split == 0 ? Ids(10, 20) : Ids(0, 0));
    }
  }

  // Where the origin keeps its log anyhow, a hold is only a name.
  void AHoldIsReadThroughAndEnded() {
    fixture_->Append(0, Ids(0, 10));
    const std::string name = "murmur_contract_1";
    const auto token = source_->Hold(name, {});
    ASSERT_TRUE(token.ok()) << token.status().ToString();
    EXPECT_TRUE(source_->Hold(name, {}).ok()) << "its answer may not have arrived";
    fixture_->Append(0, Ids(10, 20));
    source_->ReadThrough(name);
    {
      auto reading = Open(SplitOf(0), Begin(*token).at(fixture_->SplitId(0)));
      EXPECT_EQ(ReadAll(reading.get()), Status());
      EXPECT_EQ(reading->ids, Ids(10, 20));
    }
    source_ = fixture_->MakeSource();
    const auto made = source_->Holds("murmur_contract_", {});
    ASSERT_TRUE(made.ok()) << made.status().ToString();
    EXPECT_EQ(made->size(), source_->NeedsHold() ? 1 : 0);
    EXPECT_EQ(source_->LetGo(name, {}), Status());
    EXPECT_EQ(source_->LetGo(name, {}), Status()) << "there is none";
    EXPECT_TRUE(source_->Holds("murmur_contract_", {})->empty());
  }

  void TheEndIsReachedWhenAllIsRead() {
    fixture_->Append(0, Ids(0, 100));
    const Split split = SplitOf(0);
    const auto ends = source_->Ends({split}, {});
    ASSERT_TRUE(ends.ok()) << ends.status().ToString();
    const Position begin = Begin().at(split.id);
    EXPECT_GE(source_->Distance(begin, ends->at(split.id)), 100u);
    auto reading = Open(split, begin);
    ReadUntil(reading.get(), 100);
    EXPECT_EQ(ReadAll(reading.get()), Status());
    EXPECT_EQ(source_->Distance(reading->positions.back().first, ends->at(split.id)), 0u);
  }

  void AReadDoesNotWaitAndItsWorkerIsWoken() {
    const Split split = SplitOf(0);
    auto reading = Open(split, Begin().at(split.id));
    EXPECT_EQ(ReadAll(reading.get()), Status());
    const auto start = std::chrono::steady_clock::now();
    ASSERT_EQ(*Read(reading.get()), ReadState::kIdle);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(200));
    const int wakes = *reading->wakes;
    fixture_->Append(0, Ids(0, 1));
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    while (*reading->wakes == wakes && std::chrono::steady_clock::now() < give_up) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_GT(*reading->wakes, wakes);
    ReadUntil(reading.get(), 1);
  }

  void ANewSplitIsReadFromItsStart() {
    fixture_->Append(0, Ids(0, 10));
    const size_t before = Splits().size();
    fixture_->AddSplit();
    fixture_->Append(LiveFixture::kSplits, Ids(0, 50));
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    while (Splits().size() == before && std::chrono::steady_clock::now() < give_up) {
    }
    auto reading = Open(SplitOf(LiveFixture::kSplits), "");
    ReadUntil(reading.get(), 50);
    EXPECT_EQ(reading->ids, Ids(0, 50));
  }

  // Never a silent gap.
  void RecordsThatAreGoneAreAnError() {
    fixture_->Append(0, Ids(0, 100));
    const Split split = SplitOf(0);
    const Position begin = Begin().at(split.id);
    fixture_->DropOldest(0, 40);
    Reading reading;
    const auto read = [&]() -> Status {
      MURMUR_ASSIGN(reading.stream, source_->Open(split, begin, Fields(), [] {}, {}));
      return ReadAll(&reading);
    };
    const Status status = read();
    EXPECT_EQ(status.code(), Code::kOutOfRange) << status.ToString();
    EXPECT_EQ(reading.ids, Ids(0, 0));
  }

  void AStoppedReadEnds() {
    fixture_->Append(0, Ids(0, 10));
    const Split split = SplitOf(0);
    auto reading = Open(split, Begin().at(split.id));
    std::stop_source stop;
    stop.request_stop();
    const auto start = std::chrono::steady_clock::now();
    const auto state = reading->stream->Read(stop.get_token(), &reading->batch);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
    EXPECT_EQ(state.status().code(), Code::kCancelled);
    EXPECT_EQ(reading->batch.rows, 0u);
  }

  void AStopInsideACallEndsIt() {
    fixture_->Append(0, Ids(0, 100));
    const std::vector<Split> splits = Splits();
    const PositionMap begin = Begin();
    const Split split = SplitOf(0);
    const std::vector<StoppableCall<LiveSource>> calls = {
        {"HandoffNow", [](auto* s, auto stop) { return s->HandoffNow(stop).status(); }},
        {"Splits", [](auto* s, auto stop) { return s->Splits(stop).status(); }},
        {"Begin", [&](auto* s, auto stop) { return s->Begin(splits, {}, stop).status(); }},
        {"Ends", [&](auto* s, auto stop) { return s->Ends(splits, stop).status(); }},
        {"Reach", [&](auto* s, auto stop) { return s->Reach(begin, stop).status(); }},
        {"Read", [&](auto* s, auto stop) -> Status {
           const Position& after = begin.at(split.id);
           MURMUR_ASSIGN(const auto stream, s->Open(
                                                split, after, Fields(), [] {}, stop));
           return ReadUntilStopped(stream.get(), Fields(), stop);
         }}};
    std::vector<std::unique_ptr<LiveSource>> sources;
    for (size_t i = 0; i < calls.size(); ++i) sources.push_back(fixture_->MakeSource());
    const int inside = StopInsideEach(calls, sources, fixture_.get());
    if (inside < 0) GTEST_SKIP() << "the fixture makes no call wait";
    EXPECT_GE(inside, 3) << "splits, ends and a read wait, at least";
  }

  void CloseTwiceIsFine() {
    EXPECT_TRUE(source_->Close().ok());
    EXPECT_TRUE(source_->Close().ok());
  }

  std::unique_ptr<LiveFixture> fixture_;
  std::unique_ptr<LiveSource> source_;
};

}  // namespace murmur

// What the changes of a table promise: they are one split, and nothing makes the origin forget at
// will.
#define MURMUR_LIVE_SOURCE_CONTRACT_OF_TABLE(Suite)                           \
  class Suite : public ::murmur::LiveSourceContract {};                       \
  MURMUR_LIVE_CONTRACT_TEST(Suite, EveryRecordComesOnceInItsSplitsOrder)      \
  MURMUR_LIVE_CONTRACT_TEST(Suite, EveryPositionIsAPlaceToGoOnFrom)           \
  MURMUR_LIVE_CONTRACT_TEST(Suite, AHandoffTokenSeparatesWhatIsFromWhatComes) \
  MURMUR_LIVE_CONTRACT_TEST(Suite, AHoldIsReadThroughAndEnded)                \
  MURMUR_LIVE_CONTRACT_TEST(Suite, TheEndIsReachedWhenAllIsRead)              \
  MURMUR_LIVE_CONTRACT_TEST(Suite, AReadDoesNotWaitAndItsWorkerIsWoken)       \
  MURMUR_LIVE_CONTRACT_TEST(Suite, AStoppedReadEnds)                          \
  MURMUR_LIVE_CONTRACT_TEST(Suite, AStopInsideACallEndsIt)                    \
  MURMUR_LIVE_CONTRACT_TEST(Suite, CloseTwiceIsFine)                          \
  static_assert(true)
#define MURMUR_LIVE_SOURCE_CONTRACT(Suite)                       \
  MURMUR_LIVE_SOURCE_CONTRACT_OF_TABLE(Suite);                   \
  MURMUR_LIVE_CONTRACT_TEST(Suite, ANewSplitIsReadFromItsStart)  \
  MURMUR_LIVE_CONTRACT_TEST(Suite, RecordsThatAreGoneAreAnError) \
  static_assert(true)
#define MURMUR_LIVE_CONTRACT_TEST(Suite, Name) \
  TEST_P(Suite, Name) { Name(); }
