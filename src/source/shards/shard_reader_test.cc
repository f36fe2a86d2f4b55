#include "source/shards/shard_reader.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>

namespace murmur {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr ShardPace kFast{.records = milliseconds(1),
                          .idle = milliseconds(1),
                          .list = milliseconds(20),
                          .settle = milliseconds(100),
                          .threads = 3};
constexpr int64_t kNow = 1'000'000;
constexpr int64_t kKept = 1000;

// Shards in memory, whose records are their numbers. Threads: any.
class FakeShards final : public ShardClient {
 public:
  struct Shard {
    std::vector<std::string> parents;
    std::vector<int> records;
    bool is_open = true;
  };

  const std::string& Name() const override { return name; }
  Result<std::vector<ListedShard>> List(const std::stop_token& /*stop*/) override {
    const std::lock_guard lock(mutex);
    std::vector<ListedShard> listed;
    for (const auto& [id, shard] : shards) listed.push_back({id, shard.parents, shard.is_open});
    return listed;
  }
  Result<std::string> Iterator(const std::string& shard, const std::string& after,
                               const std::stop_token& /*stop*/) override {
    const std::lock_guard lock(mutex);
    ++iterators;
    return fmt::format("{}/{}", shard, after.empty() ? 0 : std::stoi(after));
  }
  Result<ShardRecords> Records(const std::string& id, const std::string& iterator, bool* expired,
                               const std::stop_token& /*stop*/) override {
    const std::lock_guard lock(mutex);
    if (expire > 0 && --expire >= 0) {
      *expired = true;
      return Status(Code::kFailedPrecondition, "too old");
    }
    if (fail > 0 && --fail >= 0) return Status(Code::kUnavailable, "not now");
    reading.insert(id);
    ++answers;
    const Shard& shard = shards.at(id);
    const int after = std::stoi(iterator.substr(iterator.find('/') + 1));
    ShardRecords records;
    int last = after;
    for (const int number : shard.records) {
      if (number <= after || records.count == 2) continue;
      records.body += fmt::format("{} ", number);
      ++records.count;
      last = number;
    }
    records.last = std::to_string(last);
    records.made = now;
    const bool is_end = !shard.is_open && (shard.records.empty() || last == shard.records.back());
    if (!is_end) records.next = fmt::format("{}/{}", id, last);
    return records;
  }
  Status Gone(const std::string& shard, const std::string& after) const override {
    return Status(Code::kOutOfRange, shard + " after " + after + " is gone");
  }
  int64_t NowMillis() const override { return now; }
  int64_t KeptMillis() const override { return kKept; }

  const std::string name = "fake";
  std::atomic<int64_t> now{kNow};
  std::atomic<int> answers{0};
  mutable std::mutex mutex;
  // Under mutex.
  std::map<std::string, Shard> shards;
  std::set<std::string> reading;
  int iterators = 0;
  int expire = 0;  // so many answers say that the iterator is too old
  int fail = 0;
};

class ShardReaderTest : public testing::Test {
 protected:
  void Start() {
    reader_ = std::make_unique<ShardReader>(shards_, ShardLineage::Begin(*shards_->List({}), kNow),
                                            kFast, [] {});
  }
  // Everything until so many records came, as "shard:number"; or until the end.
  std::vector<std::string> Read(size_t count) {
    std::vector<std::string> read;
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (read.size() < count && !reader_->end() && std::chrono::steady_clock::now() < give_up) {
      ShardEvent event;
      if (!reader_->Take(&event)) {
        std::this_thread::sleep_for(milliseconds(1));
        continue;
      }
      std::istringstream numbers(event.body);
      for (std::string number; numbers >> number;) read.push_back(event.shard + ":" + number);
    }
    return read;
  }

  void WaitForAnswers(int count) const {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    for (const int goal = shards_->answers + count;
         shards_->answers < goal && std::chrono::steady_clock::now() < give_up;) {
      std::this_thread::sleep_for(milliseconds(1));
    }
  }
  // "a" ends, and "b" follows it.
  void Follow() {
    const std::lock_guard lock(shards_->mutex);
    shards_->shards["a"].is_open = false;
    shards_->shards["b"] = {.parents = {"a"}, .records = {9}, .is_open = true};
  }

