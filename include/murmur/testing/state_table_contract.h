// What every StateTable must do. A new one adds
//   INSTANTIATE_TEST_SUITE_P(Redis, StateTableContract, testing::Values(…));
// with a harness that makes and opens it, and inherits every test. To be included by one file of a
// test program.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <ostream>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "murmur/testing/state_table_kit.h"

namespace murmur {

// Makes one version and opens it as often as a test wants: for writing, and any
// number for reading beside it.
class StateTableHarness {
 public:
  virtual ~StateTableHarness() = default;
  virtual Status Create(const VersionInfo& info, const StateSchema& schema) = 0;
  virtual Result<std::unique_ptr<StateTable>> Open(const StateSchema& schema) = 0;
  virtual Result<std::unique_ptr<StateTable>> OpenReader(const StateSchema& schema) = 0;
};

struct StateTableCase {
  std::string name;
  std::function<std::unique_ptr<StateTableHarness>()> make;
  friend void PrintTo(const StateTableCase& c, std::ostream* out) { *out << c.name; }
};

class StateTableContract : public testing::TestWithParam<StateTableCase> {
 protected:
  void SetUp() override { Start(TestSchema()); }

  void Start(const StateSchema& schema) {
    table_.reset();
    harness_ = GetParam().make();
    const Status created = harness_->Create(Description(), schema);
    ASSERT_TRUE(created.ok()) << created.ToString();
    Reopen(schema);
  }
  void Reopen(const StateSchema& schema = TestSchema()) {
    if (table_ != nullptr) {
      ASSERT_EQ(table_->Close(), Status());
    }
    table_.reset();
    auto opened = harness_->Open(schema);
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    table_ = *std::move(opened);
  }
  static VersionInfo Description() {
    VersionInfo info;
    info.number = 7;
    info.mode = "bootstrap";
    info.identity = R"({"key":"page"})";
    info.definition = "name: p\n";
    return info;
  }
  std::map<std::string, SplitProgress> Progress() const {
    return *(*table_->Snapshot())->Progress();
  }
  std::vector<DeadLetter> DeadLetters() const {
    std::vector<DeadLetter> letters;
    const auto snapshot = *table_->Snapshot();
    EXPECT_EQ(snapshot->ScanDeadLetters([&](const DeadLetter& letter) {
      letters.push_back(letter);
      return true;
    }),
              Status());
    return letters;
  }
  using ScanEntries = Status (StateSnapshot::*)(std::string_view from,
                                                const StateSnapshot::Visitor& visit) const;
  std::vector<std::string> Entries(ScanEntries scan, std::string_view from = {}) const {
    std::vector<std::string> entries;
    const auto snapshot = *table_->Snapshot();
    EXPECT_EQ(((*snapshot).*scan)(from,
                                  [&](std::string_view key, std::string_view entry) {
                                    entries.push_back(std::string(key) + "=" + std::string(entry));
                                    return true;
                                  }),
              Status());
    return entries;
  }
  void Apply(const TestCommit& commit) {
    const Status applied = commit.ApplyTo(table_.get());
    ASSERT_TRUE(applied.ok()) << applied.ToString();
  }

