#include "state/rocksdb/rocksdb_store.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <thread>

#include "murmur/testing/state_table_kit.h"
#include "testing/temporary_folder.h"

namespace murmur {
namespace {

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class RocksDbStoreTest : public testing::Test {
 protected:
  void SetUp() override { store_ = *RocksDbStore::Open(path_, Access::kWrite); }

  TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/a/state";
  std::unique_ptr<RocksDbStore> store_;
};

// A writer moves what a new version has of its log to a table, and deletes the log.
TEST_F(RocksDbStoreTest, AVersionIsReadWhileItsWriterOpensIt) {
  constexpr uint64_t kVersions = 100;
  std::jthread writer([&](const std::stop_token& stop) {
    for (uint64_t number = 1; number <= kVersions && !stop.stop_requested(); ++number) {
      const auto table = store_->CreateVersion({.identity = "it"}, TestSchema());
      ASSERT_TRUE(table.ok()) << table.status().ToString();
      EXPECT_EQ((*table)->Close(), Status());
      EXPECT_TRUE(store_->OpenVersion(number, Access::kWrite, Always(TestSchema())).ok());
    }
  });
  for (uint64_t number = 1; number <= kVersions; ++number) {
    while (store_->Versions()->size() < number) std::this_thread::yield();
    const auto read = store_->ReadInfo(number);
    ASSERT_TRUE(read.ok()) << read.status().ToString();
    EXPECT_EQ(read->identity, "it");
    const auto table = store_->OpenVersion(number, Access::kRead, Always(TestSchema()));
    ASSERT_TRUE(table.ok()) << table.status().ToString();
  }
}

TEST_F(RocksDbStoreTest, ANumberIsNeverUsedAgain) {
  const auto make = [this] {
    auto table = store_->CreateVersion({}, TestSchema());
    return table.ok() ? (*table)->Info()->number : 0;
  };
  EXPECT_EQ(make(), 1u);
  EXPECT_EQ(make(), 2u);
  for (const uint64_t number : {1, 2, 1}) ASSERT_EQ(store_->SetCurrent(number), Status());
  ASSERT_EQ(store_->DropVersion(2), Status());
  store_ = *RocksDbStore::Open(path_, Access::kWrite);
  EXPECT_EQ(make(), 3u) << "2 served";
  ASSERT_EQ(store_->DropVersion(3), Status());
  EXPECT_EQ(make(), 4u) << "3 never served";
  std::filesystem::create_directories(path_ + "/creating-5");
  std::filesystem::create_directories(path_ + "/dropped-7");
  EXPECT_EQ(make(), 8u) << "7 was being dropped when a process was killed";
  EXPECT_EQ(make(), 9u);
}

TEST_F(RocksDbStoreTest, ANumberThatAnEarlierProgramGaveIsNotUsedAgain) {
  ASSERT_TRUE(store_->CreateVersion({}, TestSchema()).ok());
  std::filesystem::remove(path_ + "/last-version");
  std::ofstream(path_ + "/current") << "1\n6\n2\n";
  EXPECT_EQ((*store_->CreateVersion({}, TestSchema()))->Info()->number, 7u);
  ASSERT_EQ(store_->DropVersion(7), Status());
  EXPECT_EQ((*store_->CreateVersion({}, TestSchema()))->Info()->number, 8u);
  std::filesystem::remove(path_ + "/last-version");
  std::ofstream(path_ + "/dead-letters-v11.jsonl") << "";
  ASSERT_EQ(store_->DropVersion(8), Status());
  std::filesystem::remove(path_ + "/dead-letters-v11.jsonl");
  EXPECT_EQ((*store_->CreateVersion({}, TestSchema()))->Info()->number, 12u);
  std::ofstream(path_ + "/last-version") << "many\n";
  EXPECT_EQ(store_->CreateVersion({}, TestSchema()).status().code(), Code::kDataLoss);
}

TEST_F(RocksDbStoreTest, ANumberThatCannotBeRememberedIsNotGiven) {
  bool fails = true;
  RocksDbStoreOptions options;
  options.sync_folder = [&fails](const std::string& folder) {
    return fails ? Status(Code::kUnavailable, folder + ": no") : Status();
  };
  store_ = *RocksDbStore::Open(path_, Access::kWrite, options);
  EXPECT_EQ(store_->CreateVersion({}, TestSchema()).status().code(), Code::kUnavailable);
  EXPECT_TRUE(store_->Versions()->empty());
  fails = false;
  EXPECT_EQ((*store_->CreateVersion({}, TestSchema()))->Info()->number, 2u);
}

TEST_F(RocksDbStoreTest, AnAliasThatHasMovedIsNoFailure) {
  bool fails = false;
  RocksDbStoreOptions options;
  options.sync_folder = [&fails](const std::string& folder) {
    return fails ? Status(Code::kUnavailable, folder + ": no") : Status();
  };
  store_ = *RocksDbStore::Open(path_, Access::kWrite, options);
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(store_->CreateVersion({}, TestSchema()).ok());
  ASSERT_EQ(store_->SetCurrent(1), Status());
  fails = true;
  Status undurable;
  EXPECT_EQ(store_->SetCurrent(2, true, &undurable), Status());
  EXPECT_EQ(*store_->Current(), 2u);
  EXPECT_EQ(undurable.code(), Code::kUnavailable);
  // And one that has not moved is one.
  std::filesystem::create_directories(path_ + "/current.new/x");
  EXPECT_FALSE(store_->SetCurrent(1, true, &undurable).ok());
  EXPECT_EQ(*store_->Current(), 2u);
  // A version that is gone, though not its space, says so.
  const Status dropped = store_->DropVersion(1);
  EXPECT_THAT(std::string(dropped.message()), testing::HasSubstr("version 1 is dropped, but"));
  EXPECT_THAT(*store_->Versions(), testing::ElementsAre(2));
}

TEST_F(RocksDbStoreTest, AnIdIsMadeWhenAWriterAsksForIt) {
  ASSERT_TRUE(store_->CreateVersion({.identity = "it"}, TestSchema()).ok());
  std::filesystem::remove(path_ + "/id");
  std::ofstream(path_ + "/id.new") << "half";  // of a crash
  const auto reader = *RocksDbStore::Open(path_, Access::kRead);
  EXPECT_EQ(reader->Id().status().code(), Code::kNotFound);
  EXPECT_EQ(reader->ReadInfo(1)->identity, "it");
  store_ = *RocksDbStore::Open(path_, Access::kWrite);
  const std::string id = *store_->Id();
  EXPECT_EQ(*reader->Id(), id);
  EXPECT_EQ(*(*RocksDbStore::Open(path_, Access::kWrite))->Id(), id);
  std::ofstream(path_ + "/id") << "mine\n";
  store_ = *RocksDbStore::Open(path_, Access::kWrite);
  EXPECT_EQ(store_->Id().status().code(), Code::kDataLoss);
}

// The original may run on: what it holds elsewhere is not the copy's to end.
TEST_F(RocksDbStoreTest, ACopyGetsItsOwnIdAndARenamedStateKeepsIts) {
  const std::string id = *store_->Id();
  const std::string copy = folder_.path() + "/copy";
  std::filesystem::copy(path_, copy, std::filesystem::copy_options::recursive);
  const std::string other = *(*RocksDbStore::Open(copy, Access::kWrite))->Id();
  EXPECT_NE(other, id);
  EXPECT_EQ(*(*RocksDbStore::Open(copy, Access::kWrite))->Id(), other);
  EXPECT_EQ(*store_->Id(), id);
  std::filesystem::rename(path_, folder_.path() + "/renamed");
  EXPECT_EQ(*(*RocksDbStore::Open(folder_.path() + "/renamed", Access::kWrite))->Id(), id);
}

// A hold of that name could outlive the id by which it is found.
TEST_F(RocksDbStoreTest, AnIdThatCannotBeRememberedIsNotUsed) {
  RocksDbStoreOptions options;
  options.sync_folder = [](const std::string& folder) {
    return Status(Code::kUnavailable, folder + ": no");
  };
  const std::string other = folder_.path() + "/b";
  const auto store = *RocksDbStore::Open(other, Access::kWrite, options);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(store->Id().status().code(), Code::kUnavailable);
}

class TestClock final : public Clock {
 public:
  int64_t WallMicros() const override { return micros; }
  std::chrono::steady_clock::time_point Steady() const override { return {}; }
  int64_t micros = 100;
};

TEST_F(RocksDbStoreTest, TheAliasSaysWhenAVersionRetired) {
  TestClock clock;
  RocksDbStoreOptions options;
  options.clock = &clock;
  store_ = *RocksDbStore::Open(path_, Access::kWrite, options);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(store_->CreateVersion({}, TestSchema()).ok());
  for (const uint64_t number : {1, 2, 3}) {
    ++clock.micros;
    ASSERT_EQ(store_->SetCurrent(number), Status());
  }
  EXPECT_EQ(Read(path_ + "/current"), "3\n2\n1\nretired 2 103\nretired 1 102\n");
  ASSERT_EQ(store_->SetCurrent(3), Status());
  EXPECT_EQ(store_->RetiredAt(1)->value(), 102);
  ASSERT_EQ(store_->LetGoOfLog(1), Status());
  EXPECT_EQ(Read(path_ + "/current"), "3\n2\n1\nretired 2 103\nretired 1 102\nlet-go 1\n");
  // An earlier release reads the numbers alone, and writes them so.
  std::ofstream(path_ + "/current") << "2\n3\n1\n";
  EXPECT_EQ(*store_->RetiredAt(3), std::nullopt);
  clock.micros = 200;
  ASSERT_EQ(store_->SetCurrent(3), Status());
  EXPECT_EQ(Read(path_ + "/current"), "3\n2\n1\nretired 2 200\nretired 1 200\n");
}

TEST_F(RocksDbStoreTest, WhatACrashLeftOfMakingAVersionIsNoVersion) {
  std::ofstream(path_ + "/creating-1") << "";
  std::filesystem::create_directories(path_ + "/v1/x");
  std::filesystem::create_directories(path_ + "/dropped-4");
  std::filesystem::create_directories(path_ + "/creating-3/x");  // of an earlier release
  EXPECT_TRUE(store_->Versions()->empty());
  EXPECT_EQ(store_->ReadInfo(1).status().code(), Code::kNotFound);
  EXPECT_EQ(store_->OpenVersion(1, Access::kWrite, Always(TestSchema())).status().code(),
            Code::kNotFound);
  EXPECT_EQ(store_->SetCurrent(1).code(), Code::kNotFound);
  ASSERT_TRUE(store_->CreateVersion({}, TestSchema()).ok());
  for (const char* name : {"/v1", "/creating-1", "/creating-3", "/dropped-4", "/creating-5"}) {
    EXPECT_FALSE(std::filesystem::exists(path_ + name)) << name;
  }
  EXPECT_EQ(*store_->Versions(), std::vector<uint64_t>{5});
}

TEST_F(RocksDbStoreTest, MissingAndUnusablePathsAreNamed) {
  const auto missing = RocksDbStore::Open(folder_.path() + "/none", Access::kRead);
  EXPECT_EQ(missing.status().code(), Code::kNotFound);
  EXPECT_THAT(std::string(missing.status().message()), testing::HasSubstr("/none"));
  std::ofstream(folder_.path() + "/file") << "x";
  const auto file = RocksDbStore::Open(folder_.path() + "/file", Access::kWrite);
  EXPECT_FALSE(file.ok());
  std::ofstream(path_ + "/current") << "two\n";
  EXPECT_EQ(store_->Current().status().code(), Code::kDataLoss);
}

TEST_F(RocksDbStoreTest, DeadLettersAreProjectedAsJsonLines) {
  const std::string file = path_ + "/dead-letters.jsonl";
  auto table = *store_->CreateVersion({}, TestSchema());
  TestCommit commit{.from = "", .to = "1"};
  commit.dead_letters.push_back({.object = "b.jsonl",
                                 .offset = 5,
                                 .reason = DeadReason::kBadTime,
                                 .detail = "no time",
                                 .raw = "{\"ts\": \"é\"}"});
  commit.dead_letters.push_back({.object = "a.jsonl",
                                 .offset = 7,
                                 .reason = DeadReason::kInvalidUtf8,
                                 .detail = "bad",
                                 .raw = std::string("\xFF\x00z", 3)});
  ASSERT_EQ(commit.ApplyTo(table.get()), Status());
  const std::string appended = Read(file);
  ASSERT_EQ(table->Close(), Status());
  const std::string closed = Read(file);
  std::vector<nlohmann::json> lines;
  std::istringstream text(closed);
  for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(appended.size(), closed.size());
  EXPECT_EQ(lines[0]["id"], "a.jsonl@7");
  EXPECT_EQ(lines[0]["reason"], "invalid_utf8");
  EXPECT_EQ(lines[0]["raw_base64"], "/wB6");
  EXPECT_EQ(lines[1]["offset"], 5);
  EXPECT_EQ(lines[1]["raw"], "{\"ts\": \"é\"}");

  std::ofstream(file) << closed << "{\"id\": \"never committed\"}\n";
  table = *store_->OpenVersion(1, Access::kWrite, Always(TestSchema()));
  EXPECT_EQ(Read(file), closed) << "cut back to what is committed";
}

TEST_F(RocksDbStoreTest, ANewVersionsDeadLettersBecomeTheCurrentOnesAtTheSwap) {
  TestCommit commit{.from = "", .to = "1"};
  commit.dead_letters.push_back({.object = "old", .detail = "", .raw = ""});
  auto first = *store_->CreateVersion({}, TestSchema());
  ASSERT_EQ(commit.ApplyTo(first.get()), Status());
  ASSERT_EQ(store_->SetCurrent(1), Status());
  auto second = *store_->CreateVersion({}, TestSchema());
  commit.dead_letters[0].object = "new";
  ASSERT_EQ(commit.ApplyTo(second.get()), Status());
  EXPECT_THAT(Read(path_ + "/dead-letters.jsonl"), testing::HasSubstr("old@0"));
  ASSERT_EQ(store_->SetCurrent(2), Status());
  EXPECT_THAT(Read(path_ + "/dead-letters.jsonl"), testing::HasSubstr("new@0"));
}

}  // namespace
}  // namespace murmur
