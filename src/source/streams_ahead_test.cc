#include "source/streams_ahead.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <set>

namespace murmur {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class NamedStream final : public RecordStream {
 public:
  explicit NamedStream(std::string name) : name_(std::move(name)) {}
  Result<ReadState> Read(std::stop_token, RecordBatch* batch) override {
    batch->Clear();
    batch->object = name_;
    return ReadState::kEnd;
  }

 private:
  const std::string name_;
};

// Notes what it is asked to open.
class Opener {
 public:
  StreamsAhead::OpenSplit function() {
    return [this](const Split& split, const Position& after, const Projection&) {
      return Open(split, after);
    };
  }
  // The splits that were opened, once there are `count` of them.
  std::multiset<std::string> Opened(size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(
        more_.wait_for(lock, std::chrono::seconds(20), [&] { return opened_.size() >= count; }));
    return opened_;
  }

  std::string bad;  // the split that can't be opened

 private:
  StreamsAhead::OpenResult Open(const Split& split, const Position& after) {
    const std::lock_guard lock(mutex_);
    opened_.insert(split.id + after);
    more_.notify_all();
    if (split.id == bad) return Status(Code::kUnavailable, split.id + ": no connection");
    return std::unique_ptr<RecordStream>(std::make_unique<NamedStream>(split.id + after));
  }

  std::mutex mutex_;
  std::condition_variable more_;
  std::multiset<std::string> opened_;
};

std::vector<Split> Splits(const std::string& names, uint64_t bytes = 100) {
  std::vector<Split> splits;
  for (const char name : names) {
    splits.push_back({.id = std::string(1, name), .bytes = bytes, .payload = {}});
  }
  return splits;
}

class StreamsAheadTest : public testing::Test {
 protected:
  // What the stream that is given for a split calls itself, or the error.
  std::string Open(const std::string& id, const Position& after = {},
                   const Projection& projection = {}) {
    auto stream = ahead_.Open({.id = id, .bytes = 100, .payload = {}}, after, projection);
    if (!stream.ok()) return stream.status().ToString();
    RecordBatch batch(projection);
    EXPECT_TRUE((*stream)->Read({}, &batch).ok());
    return std::string(batch.object);
  }

  Opener opener_;
  StreamsAhead ahead_{opener_.function()};
};

TEST_F(StreamsAheadTest, TheNextSplitsAreOpenedBeforeTheyAreAskedForAndOnce) {
  ahead_.Begin(Splits("abcdefghijklmnop"));
  EXPECT_EQ(Open("a"), "a");
  EXPECT_EQ(opener_.Opened(1 + kStreamsAheadMax).count("i"), 1u);
  for (const char* id : {"c", "b", "d"}) EXPECT_EQ(Open(id), id);
  const auto opened = opener_.Opened(4 + kStreamsAheadMax);
  for (const std::string& id : opened) EXPECT_EQ(opened.count(id), 1u);
  EXPECT_EQ(opened.size(), 4 + kStreamsAheadMax);
}

TEST_F(StreamsAheadTest, ASplitThatFailedAheadIsReportedWhenItIsItsTurn) {
  opener_.bad = "b";
  ahead_.Begin(Splits("abc"));
  EXPECT_EQ(Open("a"), "a");
  opener_.Opened(3);
  EXPECT_EQ(Open("c"), "c");
  EXPECT_THAT(Open("b"), HasSubstr("b: no connection"));
}

TEST_F(StreamsAheadTest, ASplitIsOpenedAgainWhereItIsReadOnOrReadOtherwise) {
  ahead_.Begin(Splits("abcd"));
  EXPECT_EQ(Open("a"), "a");
  opener_.Opened(4);
  EXPECT_EQ(Open("b", "5"), "b5");
  Projection other;
  other.fields.emplace_back().path.steps.emplace_back("x");
  EXPECT_EQ(Open("c", {}, other), "c");
  EXPECT_EQ(Open("d"), "d");
  EXPECT_THAT(opener_.Opened(6), ElementsAre("a", "b", "b5", "c", "c", "d"));
}

TEST_F(StreamsAheadTest, SplitsThatAreNeverAskedForDoNotHoldUpTheOthers) {
  std::string names;
  for (char name = '0'; name <= 'z'; ++name) names += name;
  ahead_.Begin(Splits(names));
  EXPECT_EQ(Open("0"), "0");
  EXPECT_EQ(Open("a"), "a");
  EXPECT_EQ(opener_.Opened(2 + 2 * kStreamsAheadMax).count("b"), 1u);
}

TEST_F(StreamsAheadTest, BytesAheadAreBounded) {
  ahead_.Begin(Splits("abcde", kBytesAheadMax / 2));
  EXPECT_EQ(Open("a"), "a");
  EXPECT_EQ(Open("c"), "c");
  EXPECT_EQ(opener_.Opened(4).count("e"), 0u);
}

TEST_F(StreamsAheadTest, WithoutAPlanSplitsAreOpenedAsTheyAreAskedFor) {
  EXPECT_EQ(Open("a"), "a");
  EXPECT_EQ(Open("b", "7"), "b7");
  EXPECT_EQ(opener_.Opened(2).size(), 2u);
}

}  // namespace
}  // namespace murmur
