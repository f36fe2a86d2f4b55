// min(x), max(x): the least and the greatest value; numbers by value, strings by bytes, and of
// mixed kinds bool < number < time < string. NaN adds nothing, as it is not comparable; infinities
// compare.
//
// Bytes: the value (value_codec.h).
#include <algorithm>
#include <bit>
#include <cmath>

#include "base/decimal.h"
#include "base/key_number.h"
#include "base/short_text.h"
#include "monoid/aggregate.h"
#include "monoid/value_codec.h"
#include "monoid/value_extremes.h"

namespace murmur {
namespace {

class MinMax final : public ExtremeMonoid {
 public:
  MinMax(std::string name, Keep keep)
      : ExtremeMonoid({.name = std::move(name), .traits = {.idempotent = true}}, keep) {}

  void AddBatch(const LiftInput& input, const StateSpan& states, Scratch*) const override {
    if (keep() == Keep::kLeast) {
      AddRows<Keep::kLeast>(input, states);
    } else {
      AddRows<Keep::kGreatest>(input, states);
    }
  }
  Result<Value> ValueOf(std::string_view encoded, int64_t) const override {
    if (encoded.empty()) return Value::Absent();
    if (!Valid(encoded)) return Damaged();
    return DecodeValue(encoded);
  }

 private:
  enum class Verdict { kWorse, kUnknown, kBetter };

  template <Keep keep>
  void AddRows(const LiftInput& input, const StateSpan& states) const {
    const Column& column = *input.args[0];
    if (!input.runs.empty() && IsOrderedByInteger(column)) {
      return AddRunsOfIntegers<keep>(input, states);
    }
    if (column.Is(Kind::kInt)) return AddRows<keep>(input, states, RankOfInteger);
    if (column.Is(Kind::kDecimal) && column.scale <= kExactDoublePowersMax) {
      return AddRows<keep>(input, states, RankOfNarrow{column.scale});
    }
    if (column.Is(Kind::kTime)) return AddRows<keep>(input, states, RankOfTime);
    if (column.Is(Kind::kString)) return AddRows<keep>(input, states, RankOfText);
    AddRows<keep>(input, states, RankOfAny);
  }

  template <Keep keep>
  void AddRows(const LiftInput& input, const StateSpan& states, const auto& rank_of) const {
    ForEachCell(*input.args[0], input.rows, [&](uint32_t row, const Cell& cell) {
      if (IsSkipped(cell)) return;
      const Rank rank = rank_of(cell);
      State* const state = StateAt(states.at(input.groups[row]));
      const Verdict verdict = Judge<keep>(rank, *state);
      if (verdict != Verdict::kWorse) [[unlikely]]
        Take<keep>(cell, rank, verdict, state, states.arena);
    });
  }

  // Integers, times, decimals of one scale in 64 bits.
  static bool IsOrderedByInteger(const Column& column) {
    return column.Is(Kind::kInt) || column.Is(Kind::kTime) ||
           (column.Is(Kind::kDecimal) && column.scale != Column::kMixedScale);
  }

  // The best of each run's cells stands for them.
  template <Keep keep>
  void AddRunsOfIntegers(const LiftInput& input, const StateSpan& states) const {
    for (const GroupRun& run : input.runs) {
      const std::span<const uint32_t> rows = input.RowsOf(run);
      Cell best = CellAt(*input.args[0], rows[0]);
      int64_t least_or_greatest = best.i;
      ForEachCell(*input.args[0], rows, [&](uint32_t, const Cell& cell) {
        least_or_greatest = keep == Keep::kLeast ? std::min(least_or_greatest, cell.i)
                                                 : std::max(least_or_greatest, cell.i);
      });
      best.i = least_or_greatest;
      const Rank rank = RankOfAny(best);
      State* const state = StateAt(states.at(run.group));
      const Verdict verdict = Judge<keep>(rank, *state);
      if (verdict != Verdict::kWorse) Take<keep>(best, rank, verdict, state, states.arena);
    }
  }

  // Of a cell that is better than what the state keeps, or may be.
  template <Keep keep>
  [[gnu::noinline]] void Take(const Cell& cell, Rank rank, Verdict verdict, State* state,
                              Arena* arena) const {
    if (verdict == Verdict::kUnknown && (state->bytes.mark & kPlain) != 0) {
      verdict = JudgeOrder<keep>(cell.text().compare(PlainText(state->bytes)), 0);
      if (verdict == Verdict::kWorse) return;
    }
    std::string bytes;
    AppendValue(cell, &bytes);
    if (cell.kind == Kind::kString && bytes.size() == cell.len + kTextFrame) rank.mark |= kPlain;
    if (verdict == Verdict::kBetter) {
      Assign(state, bytes, rank, arena);
    } else {
      Offer(state, bytes, rank, arena);
    }
  }

  // --- ranks ---
  //
  // The mark is the value's first byte, which tells its kind, and flags. Where two values of one
  // kind have the same order and a common flag, they are equal.
  static constexpr uint16_t kKindMask = 0x00ff;
  // A decimal or an integer of at most 15 digits: no other such has its nearest double.
  static constexpr uint16_t kFewDigits = 0x0100;
  static constexpr uint16_t kExact = 0x0200;  // the order is the value: a double, a time, a boolean
  static constexpr uint16_t kPlain = 0x0400;  // a text without bytes that are escaped

  static constexpr uint32_t kOrderBytes = 8;

