// Parts for tests of state: two simple monoids, commits of them, and their expected results.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "murmur/key.h"
#include "murmur/state_store.h"
#include "murmur/state_value.h"

namespace murmur {

// Adds 64-bit numbers; their bytes as they lie in memory.
class TestSum : public Monoid {
 public:
  std::string_view Name() const noexcept override { return "test_sum.v1"; }
  MonoidTraits Traits() const noexcept override { return {.invertible = true}; }
  OutputType output_type() const noexcept override { return OutputType::kInteger; }
  size_t state_size() const noexcept override { return 8; }
  KindSet Accepts(size_t) const noexcept override { return KindBit(Kind::kInt); }
  void AddBatch(const LiftInput&, const StateSpan&, Scratch*) const override {}
  void Negate(char* state, Arena*) const override {
    const int64_t negated = -Number(state);
    std::memcpy(state, &negated, 8);
  }
  bool Combine(char* state, std::string_view encoded, Arena*) const override {
    if (encoded.size() != 8) return false;
    const int64_t sum = Number(state) + Number(encoded.data());
    std::memcpy(state, &sum, 8);
    return true;
  }
  void Encode(const char* state, std::string* out) const override {
    if (Number(state) != 0) out->append(state, 8);
  }
  Result<Value> ValueOf(std::string_view, int64_t) const override { return Value::Absent(); }
  static int64_t Number(const char* bytes) {
    int64_t number;
    std::memcpy(&number, bytes, 8);
    return number;
  }
};

// Keeps the last operand, so that combining in another order than that of the commits shows.
class TestLast : public TestSum {
 public:
  std::string_view Name() const noexcept override { return "test_last.v1"; }
  MonoidTraits Traits() const noexcept override { return {.commutative = false}; }
  bool Combine(char* state, std::string_view encoded, Arena*) const override {
    if (encoded.size() != 8) return false;
    std::memcpy(state, encoded.data(), 8);
    return true;
  }
};

inline const TestSum kTestSum;
inline const TestLast kTestLast;

inline StateSchema TestSchema(BucketRule buckets = {}) {
  return {.monoids = {&kTestSum, &kTestLast}, .buckets = buckets};
}

inline std::string TestValue(int64_t records, int64_t sum, int64_t last) {
  const Monoid* const monoids[] = {&kTestSum, &kTestLast};
  const char* const states[] = {reinterpret_cast<const char*>(&sum),
                                reinterpret_cast<const char*>(&last)};
  std::string value;
  AppendValue(records, monoids, states, &value);
  return value;
}

inline std::string TestKey(int64_t number) {
  std::string key(1, static_cast<char>(kKeyBase));
  AppendKeyPart(Cell::Int(number), &key);
  return key;
}

inline std::string TestKey(int64_t number, int64_t bucket) {
  std::string key = TestKey(number);
  AppendBucket(bucket, &key);
  return key;
}

using Contents = std::map<std::string, std::string>;

class MapCursor final : public DeltaCursor {
 public:
  explicit MapCursor(const Contents& deltas, const std::set<std::string>& replaced = {})
      : begin_(deltas.begin()), next_(begin_), end_(deltas.end()), replaced_(replaced) {}
  bool Next(std::string_view* key, std::string_view* value) override {
    if (next_ == end_) return false;
    *key = next_->first;
    *value = next_->second;
    replaces_ = replaced_.contains(next_->first);
    ++next_;
    return true;
  }
  void Rewind() override { next_ = begin_; }
  bool Replaces() const override { return replaces_; }

 private:
  const Contents::const_iterator begin_;
  Contents::const_iterator next_, end_;
  const std::set<std::string> replaced_;
  bool replaces_ = false;
};

// A commit of one split.
struct TestCommit {
  std::string split = "a";
  std::string from, to;
  Contents deltas = {};
  std::vector<DeadLetter> dead_letters = {};
  int64_t newest_time = INT64_MIN;
  std::vector<std::string> ids = {};
  std::vector<LedgerRow> ledger = {};
  std::set<std::string> replaced = {};  // of the deltas: keys whose value is replaced
  std::vector<LedgerRow> held = {};
  bool clear = false;

  Status ApplyTo(StateTable* table, uint64_t* number = nullptr) const {
    MapCursor cursor(deltas, replaced);
    Commit commit;
    commit.moves = {{.split = split, .from = from, .to = Progress()}};
    commit.deltas = &cursor;
    commit.delta_count = deltas.size();
    commit.dead_letters = dead_letters;
    commit.ids = ids;
    commit.ledger = ledger;
    commit.held = held;
    commit.clear = clear;
    return table->Apply(commit, number);
  }
  SplitProgress Progress() const {
    SplitProgress progress;
    progress.position = to;
    progress.records = deltas.size();
    progress.newest_time = newest_time;
    if (progress.records > 0) progress.absent.emplace();
    return progress;
  }
};

inline Contents Dump(const StateSnapshot& snapshot) {
  Contents contents;
  const Status scanned = snapshot.Scan({}, {}, [&](auto key, auto value) {
    EXPECT_TRUE(contents.empty() || key > contents.rbegin()->first) << "keys are out of order";
    contents.emplace(key, value);
    return true;
  });
  EXPECT_TRUE(scanned.ok()) << scanned.ToString();
  return contents;
}

inline Contents Dump(const StateTable& table) {
  const auto snapshot = table.Snapshot();
  if (!snapshot.ok()) {
    ADD_FAILURE() << snapshot.status().ToString();
    return {};
  }
  return Dump(**snapshot);
}

// The expected contents after `commits`, in their order.
inline Contents Folded(const std::vector<TestCommit>& commits) {
  const Monoid* const monoids[] = {&kTestSum, &kTestLast};
  Contents contents;
  for (const TestCommit& commit : commits) {
    for (const auto& [key, delta] : commit.deltas) {
      if (commit.replaced.contains(key)) {
        contents.erase(key);
        if (delta.empty()) continue;
      }
      const auto [it, fresh] = contents.emplace(key, delta);
      if (fresh) continue;
      std::string combined;
      const std::string_view both[] = {it->second, delta};
      EXPECT_TRUE(CombineValues(monoids, both, &combined));
      it->second = combined;
    }
  }
  std::erase_if(contents, [](const auto& entry) { return IsNothing(entry.second); });
  return contents;
}

// More keys than any store puts into its small commits.
inline constexpr int64_t kManyKeys = 2500;

// A commit of split "a" from position n-1 to n, over `keys` of a small key space.
inline TestCommit NumberedCommit(int64_t number, int64_t keys, uint64_t seed = 1) {
  TestCommit commit;
  commit.from = number == 1 ? "" : std::to_string(number - 1);
  commit.to = std::to_string(number);
  std::mt19937_64 random(seed * 1000003 + static_cast<uint64_t>(number));
  for (int64_t i = 0; i < keys; ++i) {
    const auto key = static_cast<int64_t>(random() % static_cast<uint64_t>(2 * keys));
    commit.deltas[TestKey(key)] = TestValue(1 + static_cast<int64_t>(random() % 5),
                                            static_cast<int64_t>(random() % 100) - 50, number);
  }
  return commit;
}

}  // namespace murmur
