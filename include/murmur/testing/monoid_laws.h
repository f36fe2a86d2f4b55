// The laws of murmur/monoid.h as a test suite for any Monoid, the built-in ones and one's own:
//
//   INSTANTIATE_TEST_SUITE_P(BitOr, MonoidLaws, testing::Values(LawCase{
//       .name = "bit_or", .make = [] { return …; }, .value = [](LawRandom& r) { … }}), LawName);
//
// States are folds of random rows, some of them past the capacity that the case names. Claimed
// traits are tested, and so are unclaimed ones: a counterexample must be found. Include it in one
// source file of a test program. Random numbers repeat; a failure prints the seed.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "murmur/decoder.h"
#include "murmur/monoid.h"

namespace murmur {

using LawRandom = std::mt19937_64;

inline uint64_t Below(LawRandom& random, uint64_t limit) { return random() % limit; }

// A Cell with the memory that it points to.
struct OwnedCell {
  Cell cell;
  std::shared_ptr<const std::string> text;
  std::shared_ptr<const Int128> decimal;

  static OwnedCell Of(Cell cell) { return {cell, nullptr, nullptr}; }
  static OwnedCell Text(std::string value) {
    auto text = std::make_shared<const std::string>(std::move(value));
    return {Cell::String(*text), text, nullptr};
  }
  static OwnedCell Decimal(Int128 unscaled, uint8_t scale) {
    const auto small = static_cast<int64_t>(unscaled);
    if (unscaled == small) return Of(Cell::SmallDecimal(small, scale));
    auto decimal = std::make_shared<const Int128>(unscaled);
    return {Cell::Decimal(decimal.get(), scale), nullptr, decimal};
  }
};

struct LawRow {
  OwnedCell value;
  int64_t time = 0;
  std::string object = "object";
  uint64_t offset = 0;
};
using LawRows = std::vector<LawRow>;

struct GoldenState {
  std::vector<OwnedCell> values;  // of rows at times 0 s, 1 s, 2 s, …, offsets 0, 1, 2, …
  std::string hex;                // of Encode
  std::string json;               // of Render
};

struct LawCase {
  std::string name;
  std::function<std::unique_ptr<Monoid>()> make;
  std::function<OwnedCell(LawRandom&)> value;
  size_t capacity_rows = 300;  // enough rows to bring a state past every capacity
  // Required if Traits().exact is false: whether the bytes are within the bound for the rows, in
  // any bracketing.
  std::function<testing::AssertionResult(const LawRows&, std::string_view encoded)> bound = {};
  std::vector<GoldenState> golden = {};
  // Random times; the largest distance between them.
  int64_t time_spread = int64_t{3600} * 1'000'000;
};

inline void PrintTo(const LawCase& law_case, std::ostream* out) { *out << law_case.name; }
inline std::string LawName(const testing::TestParamInfo<LawCase>& info) { return info.param.name; }

inline std::string ToHex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[c & 15];
  }
  return out;
}

// Whether `text` is JSON, as strict as Murmur reads it.
inline bool IsJson(std::string_view text) {
  const auto decoder = MakeDecoder("json", Projection());
  if (!decoder.ok()) return false;
  std::vector<Column> no_columns;
  DeadLetter dead;
  (*decoder)->BeginBatch();
  return (*decoder)->Decode("{\"value\":" + std::string(text) + "}", 0, &no_columns, &dead);
}

// What a batch may be besides plain.
struct LawForm {
  bool dictionary = false;
  bool runs = false;
};

// The states of `groups` groups, as a table keeps them.
class LawStates {
 public:
  LawStates(const Monoid& monoid, uint32_t groups)
      : monoid_(monoid), groups_(groups), scratch_(monoid.NewScratch()) {
    stride_ = std::max<size_t>(monoid.state_size(), 8);
    memory_.assign(groups * stride_ / 8, 0);
  }
  LawStates(const LawStates&) = delete;
  LawStates& operator=(const LawStates&) = delete;
  ~LawStates() {
    for (uint32_t group = 0; group < groups_; ++group) monoid_.Destroy(state(group));
  }

