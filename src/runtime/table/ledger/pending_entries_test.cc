#include "runtime/table/ledger/pending_entries.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>
#include <random>
#include <string>

namespace murmur {
namespace {

using Model = std::map<std::string, std::optional<std::string>>;

void Put(const std::string& key, const std::optional<std::string>& entry, PendingEntries* entries,
         Model* model) {
  entries->Put(key, PendingEntries::Hash(key), entry);
  (*model)[key] = entry;
}

void ExpectSame(const PendingEntries& entries, const Model& model) {
  ASSERT_EQ(entries.size(), model.size());
  const auto rows = entries.Rows();
  ASSERT_EQ(rows.size(), model.size());
  size_t i = 0;
  for (const auto& [key, entry] : model) {
    ASSERT_EQ(rows[i].key, key);
    ASSERT_EQ(rows[i++].entry, entry) << key;
    PendingEntries::Entry found;
    ASSERT_TRUE(entries.Find(key, PendingEntries::Hash(key), &found)) << key;
    ASSERT_EQ(found, entry) << key;
  }
}

std::string KeyOf(uint64_t number) {
  const std::string digits = std::to_string(number);
  return std::string(8 - digits.size(), '0') + digits;
}

// Scans of several stretches in turn, and rows that live brings between them.
TEST(PendingEntriesTest, AreThoseOfAMap) {
  const char* const asked = std::getenv("MURMUR_SEED");
  const uint64_t seed =
      asked != nullptr ? std::strtoull(asked, nullptr, 10) : std::random_device()();
  std::cout << "MURMUR_SEED=" << seed << "\n";
  std::mt19937_64 random(seed);
  PendingEntries entries;
  for (int commit = 0; commit < 20; ++commit) {
    Model model;
    uint64_t stretches[] = {0, 1'000'000, 2'000'000};
    const uint64_t steps = random() % 60;
    for (uint64_t step = 0; step < steps; ++step) {
      uint64_t& next = stretches[random() % 3];
      for (uint64_t i = random() % 200; i > 0; --i) {
        Put(KeyOf(next += 1 + random() % 3), std::string(random() % 40, 'x'), &entries, &model);
      }
      for (uint64_t i = random() % 20; i > 0; --i) {
        const auto entry = random() % 3 == 0 ? std::nullopt : std::make_optional<std::string>("l");
        Put(KeyOf(random() % 2'100'000), entry, &entries, &model);
      }
    }
    ExpectSame(entries, model);
    PendingEntries::Entry found;
    EXPECT_FALSE(entries.Find("none", PendingEntries::Hash("none"), &found));
    entries.Clear();
    EXPECT_TRUE(entries.empty());
    EXPECT_TRUE(entries.Rows().empty());
    EXPECT_EQ(entries.bytes(), 0u);
  }
}

TEST(PendingEntriesTest, EmptyAndLargeOnesAreKept) {
  PendingEntries entries;
  Model model;
  Put("", "", &entries, &model);
  Put("a", "", &entries, &model);
  Put(std::string(3 << 20, 'k'), std::string(2 << 20, 'e'), &entries, &model);
  Put("b", std::nullopt, &entries, &model);
  Put(std::string(1, '\0'), std::string((1 << 20) - 1, 'e'), &entries, &model);
  ExpectSame(entries, model);
  EXPECT_GE(entries.bytes(), size_t{6} << 20);
}

TEST(PendingEntriesTest, AReplacedEntryCanStillBeSeen) {
  PendingEntries entries;
  Model model;
  Put("a", "first", &entries, &model);
  PendingEntries::Entry first;
  ASSERT_TRUE(entries.Find("a", PendingEntries::Hash("a"), &first));
  for (int i = 0; i < 100'000; ++i) Put("a", "second", &entries, &model);
  EXPECT_EQ(first, "first");
  ExpectSame(entries, model);
}

}  // namespace
}  // namespace murmur
