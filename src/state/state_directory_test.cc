#include "state/state_directory.h"

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "testing/state_table_kit.h"
#include "testing/temporary_folder.h"

namespace murmur {
namespace {

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class StateDirectoryTest : public testing::Test {
 protected:
  void SetUp() override { directory_ = *StateDirectory::Open(path_, Access::kWrite); }

  TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/a/state";
  std::unique_ptr<StateDirectory> directory_;
};

TEST_F(StateDirectoryTest, VersionsAreNumberedAndTheAliasNamesOne) {
  EXPECT_TRUE(directory_->Versions()->empty());
  EXPECT_FALSE(directory_->Current()->has_value());
  VersionInfo info;
  info.identity = "first";
  auto first = *directory_->CreateVersion(info, TestSchema());
  info.identity = "second";
  auto second = *directory_->CreateVersion(info, TestSchema());
  EXPECT_THAT(*directory_->Versions(), testing::ElementsAre(1, 2));
  EXPECT_EQ(directory_->SetCurrent(3).code(), Code::kNotFound);
  EXPECT_EQ(directory_->SetCurrent(2), Status());
  EXPECT_EQ(*directory_->Current(), 2u);
  EXPECT_EQ(directory_->ReadInfo(1)->identity, "first") << "beside its writer";
  EXPECT_EQ(second->Info()->number, 2u);
  EXPECT_EQ(directory_->ReadInfo(7).status().code(), Code::kNotFound);
  EXPECT_EQ(directory_->OpenVersion(7, Access::kRead, TestSchema()).status().code(),
            Code::kNotFound);
}

TEST_F(StateDirectoryTest, OnlyVersionsThatNobodyNeedsAreDropped) {
  auto first = *directory_->CreateVersion({}, TestSchema());
  auto second = *directory_->CreateVersion({}, TestSchema());
  ASSERT_EQ(directory_->SetCurrent(2), Status());
  EXPECT_EQ(directory_->DropVersion(2).code(), Code::kFailedPrecondition);
  EXPECT_EQ(directory_->DropVersion(1).code(), Code::kFailedPrecondition) << "it has a writer";
  first.reset();
  EXPECT_EQ(directory_->DropVersion(1), Status());
  EXPECT_EQ(directory_->DropVersion(1).code(), Code::kNotFound);
  EXPECT_THAT(*directory_->Versions(), testing::ElementsAre(2));
  auto third = *directory_->CreateVersion({}, TestSchema());
  EXPECT_EQ(third->Info()->number, 3u);
}

TEST_F(StateDirectoryTest, WhatACrashLeftOfMakingAVersionIsNoVersion) {
  std::filesystem::create_directories(path_ + "/creating-1/x");
  std::filesystem::create_directories(path_ + "/dropped-4");
  EXPECT_TRUE(directory_->Versions()->empty());
  ASSERT_TRUE(directory_->CreateVersion({}, TestSchema()).ok());
  EXPECT_FALSE(std::filesystem::exists(path_ + "/dropped-4"));
}

TEST_F(StateDirectoryTest, MissingAndUnusablePathsAreNamed) {
  const auto missing = StateDirectory::Open(folder_.path() + "/none", Access::kRead);
  EXPECT_EQ(missing.status().code(), Code::kNotFound);
  EXPECT_THAT(std::string(missing.status().message()), testing::HasSubstr("/none"));
  std::ofstream(folder_.path() + "/file") << "x";
  const auto file = StateDirectory::Open(folder_.path() + "/file", Access::kWrite);
  EXPECT_FALSE(file.ok());
  std::ofstream(path_ + "/current") << "two\n";
  EXPECT_EQ(directory_->Current().status().code(), Code::kDataLoss);
}

TEST_F(StateDirectoryTest, DeadLettersAreProjectedAsJsonLines) {
  const std::string file = path_ + "/dead-letters.jsonl";
  auto table = *directory_->CreateVersion({}, TestSchema());
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
  table = *directory_->OpenVersion(1, Access::kWrite, TestSchema());
  EXPECT_EQ(Read(file), closed) << "cut back to what is committed";
}

TEST_F(StateDirectoryTest, ANewVersionsDeadLettersBecomeTheCurrentOnesAtTheSwap) {
  TestCommit commit{.from = "", .to = "1"};
  commit.dead_letters.push_back({.object = "old", .detail = "", .raw = ""});
  auto first = *directory_->CreateVersion({}, TestSchema());
  ASSERT_EQ(commit.ApplyTo(first.get()), Status());
  ASSERT_EQ(directory_->SetCurrent(1), Status());
  auto second = *directory_->CreateVersion({}, TestSchema());
  commit.dead_letters[0].object = "new";
  ASSERT_EQ(commit.ApplyTo(second.get()), Status());
  EXPECT_THAT(Read(path_ + "/dead-letters.jsonl"), testing::HasSubstr("old@0"));
  ASSERT_EQ(directory_->SetCurrent(2), Status());
  EXPECT_THAT(Read(path_ + "/dead-letters.jsonl"), testing::HasSubstr("new@0"));
}

}  // namespace
}  // namespace murmur