  char* state(uint32_t group) { return span().at(group); }
  Arena* arena() { return &arena_; }

  // Adds rows in batches of at most kBatchRows; row i belongs to groups[i].
  void Add(const LawRows& rows, const std::vector<uint32_t>& groups, LawForm form = {}) {
    for (size_t from = 0; from < rows.size(); from += kBatchRows) {
      AddOne(rows, groups, from, std::min<size_t>(kBatchRows, rows.size() - from), form);
    }
  }
  // In two calls.
  void AddHalves(const LawRows& rows, const std::vector<uint32_t>& groups, LawForm form) {
    const auto half = static_cast<ptrdiff_t>(rows.size() / 2);
    Add({rows.begin(), rows.begin() + half}, {groups.begin(), groups.begin() + half}, form);
    Add({rows.begin() + half, rows.end()}, {groups.begin() + half, groups.end()}, form);
  }
  void Add(const LawRows& rows) { Add(rows, std::vector<uint32_t>(rows.size(), 0)); }

  std::string Encode(uint32_t group = 0) {
    monoid_.Settle(span(), groups_, scratch_.get());
    std::string out;
    monoid_.Encode(state(group), &out);
    return out;
  }

 private:
  StateSpan span() { return {reinterpret_cast<char*>(memory_.data()), stride_, &arena_}; }

  // All rows of one object: a batch has one.
  void AddOne(const LawRows& rows, const std::vector<uint32_t>& groups, size_t from, size_t count,
              LawForm form) {
    Column column;
    column.indices.resize(kBatchRows);
    std::vector<uint32_t> batch_groups;
    std::vector<int64_t> times;
    std::vector<uint64_t> offsets;
    const auto flush = [&](std::string_view object) {
      const auto size = static_cast<uint32_t>(times.size());
      if (size == 0) return;
      column.SetTypeFromCells(size);
      std::vector<Cell> values;
      if (form.dictionary) MakeDictionary(&column, size, &values);
      const Column* argument = &column;
      LiftInput input{size,   batch_groups.data(), {&argument, 1}, times.data(),
                      object, offsets.data()};
      if (form.runs) MakeRuns(&input);
      std::vector<Monoid::BadRow> bad;
      monoid_.Check(input, &bad);
      ASSERT_TRUE(bad.empty()) << "the case's values must pass Check: " << bad[0].detail;
      monoid_.AddBatch(input, span(), scratch_.get());
      column.dictionary_id = 0;
      batch_groups.clear();
      times.clear();
      offsets.clear();
    };
    for (size_t i = from; i < from + count; ++i) {
      if (i > from && rows[i].object != rows[i - 1].object) flush(rows[i - 1].object);
      column.cells[times.size()] = rows[i].value.cell;
      batch_groups.push_back(groups[i]);
      times.push_back(rows[i].time);
      offsets.push_back(rows[i].offset);
    }
    flush(rows[from + count - 1].object);
  }
  void MakeRuns(LiftInput* input) {
    ordered_.resize(input->rows);
    std::iota(ordered_.begin(), ordered_.end(), 0);
    std::stable_sort(ordered_.begin(), ordered_.end(), [input](uint32_t a, uint32_t b) {
      return input->groups[a] < input->groups[b];
    });
    runs_.clear();
    for (uint32_t place = 0; place < input->rows; ++place) {
      const uint32_t group = input->groups[ordered_[place]];
      if (runs_.empty() || runs_.back().group != group) runs_.push_back({group, place, place});
      runs_.back().end = place + 1;
    }
    input->runs = runs_;
    input->ordered = ordered_.data();
  }
  // Dictionary-codes the column: in every other batch with each value once, else with one entry for
  // each row, from the last row on, and each of them twice.
  void MakeDictionary(Column* column, uint32_t size, std::vector<Cell>* values) {
    const bool once = dictionaries_ % 2 == 1;
    for (uint32_t row = size; row-- > 0;) {
      if (!once) values->insert(values->end(), 2, column->cells[row]);
    }
    for (uint32_t row = 0; row < size; ++row) {
      const Cell cell = std::exchange(column->cells[row], Cell());
      column->indices[row] = once ? EntryOf(cell, values) : 2 * (size - 1 - row) + row % 2;
    }
    column->dictionary_id = ++dictionaries_;
    column->dictionary = values->data();
    column->dictionary_size = static_cast<uint32_t>(values->size());
  }
  static uint32_t EntryOf(const Cell& cell, std::vector<Cell>* values) {
    const auto is_same = [&cell](const Cell& other) {
      if (cell.kind != other.kind || cell.scale != other.scale) return false;
      if (cell.kind == Kind::kString) return cell.text() == other.text();
      return cell.flags == 0 && other.flags == 0 && cell.i == other.i;
    };
    const auto found = std::find_if(values->begin(), values->end(), is_same) - values->begin();
    if (static_cast<size_t>(found) == values->size()) values->push_back(cell);
    return static_cast<uint32_t>(found);
  }

