#include "fold/group_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "fold/key_builder.h"
#include "murmur/state_value.h"

namespace murmur {
namespace {

std::unique_ptr<Monoid> Make(const char* function) {
  return std::move(FindMonoid(function)->make({})).value();
}

// As GroupTable::Find needs it: zeros after the key.
uint32_t Find(GroupTable* table, const std::string& key) {
  std::string padded = key;
  if (padded.size() < kHashedBytes) padded.resize(kHashedBytes, '\0');
  const std::string_view view(padded.data(), key.size());
  return table->Find(view, HashKey(view));
}

std::string RandomKey(std::mt19937_64* random) {
  const size_t size = 1 + (*random)() % (((*random)() % 8 == 0) ? 200 : 40);
  std::string key(size, '\0');
  // Few different bytes, zeros among them, so that keys share prefixes and ends.
  for (char& c : key) c = static_cast<char>((*random)() % 3);
  return key;
}

TEST(GroupTableTest, AddsTheGroupsOfARange) {
  std::mt19937_64 random(3);
  const auto count = Make("count");
  GroupTable from({count.get()});
  GroupTable to({count.get()});
  std::map<std::string, int64_t> model;
  for (int i = 0; i < 5000; ++i) {
    const std::string key = RandomKey(&random);
    ++from.Records(Find(&from, key));
    if (key >= std::string("\1", 1) && key < std::string("\1\2", 2)) ++model[key];
  }
  for (const int times : {1, 2}) {
    to.AddRange(&from, std::string_view("\1", 1), std::string_view("\1\2", 2));
    ASSERT_EQ(to.size(), model.size());
    for (uint32_t group = 0; group < to.size(); ++group) {
      EXPECT_EQ(to.Records(group), times * model[std::string(to.Key(group))]);
    }
  }
  GroupTable all({count.get()});
  all.AddRange(&from, "", "");
  EXPECT_EQ(all.size(), from.size());
}

TEST(GroupTableTest, FindsEveryKeyAgainAndSortsThem) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto count = Make("count");
  GroupTable table({count.get()});
  for (int round = 0; round < 3; ++round) {
    std::map<std::string, uint32_t> model;
    for (int i = 0; i < 20000; ++i) {
      const std::string key = RandomKey(&random);
      const uint32_t group = Find(&table, key);
      const auto [it, is_new] = model.try_emplace(key, group);
      ASSERT_EQ(it->second, group);
      ASSERT_EQ(table.Key(group), key);
      ++table.Records(group);
    }
    ASSERT_EQ(table.size(), model.size());
    std::vector<uint32_t> order;
    table.Sort(&order);
    ASSERT_EQ(order.size(), model.size());
    auto expected = model.begin();
    for (const uint32_t group : order) ASSERT_EQ(group, (expected++)->second);
    table.Clear();
    EXPECT_EQ(table.size(), 0u);
  }
}

TEST(GroupTableTest, AClearedTableHasForgottenItsStates) {
  const auto sum = Make("sum");
  const auto distinct = Make("distinct");
  GroupTable table({sum.get(), distinct.get()});
  const std::string before = [&] {
    std::string value;
    const uint32_t group = Find(&table, "k");
    table.Settle();
    table.EncodeValue(group, &value);
    return value;
  }();
  Column column;
  column.cells[0] = Cell::Int(7);
  column.kinds = KindBit(Kind::kInt);
  const Column* args[] = {&column};
  const uint32_t group = 0;
  const LiftInput input{.rows = 1, .groups = &group, .args = args};
  sum->AddBatch(input, table.States(0), table.scratch(0));
  distinct->AddBatch(input, table.States(1), table.scratch(1));
  table.Settle();
  std::string with;
  table.EncodeValue(0, &with);
  EXPECT_NE(with, before);
  table.Clear();
  std::string after;
  table.EncodeValue(Find(&table, "k"), &after);
  EXPECT_EQ(after, before);
}

class KeyBuilderTest : public testing::Test {
 protected:
  static Cell RandomCell(std::mt19937_64* random, std::vector<std::string>* texts) {
    switch ((*random)() % 6) {
      case 0: return Cell::Int(static_cast<int64_t>((*random)()) >> ((*random)() % 64));
      case 1: return Cell::Double(static_cast<double>((*random)() % 1000) / 8);
      case 2: return Cell::Null();
      case 3: return Cell::Bool(true);
      default: {
        std::string& text = texts->emplace_back((*random)() % 40, 'x');
        for (char& c : text)
          c = static_cast<char>((*random)() % 5 == 0 ? (*random)() % 3 : 'a' + (*random)() % 26);
        return Cell::String(text);
      }
    }
  }
};

TEST_F(KeyBuilderTest, BuildsTheBytesThatAppendKeyPartWrites) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  KeyBuilder builder;
  for (int round = 0; round < 50; ++round) {
    const uint32_t rows = 1 + static_cast<uint32_t>(random() % kBatchRows);
    const size_t parts = random() % 4;
    std::vector<std::string> texts;
    texts.reserve(rows * 4);
    std::vector<std::string> expected(rows, std::string(1, static_cast<char>(kKeyBase + 2)));
    std::vector<uint32_t> some;  // rows
    for (uint32_t row = 0; row < rows; ++row) {
      if (round % 2 == 0 || random() % 2 == 0) some.push_back(row);
    }
    builder.Start(2, some);
    for (size_t part = 0; part < parts; ++part) {
      Column column;
      for (uint32_t row = 0; row < rows; ++row) {
        column.cells[row] = RandomCell(&random, &texts);
        AppendKeyPart(column.cells[row], &expected[row]);
      }
      builder.AppendColumn(column);
    }
    std::vector<int64_t> buckets(rows);
    for (uint32_t row = 0; row < rows; ++row) {
      buckets[row] = static_cast<int64_t>(random() % 100000) - 50000;
      AppendBucket(buckets[row], &expected[row]);
    }
    builder.AppendBuckets(buckets.data());
    builder.Finish();
    for (uint32_t i = 0; i < some.size(); ++i) {
      std::string key = expected[some[i]];
      ASSERT_EQ(builder.key(i), key) << "row " << some[i];
      const size_t size = key.size();
      if (size < kHashedBytes) key.resize(kHashedBytes, '\0');
      ASSERT_EQ(builder.hash(i), HashKey({key.data(), size}));
    }
  }
}

}  // namespace
}  // namespace murmur
