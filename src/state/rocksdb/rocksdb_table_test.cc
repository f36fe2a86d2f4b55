#include "state/rocksdb/rocksdb_table.h"

#include <filesystem>
#include <stdexcept>

#include "murmur/testing/state_table_kit.h"
#include "testing/faulty_file_system.h"
#include "testing/temporary_folder.h"

namespace murmur {
namespace {

class RocksDbTableTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(RocksDbTable::Create({.path = path_}, VersionInfo(), TestSchema()).status(),
              Status());
  }
  std::unique_ptr<RocksDbTable> Open(RocksDbTableOptions options) {
    options.path = path_;
    auto table = RocksDbTable::Open(options, Always(TestSchema()));
    if (!table.ok()) throw std::runtime_error(table.status().ToString());
    return *std::move(table);
  }

  TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/v1";
};

TEST_F(RocksDbTableTest, AReaderBesideTheWriterSeesWhatWasCommittedWhenItOpened) {
  const auto writer = Open({});
  const TestCommit first = NumberedCommit(1, 10);
  const TestCommit second = NumberedCommit(2, kManyKeys);
  ASSERT_EQ(first.ApplyTo(writer.get()), Status());
  const auto reader = Open({.access = Access::kRead});
  EXPECT_EQ(Dump(*reader), first.deltas);
  ASSERT_EQ(second.ApplyTo(writer.get()), Status());
  EXPECT_EQ(Dump(*reader), first.deltas);
  EXPECT_EQ(Dump(*Open({.access = Access::kRead})), Folded({first, second}));
  EXPECT_EQ(second.ApplyTo(reader.get()).code(), Code::kFailedPrecondition);
}

TEST_F(RocksDbTableTest, DamagedValuesAreDataLossFromThenOn) {
  auto table = Open({});
  TestCommit commit{.from = "", .to = "1", .deltas = {{TestKey(1), TestValue(1, 1, 1)}}};
  ASSERT_EQ(commit.ApplyTo(table.get()), Status());
  commit.from = "1";
  commit.to = "2";
  commit.deltas = {{TestKey(1),
                    "\x02\x03"
                    "abc"}};
  ASSERT_EQ(commit.ApplyTo(table.get()), Status());
  EXPECT_EQ((*table->Snapshot())->Get(TestKey(1)).status().code(), Code::kDataLoss);
  EXPECT_EQ((*table->Snapshot())->Get(TestKey(2)).status().code(), Code::kDataLoss);
  EXPECT_EQ(table->Undamaged().code(), Code::kDataLoss);
  EXPECT_TRUE((*table->Snapshot())->Progress().ok()) << "it can still be told how far it is";
  EXPECT_EQ(NumberedCommit(3, 1).ApplyTo(table.get()).code(), Code::kDataLoss);
}

// Merged and rewritten, in whatever order, with nobody who reads the key.
TEST_F(RocksDbTableTest, DamageSurvivesCompactionAndRestart) {
  const std::string good = TestValue(1, 1, 1);
  const std::string cut = good.substr(0, good.size() - 1);
  const std::string bad[] = {
      "\x02\x03"
      "abc",
      "", std::string("\0\7a", 3), cut};
  for (const std::string& damaged : bad) {
    for (size_t at = 0; at < 3; ++at) {
      TemporaryFolder folder;
      const RocksDbTableOptions options{.path = folder.path() + "/v1"};
      ASSERT_EQ(RocksDbTable::Create(options, VersionInfo(), TestSchema()).status(), Status());
      auto writer = *RocksDbTable::Open(options, Always(TestSchema()));
      for (size_t i = 0; i < 3; ++i) {
        TestCommit commit{.from = i == 0 ? "" : std::to_string(i),
                          .to = std::to_string(i + 1),
                          .deltas = {{TestKey(1), i == at ? damaged : good}}};
        ASSERT_EQ(commit.ApplyTo(writer.get()), Status());
      }
      writer.reset();
      std::vector<const Monoid*> monoids = TestSchema().monoids;
      for (int round = 0; round < 2; ++round) {  // whatever is left is merged, and again
        auto damage = std::make_shared<Damage>(0);
        const auto database =
            *Database::Open({.path = options.path, .monoids = monoids, .damage = damage});
        rocksdb::CompactRangeOptions all;
        all.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
        ASSERT_TRUE(database->db()->CompactRange(all, nullptr, nullptr).ok());
      }
      for (const Access access : {Access::kWrite, Access::kRead}) {
        RocksDbTableOptions again = options;
        again.access = access;
        const auto table = *RocksDbTable::Open(again, Always(TestSchema()));
        EXPECT_EQ(table->Undamaged().code(), Code::kDataLoss) << at << " is damaged";
        EXPECT_EQ((*table->Snapshot())->Get(TestKey(1)).status().code(), Code::kDataLoss);
        int visited = 0;
        EXPECT_EQ(
            (*table->Snapshot())->Scan("", "", [&](auto, auto) { return ++visited > 0; }).code(),
            Code::kDataLoss);
        EXPECT_EQ(visited, 0);
        if (access == Access::kRead) continue;
        TestCommit next{.from = "3", .to = "4", .deltas = {{TestKey(2), good}}};
        EXPECT_EQ(next.ApplyTo(table.get()).code(), Code::kDataLoss);
      }
    }
  }
}