  const Monoid& monoid_;
  const uint32_t groups_;
  Arena arena_;
  std::unique_ptr<Monoid::Scratch> scratch_;
  size_t stride_;
  std::vector<uint64_t> memory_;
  uint64_t dictionaries_ = 0;
  std::vector<uint32_t> ordered_;
  std::vector<GroupRun> runs_;
};

class MonoidLaws : public testing::TestWithParam<LawCase> {
 protected:
  static constexpr uint64_t kSeed = 20261121;
  static constexpr int kRounds = 60;

  MonoidLaws() : monoid_(GetParam().make()), trace_(__FILE__, __LINE__, "seed 20261121") {}

  LawRows RandomRows(size_t count) {
    LawRows rows(count);
    for (LawRow& row : rows) {
      row.value = GetParam().value(random_);
      row.time = static_cast<int64_t>(Below(random_, GetParam().time_spread));
      row.offset = Below(random_, 1000);
    }
    for (LawRow& row : rows) row.object = "object " + std::to_string(Below(random_, 3));
    std::sort(rows.begin(), rows.end(),
              [](const LawRow& a, const LawRow& b) { return a.object < b.object; });
    return rows;
  }
  // Those of one kind, and decimals of one scale, have loops of their own.
  void KeepOneKind(LawRows* rows, std::vector<uint32_t>* groups) {
    const Cell kept = (*rows)[Below(random_, rows->size())].value.cell;
    size_t to = 0;
    for (size_t i = 0; i < rows->size(); ++i) {
      const Cell& cell = (*rows)[i].value.cell;
      if (cell.kind != kept.kind || cell.scale != kept.scale) continue;
      (*groups)[to] = (*groups)[i];
      if (to != i) (*rows)[to] = std::move((*rows)[i]);
      ++to;
    }
    rows->resize(to);
    groups->resize(to);
  }
  // Few rows mostly, sometimes past every capacity.
  LawRows RandomRows() {
    constexpr size_t kSizes[] = {1, 1, 2, 3, 7, 20};
    const uint64_t pick = Below(random_, 8);
    return RandomRows(pick < 6 ? kSizes[pick] : GetParam().capacity_rows);
  }
  std::string Lift(const LawRows& rows) {
    LawStates states(*monoid_, 1);
    states.Add(rows);
    return states.Encode();
  }
  std::string Combine(std::string_view a, std::string_view b) {
    LawStates states(*monoid_, 1);
    EXPECT_TRUE(monoid_->Combine(states.state(0), a, states.arena())) << ToHex(a);
    EXPECT_TRUE(monoid_->Combine(states.state(0), b, states.arena())) << ToHex(b);
    return states.Encode();
  }
  std::string Inverse(std::string_view a) {
    LawStates states(*monoid_, 1);
    EXPECT_TRUE(monoid_->Combine(states.state(0), a, states.arena()));
    monoid_->Negate(states.state(0), states.arena());
    return states.Encode();
  }
  // All parts combined, in order, in a random bracketing.
  std::string Bracket(const std::vector<std::string>& parts, size_t from, size_t to) {
    if (to - from == 1) return parts[from];
    const size_t middle = from + 1 + Below(random_, to - from - 1);
    return Combine(Bracket(parts, from, middle), Bracket(parts, middle, to));
  }
  bool exact() const { return monoid_->Traits().exact; }
  // The answer as JSON; empty: there is none.
  std::string AnswerJson(std::string_view encoded) {
    const auto value = monoid_->ValueOf(encoded, 0);
    if (!value.ok()) {
      EXPECT_EQ(value.status().code(), Code::kDataLoss);
      return "";
    }
    EXPECT_TRUE(HasOutputType(*value)) << "kind " << static_cast<int>(value->kind);
    std::string json;
    AppendJson(*value, &json);
    return json;
  }
  bool HasOutputType(const Value& value) const {
    const ValueKind kind = value.kind;
    const bool integer = kind == ValueKind::kInteger || kind == ValueKind::kWideInteger;
    if (value.absent() || kind == ValueKind::kJson) return true;
    switch (monoid_->output_type()) {
      case OutputType::kInteger: return integer;
      case OutputType::kNumber: return integer || kind == ValueKind::kDouble;
      case OutputType::kText: return kind == ValueKind::kText || kind == ValueKind::kDecimal;
      case OutputType::kJson: return true;
    }
    return false;
  }
  // Whether `hostile` is refused, changing nothing, or is exactly what Encode writes.
  void ExpectRefusedOrCanonical(const std::string& hostile, const std::string& before) {
    LawStates states(*monoid_, 1);
    ASSERT_TRUE(monoid_->Combine(states.state(0), before, states.arena()));
    LawStates fresh(*monoid_, 1);
    if (monoid_->Combine(fresh.state(0), hostile, fresh.arena())) {
      EXPECT_EQ(ToHex(fresh.Encode()), ToHex(hostile)) << "accepted, but not canonical";
      EXPECT_TRUE(monoid_->Combine(states.state(0), hostile, states.arena()));
      const std::string json = AnswerJson(hostile);
      EXPECT_TRUE(IsJson(json)) << ToHex(hostile) << " answers " << json;
    } else {
      EXPECT_FALSE(monoid_->Combine(states.state(0), hostile, states.arena()));
      EXPECT_EQ(ToHex(states.Encode()), ToHex(before)) << "changed by bytes that were refused";
      EXPECT_EQ(AnswerJson(hostile), "") << ToHex(hostile) << " answers, but does not combine";
    }
  }