  std::unique_ptr<StateTableHarness> harness_;
  std::unique_ptr<StateTable> table_;
};

TEST_P(StateTableContract, ANewTableIsEmptyAndSaysWhatItIs) {
  const auto info = table_->Info();
  ASSERT_TRUE(info.ok()) << info.status().ToString();
  EXPECT_EQ(info->number, 7u);
  EXPECT_EQ(info->status, VersionStatus::kBuilding);
  EXPECT_EQ(info->identity, Description().identity);
  EXPECT_THAT(info->monoids, testing::ElementsAre("test_sum.v1", "test_last.v1"));
  EXPECT_TRUE(Dump(*table_).empty());
  EXPECT_TRUE(Progress().empty());
  EXPECT_EQ(*(*table_->Snapshot())->NewestTime(), INT64_MIN);
  EXPECT_FALSE(table_->Token()->has_value());
  EXPECT_FALSE(table_->Plan()->has_value());
}

// A second owner is kept out, or it takes the version over and the first one learns it.
TEST_P(StateTableContract, OfTwoOwnersOneWritesAndTheOtherLearnsIt) {
  Apply(NumberedCommit(1, 3));
  auto second = harness_->Open(TestSchema());
  if (!second.ok()) {
    EXPECT_EQ(second.status().code(), Code::kFailedPrecondition) << second.status().ToString();
    Apply(NumberedCommit(2, 3));
    return;
  }
  const TestCommit next = NumberedCommit(2, 3);
  const Contents before = Dump(*table_);
  EXPECT_EQ(next.ApplyTo(table_.get()).code(), Code::kAborted);
  EXPECT_EQ(table_->SetStatus(VersionStatus::kFailed, "x").code(), Code::kAborted);
  EXPECT_EQ(table_->Complete({}).code(), Code::kAborted);
  EXPECT_EQ(table_->Begin({}, {}).code(), Code::kAborted);
  EXPECT_EQ(table_->DropIds().code(), Code::kAborted);
  EXPECT_EQ(Dump(**second), before);
  EXPECT_EQ((*second)->Info()->status, VersionStatus::kBuilding);
  EXPECT_FALSE((*second)->Plan()->has_value());
  EXPECT_EQ(next.ApplyTo(second->get()), Status());
  EXPECT_EQ((*second)->Close(), Status());
}

TEST_P(StateTableContract, ACommitMovesSomething) {
  TestCommit commit = NumberedCommit(1, 3);
  MapCursor cursor(commit.deltas);
  Commit without;
  without.deltas = &cursor;
  without.delta_count = commit.deltas.size();
  EXPECT_EQ(table_->Apply(without).code(), Code::kInvalidArgument);
  EXPECT_TRUE(Dump(*table_).empty());
}

TEST_P(StateTableContract, NumbersOfCommitsAscendAndASnapshotSaysItsOwn) {
  EXPECT_EQ(*(*table_->Snapshot())->CommitNumber(), 0u);
  uint64_t last = 0;
  for (int64_t n = 1; n <= 9; ++n) {
    if (n % 4 == 0) Reopen();
    const auto before = *table_->Snapshot();
    uint64_t number = 0;
    ASSERT_EQ(NumberedCommit(n, n % 3 == 0 ? kManyKeys : n).ApplyTo(table_.get(), &number),
              Status());
    EXPECT_GT(number, last);
    EXPECT_EQ(*before->CommitNumber(), last) << "a snapshot does not move";
    EXPECT_EQ(*(*table_->Snapshot())->CommitNumber(), number);
    last = number;
    uint64_t refused = 0;
    EXPECT_EQ(NumberedCommit(n, 1).ApplyTo(table_.get(), &refused).code(), Code::kAborted);
    EXPECT_EQ(*(*table_->Snapshot())->CommitNumber(), number);
  }
  EXPECT_EQ(table_->SetStatus(VersionStatus::kBuilding, ""), Status());
  EXPECT_EQ(*(*table_->Snapshot())->CommitNumber(), last);
}

// Of commits at the same time too: what a snapshot shows are all commits up to its number.
TEST_P(StateTableContract, CommitsBecomeVisibleInTheOrderOfTheirNumbers) {
  constexpr int kWriters = 4;
  constexpr int kCommits = 30;
  std::mutex mutex;
  std::map<uint64_t, std::string> committed;  // number → the key of the commit
  {
    std::vector<std::jthread> writers;
    for (int writer = 0; writer < kWriters; ++writer) {
      writers.emplace_back([&, writer] {
        for (int n = 0; n < kCommits; ++n) {
          const std::string key = TestKey(writer * kCommits + n);
          TestCommit commit{.split = std::to_string(writer),
                            .from = n == 0 ? "" : std::to_string(n),
                            .to = std::to_string(n + 1)};
          commit.deltas[key] = TestValue(1, 1, 1);
          for (int64_t extra = 0; n % 5 == 0 && extra < kManyKeys; ++extra) {
            commit.deltas[TestKey(100'000 + extra)] = TestValue(1, 1, 1);
          }
          uint64_t number = 0;
          ASSERT_EQ(commit.ApplyTo(table_.get(), &number), Status());
          const std::lock_guard lock(mutex);
          EXPECT_TRUE(committed.emplace(number, key).second) << "a number was given twice";
        }
      });
    }
    for (int look = 0; look < 50; ++look) {
      const auto snapshot = *table_->Snapshot();
      const uint64_t number = *snapshot->CommitNumber();
      std::set<std::string> shown;
      for (const auto& [key, value] : Dump(*snapshot)) shown.insert(key);
      const std::lock_guard lock(mutex);
      for (const auto& [at, key] : committed) EXPECT_EQ(shown.contains(key), at <= number) << at;
    }
  }
  EXPECT_EQ(committed.size(), size_t{kWriters} * kCommits);
  EXPECT_EQ(*(*table_->Snapshot())->CommitNumber(), committed.rbegin()->first);
}

TEST_P(StateTableContract, AnIdThatIsStoredStopsTheWholeCommit) {
  for (const int64_t keys : {int64_t{3}, kManyKeys}) {
    Start(TestSchema());
    TestCommit first = NumberedCommit(1, 3);
    first.ids = {"a", "b"};
    Apply(first);
    TestCommit second = NumberedCommit(2, keys);
    second.ids = {"c", "b"};
    const Contents before = Dump(*table_);
    EXPECT_EQ(second.ApplyTo(table_.get()).code(), Code::kAborted);
    EXPECT_EQ(Dump(*table_), before);
    EXPECT_EQ(Progress().at("a").position, "1");
    EXPECT_THAT(*table_->HasIds(std::vector<std::string>{"c"}), testing::ElementsAre(false));
    second.ids = {"c"};
    Apply(second);
  }
}

// All rows of a table are gone; what the same commit adds comes after that.
TEST_P(StateTableContract, AClearTakesValuesAndLedgerAway) {
  for (const int64_t keys : {int64_t{3}, kManyKeys}) {
    Start(TestSchema());
    TestCommit first = NumberedCommit(1, keys);
    first.ledger = {{.key = "r1", .entry = "x"}, {.key = "r2", .entry = "y"}};
    first.held = {{.key = "t1", .entry = "z"}};
    first.dead_letters.push_back({.object = "o", .offset = 1, .detail = "d", .raw = "r"});
    Apply(first);
    auto before = *table_->Snapshot();
    TestCommit second = NumberedCommit(2, keys, /*seed=*/7);
    second.ledger = {{.key = "r2", .entry = "new"}};
    second.clear = true;
    Apply(second);
    EXPECT_EQ(Dump(*table_), Folded({second}));
    EXPECT_EQ(Dump(*before), Folded({first}));
    before.reset();
    EXPECT_THAT(Entries(&StateSnapshot::ScanLedger), testing::ElementsAre("r2=new"));
    EXPECT_THAT(Entries(&StateSnapshot::ScanHeld), testing::ElementsAre("t1=z"));
    EXPECT_EQ(DeadLetters().size(), 1u);
    EXPECT_EQ(Progress().at("a").position, "2");
    Reopen();
    EXPECT_EQ(Dump(*table_), Folded({second}));
    TestCommit third = NumberedCommit(3, keys, /*seed=*/8);
    Apply(third);
    EXPECT_EQ(Dump(*table_), Folded({second, third}));
  }
}

TEST_P(StateTableContract, HeldChangesComeAndGoWithTheirCommit) {
  for (const int64_t keys : {int64_t{3}, kManyKeys}) {
    Start(TestSchema());
    TestCommit first = NumberedCommit(1, keys);
    first.held = {{.key = "t1/1", .entry = "a"},
                  {.key = "t1/2", .entry = "b"},
                  {.key = "t2/1", .entry = std::string(1, '\0')}};
    Apply(first);
    Reopen();
    EXPECT_THAT(Entries(&StateSnapshot::ScanHeld),
                testing::ElementsAre("t1/1=a", "t1/2=b", std::string("t2/1=\0", 6)));
    EXPECT_THAT(Entries(&StateSnapshot::ScanHeld, "t1/2").size(), 2u);
    EXPECT_TRUE(Entries(&StateSnapshot::ScanLedger).empty());
    TestCommit second = NumberedCommit(2, keys);
    second.held = {{.key = "t1/1", .entry = {}}, {.key = "t1/2", .entry = {}}};
    Apply(second);
    EXPECT_THAT(Entries(&StateSnapshot::ScanHeld).size(), 1u);
    EXPECT_EQ(Dump(*table_), Folded({first, second}));
  }
}

TEST_P(StateTableContract, TheRoleOfASplitIsStored) {
  Commit commit;
  const SplitRole roles[] = {SplitRole::kScan, SplitRole::kLive, SplitRole::kMark};
  for (const SplitRole role : roles) {
    SplitMove& move = commit.moves.emplace_back();
    move.split = std::to_string(static_cast<int>(role));
    move.to.position = "p";
    move.to.role = role;
  }
  commit.moves[0].to.records = 1;
  commit.moves[0].to.absent.emplace();
  commit.moves[1].to.records = 1;
  commit.moves[1].to.absent = std::vector<AbsentField>{{.name = "field", .like = ""}};
  ASSERT_EQ(table_->Apply(commit), Status());
  Reopen();
  for (const SplitMove& move : commit.moves) EXPECT_EQ(Progress().at(move.split), move.to);
}

TEST_P(StateTableContract, DeltasOfOneKeyCombineInTheOrderOfTheirCommits) {
  for (const int64_t keys : {int64_t{3}, kManyKeys}) {
    Start(TestSchema());
    std::vector<TestCommit> commits;
    for (int64_t n = 1; n <= 6; ++n) {
      commits.push_back(NumberedCommit(n, keys));
      Apply(commits.back());
      EXPECT_EQ(Dump(*table_), Folded(commits)) << "after commit " << n << " of " << keys;
    }
  }
}

TEST_P(StateTableContract, SmallAndLargeCommitsMixedGiveTheFoldOfAll) {
  std::vector<TestCommit> commits;
  for (int64_t n = 1; n <= 12; ++n) {
    commits.push_back(NumberedCommit(n, n % 3 == 0 ? kManyKeys : 1 + n));
    Apply(commits.back());
  }
  EXPECT_EQ(Dump(*table_), Folded(commits));
  Reopen();
  EXPECT_EQ(Dump(*table_), Folded(commits));
}

TEST_P(StateTableContract, GetFindsExactlyTheKeysThatScanVisits) {
  const TestCommit commit = NumberedCommit(1, 50);
  Apply(commit);
  const auto snapshot = *table_->Snapshot();
  for (int64_t key = 0; key < 100; ++key) {
    const auto found = snapshot->Get(TestKey(key));
    ASSERT_TRUE(found.ok());
    const auto expected = commit.deltas.find(TestKey(key));
    ASSERT_EQ(found->has_value(), expected != commit.deltas.end());
    if (found->has_value()) {
      EXPECT_EQ(**found, expected->second);
    }
  }
}

TEST_P(StateTableContract, ScanKeepsToItsBoundsAndStopsWhenTold) {
  TestCommit commit{.from = "", .to = "1"};
  for (int64_t key = 0; key < 10; ++key) commit.deltas[TestKey(key)] = TestValue(1, key, 1);
  commit.dead_letters.push_back({.object = "o", .detail = "d", .raw = "r"});
  Apply(commit);
  const auto snapshot = *table_->Snapshot();
  const auto visited = [&](std::string_view from, std::string_view until, size_t stop_after) {
    std::vector<std::string> keys;
    EXPECT_EQ(snapshot->Scan(from, until,
                             [&](auto key, auto) {
                               keys.emplace_back(key);
                               return keys.size() < stop_after;
                             }),
              Status());
    return keys;
  };
  EXPECT_THAT(visited(TestKey(3), TestKey(5), 99), testing::ElementsAre(TestKey(3), TestKey(4)));
  EXPECT_THAT(visited(TestKey(8), {}, 99), testing::ElementsAre(TestKey(8), TestKey(9)));
  EXPECT_THAT(visited({}, {}, 2), testing::ElementsAre(TestKey(0), TestKey(1)));
  EXPECT_TRUE(visited(TestKey(5), TestKey(3), 99).empty());
  EXPECT_FALSE(snapshot->Get("\xF0\x01")->has_value()) << "the store's own records are not keys";
}

TEST_P(StateTableContract, AStalePositionIsAbortedAndChangesNothing) {
  for (const int64_t keys : {int64_t{3}, kManyKeys}) {
    Start(TestSchema());
    Apply(NumberedCommit(1, keys));
    Apply(NumberedCommit(2, keys));
    const Contents before = Dump(*table_);
    TestCommit again = NumberedCommit(2, keys);
    again.dead_letters.push_back({.object = "o", .detail = "d", .raw = "r"});
    EXPECT_EQ(again.ApplyTo(table_.get()).code(), Code::kAborted);
    TestCommit ahead = NumberedCommit(9, keys);
    EXPECT_EQ(ahead.ApplyTo(table_.get()).code(), Code::kAborted);
    EXPECT_EQ(Dump(*table_), before);
    EXPECT_TRUE(DeadLetters().empty());
    EXPECT_EQ(Progress().at("a").position, "2");
    Apply(NumberedCommit(3, keys));
  }
}

TEST_P(StateTableContract, OneStaleMoveOfSeveralStopsTheWholeCommit) {
  Apply({.split = "b", .from = "", .to = "5"});
  const Contents deltas = {{TestKey(1), TestValue(1, 1, 1)}};
  MapCursor cursor(deltas);
  Commit commit;
  commit.moves = {{.split = "a", .from = "", .to = {.position = "1"}},
                  {.split = "b", .from = "", .to = {.position = "6"}}};
  commit.deltas = &cursor;
  commit.delta_count = 1;
  EXPECT_EQ(table_->Apply(commit).code(), Code::kAborted);
  EXPECT_TRUE(Dump(*table_).empty());
  EXPECT_EQ(Progress().count("a"), 0u);
  commit.moves[1].from = "5";
  commit.moves.push_back(commit.moves[1]);
  EXPECT_EQ(table_->Apply(commit).code(), Code::kAborted) << "one split, moved twice";
}

TEST_P(StateTableContract, KeysOutOfOrderAreRefusedAndChangeNothing) {
  class Descending final : public DeltaCursor {
   public:
    explicit Descending(std::vector<std::string> keys) : keys_(std::move(keys)) {}
    bool Next(std::string_view* key, std::string_view* value) override {
      if (next_ == keys_.size()) return false;
      *key = keys_[next_++];
      *value = value_;
      return true;
    }
    void Rewind() override { next_ = 0; }

   private:
    std::vector<std::string> keys_;
    size_t next_ = 0;
    std::string value_ = TestValue(1, 1, 1);
  };
  const std::vector<std::vector<std::string>> bad = {{TestKey(2), TestKey(1)},
                                                     {TestKey(1), TestKey(1)},
                                                     {"\xF1"
                                                      "a"},
                                                     {""},
                                                     {TestKey(1), "\xF0\x01"}};
  for (const auto& keys : bad) {
    for (const int64_t claimed : {int64_t{2}, kManyKeys}) {
      Descending cursor(keys);
      Commit commit;
      commit.moves = {{.split = "a", .from = "", .to = {.position = "1"}}};
      commit.deltas = &cursor;
      commit.delta_count = static_cast<uint64_t>(claimed);
      EXPECT_EQ(table_->Apply(commit).code(), Code::kInternal);
      EXPECT_TRUE(Dump(*table_).empty());
      EXPECT_TRUE(Progress().empty());
    }
  }
  Apply(NumberedCommit(1, 3));
}

TEST_P(StateTableContract, EverythingIsThereAfterReopening) {
  const HandoffToken token{{{"kafka", {{"0", "1500"}, {"1", "1480"}}}}};
  const ScanPlan plan{.source = "jsonl:*.jsonl",
                      .splits = {{.id = "a", .bytes = 10, .payload = "x\0y"},
                                 {.id = "b", .bytes = 0, .payload = ""}},
                      .payload = std::string("a\0b", 3)};
  ASSERT_EQ(table_->Begin(token, plan), Status());
  TestCommit commit = NumberedCommit(1, 20);
  commit.newest_time = -5;
  commit.dead_letters.push_back({.object = "o",
                                 .offset = 12,
                                 .reason = DeadReason::kBadTime,
                                 .detail = "no time",
                                 .raw = std::string("\0\xFF", 2)});
  Apply(commit);
  ASSERT_EQ(table_->SetStatus(VersionStatus::kFailed, "too many dead letters"), Status());
  const auto progress = Progress();
  Reopen();
  EXPECT_EQ(Dump(*table_), commit.deltas);
  EXPECT_EQ(Progress(), progress);
  EXPECT_EQ(progress.at("a"), commit.Progress());
  EXPECT_EQ(*(*table_->Snapshot())->NewestTime(), -5);
  EXPECT_EQ(table_->Info()->status, VersionStatus::kFailed);
  EXPECT_EQ(table_->Info()->failure, "too many dead letters");
  EXPECT_EQ(**table_->Token(), token);
  ASSERT_TRUE(table_->Plan()->has_value());
  EXPECT_EQ((**table_->Plan()).payload, plan.payload);
  ASSERT_EQ((**table_->Plan()).splits.size(), 2u);
  EXPECT_EQ((**table_->Plan()).splits[0].payload, plan.splits[0].payload);
  ASSERT_EQ(DeadLetters().size(), 1u);
  EXPECT_EQ(DeadLetters()[0].raw, commit.dead_letters[0].raw);
  EXPECT_EQ(DeadLetters()[0].reason, DeadReason::kBadTime);
  Apply(NumberedCommit(2, 20));
}

TEST_P(StateTableContract, ATokenIsStoredOnce) {
  EXPECT_EQ(table_->Begin({}, {.source = "s", .splits = {}, .payload = "first"}), Status());
  EXPECT_EQ(table_->Begin({}, {.source = "s", .splits = {}, .payload = "second"}).code(),
            Code::kAlreadyExists);
  Reopen();
  EXPECT_EQ(table_->Begin({}, {}).code(), Code::kAlreadyExists);
  EXPECT_EQ((**table_->Plan()).payload, "first");
}

TEST_P(StateTableContract, IdsComeWithTheirCommitAndGoWhenTheVersionIsComplete) {
  const std::vector<std::string> ids = {"a", std::string("b\0c", 3), ""};
  TestCommit first = NumberedCommit(1, 20);
  first.ids = {ids[0], ids[1]};
  Apply(first);
  TestCommit fenced = first;  // it starts where the first one did
  fenced.ids = {ids[2]};
  EXPECT_EQ(fenced.ApplyTo(table_.get()).code(), Code::kAborted);
  EXPECT_THAT(*table_->HasIds(ids), testing::ElementsAre(true, true, false));
  Reopen();
  EXPECT_THAT(*table_->HasIds(ids), testing::ElementsAre(true, true, false));
  TestCommit large = NumberedCommit(2, 20);
  for (int i = 0; i < 5000; ++i) large.ids.push_back("id" + std::to_string(i));
  Apply(large);
  EXPECT_THAT(*table_->HasIds(std::vector<std::string>{"id4999", "a", "id5000"}),
              testing::ElementsAre(true, true, false));
  const auto contents = Dump(*table_);
  const std::map<std::string, Position> assumed = {{"split", "end"}};
  ASSERT_EQ(
      table_->Complete(
          {.live_from = {{{"kafka", {{"0", "7"}}}}}, .inexact = "why", .assumed_ends = assumed}),
      Status());
  Reopen();
  EXPECT_THAT(*table_->HasIds(ids), testing::ElementsAre(false, false, false));
  EXPECT_EQ(Dump(*table_), contents);
  EXPECT_EQ(table_->Info()->status, VersionStatus::kComplete);
  EXPECT_EQ(table_->Info()->inexact, "why");
  EXPECT_EQ(table_->Info()->assumed_ends, assumed);
  EXPECT_EQ((**table_->Token()).streams.at("kafka").at("0"), "7");
}

TEST_P(StateTableContract, ValuesThatReplaceAreAllThatTheirKeysHave) {
  for (const int64_t keys : {int64_t{20}, kManyKeys}) {
    Start(TestSchema());
    std::vector<TestCommit> commits;
    for (int64_t n = 1; n <= 9; ++n) {
      commits.push_back(NumberedCommit(n, keys));
      int64_t number = 0;
      for (auto& [key, value] : commits.back().deltas) {
        if (n % 3 != 0 || ++number % 2 != 0) continue;
        commits.back().replaced.insert(key);
        if (number % 4 == 0) value.clear();  // nothing is left
      }
      Apply(commits.back());
      EXPECT_EQ(Dump(*table_), Folded(commits)) << "after commit " << n << " of " << keys;
      if (n % 4 == 0) Reopen();
    }
  }
}

TEST_P(StateTableContract, LedgerEntriesComeReplaceAndGoWithTheirCommit) {
  const std::vector<std::string_view> rows = {"a", std::string_view("b\0c", 3), "", "d"};
  const auto ledger = [this] {
    Contents entries;
    const Status scanned = (*table_->Snapshot())->ScanLedger("", [&](auto key, auto entry) {
      EXPECT_TRUE(entries.empty() || key > entries.rbegin()->first) << "rows are out of order";
      entries.emplace(key, entry);
      return true;
    });
    EXPECT_EQ(scanned, Status());
    return entries;
  };
  TestCommit first = NumberedCommit(1, 20);
  first.ledger = {{"", "none"}, {"a", ""}, {std::string(rows[1]), "two"}};
  Apply(first);
  TestCommit fenced = first;  // it starts where the first one did
  fenced.ledger = {{"a", "fenced"}, {"d", "fenced"}};
  EXPECT_EQ(fenced.ApplyTo(table_.get()).code(), Code::kAborted);
  for (int opened = 0; opened < 2; ++opened, Reopen()) {
    EXPECT_THAT(*table_->LedgerEntries(rows),
                testing::ElementsAre("", "two", "none", std::nullopt));
  }
  const auto contents = Dump(*table_);
  EXPECT_EQ(contents, Folded({first})) << "the ledger is no data";

  TestCommit large = NumberedCommit(2, 20);
  for (int i = 0; i < 25000; ++i) large.ledger.push_back({std::to_string(10000 + i), "x"});
  large.ledger.push_back({"a", std::nullopt});
  large.ledger.push_back({std::string(rows[1]), "three"});
  Apply(large);
  Reopen();
  EXPECT_THAT(*table_->LedgerEntries(rows),
              testing::ElementsAre(std::nullopt, "three", "none", std::nullopt));
  EXPECT_EQ(ledger().size(), 25002u);
  TestCommit small = NumberedCommit(3, 20);
  small.ledger = {{"14999", std::nullopt}};
  Apply(small);
  EXPECT_EQ(ledger().size(), 25001u);
  EXPECT_FALSE(ledger().contains("14999"));
  EXPECT_EQ(Dump(*table_), Folded({first, large, small}));
  size_t visited = 0;
  ASSERT_EQ((*table_->Snapshot())->ScanLedger("14997", [&](auto, auto) { return ++visited < 2; }),
            Status());
  EXPECT_EQ(visited, 2u);
  ASSERT_EQ(table_->Complete({}), Status());
  EXPECT_EQ(ledger().size(), 25001u) << "the ledger stays when the version is complete";
}

// Stores may read along the ledger where keys ascend.
TEST_P(StateTableContract, RowsAreFoundHoweverManyLieBetweenThem) {
  const auto key = [](int number) { return std::to_string(100000 + number); };
  TestCommit commit = NumberedCommit(1, 20);
  for (int i = 0; i < 4000; i += 2) commit.ledger.push_back({key(i), "entry " + key(i)});
  Apply(commit);
  struct Asked {
    int from, until, step;
  };
  for (const Asked& asked : {Asked{0, 4000, 1}, Asked{0, 300, 1}, Asked{0, 4000, 30},
                             Asked{3900, 5000, 1}, Asked{4000, 6000, 1}, Asked{-900, 40, 1}}) {
    SCOPED_TRACE(testing::Message() << asked.from << " to " << asked.until << " by " << asked.step);
    std::vector<std::string> keys;
    std::vector<std::optional<std::string>> expected;
    for (int i = asked.from; i < asked.until; i += asked.step) {
      const bool stored = i >= 0 && i < 4000 && i % 2 == 0;
      keys.push_back(key(i));
      expected.push_back(stored ? std::make_optional("entry " + key(i)) : std::nullopt);
    }
    for (const bool descending : {false, true}) {
      if (descending) {
        std::reverse(keys.begin(), keys.end());
        std::reverse(expected.begin(), expected.end());
      }
      const std::vector<std::string_view> views(keys.begin(), keys.end());
      EXPECT_EQ(*table_->LedgerEntries(views), expected);
    }
  }
}

TEST_P(StateTableContract, IdsThatAreKeptGoWhenTheyAreDropped) {
  const std::vector<std::string> ids = {"a", "b"};
  TestCommit commit = NumberedCommit(1, 20);
  commit.ids = {ids[0]};
  Apply(commit);
  ASSERT_EQ(table_->Complete({.keep_ids = true}), Status());
  Reopen();
  EXPECT_THAT(*table_->HasIds(ids), testing::ElementsAre(true, false));
  ASSERT_EQ(table_->DropIds(), Status());
  EXPECT_THAT(*table_->HasIds(ids), testing::ElementsAre(false, false));
  Reopen();
  EXPECT_THAT(*table_->HasIds(ids), testing::ElementsAre(false, false));
}

TEST_P(StateTableContract, OtherMonoidsOrWindowsAreRefused) {
  ASSERT_EQ(table_->Close(), Status());
  table_.reset();
  StateSchema fewer = TestSchema();
  fewer.monoids.pop_back();
  EXPECT_EQ(harness_->Open(fewer).status().code(), Code::kFailedPrecondition);
  StateSchema swapped = TestSchema();
  std::swap(swapped.monoids[0], swapped.monoids[1]);
  const auto refused = harness_->Open(swapped);
  EXPECT_EQ(refused.status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()),
              testing::HasSubstr("aggregate 1: test_sum.v1 → test_last.v1"));
  EXPECT_EQ(harness_->Open(TestSchema({.every = 60})).status().code(), Code::kFailedPrecondition);
  EXPECT_TRUE(harness_->Open(TestSchema()).ok());
}

TEST_P(StateTableContract, DeadLettersComeByObjectAndOffset) {
  TestCommit commit{.from = "", .to = "1"};
  for (const uint64_t offset : {300u, 2u, 70000u}) {
    commit.dead_letters.push_back({.object = "b", .offset = offset, .detail = "", .raw = ""});
    commit.dead_letters.push_back({.object = "a", .offset = offset, .detail = "", .raw = ""});
  }
  Apply(commit);
  std::vector<std::string> ids;
  for (const auto& letter : DeadLetters()) {
    ids.push_back(letter.object + "@" + std::to_string(letter.offset));
  }
  EXPECT_THAT(ids, testing::ElementsAre("a@2", "a@300", "a@70000", "b@2", "b@300", "b@70000"));

  std::vector<uint64_t> offsets;
  const auto note = [&](const DeadLetter& letter) {
    offsets.push_back(letter.offset);
    return offsets.size() < 2;
  };
  const auto snapshot = *table_->Snapshot();
  EXPECT_EQ(snapshot->ScanDeadLettersOf("a", 300, note), Status());
  EXPECT_THAT(offsets, testing::ElementsAre(300, 70000));
  offsets.clear();
  EXPECT_EQ(snapshot->ScanDeadLettersOf("a", 70001, note), Status());
  EXPECT_EQ(snapshot->ScanDeadLettersOf("", 0, note), Status());
  EXPECT_THAT(offsets, testing::IsEmpty());
  EXPECT_EQ(snapshot->ScanDeadLettersOf("b", 0, note), Status());
  EXPECT_THAT(offsets, testing::ElementsAre(2, 300));
}

TEST_P(StateTableContract, ManyDeadLettersInOneCommitAreAllKept) {
  TestCommit commit{.from = "", .to = "1"};
  for (uint64_t offset = 0; offset < 3000; ++offset) {
    commit.dead_letters.push_back({.object = "o", .offset = offset, .detail = "d", .raw = "r"});
  }
  Apply(commit);
  EXPECT_EQ(DeadLetters().size(), 3000u);
}

TEST_P(StateTableContract, AKeyThatNothingContributesToAnyMoreIsGone) {
  Apply({.from = "",
         .to = "1",
         .deltas = {{TestKey(1), TestValue(2, 10, 0)}, {TestKey(2), TestValue(1, 1, 0)}}});
  Apply({.from = "1", .to = "2", .deltas = {{TestKey(1), TestValue(-2, -10, 0)}}});
  EXPECT_FALSE((*table_->Snapshot())->Get(TestKey(1))->has_value());
  EXPECT_EQ(Dump(*table_), (Contents{{TestKey(2), TestValue(1, 1, 0)}}));
  Apply({.from = "2", .to = "3", .deltas = {{TestKey(1), TestValue(1, 4, 0)}}});
  EXPECT_EQ(**(*table_->Snapshot())->Get(TestKey(1)), TestValue(1, 4, 0));
}

inline constexpr int64_t kSecond = 1000000;

TEST_P(StateTableContract, ExpiredBucketsAreInvisibleAlsoToLateDeltas) {
  const StateSchema schema =
      TestSchema({.every = 10, .offset = 0, .keep = TimeLength{.rest = std::chrono::seconds(20)}});
  Start(schema);
  TestCommit commit{.from = "", .to = "1", .newest_time = 45 * kSecond};
  for (int64_t bucket = 0; bucket < 5; ++bucket) {
    commit.deltas[TestKey(1, bucket)] = TestValue(1, bucket, 1);
  }
  Apply(commit);
  // Limit 45 - 20 = 25: bucket 2, [20, 30), ends at 30 and is kept; bucket 1 ends at 20.
  EXPECT_FALSE((*table_->Snapshot())->Get(TestKey(1, 1))->has_value());
  EXPECT_EQ(Dump(*table_).begin()->first, TestKey(1, 2));
  EXPECT_EQ(Dump(*table_).size(), 3u);
  // A late delta to an expired bucket, and one to a bucket that is kept.
  Apply({.split = "late",
         .from = "",
         .to = "2",
         .deltas = {{TestKey(1, 0), TestValue(1, 1, 2)}, {TestKey(1, 2), TestValue(1, 1, 2)}},
         .newest_time = 3 * kSecond});
  EXPECT_EQ(Dump(*table_).size(), 3u);
  EXPECT_EQ(Dump(*table_).begin()->second, TestValue(2, 3, 2));
  Reopen(schema);
  EXPECT_EQ(Dump(*table_).size(), 3u);
}

TEST_P(StateTableContract, WhatHasExpiredStaysSoWhenKeepGrows) {
  Start(
      TestSchema({.every = 10, .offset = 0, .keep = TimeLength{.rest = std::chrono::seconds(20)}}));
  TestCommit commit{.from = "", .to = "1", .newest_time = 95 * kSecond};
  for (int64_t bucket = 0; bucket < 10; ++bucket) {
    commit.deltas[TestKey(1, bucket)] = TestValue(1, bucket, 1);
  }
  Apply(commit);
  EXPECT_EQ(Dump(*table_).size(), 3u);
  Reopen(TestSchema({.every = 10}));
  EXPECT_EQ(Dump(*table_).size(), 3u);
  Reopen(
      TestSchema({.every = 10, .offset = 0, .keep = TimeLength{.rest = std::chrono::seconds(50)}}));
  EXPECT_EQ(Dump(*table_).size(), 3u);
  Reopen(
      TestSchema({.every = 10, .offset = 0, .keep = TimeLength{.rest = std::chrono::seconds(0)}}));
  EXPECT_EQ(Dump(*table_).size(), 1u);
}

// 00:01 of the 7th was followed by 23:01 of the 6th: the newest event is of an earlier day than
// what came before it.
TEST_P(StateTableContract, WhatHasExpiredStaysSoWhereClocksArePutBackOverMidnight) {
  constexpr int64_t kSeventh = 14920;
  constexpr int64_t kLocal0030 = 1'289'097'030 * kSecond;  // the first 00:00:30 of the 7th
  constexpr int64_t kHalfAnHour = 1800 * kSecond;
  const StateSchema schema = TestSchema({.unit = CalendarUnit::kDay,
                                         .keep = TimeLength{.rest = std::chrono::days(1)},
                                         .zone = *SystemZone("America/St_Johns")});
  Start(schema);
  TestCommit commit{.from = "", .to = "1", .newest_time = kLocal0030};
  for (int64_t day = kSeventh - 3; day <= kSeventh; ++day) {
    commit.deltas[TestKey(1, day)] = TestValue(1, day, 1);
  }
  Apply(commit);
  EXPECT_EQ(Dump(*table_).begin()->first, TestKey(1, kSeventh - 1));
  Apply({.from = "1",
         .to = "2",
         .deltas = {{TestKey(1, kSeventh - 2), TestValue(1, 1, 1)},
                    {TestKey(1, kSeventh - 1), TestValue(1, 1, 1)}},
         .newest_time = kLocal0030 + kHalfAnHour});
  ASSERT_EQ(schema.buckets.Bucket(kLocal0030 + kHalfAnHour), kSeventh - 1);
  const auto check = [this] {
    EXPECT_EQ((*table_->Snapshot())->FirstBucket(), kSeventh - 1);
    EXPECT_EQ(Dump(*table_).size(), 2u);
    EXPECT_EQ(Dump(*table_).begin()->second, TestValue(2, kSeventh, 1));
  };
  check();
  Reopen(schema);
  check();
}

TEST_P(StateTableContract, OtherWindowsAreAnotherVersions) {
  Start(TestSchema({.unit = CalendarUnit::kMonth}));
  table_.reset();
  for (const BucketRule& other :
       {BucketRule{.unit = CalendarUnit::kWeek}, BucketRule{.every = 60}, BucketRule{}}) {
    EXPECT_EQ(harness_->Open(TestSchema(other)).status().code(), Code::kFailedPrecondition);
  }
  Reopen(TestSchema({.unit = CalendarUnit::kMonth, .keep = TimeLength{.months = 13}}));
}

TEST_P(StateTableContract, ASnapshotDoesNotMove) {
  std::vector<TestCommit> commits = {NumberedCommit(1, 40)};
  Apply(commits[0]);
  const auto snapshot = *table_->Snapshot();
  const Contents before = Dump(*snapshot);
  Apply(NumberedCommit(2, 40));
  Apply(NumberedCommit(3, kManyKeys));
  EXPECT_EQ(Dump(*snapshot), before);
  EXPECT_EQ(snapshot->Progress()->at("a").position, "1");
  EXPECT_EQ(Progress().at("a").position, "3");
}

TEST_P(StateTableContract, ASnapshotShowsWhatExpiresAfterIt) {
  const StateSchema schema =
      TestSchema({.every = 10, .offset = 0, .keep = TimeLength{.rest = std::chrono::seconds(20)}});
  Start(schema);
  TestCommit commit{.from = "", .to = "1", .newest_time = 5 * kSecond};
  for (int64_t key = 0; key < kManyKeys; ++key) {
    commit.deltas[TestKey(key, 0)] = TestValue(1, key, 1);
  }
  Apply(commit);
  const auto snapshot = *table_->Snapshot();
  for (int64_t n = 2; n < 10; ++n) {  // enough to make a store compact
    commit.from = std::to_string(n - 1);
    commit.to = std::to_string(n);
    commit.newest_time = n * 100 * kSecond;
    Apply(commit);
  }
  EXPECT_EQ(Dump(*snapshot).size(), static_cast<size_t>(kManyKeys));
  EXPECT_TRUE(Dump(*table_).empty());
}

TEST_P(StateTableContract, EverySnapshotHoldsDeltasAndPositionsOfTheSameCommits) {
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    while (!stop) {
      const auto snapshot = *table_->Snapshot();
      const auto progress = *snapshot->Progress();
      const int64_t position = progress.empty() ? 0 : std::stoll(progress.at("a").position);
      const auto value = *snapshot->Get(TestKey(1));
      EXPECT_EQ(value.has_value() ? RecordsOfValue(*value) : 0, position);
    }
  });
  TestCommit commit;
  for (int64_t key = 0; key < kManyKeys; ++key) commit.deltas[TestKey(key)] = TestValue(1, 1, 0);
  const Contents one = {{TestKey(1), TestValue(1, 1, 0)}};
  for (int64_t n = 1; n <= 20; ++n) {
    commit.from = n == 1 ? "" : std::to_string(n - 1);
    commit.to = std::to_string(n);
    TestCommit small = commit;
    if (n % 2 == 0) small.deltas = one;
    EXPECT_EQ(small.ApplyTo(table_.get()), Status());
  }
  stop = true;
  reader.join();
}