  const std::shared_ptr<FakeShards> shards_ = std::make_shared<FakeShards>();
  std::unique_ptr<ShardReader> reader_;
};

TEST_F(ShardReaderTest, AShardIsReadInItsOrderAndOnlyAfterItsParents) {
  shards_->shards["a"] = {};
  Start();
  {
    const std::lock_guard lock(shards_->mutex);
    shards_->shards["a"] = {.parents = {}, .records = {1, 2, 3, 4, 5}, .is_open = false};
    shards_->shards["b"] = {.parents = {"a"}, .records = {6, 7}, .is_open = false};
    shards_->shards["c"] = {.parents = {"b"}, .records = {8}, .is_open = true};
  }
  EXPECT_THAT(Read(8), ElementsAre("a:1", "a:2", "a:3", "a:4", "a:5", "b:6", "b:7", "c:8"));
}

TEST_F(ShardReaderTest, AShardThatHadEndedIsNeverAskedFor) {
  shards_->shards["a"] = {.parents = {}, .records = {1}, .is_open = false};
  shards_->shards["b"] = {.parents = {"a"}, .records = {2, 3}, .is_open = true};
  Start();
  EXPECT_THAT(Read(2), ElementsAre("b:2", "b:3"));
  const std::lock_guard lock(shards_->mutex);
  EXPECT_THAT(shards_->reading, ElementsAre("b"));
}

TEST_F(ShardReaderTest, AnExpiredIteratorIsReplacedByOneAfterTheLastRecord) {
  shards_->shards["a"] = {.parents = {}, .records = {1, 2, 3, 4, 5, 6}, .is_open = true};
  Start();
  EXPECT_THAT(Read(2), ElementsAre("a:1", "a:2"));
  {
    const std::lock_guard lock(shards_->mutex);
    shards_->expire = 2;
    shards_->fail = 2;
    shards_->shards["a"].records.push_back(7);
  }
  EXPECT_THAT(Read(5), ElementsAre("a:3", "a:4", "a:5", "a:6", "a:7"));
  const std::lock_guard lock(shards_->mutex);
  EXPECT_GE(shards_->iterators, 3);
}

TEST_F(ShardReaderTest, IteratorsThatAreAlwaysTooOldEndIt) {
  shards_->shards["a"] = {.parents = {}, .records = {1, 2}, .is_open = true};
  shards_->expire = 1000;
  Start();
  EXPECT_THAT(Read(1), IsEmpty());
  ASSERT_TRUE(reader_->end());
  EXPECT_EQ(reader_->end()->code(), Code::kOutOfRange);
}

TEST_F(ShardReaderTest, AShardThatWasNotReadWhileItsRecordsWereKeptEndsIt) {
  shards_->shards["a"] = {.parents = {}, .records = {1, 2}, .is_open = true};
  reader_ = std::make_unique<ShardReader>(
      shards_, ShardLineage::Begin(*shards_->List({}), kNow - 2 * kKept), kFast, [] {});
  EXPECT_THAT(Read(1), IsEmpty());
  ASSERT_TRUE(reader_->end());
  EXPECT_THAT(reader_->end()->message(), HasSubstr("is gone"));
}

TEST_F(ShardReaderTest, ShardsThatComeLaterAreReadHoweverLongItGoesOn) {
  shards_->shards["a"] = {.parents = {}, .records = {1}, .is_open = true};
  Start();
  EXPECT_THAT(Read(1), ElementsAre("a:1"));
  shards_->now += 2 * kKept;
  {
    const std::lock_guard lock(shards_->mutex);
    shards_->shards["a"].records.push_back(2);
  }
  EXPECT_THAT(Read(1), ElementsAre("a:2"));
  Follow();
  EXPECT_THAT(Read(1), ElementsAre("b:9"));
}

TEST_F(ShardReaderTest, ShardsThatFollowOneWithoutRecordsAreReadHoweverLongItGoesOn) {
  shards_->shards["a"] = {.parents = {}, .records = {}, .is_open = true};
  Start();
  WaitForAnswers(1);
  shards_->now += 2 * kKept;
  WaitForAnswers(5);  // one of them was asked for after that
  Follow();
  EXPECT_THAT(Read(1), ElementsAre("b:9"));
}

TEST_F(ShardReaderTest, ReadersOfAShardShareItsRequests) {
  constexpr auto kFor = milliseconds(400);
  ShardPace pace = kFast;
  pace.records = pace.idle = milliseconds(20);
  shards_->shards["shared"] = {};
  std::vector<std::unique_ptr<ShardReader>> readers;
  for (int i = 0; i < 3; ++i) {
    readers.push_back(std::make_unique<ShardReader>(
        shards_, ShardLineage::Begin(*shards_->List({}), kNow), pace, [] {}));
  }
  const auto begin = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(kFor);
  readers.clear();
  const auto lasted = std::chrono::steady_clock::now() - begin;
  EXPECT_LE(shards_->answers, lasted / pace.records + 2);
}

TEST_F(ShardReaderTest, AShardThatIsListedNoMoreEndsIt) {
  shards_->shards["a"] = {.parents = {}, .records = {}, .is_open = true};
  shards_->shards["b"] = {.parents = {}, .records = {}, .is_open = true};
  Start();
  {
    const std::lock_guard lock(shards_->mutex);
    shards_->shards["a"].parents = {"x"};
    auto node = shards_->shards.extract("b");
    node.key() = "c";
    shards_->shards["b"] = {};  // still answers
    shards_->shards.insert(std::move(node));
    shards_->shards["c"].parents = {"never listed"};
  }
  EXPECT_THAT(Read(1), IsEmpty());
  ASSERT_TRUE(reader_->end());
  EXPECT_EQ(reader_->end()->code(), Code::kOutOfRange);
}

}  // namespace
}  // namespace murmur