  std::unique_ptr<Monoid> monoid_;
  LawRandom random_{kSeed};
  testing::ScopedTrace trace_;
};

TEST_P(MonoidLaws, TheIdentityIsZeroBytesAndEncodesAsNothing) {
  EXPECT_EQ(monoid_->state_size() % 8, 0u);
  LawStates states(*monoid_, 1);
  EXPECT_EQ(states.Encode(), "");
  EXPECT_TRUE(monoid_->Combine(states.state(0), "", states.arena()));
  EXPECT_EQ(states.Encode(), "");
  EXPECT_TRUE(IsJson(AnswerJson("")));
  for (int round = 0; round < kRounds; ++round) {
    const std::string a = Lift(RandomRows());
    EXPECT_EQ(ToHex(Combine(a, "")), ToHex(a));
    EXPECT_EQ(ToHex(Combine("", a)), ToHex(a));
  }
}

TEST_P(MonoidLaws, NullsAddNothing) {
  LawRows rows(5);
  EXPECT_EQ(Lift(rows), "");
  const LawRows values = RandomRows(7);
  rows.insert(rows.end(), values.begin(), values.end());
  EXPECT_EQ(ToHex(Lift(rows)), ToHex(Lift(values)));
}

TEST_P(MonoidLaws, AnyBracketingGivesTheSame) {
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::string> parts(2 + Below(random_, 6));
    LawRows all;
    for (std::string& part : parts) {
      const LawRows rows = RandomRows();
      all.insert(all.end(), rows.begin(), rows.end());
      part = Lift(rows);
    }
    const std::string left_to_right = std::accumulate(
        parts.begin(), parts.end(), std::string(),
        [this](const std::string& a, const std::string& b) { return Combine(a, b); });
    const std::string other = Bracket(parts, 0, parts.size());
    if (exact()) {
      ASSERT_EQ(ToHex(other), ToHex(left_to_right)) << "round " << round;
      continue;
    }
    ASSERT_TRUE(GetParam().bound) << "an inexact monoid needs a bound";
    ASSERT_TRUE(GetParam().bound(all, other)) << "round " << round;
    ASSERT_TRUE(GetParam().bound(all, left_to_right)) << "round " << round;
  }
}