TEST_P(StateTableContract, AScanEndsWhenItIsStoppedOrItsTimeIsOver) {
  TestCommit commit{.from = "", .to = "1"};
  constexpr auto kKeys = static_cast<int64_t>(3 * kScanLimitKeys);
  for (int64_t key = 0; key < kKeys; ++key) commit.deltas[TestKey(key)] = TestValue(1, 1, 1);
  Apply(commit);
  const auto snapshot = *table_->Snapshot();
  uint64_t visited = 0;
  const auto visit = [&visited](auto, auto) { return ++visited > 0; };
  using std::chrono::steady_clock;

  EXPECT_EQ(snapshot->Scan("", "", visit, {.deadline = steady_clock::now()}).code(),
            Code::kDeadlineExceeded);
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_EQ(snapshot->Scan("", "", visit, {.stop = stopped.get_token()}).code(), Code::kCancelled);
  EXPECT_EQ(visited, 0u) << "over before it began";

  std::stop_source stop;
  const auto stop_at_once = [&](auto, auto) { return stop.request_stop() || ++visited > 0; };
  EXPECT_EQ(snapshot->Scan("", "", stop_at_once, {.stop = stop.get_token()}).code(),
            Code::kCancelled);
  EXPECT_LE(visited, kScanLimitKeys);

  visited = 0;
  const auto later = steady_clock::now() + std::chrono::minutes(10);
  EXPECT_EQ(snapshot->Scan("", "", visit, {.deadline = later}), Status());
  EXPECT_EQ(visited, static_cast<uint64_t>(kKeys));
}

