#include "fold/group_finder.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>

#include "base/decimal.h"

namespace murmur {
namespace {

std::shared_ptr<const Pipeline> Compile(const std::string& yaml) {
  auto definition = ParseDefinition(
      "name: test\naggregates: {n: count}\nbootstrap: {jsonl: {path: x}}\n" + yaml, "t.yaml", ".");
  EXPECT_TRUE(definition.ok()) << definition.status().ToString();
  auto pipeline = Pipeline::Compile(*definition);
  EXPECT_TRUE(pipeline.ok()) << pipeline.status().ToString();
  return *pipeline;
}

// Columns of random values out of `values` different ones, plain or dictionary-coded.
class RandomColumns {
 public:
  explicit RandomColumns(uint64_t seed) : random_(seed) {}

  void Fill(uint64_t values, uint32_t rows, Column* column) {
    if (random_() % 2 == 0) {
      for (uint32_t row = 0; row < rows; ++row) column->cells[row] = Value(random_() % values);
      column->dictionary_id = 0;
      return;
    }
    if (column->dictionary_id == 0 || random_() % 3 == 0) {
      auto& entries = dictionaries_.emplace_back();
      for (uint64_t i = 0; i < 1 + values / 2; ++i) entries.push_back(Value(random_() % values));
      column->dictionary_id = dictionaries_.size();
      column->dictionary = entries.data();
      column->dictionary_size = static_cast<uint32_t>(entries.size());
      column->indices.resize(kBatchRows);
    }
    for (uint32_t row = 0; row < rows; ++row) {
      column->indices[row] = static_cast<uint32_t>(random_() % column->dictionary_size);
    }
  }

  uint64_t Below(uint64_t limit) { return random_() % limit; }

 private:
  // The same for the same number, but a number may come in several kinds.
  Cell Value(uint64_t number) {
    const auto integer = static_cast<int64_t>(number / 8);
    switch (number % 8) {
      case 0: return Cell::Int(integer);
      case 1: return Cell::Double(static_cast<double>(integer));
      case 2: return Cell::Double(static_cast<double>(integer) + 0.5);
      case 3: return Cell::SmallDecimal(integer * 10 + 5, 1);
      case 4: return Cell::Time(integer);
      case 5: return integer % 2 == 0 ? Cell::Null() : Cell::Bool(integer % 4 == 1);
      case 6: return Text(std::to_string(integer));
      default:
        return Text(std::string(integer % 97 == 5 ? 2000 : 20, 'x') + std::to_string(integer));
    }
  }
  Cell Text(std::string text) { return Cell::String(texts_.emplace_back(std::move(text))); }

  std::mt19937_64 random_;
  std::deque<std::string> texts_;
  std::deque<std::vector<Cell>> dictionaries_;
};

// The groups are those of the keys' bytes, for few values, for many, and when there are ever more.
TEST(GroupFinderTest, GroupsAreThoseOfTheKeysBytes) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  const auto pipeline = Compile("key: [[a, b], [b], []]\ntime: t\nwindow: {every: 1h}\n");
  for (const uint64_t values : {3, 300, 100'000}) {
    RandomColumns random(seed + values);
    GroupFinder finder(*pipeline);
    GroupTable table(pipeline->Monoids());
    std::map<std::string, uint32_t> expected;
    Column a;
    Column b;
    std::vector<int64_t> buckets(kBatchRows);
    std::vector<uint32_t> groups(kBatchRows);
    for (int batch = 0; batch < 200; ++batch) {
      if (random.Below(20) == 0) {
        table.Clear();
        expected.clear();
      }
      const auto rows = static_cast<uint32_t>(1 + random.Below(kBatchRows));
      random.Fill(values, rows, &a);
      random.Fill(random.Below(2) == 0 ? 3 : values, rows, &b);
      for (uint32_t row = 0; row < rows; ++row) {
        buckets[row] = static_cast<int64_t>(random.Below(3)) + batch / 10;
      }
      finder.StartBatch();
      const std::vector<std::vector<const Column*>> rollups = {{&a, &b}, {&b}, {}};
      for (size_t rollup = 0; rollup < rollups.size(); ++rollup) {
        finder.Find(rollup, rollups[rollup], buckets.data(), rows, &table, groups.data());
        for (uint32_t row = 0; row < rows; ++row) {
          std::string key(1, static_cast<char>(kKeyBase + rollup));
          for (const Column* part : rollups[rollup]) AppendKeyPart(CellAt(*part, row), &key);
          AppendBucket(buckets[row], &key);
          ASSERT_EQ(table.Key(groups[row]), key) << "batch " << batch << ", row " << row;
          ASSERT_EQ(expected.emplace(key, groups[row]).first->second, groups[row]);
        }
      }
    }
  }
}

}  // namespace
}  // namespace murmur