TEST_P(MonoidLaws, CommutativityIsAsClaimed) {
  bool witness = false;
  for (int round = 0; round < kRounds; ++round) {
    const std::string a = Lift(RandomRows());
    const std::string b = Lift(RandomRows());
    const bool same = Combine(a, b) == Combine(b, a);
    witness = witness || !same;
    if (monoid_->Traits().commutative) {
      ASSERT_TRUE(same) << ToHex(a) << " and " << ToHex(b);
    }
  }
  EXPECT_NE(witness, monoid_->Traits().commutative);
}

TEST_P(MonoidLaws, IdempotenceIsAsClaimed) {
  if (monoid_->state_size() == 0) GTEST_SKIP() << "all states are equal";
  bool witness = false;
  for (int round = 0; round < kRounds; ++round) {
    const std::string a = Lift(RandomRows());
    const bool same = Combine(a, a) == a;
    witness = witness || !same;
    if (monoid_->Traits().idempotent) {
      ASSERT_TRUE(same) << ToHex(a);
    }
  }
  EXPECT_NE(witness, monoid_->Traits().idempotent);
}

TEST_P(MonoidLaws, WhatIsInvertibleCanBeTakenBack) {
  if (!monoid_->Traits().invertible) GTEST_SKIP() << "it claims no inverse";
  for (int round = 0; round < kRounds; ++round) {
    const std::string a = Lift(RandomRows());
    const std::string b = Lift(RandomRows());
    ASSERT_EQ(Combine(a, Inverse(a)), "") << ToHex(a);
    ASSERT_EQ(ToHex(Combine(Combine(a, b), Inverse(b))), ToHex(a)) << "taken back: " << ToHex(b);
    ASSERT_EQ(ToHex(Inverse(Inverse(a))), ToHex(a));
  }
}

// A group has no x except the identity with x + c == c.
TEST_P(MonoidLaws, WhatIsNotInvertibleHasAWitness) {
  if (monoid_->Traits().invertible) GTEST_SKIP() << "it has an inverse";
  if (!exact()) GTEST_SKIP() << "states that are not exact show nothing of inverses";
  for (int round = 0; round < 20 * kRounds; ++round) {
    const std::string x = Lift(RandomRows());
    const std::string c = Lift(RandomRows());
    if (!x.empty() && Combine(x, c) == c) return;
  }
  ADD_FAILURE() << "no witness against an inverse: is the monoid a group?";
}