TEST_P(StateTableContract, AnOpenReaderSeesLaterCommitsWhenItIsRefreshedNotBefore) {
  std::vector<TestCommit> commits = {NumberedCommit(1, 40)};
  Apply(commits[0]);
  const auto reader = *harness_->OpenReader(TestSchema());
  for (int64_t n = 2; n <= 16; ++n) {
    const Contents before = Dump(*reader);
    EXPECT_EQ(before, Folded(commits));
    if (n % 5 == 0) Reopen();  // a store may then write anew what it had in a log
    commits.push_back(NumberedCommit(n, n % 3 == 0 ? kManyKeys : 40));
    Apply(commits.back());
    EXPECT_EQ(Dump(*reader), before) << "before the refresh";
    ASSERT_EQ(reader->Refresh(), Status());
    EXPECT_EQ(Dump(*reader), Folded(commits)) << "after the refresh";
    EXPECT_EQ((*reader->Snapshot())->Progress()->at("a").position, std::to_string(n));
  }
  ASSERT_EQ(table_->SetStatus(VersionStatus::kComplete, ""), Status());
  ASSERT_EQ(reader->Refresh(), Status());
  EXPECT_EQ(reader->Info()->status, VersionStatus::kComplete);
  EXPECT_EQ(NumberedCommit(17, 1).ApplyTo(reader.get()).code(), Code::kFailedPrecondition);
  EXPECT_EQ(table_->Refresh(), Status()) << "nothing to do for a writer";
}