TEST_F(RocksDbTableTest, AWholeValueIsNotDamage) {
  auto table = Open({});
  for (uint64_t i = 1; i <= 5; ++i)
    ASSERT_EQ(NumberedCommit(i, kManyKeys).ApplyTo(table.get()), Status());
  table.reset();
  EXPECT_EQ(Open({})->Undamaged(), Status());
}

// A crash between linking a table into the database and unlinking its staging name leaves one file
// under two names.
TEST_F(RocksDbTableTest, WhatACrashLeftInStagingIsUnlinkedAndNeverWrittenTo) {
  const TestCommit first = NumberedCommit(1, kManyKeys);
  const TestCommit second = NumberedCommit(2, kManyKeys);
  ASSERT_EQ(first.ApplyTo(Open({}).get()), Status());
  int linked = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    if (entry.path().extension() != ".sst") continue;
    std::filesystem::create_hard_link(entry.path(), path_ + "/staging/1.sst");
    ++linked;
  }
  ASSERT_EQ(linked, 1);
  const auto table = Open({});
  EXPECT_TRUE(std::filesystem::is_empty(path_ + "/staging"));
  ASSERT_EQ(second.ApplyTo(table.get()), Status());
  EXPECT_EQ(Dump(*table), Folded({first, second}));
}

TEST_F(RocksDbTableTest, ASecondWriterIsToldWhoHoldsTheState) {
  const auto writer = Open({});
  const auto second = RocksDbTable::Open({.path = path_}, Always(TestSchema()));
  ASSERT_EQ(second.status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()),
              testing::HasSubstr("is in use by pid " + std::to_string(getpid()) + " ("));
}

// A table on a file system that fails on purpose.
class FaultyTableTest : public RocksDbTableTest {
 protected:
  std::shared_ptr<FaultyFileSystem> files_ =
      std::make_shared<FaultyFileSystem>(folder_.path() + "/attic");
  std::unique_ptr<rocksdb::Env> env_ = rocksdb::NewCompositeEnv(files_);
};

TEST_F(FaultyTableTest, AFullDiskRefusesCommitsAndTakesThemOnceThereIsSpace) {
  for (const int64_t keys : {int64_t{3}, kManyKeys}) {
    const std::string split = "s" + std::to_string(keys);
    auto table = Open({.env = env_.get()});
    const Contents before = Dump(*table);
    TestCommit commit = NumberedCommit(1, keys);
    commit.split = split;
    files_->SetDiskFull(true);
    const Status refused = commit.ApplyTo(table.get());
    EXPECT_THAT(refused.code(), testing::AnyOf(Code::kResourceExhausted, Code::kUnavailable));
    EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("the disk is full"));
    EXPECT_FALSE(commit.ApplyTo(table.get()).ok());
    files_->SetDiskFull(false);
    EXPECT_EQ(Dump(*table), before);
    EXPECT_EQ(commit.ApplyTo(table.get()), Status());
    EXPECT_EQ((*table->Snapshot())->Progress()->at(split).position, "1");
    TestCommit next = NumberedCommit(2, keys);
    next.split = split;
    EXPECT_EQ(next.ApplyTo(table.get()), Status());
    const Contents after = Dump(*table);
    table.reset();
    EXPECT_EQ(Dump(*Open({})), after);
  }
}

}  // namespace
}  // namespace murmur
