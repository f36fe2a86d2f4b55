// The map beside the table that it stands for: at each commit, every answer must be the table's.
#include "runtime/owner/row_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <random>
#include <thread>
#include <tuple>
#include <vector>

#include "murmur/testing/state_table_kit.h"
#include "runtime/loop/commit_feed.h"
#include "state/memory/memory_table.h"
#include "testing/faulty_table.h"

namespace murmur {
namespace {

constexpr int64_t kKeys = 20;
constexpr int64_t kBuckets = 6;
constexpr int64_t kHourMicros = 3600 * 1'000'000ll;

BucketRule Hours(std::optional<TimeLength> keep = {}) { return {.every = 3600, .keep = keep}; }

uint64_t Seed() {
  static const uint64_t seed = [] {
    const char* given = std::getenv("MURMUR_SEED");
    const uint64_t one =
        given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
    std::printf("MURMUR_SEED=%llu repeats this\n", static_cast<unsigned long long>(one));
    return one;
  }();
  return seed;
}

// A table, the map in front of it, and who writes.
class RowMapTest : public testing::Test {
 protected:
  explicit RowMapTest(BucketRule buckets = Hours(), size_t bytes_max = 1 << 20)
      : buckets_(buckets),
        store_(MakeMemoryStore({}, TestSchema(buckets))),
        table_(std::move(OpenMemoryTable(store_, TestSchema(buckets))).value()),
        faulty_(
            table_.get(),
            [this] { return fails_ ? FaultyTable::Fault::kBefore : FaultyTable::Fault::kNone; }),
        map_(&faulty_, TestSchema(buckets).monoids, buckets, bytes_max),
        feed_(&map_) {}

  std::string RandomKey() {
    const int64_t number = Draw(kKeys);
    return buckets_.windowed() ? TestKey(number, Draw(kBuckets)) : TestKey(number);
  }
  int64_t Draw(int64_t below) {
    return static_cast<int64_t>(random_() % static_cast<uint64_t>(below));
  }

  // Adds to keys, removes some, replaces some, now and then clears all.
  TestCommit RandomCommit() {
    TestCommit commit{.from = next_ == 0 ? "" : std::to_string(next_),
                      .to = std::to_string(next_ + 1)};
    ++next_;
    commit.clear = Draw(40) == 0;
    commit.newest_time = (kBuckets - 1) * kHourMicros;
    for (int64_t i = Draw(6); i > 0; --i) {
      const std::string key = RandomKey();
      const int64_t records = Draw(5) - 1;
      commit.deltas[key] = TestValue(records, Draw(100), Draw(1000));
      if (Draw(4) == 0) {
        commit.replaced.insert(key);
        commit.deltas[key] = Draw(2) == 0 ? "" : TestValue(records + 2, Draw(100), Draw(1000));
      }
    }
    return commit;
  }
  Status Tell(const TestCommit& test_commit) {
    MapCursor cursor(test_commit.deltas, test_commit.replaced);
    Commit commit;
    commit.moves = {{.split = "a", .from = test_commit.from, .to = test_commit.Progress()}};
    commit.deltas = &cursor;
    commit.delta_count = test_commit.deltas.size();
    commit.clear = test_commit.clear;
    return feed_.Apply(commit, [&](uint64_t* number) { return table_->Apply(commit, number); });
  }

  using Answer = std::optional<std::string>;
  static Answer Get(const StateSnapshot& snapshot, const std::string& key) {
    auto value = snapshot.Get(key);
    EXPECT_TRUE(value.ok()) << value.status().ToString();
    return value.ok() ? *value : Answer();
  }
  static Contents Scan(const StateSnapshot& snapshot, const std::string& from,
                       const std::string& until) {
    Contents found;
    EXPECT_EQ(snapshot.Scan(from, until,
                            [&](std::string_view key, std::string_view value) {
                              found[std::string(key)] = value;
                              return true;
                            }),
              Status());
    return found;
  }