TEST_P(StateTableContract, ARefreshMovesNoSnapshotThatWasTakenBefore) {
  Apply(NumberedCommit(1, 40));
  const auto reader = *harness_->OpenReader(TestSchema());
  const auto snapshot = *reader->Snapshot();
  const Contents before = Dump(*snapshot);
  Apply(NumberedCommit(2, 40));
  Apply(NumberedCommit(3, kManyKeys));
  ASSERT_EQ(reader->Refresh(), Status());
  EXPECT_EQ(Dump(*snapshot), before);
  EXPECT_EQ(snapshot->Progress()->at("a").position, "1");
  EXPECT_EQ(Dump(*reader), Dump(*table_));
}

TEST_P(StateTableContract, ARefreshShowsWhatHasExpiredSince) {
  const StateSchema schema =
      TestSchema({.every = 10, .offset = 0, .keep = TimeLength{.rest = std::chrono::seconds(20)}});
  Start(schema);
  TestCommit commit{.from = "", .to = "1", .newest_time = 5 * kSecond};
  commit.deltas[TestKey(1, 0)] = TestValue(1, 1, 1);
  Apply(commit);
  const auto reader = *harness_->OpenReader(schema);
  EXPECT_EQ(Dump(*reader).size(), 1u);
  commit = {.from = "1", .to = "2", .newest_time = 100 * kSecond};
  Apply(commit);
  ASSERT_EQ(reader->Refresh(), Status());
  EXPECT_TRUE(Dump(*reader).empty());
}

