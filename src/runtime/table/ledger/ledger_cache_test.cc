#include "runtime/table/ledger/ledger_cache.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "murmur/testing/state_table_kit.h"
#include "runtime/table/ledger/ledger_entry.h"
#include "state/memory/memory_table.h"

namespace murmur {
namespace {

constexpr uint64_t kMuch = 1'000'000'000;  // rows that were missing: enough for any reading

class LedgerCacheTest : public testing::Test {
 protected:
  using Rows = std::map<std::string, std::optional<std::string>>;

  LedgerCacheTest() {
    const char* const asked = std::getenv("MURMUR_SEED");
    const uint64_t seed =
        asked != nullptr ? std::strtoull(asked, nullptr, 10) : std::random_device()();
    std::cout << "MURMUR_SEED=" << seed << std::endl;
    random_.seed(seed);
  }

  // Commits entries to the table and to the cache.
  void Commit(const Rows& rows, LedgerCache* cache) {
    PendingEntries entries;
    TestCommit commit = NumberedCommit(++commits_, 3);
    for (const auto& [key, entry] : rows) {
      entries.Put(key, PendingEntries::Hash(key), entry);
      commit.ledger.push_back({key, entry});
      ledger_[key] = entry;
    }
    ASSERT_EQ(commit.ApplyTo(table_.get()), Status());
    cache->NoteCommitted(entries);
  }

  // Of rows `from` to `from` + `rows`: new ones, others, some that go.
  void CommitSome(uint64_t from, uint64_t rows, LedgerCache* cache) {
    Rows some;
    for (uint64_t i = 0; i < rows; ++i) {
      auto& entry = some[std::to_string(from + random_() % rows)];
      if (random_() % 8 != 0) entry = NewEntry(true, "", std::string(random_() % 30, 'c'));
    }
    Commit(some, cache);
  }

  // The number of rows that it knows; checks that their entries are right.
  size_t Known(const LedgerCache& cache, uint64_t keys) {
    size_t known = 0;
    for (uint64_t i = 0; i < keys; ++i) {
      const std::string key = std::to_string(i);
      PendingEntries::Entry entry;
      if (!cache.Find(key, PendingEntries::Hash(key), &entry)) continue;
      ++known;
      const auto it = ledger_.find(key);
      EXPECT_EQ(entry, it == ledger_.end() ? std::nullopt : it->second) << key;
    }
    return known;
  }

  std::mt19937_64 random_;
  Rows ledger_;
  int64_t commits_ = 0;
  const std::unique_ptr<StateTable> table_ =
      std::move(OpenMemoryTable(MakeMemoryStore({}, TestSchema()), TestSchema())).value();
};

TEST_F(LedgerCacheTest, OfALedgerThatFitsItKnowsAllOnceManyRowsWereMissing) {
  LedgerCache nothing(0);
  LedgerCache cache(size_t{8} << 20);
  CommitSome(0, 3000, &nothing);
  EXPECT_EQ(Known(cache, 4000), 0u);
  ASSERT_EQ(cache.NoteMissing(100, *table_), Status());
  EXPECT_EQ(Known(cache, 4000), 0u);
  ASSERT_EQ(cache.NoteMissing(kMuch, *table_), Status());
  EXPECT_EQ(Known(cache, 4000), 4000u);
  for (int i = 0; i < 20; ++i) {
    CommitSome(random_() % 2000, 2000, &cache);
    EXPECT_EQ(Known(cache, 4000), 4000u);
  }
}

TEST_F(LedgerCacheTest, OfALargerOneItKnowsWhatWasCommittedLast) {
  LedgerCache cache(size_t{8} << 20);
  bool has_all = false;
  bool had_all = false;
  for (uint64_t i = 0; i < 60; ++i) {
    CommitSome(4000 * i, 4000, &cache);
    EXPECT_GT(Known(cache, 4000 * (i + 1)), 1000u);
    ASSERT_EQ(cache.NoteMissing(i % 20 == 5 ? kMuch : 0, *table_), Status());
    PendingEntries::Entry entry;
    has_all = cache.Find("none", PendingEntries::Hash("none"), &entry);
    had_all |= has_all;
  }
  EXPECT_TRUE(had_all) << "it never had room for all";
  EXPECT_FALSE(has_all) << "it always had room for all";
}

TEST_F(LedgerCacheTest, WithoutMemoryItKnowsNothing) {
  LedgerCache cache(0);
  CommitSome(0, 1000, &cache);
  ASSERT_EQ(cache.NoteMissing(kMuch, *table_), Status());
  EXPECT_EQ(Known(cache, 1000), 0u);
}

TEST_F(LedgerCacheTest, ContributorsAreNoRows) {
  LedgerCache cache(size_t{8} << 20);
  const std::string key = ContributorKey("key", "1");
  Commit({{"1", NewEntry(true, "", "c")}, {key, ""}}, &cache);
  PendingEntries::Entry entry;
  EXPECT_FALSE(cache.Find(key, PendingEntries::Hash(key), &entry));
  EXPECT_EQ(Known(cache, 3), 1u);
  ASSERT_EQ(cache.NoteMissing(kMuch, *table_), Status());
  EXPECT_EQ(Known(cache, 3), 3u);
}

}  // namespace
}  // namespace murmur
