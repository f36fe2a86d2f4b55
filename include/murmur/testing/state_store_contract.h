// What every StateStore must do. A new one adds
//   INSTANTIATE_TEST_SUITE_P(Redis, StateStoreContract, testing::Values(…));
// and inherits every test; its tables pass murmur/testing/state_table_contract.h too. To be
// included by one file of a test program.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "murmur/state_store.h"
#include "murmur/testing/state_table_kit.h"

namespace murmur {

// A store that is empty at first, and opened as often as a test wants.
class StateStoreHarness {
 public:
  virtual ~StateStoreHarness() = default;
  virtual Result<std::shared_ptr<StateStore>> Open() = 0;
};

struct StateStoreCase {
  std::string name;
  std::function<std::unique_ptr<StateStoreHarness>()> make;
  friend void PrintTo(const StateStoreCase& c, std::ostream* out) { *out << c.name; }
};

class StateStoreContract : public testing::TestWithParam<StateStoreCase> {
 protected:
  void SetUp() override {
    harness_ = GetParam().make();
    Reopen();
  }
  void Reopen() {
    store_.reset();
    auto opened = harness_->Open();
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    store_ = *std::move(opened);
  }
  // Its number; nobody owns it then.
  uint64_t NewVersion(const std::string& identity = "") {
    VersionInfo info;
    info.identity = identity;
    auto table = store_->CreateVersion(info, TestSchema());
    if (!table.ok()) {
      ADD_FAILURE() << table.status().ToString();
      return 0;
    }
    const uint64_t number = (*table)->Info()->number;
    EXPECT_EQ((*table)->Close(), Status());
    return number;
  }
  Code OpenFails(uint64_t number, Access access) const {
    return store_->OpenVersion(number, access, Always(TestSchema())).status().code();
  }

  std::unique_ptr<StateStoreHarness> harness_;
  std::shared_ptr<StateStore> store_;
};

TEST_P(StateStoreContract, AnEmptyStoreHasNoVersions) {
  EXPECT_THAT(*store_->Versions(), testing::IsEmpty());
  EXPECT_THAT(*store_->Served(), testing::IsEmpty());
  EXPECT_EQ(*store_->Current(), std::nullopt);
  EXPECT_EQ(*store_->SettledCurrent(), std::nullopt);
  EXPECT_EQ(store_->SetCurrent(1).code(), Code::kNotFound);
  EXPECT_EQ(store_->DropVersion(1).code(), Code::kNotFound);
  EXPECT_EQ(store_->ReadInfo(1).status().code(), Code::kNotFound);
  EXPECT_EQ(OpenFails(1, Access::kRead), Code::kNotFound);
  EXPECT_EQ(OpenFails(1, Access::kWrite), Code::kNotFound);
  EXPECT_FALSE(store_->HasOwner(1));
  EXPECT_FALSE(store_->Name().empty());
}

TEST_P(StateStoreContract, ItsIdIsItsOwnAndNeverChanges) {
  const std::string id = *store_->Id();
  EXPECT_EQ(id.size(), kStoreIdBytes);
  EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos) << id;
  ASSERT_EQ(store_->SetCurrent(NewVersion()), Status());
  EXPECT_EQ(*store_->Id(), id);
  Reopen();
  EXPECT_EQ(*store_->Id(), id);
  const auto other = GetParam().make();
  EXPECT_NE(*(*other->Open())->Id(), id);
}

TEST_P(StateStoreContract, VersionsAreNumberedAndSayWhatTheyAre) {
  const uint64_t first = NewVersion("one");
  const uint64_t second = NewVersion("two");
  EXPECT_LT(first, second);
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(*store_->Versions(), testing::ElementsAre(first, second));
    EXPECT_EQ(store_->ReadInfo(first)->identity, "one");
    EXPECT_EQ(store_->ReadInfo(second)->identity, "two");
    EXPECT_EQ(store_->ReadInfo(second)->number, second);
    EXPECT_THAT(store_->ReadInfo(second)->monoids,
                testing::ElementsAre("test_sum.v1", "test_last.v1"));
    Reopen();
  }
}

TEST_P(StateStoreContract, TheAliasNamesOneVersionAndRemembersTheOthers) {
  const std::vector<uint64_t> numbers = {NewVersion(), NewVersion(), NewVersion()};
  for (const size_t i : {0, 1, 0, 2}) ASSERT_EQ(store_->SetCurrent(numbers[i]), Status());
  EXPECT_EQ(store_->SetCurrent(numbers[2] + 1).code(), Code::kNotFound);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(*store_->Current(), numbers[2]);
    EXPECT_EQ(*store_->SettledCurrent(), numbers[2]);
    EXPECT_THAT(*store_->Served(), testing::ElementsAre(numbers[2], numbers[0], numbers[1]));
    Reopen();
  }
  ASSERT_EQ(store_->DropVersion(numbers[0]), Status());
  EXPECT_THAT(*store_->Served(), testing::ElementsAre(numbers[2], numbers[1]));
}