// Small and large commits take different ways through a store.
TEST_P(StateTableContract, ARefreshedReaderNeverSeesHalfACommitAndNeverGoesBack) {
  std::atomic<bool> stop{false};
  std::atomic<int64_t> committed{0};
  const auto reader = *harness_->OpenReader(TestSchema());
  int64_t refreshes = 0;
  std::thread reading([&] {
    int64_t seen = 0;
    for (bool last = false; !last; ++refreshes) {
      last = stop;
      const int64_t at_least = committed;
      const Status refreshed = reader->Refresh();
      ASSERT_TRUE(refreshed.ok()) << refreshed.ToString();
      const auto snapshot = *reader->Snapshot();
      const auto progress = *snapshot->Progress();
      const int64_t position = progress.empty() ? 0 : std::stoll(progress.at("a").position);
      for (const int64_t key : {int64_t{1}, kManyKeys - 1}) {
        const auto value = *snapshot->Get(TestKey(key));
        EXPECT_EQ(value.has_value() ? RecordsOfValue(*value) : 0, position);
      }
      EXPECT_GE(position, at_least);
      EXPECT_GE(position, seen);
      seen = position;
    }
    EXPECT_EQ(seen, committed);
  });
  TestCommit large;
  for (int64_t key = 0; key < kManyKeys; ++key) large.deltas[TestKey(key)] = TestValue(1, 1, 0);
  TestCommit small;
  for (const int64_t key : {int64_t{1}, kManyKeys - 1}) {
    small.deltas[TestKey(key)] = TestValue(1, 1, 0);
  }
  for (int64_t n = 1; n <= 60; ++n) {
    TestCommit& commit = n % 3 == 0 ? large : small;
    commit.from = n == 1 ? "" : std::to_string(n - 1);
    commit.to = std::to_string(n);
    EXPECT_EQ(commit.ApplyTo(table_.get()), Status());
    committed = n;
  }
  stop = true;
  reading.join();
}