  template <Keep keep>
  static Verdict Judge(const Rank& rank, const State& state) {
    const auto kind = static_cast<uint16_t>(rank.mark & kKindMask);
    const auto kept_kind = static_cast<uint16_t>(state.bytes.mark & kKindMask);
    if (kind != kept_kind) {
      return kept_kind == 0 ? Verdict::kBetter : JudgeOrder<keep>(kind, kept_kind);
    }
    if (rank.order != state.order) return JudgeOrder<keep>(rank.order, state.order);
    return (rank.mark & state.bytes.mark & (kFewDigits | kExact)) != 0 ? Verdict::kWorse
                                                                       : Verdict::kUnknown;
  }

  // Of two that differ, or are equal: then the new one is worse.
  template <Keep keep, class Number>
  static Verdict JudgeOrder(Number added, Number kept) {
    return (keep == Keep::kLeast ? added < kept : added > kept) ? Verdict::kBetter
                                                                : Verdict::kWorse;
  }

  static bool IsSkipped(const Cell& cell) {
    return cell.is_null() || (cell.kind == Kind::kDouble && std::isnan(cell.d));
  }
  static constexpr int64_t kFewDigitsMax = 999'999'999'999'999;
  static constexpr auto RankOfInteger = [](const Cell& cell) {
    const bool few = cell.i >= -kFewDigitsMax && cell.i <= kFewDigitsMax;
    return Rank{.mark = static_cast<uint16_t>(value_tag::kNumber | (few ? kFewDigits | kExact : 0)),
                .order = OrderedBits(static_cast<double>(cell.i))};
  };
  static constexpr auto RankOfDecimal = [](const Cell& cell) {
    const Int128 digits = cell.decimal();
    const bool few = digits >= -kFewDigitsMax && digits <= kFewDigitsMax;
    return Rank{.mark = static_cast<uint16_t>(value_tag::kNumber | (few ? kFewDigits : 0)),
                .order = OrderedBits(NearestDouble(digits, cell.scale))};
  };
  // Of decimals of one scale in 64 bits.
  struct RankOfNarrow {
    explicit RankOfNarrow(int scale) : power(ExactDoublePower(scale)) {}
    Rank operator()(const Cell& cell) const {
      if (cell.i < -kFewDigitsMax || cell.i > kFewDigitsMax) return RankOfDecimal(cell);
      return {.mark = value_tag::kNumber | kFewDigits,
              .order = OrderedBitsOfPlain(static_cast<double>(cell.i) / power)};
    }
    const double power;
  };
  static constexpr auto RankOfTime = [](const Cell& cell) {
    return Rank{.mark = value_tag::kTime | kExact, .order = OrderedBits(cell.i)};
  };
  // The order is the text's first bytes.
  static constexpr auto RankOfText = [](const Cell& cell) {
    const __m128i first = LoadShortText(cell.s, std::min(cell.len, kOrderBytes));
    return Rank{.mark = value_tag::kText,
                .order = __builtin_bswap64(static_cast<uint64_t>(_mm_cvtsi128_si64(first)))};
  };
  static constexpr auto RankOfAny = [](const Cell& cell) {
    switch (cell.kind) {
      case Kind::kInt: return RankOfInteger(cell);
      case Kind::kDouble:
        return Rank{.mark = value_tag::kNumber | kExact, .order = OrderedBits(cell.d)};
      case Kind::kDecimal: return RankOfDecimal(cell);
      case Kind::kTime: return RankOfTime(cell);
      case Kind::kString: return RankOfText(cell);
      default: break;
    }
    return Rank{.mark = static_cast<uint16_t>((cell.i != 0 ? value_tag::kTrue : value_tag::kFalse) |
                                              kExact),
                .order = 0};
  };

  static constexpr size_t kTextFrame = 2;  // bytes around a text: its kind and its end
  static std::string_view PlainText(const ArenaBytes& kept) {
    return kept.view().substr(1, kept.view().size() - kTextFrame);
  }

  Rank RankOf(std::string_view encoded) const override {
    const auto kind = static_cast<uint16_t>(static_cast<unsigned char>(encoded[0]));
    if (kind == value_tag::kText) {
      const Value value = DecodeValue(encoded);
      Rank rank = RankOfText(Cell::String(value.text));
      if (encoded.size() == value.text.size() + kTextFrame) rank.mark |= kPlain;
      return rank;
    }
    const bool has_order = kind == value_tag::kNumber || kind == value_tag::kTime;
    return {.mark = kind, .order = has_order ? ReadBigEndian(encoded.data() + 1) : 0};
  }
  int Compare(std::string_view a, std::string_view b) const override { return CompareValues(a, b); }
  bool Valid(std::string_view encoded) const override {
    static const std::string nan = [] {
      std::string bytes;
      AppendValue(Cell::Double(std::nan("")), &bytes);
      return bytes;
    }();
    std::string_view value;
    return ReadValue(&encoded, &value) && encoded.empty() && value != nan;
  }
};

}  // namespace

MonoidFunction MinFunction() {
  return {
      .name = "min",
      .parameters = {},
      .usage = "min(x)",
      .description = "The least value.",
      .make = [](const MonoidParams&) { return std::make_unique<MinMax>("min.v1", Keep::kLeast); }};
}

MonoidFunction MaxFunction() {
  return {.name = "max",
          .parameters = {},
          .usage = "max(x)",
          .description = "The greatest value.",
          .make = [](const MonoidParams&) {
            return std::make_unique<MinMax>("max.v1", Keep::kGreatest);
          }};
}

}  // namespace murmur