TEST_P(StateStoreContract, TheAliasSaysWhenAVersionRetired) {
  const uint64_t first = NewVersion();
  const uint64_t second = NewVersion();
  ASSERT_EQ(store_->SetCurrent(first), Status());
  EXPECT_EQ(*store_->RetiredAt(first), std::nullopt);
  ASSERT_EQ(store_->SetCurrent(second), Status());
  const auto retired = *store_->RetiredAt(first);
  ASSERT_TRUE(retired.has_value());
  EXPECT_EQ(*store_->RetiredAt(second), std::nullopt);
  Reopen();
  ASSERT_EQ(store_->SetCurrent(second), Status()) << "again";
  EXPECT_EQ(*store_->RetiredAt(first), retired);
  ASSERT_EQ(store_->SetCurrent(first), Status());
  EXPECT_EQ(*store_->RetiredAt(first), std::nullopt);
  EXPECT_TRUE(store_->RetiredAt(second)->has_value());
}

TEST_P(StateStoreContract, AVersionThatHasLetGoOfItsLogNeverServesAgain) {
  const uint64_t first = NewVersion(), second = NewVersion(), third = NewVersion();
  for (const uint64_t number : {first, second}) ASSERT_EQ(store_->SetCurrent(number), Status());
  EXPECT_EQ(store_->LetGoOfLog(second).code(), Code::kFailedPrecondition) << "it serves";
  EXPECT_EQ(store_->LetGoOfLog(third).code(), Code::kNotFound) << "it never did";
  EXPECT_TRUE(store_->LetGo()->empty());
  ASSERT_EQ(store_->LetGoOfLog(first), Status());
  ASSERT_EQ(store_->LetGoOfLog(first), Status());
  EXPECT_EQ(*store_->LetGo(), std::vector<uint64_t>{first});
  EXPECT_EQ(store_->SetCurrent(first).code(), Code::kFailedPrecondition);
  EXPECT_EQ(*store_->Current(), second);
  ASSERT_EQ(store_->SetCurrent(third), Status());  // what moves the alias keeps it
  EXPECT_EQ(*store_->LetGo(), std::vector<uint64_t>{first});
  EXPECT_EQ(store_->SetCurrent(first).code(), Code::kFailedPrecondition);
  ASSERT_EQ(store_->SetCurrent(second), Status());
  ASSERT_EQ(store_->DropVersion(first), Status());
  EXPECT_TRUE(store_->LetGo()->empty());
}

TEST_P(StateStoreContract, ANumberIsNeverGivenAgain) {
  uint64_t last = NewVersion();
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(store_->DropVersion(last), Status());
    EXPECT_THAT(*store_->Versions(), testing::IsEmpty());
    Reopen();
    const uint64_t next = NewVersion();
    EXPECT_GT(next, last);
    last = next;
  }
}

TEST_P(StateStoreContract, OnlyVersionsThatNobodyNeedsAreDropped) {
  const uint64_t serving = NewVersion();
  const uint64_t owned = NewVersion();
  ASSERT_EQ(store_->SetCurrent(serving), Status());
  EXPECT_EQ(store_->DropVersion(serving).code(), Code::kFailedPrecondition);
  auto owner = *store_->OpenVersion(owned, Access::kWrite, Always(TestSchema()));
  EXPECT_TRUE(store_->HasOwner(owned));
  EXPECT_FALSE(store_->HasOwner(serving));
  EXPECT_EQ(store_->DropVersion(owned).code(), Code::kFailedPrecondition);
  ASSERT_EQ(owner->Close(), Status());
  owner.reset();
  EXPECT_FALSE(store_->HasOwner(owned));
  EXPECT_EQ(store_->DropVersion(owned), Status());
  EXPECT_EQ(store_->DropVersion(owned).code(), Code::kNotFound);
  EXPECT_EQ(OpenFails(owned, Access::kWrite), Code::kNotFound);
  EXPECT_THAT(*store_->Versions(), testing::ElementsAre(serving));
}