TEST_P(StateTableContract, CommitsOfDifferentSplitsAtOnceAllCount) {
  constexpr int kThreads = 4;
  constexpr int64_t kCommits = 8;
  std::vector<std::thread> workers;
  for (int t = 0; t < kThreads; ++t) {
    workers.emplace_back([this, t] {
      TestCommit commit;
      commit.split = "split" + std::to_string(t);
      for (int64_t n = 1; n <= kCommits; ++n) {
        commit.from = commit.to;
        commit.to = std::to_string(n);
        commit.deltas.clear();
        const int64_t keys = (n + t) % 2 == 0 ? 5 : kManyKeys;
        for (int64_t key = 0; key < keys; ++key) commit.deltas[TestKey(key)] = TestValue(1, 2, 3);
        const Status applied = commit.ApplyTo(table_.get());
        EXPECT_TRUE(applied.ok()) << applied.ToString();
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  const Contents contents = Dump(*table_);
  ASSERT_EQ(contents.size(), static_cast<size_t>(kManyKeys));
  EXPECT_EQ(contents.at(TestKey(0)), TestValue(kThreads * kCommits, 2 * kThreads * kCommits, 3));
  EXPECT_EQ(contents.at(TestKey(9)), TestValue(kThreads * kCommits / 2, kThreads * kCommits, 3));
  for (const auto& [split, progress] : Progress()) EXPECT_EQ(progress.position, "8") << split;
  EXPECT_EQ(Progress().size(), static_cast<size_t>(kThreads));
}

TEST_P(StateTableContract, OfTwoCommitsFromOnePositionOneIsAborted) {
  for (int round = 0; round < 5; ++round) {
    Start(TestSchema());
    std::atomic<int> landed{0};
    std::vector<std::thread> workers;
    for (int t = 0; t < 3; ++t) {
      workers.emplace_back([&] {
        const Status applied = NumberedCommit(1, kManyKeys).ApplyTo(table_.get());
        if (applied.ok()) {
          ++landed;
        } else {
          EXPECT_EQ(applied.code(), Code::kAborted) << applied.ToString();
        }
      });
    }
    for (std::thread& worker : workers) worker.join();
    EXPECT_EQ(landed, 1);
    EXPECT_EQ(Dump(*table_), NumberedCommit(1, kManyKeys).deltas);
  }
}

TEST_P(StateTableContract, AClosedTableRefusesEverything) {
  EXPECT_EQ(table_->Close(), Status());
  EXPECT_EQ(table_->Close(), Status());
  EXPECT_EQ(NumberedCommit(1, 1).ApplyTo(table_.get()).code(), Code::kFailedPrecondition);
  EXPECT_EQ(table_->Info().status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(table_->Snapshot().status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(table_->Refresh().code(), Code::kFailedPrecondition);
}

}  // namespace murmur