TEST_P(MonoidLaws, AnySplitOfABatchEqualsTheCombineOfItsRows) {
  constexpr uint32_t kGroups = 5;
  for (int round = 0; round < kRounds / 2; ++round) {
    LawRows rows = RandomRows(GetParam().capacity_rows);
    std::vector<uint32_t> groups(rows.size());
    for (uint32_t& group : groups) group = static_cast<uint32_t>(Below(random_, kGroups));
    if (round % 3 != 0) KeepOneKind(&rows, &groups);
    groups[0] = 0;
    LawStates whole(*monoid_, kGroups);
    whole.Add(rows, groups);
    LawStates split(*monoid_, kGroups);
    for (size_t from = 0; from < rows.size();) {
      const size_t to = std::min(rows.size(), from + 1 + Below(random_, 40));
      split.Add(LawRows(rows.begin() + from, rows.begin() + to),
                std::vector<uint32_t>(groups.begin() + from, groups.begin() + to));
      from = to;
      if (Below(random_, 4) == 0) (void)split.Encode();  // an early Settle changes nothing
    }
    LawStates dictionary(*monoid_, kGroups);
    dictionary.AddHalves(rows, groups, {.dictionary = true});
    LawStates runs(*monoid_, kGroups);
    runs.Add(rows, groups, {.runs = true});
    LawStates dictionary_runs(*monoid_, kGroups);
    dictionary_runs.AddHalves(rows, groups, {.dictionary = true, .runs = true});
    LawStates singles(*monoid_, kGroups);
    for (size_t i = rows.size(); i-- > 0;) {
      ASSERT_TRUE(monoid_->Combine(singles.state(groups[i]), Lift({rows[i]}), singles.arena()));
    }
    for (uint32_t group = 0; group < kGroups; ++group) {
      LawRows own;
      for (size_t i = 0; i < rows.size(); ++i) {
        if (groups[i] == group) own.push_back(rows[i]);
      }
      for (LawStates* states : {&split, &dictionary, &runs, &dictionary_runs, &singles}) {
        if (exact()) {
          ASSERT_EQ(ToHex(states->Encode(group)), ToHex(whole.Encode(group)));
        } else {
          ASSERT_TRUE(GetParam().bound(own, states->Encode(group)));
        }
      }
    }
  }
}

TEST_P(MonoidLaws, BytesSurviveARoundTripAndRenderAsJson) {
  for (int round = 0; round < kRounds; ++round) {
    const std::string a = Lift(RandomRows());
    ASSERT_EQ(ToHex(Combine("", a)), ToHex(a));
    const std::string json = AnswerJson(a);
    ASSERT_TRUE(IsJson(json)) << json;
  }
}

TEST_P(MonoidLaws, DamagedBytesAreRefusedOrCanonical) {
  constexpr size_t kPlaces = 400;
  for (int round = 0; round < 8; ++round) {
    const std::string before = Lift(RandomRows());
    const std::string good = Lift(RandomRows());
    const size_t step = good.size() / kPlaces + 1;
    for (size_t size = 0; size < good.size(); size += step) {
      ExpectRefusedOrCanonical(good.substr(0, size), before);
    }
    for (size_t at = 0; at < good.size(); at += step) {
      std::string damaged = good;
      damaged[at] = static_cast<char>(damaged[at] ^ 1 << Below(random_, 8));
      ExpectRefusedOrCanonical(damaged, before);
      damaged = good;
      damaged.insert(at, 1, static_cast<char>(random_()));
      ExpectRefusedOrCanonical(damaged, before);
    }
    std::string noise(1 + Below(random_, 40), '\0');
    std::generate(noise.begin(), noise.end(), [this] { return static_cast<char>(random_()); });
    ExpectRefusedOrCanonical(noise, before);
    ExpectRefusedOrCanonical(good + good, before);
    if (HasFailure()) return;
  }
}

TEST_P(MonoidLaws, KnownRowsGiveKnownBytes) {
  if (GetParam().golden.empty()) GTEST_SKIP() << "no bytes of it are on record";
  for (const GoldenState& golden : GetParam().golden) {
    LawRows rows;
    for (const OwnedCell& value : golden.values) {
      const auto i = static_cast<int64_t>(rows.size());
      rows.push_back({value, i * 1'000'000, "object", static_cast<uint64_t>(i)});
    }
    const std::string bytes = Lift(rows);
    EXPECT_EQ(ToHex(bytes), golden.hex);
    EXPECT_EQ(AnswerJson(bytes), golden.json);
  }
}

}  // namespace murmur