TEST_P(StateStoreContract, TheAliasMovesBesideAnOwnerOnlyWhereThatIsAllowed) {
  const uint64_t first = NewVersion();
  const uint64_t second = NewVersion();
  ASSERT_EQ(store_->SetCurrent(first), Status());
  const auto owner = *store_->OpenVersion(first, Access::kWrite, Always(TestSchema()));
  EXPECT_EQ(store_->SetCurrent(second, /*beside_writer=*/false).code(), Code::kFailedPrecondition);
  EXPECT_EQ(*store_->Current(), first);
  EXPECT_EQ(store_->SetCurrent(first, /*beside_writer=*/false), Status());
  EXPECT_EQ(store_->SetCurrent(second, /*beside_writer=*/true), Status());
  EXPECT_EQ(*store_->Current(), second);
}

TEST_P(StateStoreContract, ReadersAreThereBesideAnOwner) {
  const uint64_t number = NewVersion("one");
  auto owner = *store_->OpenVersion(number, Access::kWrite, Always(TestSchema()));
  const TestCommit first = NumberedCommit(1, 5);
  ASSERT_EQ(first.ApplyTo(owner.get()), Status());
  const auto reader = *store_->OpenVersion(number, Access::kRead, Always(TestSchema()));
  EXPECT_EQ(Dump(*reader), Folded({first}));
  EXPECT_EQ(store_->ReadInfo(number)->identity, "one");
  EXPECT_EQ(NumberedCommit(2, 5).ApplyTo(reader.get()).code(), Code::kFailedPrecondition);
  EXPECT_EQ(reader->SetStatus(VersionStatus::kFailed, "").code(), Code::kFailedPrecondition);
  EXPECT_EQ(NumberedCommit(2, 5).ApplyTo(owner.get()), Status());
  EXPECT_EQ(owner->Info()->status, VersionStatus::kBuilding);
}

TEST_P(StateStoreContract, VersionsAreApart) {
  const uint64_t first = NewVersion();
  const uint64_t second = NewVersion();
  const TestCommit commit = NumberedCommit(1, 5);
  {
    const auto table = *store_->OpenVersion(first, Access::kWrite, Always(TestSchema()));
    ASSERT_EQ(commit.ApplyTo(table.get()), Status());
    ASSERT_EQ(table->Close(), Status());
  }
  EXPECT_TRUE(Dump(**store_->OpenVersion(second, Access::kRead, Always(TestSchema()))).empty());
  EXPECT_EQ(Dump(**store_->OpenVersion(first, Access::kRead, Always(TestSchema()))),
            Folded({commit}));
}

TEST_P(StateStoreContract, AScratchTableIsNoVersion) {
  const uint64_t number = NewVersion();
  {
    const auto scratch = store_->MakeScratch(TestSchema());
    ASSERT_TRUE(scratch.ok()) << scratch.status().ToString();
    const TestCommit commit = NumberedCommit(1, 5);
    ASSERT_EQ(commit.ApplyTo((*scratch)->table()), Status());
    EXPECT_EQ(Dump(*(*scratch)->table()), Folded({commit}));
    EXPECT_THAT(*store_->Versions(), testing::ElementsAre(number));
  }
  const auto again = store_->MakeScratch(TestSchema());
  ASSERT_TRUE(again.ok()) << again.status().ToString();
  EXPECT_TRUE(Dump(*(*again)->table()).empty());
}

// Versions are made, switched to and dropped by several threads; what is seen is always a version.
TEST_P(StateStoreContract, MakersAndReadersAtOnceSeeWholeVersions) {
  ASSERT_EQ(store_->SetCurrent(NewVersion()), Status());
  std::atomic<bool> done{false};
  std::jthread reader([&] {
    while (!done) {
      const auto current = store_->Current();
      ASSERT_TRUE(current.ok()) << current.status().ToString();
      ASSERT_TRUE(current->has_value());
      const auto table = store_->OpenVersion(**current, Access::kRead, Always(TestSchema()));
      const Code code = table.status().code();
      ASSERT_TRUE(table.ok() || code == Code::kNotFound) << table.status().ToString();
      if (table.ok()) {
        ASSERT_EQ((*table)->Info()->number, **current);
      }
    }
  });
  std::vector<std::jthread> makers;
  for (int maker = 0; maker < 2; ++maker) {
    makers.emplace_back([&] {
      for (int round = 0; round < 5; ++round) {
        const uint64_t number = NewVersion();
        ASSERT_EQ(store_->SetCurrent(number), Status());
        const auto served = *store_->Served();
        for (size_t i = 2; i < served.size(); ++i) {
          const Code code = store_->DropVersion(served[i]).code();
          ASSERT_TRUE(code == Code::kOk || code == Code::kNotFound ||
                      code == Code::kFailedPrecondition);
        }
      }
    });
  }
  makers.clear();
  done = true;
}

}  // namespace murmur