  std::mt19937_64 random_{Seed()};
  const BucketRule buckets_;
  const std::shared_ptr<MemoryStore> store_;
  const std::unique_ptr<StateTable> table_;
  std::atomic<bool> fails_{false};
  FaultyTable faulty_;  // the table as the map sees it
  RowMap map_;
  CommitFeed feed_;
  uint64_t next_ = 0;
};

// Snapshots of several commits are read in turns, as calls that take long do. Commits are told some
// time after they are durable, and now and then the table gives no snapshot.
TEST_F(RowMapTest, EverySnapshotIsOfItsCommitHoweverReadsAndCommitsInterleave) {
  std::map<uint64_t, std::unique_ptr<StateSnapshot>> truth;  // by commit
  truth[0] = *table_->Snapshot();
  std::optional<std::pair<uint64_t, TestCommit>> untold;
  const auto tell = [&] {
    if (!untold) return;
    const auto& [number, commit] = *untold;
    MapCursor changes(commit.deltas, commit.replaced);
    map_.OnCommit(number, commit.clear, &changes);
    untold.reset();
  };
  std::vector<std::unique_ptr<StateSnapshot>> open;
  uint64_t compared = 0;
  for (int step = 0; step < 20'000; ++step) {
    fails_ = Draw(10) == 0;
    const int64_t what = Draw(12);
    if (what == 0) {
      tell();
      untold.emplace(0, RandomCommit());
      ASSERT_EQ(untold->second.ApplyTo(table_.get(), &untold->first), Status());
      truth[untold->first] = *table_->Snapshot();
    } else if (what == 1) {
      tell();
    } else if (what == 2 || open.empty()) {
      auto snapshot = map_.Snapshot();
      if (!snapshot.ok()) continue;
      open.push_back(*std::move(snapshot));
      if (open.size() > 4) open.erase(open.begin() + Draw(4));
    } else {
      const auto& mapped = open[static_cast<size_t>(Draw(static_cast<int64_t>(open.size())))];
      const auto& same = truth.at(*mapped->CommitNumber());
      ++compared;
      if (what == 3) {
        const int64_t number = Draw(kKeys);
        const int64_t from = Draw(kBuckets + 2) - 1;
        const std::string begin = TestKey(number, from);
        const std::string end = TestKey(number, from + Draw(100));
        ASSERT_EQ(Scan(*mapped, begin, end), Scan(*same, begin, end)) << step;
        ASSERT_EQ(*mapped->NewestTime(), *same->NewestTime()) << step;
      } else {
        const std::string key = RandomKey();
        ASSERT_EQ(Get(*mapped, key), Get(*same, key)) << step;
      }
    }
  }
  EXPECT_GT(compared, 5'000u);
}

TEST_F(RowMapTest, EverySnapshotIsOfItsCommitWhileThreadsReadAndCommit) {
  constexpr int kCommits = 2000;
  std::map<uint64_t, Contents> history;  // by commit
  history[0] = {};
  using Seen = std::tuple<uint64_t, std::string, Answer>;
  std::array<std::vector<Seen>, 3> seen;
  std::atomic<bool> ended{false};
  std::vector<std::jthread> readers;
  for (auto& mine : seen) {
    const uint64_t seed = random_();
    readers.emplace_back([this, &mine, &ended, seed] {
      std::mt19937_64 random(seed);
      while (!ended) {
        const auto snapshot = *map_.Snapshot();
        const uint64_t commit = *snapshot->CommitNumber();
        for (int i = 0; i < 20; ++i) {
          const std::string key = TestKey(static_cast<int64_t>(random() % kKeys),
                                          static_cast<int64_t>(random() % kBuckets));
          if (mine.size() < 400'000) mine.emplace_back(commit, key, Get(*snapshot, key));
        }
      }
    });
  }
  for (int i = 0; i < kCommits; ++i) {
    ASSERT_EQ(Tell(RandomCommit()), Status());
    const auto truth = *table_->Snapshot();
    history[*truth->CommitNumber()] = Scan(*truth, "", "");
  }
  ended = true;
  readers.clear();
  size_t compared = 0;
  for (const auto& mine : seen) {
    for (const auto& [commit, key, answer] : mine) {
      const Contents& truth = history.at(commit);
      const auto found = truth.find(key);
      ASSERT_EQ(answer, found == truth.end() ? Answer() : Answer(found->second)) << commit;
      ++compared;
    }
  }
  EXPECT_GT(compared, 1000u);
}

// The commit's outcome stayed unknown, so nobody was told, and the run ended.
TEST_F(RowMapTest, ACommitThatWasNotToldIsSeenByTheNextRun) {
  ASSERT_EQ(Tell({.from = "", .to = "1", .deltas = {{TestKey(1, 1), TestValue(1, 1, 1)}}}),
            Status());
  (void)Get(**map_.Snapshot(), TestKey(1, 1));
  const TestCommit untold{.from = "1", .to = "2", .deltas = {{TestKey(1, 1), TestValue(1, 1, 1)}}};
  ASSERT_EQ(untold.ApplyTo(table_.get()), Status());
  map_.Forget();
  EXPECT_EQ(Get(**map_.Snapshot(), TestKey(1, 1)), TestValue(2, 2, 1));
  ASSERT_EQ(Tell({.from = "2", .to = "3", .deltas = {{TestKey(1, 1), TestValue(1, 1, 1)}}}),
            Status());
  EXPECT_EQ(Get(**map_.Snapshot(), TestKey(1, 1)), TestValue(3, 3, 1));
}

// A reader may see a commit before its writer has told it.
TEST_F(RowMapTest, ACommitThatIsToldLateIsNotAddedTwice) {
  const TestCommit commit{.from = "", .to = "1", .deltas = {{TestKey(1, 1), TestValue(1, 1, 1)}}};
  uint64_t number = 0;
  ASSERT_EQ(commit.ApplyTo(table_.get(), &number), Status());
  EXPECT_EQ(Get(**map_.Snapshot(), TestKey(1, 1)), TestValue(1, 1, 1));
  MapCursor told(commit.deltas);
  map_.OnCommit(number, false, &told);
  EXPECT_EQ(Get(**map_.Snapshot(), TestKey(1, 1)), TestValue(1, 1, 1));
}

class SmallRowMapTest : public RowMapTest {
 protected:
  SmallRowMapTest() : RowMapTest(Hours(), kBytes) {}
  static constexpr size_t kBytes = 16 << 10;
};

TEST_F(SmallRowMapTest, ItStaysWithinItsMemoryAndRight) {
  TestCommit many{.from = "", .to = "1"};
  for (int64_t key = 0; key < 2000; ++key) many.deltas[TestKey(key, 1)] = TestValue(1, key, key);
  ASSERT_EQ(Tell(many), Status());
  for (int round = 0; round < 3; ++round) {
    const auto snapshot = *map_.Snapshot();
    for (int64_t key = 0; key < 2000; ++key) {
      ASSERT_EQ(Get(*snapshot, TestKey(key, 1)), TestValue(1, key, key));
      ASSERT_LE(map_.bytes(), kBytes);
    }
  }
  EXPECT_GT(map_.bytes(), kBytes / 2);
}

class ExpiringRowMapTest : public RowMapTest {
 protected:
  ExpiringRowMapTest() : RowMapTest(Hours(TimeLength{.rest = std::chrono::hours(2)})) {}
};

TEST_F(ExpiringRowMapTest, AWindowExpiresWithTheCommitThatMovesTheNewestTime) {
  const auto commit = [&](int64_t bucket) {
    TestCommit one{.from = bucket == 1 ? "" : std::to_string(bucket - 1),
                   .to = std::to_string(bucket)};
    one.deltas = {{TestKey(1, bucket), TestValue(1, bucket, 0)}};
    one.newest_time = bucket * kHourMicros;
    return one;
  };
  for (int64_t bucket = 1; bucket <= 9; ++bucket) {
    ASSERT_EQ(Tell(commit(bucket)), Status());
    const auto mapped = *map_.Snapshot();
    const auto truth = *table_->Snapshot();
    for (int64_t other = 1; other <= bucket; ++other) {
      ASSERT_EQ(Get(*mapped, TestKey(1, other)), Get(*truth, TestKey(1, other)));
    }
    const std::string from = TestKey(1, 0);
    const std::string until = TestKey(1, 20);
    ASSERT_EQ(Scan(*mapped, from, until), Scan(*truth, from, until));
  }
}

}  // namespace
}  // namespace murmur
