// first(x), last(x): the value of the earliest and of the latest event: by event time where the
// pipeline has one, then by object name, offset and the value itself.
//
// Bytes: event time (8, big-endian, sign flipped; of 0 without times), object name as a string
// value (value_codec.h), offset (8, big-endian), value: memcmp orders them.
#include <algorithm>

#include "base/big_endian.h"
#include "base/key_number.h"
#include "monoid/aggregate.h"
#include "monoid/value_codec.h"
#include "monoid/value_extremes.h"

namespace murmur {
namespace {

constexpr size_t kWordBytes = 8;

// The value, which follows its place in time; empty if the bytes are damaged.
std::string_view ValueIn(std::string_view encoded) {
  std::string_view object;
  std::string_view value;
  if (encoded.size() < kWordBytes) return {};
  encoded.remove_prefix(kWordBytes);
  if (!ReadValue(&encoded, &object) || object[0] != value_tag::kText) return {};
  if (encoded.size() < kWordBytes) return {};
  encoded.remove_prefix(kWordBytes);
  return ReadValue(&encoded, &value) && encoded.empty() ? value : std::string_view();
}

class FirstLast final : public ExtremeMonoid {
 public:
  FirstLast(std::string name, Keep keep)
      : ExtremeMonoid({.name = std::move(name), .traits = {.idempotent = true}}, keep) {}

  void AddBatch(const LiftInput& input, const StateSpan& states, Scratch*) const override {
    Lifted lifted{.input = input, .object = {}, .bytes = {}};
    AppendValue(Cell::String(input.object), &lifted.object);
    if (!input.runs.empty()) return AddRuns(input, states, &lifted);
    for (uint32_t row = 0; row < input.rows; ++row) {
      AddRow(row, StateAt(states.at(input.groups[row])), states.arena, &lifted);
    }
  }
  Result<Value> ValueOf(std::string_view encoded, int64_t) const override {
    if (encoded.empty()) return Value::Absent();
    const std::string_view value = ValueIn(encoded);
    if (value.empty()) return Damaged();
    return DecodeValue(value);
  }

 private:
  // What makes a row's bytes.
  struct Lifted {
    const LiftInput& input;
    std::string object;  // the start of each row's bytes, after the time
    std::string bytes;
  };

  static uint64_t TimeOf(const LiftInput& input, uint32_t row) {
    return OrderedBits(input.times != nullptr ? input.times[row] : 0);
  }

  void AddRuns(const LiftInput& input, const StateSpan& states, Lifted* lifted) const {
    for (const GroupRun& run : input.runs) {
      State* const state = StateAt(states.at(run.group));
      if (!state->bytes.empty() && IsWorse(BestTime(input, run), state->order)) continue;
      for (const uint32_t row : input.RowsOf(run)) AddRow(row, state, states.arena, lifted);
    }
  }

  uint64_t BestTime(const LiftInput& input, const GroupRun& run) const {
    if (input.times == nullptr) return TimeOf(input, 0);
    int64_t least = INT64_MAX;
    int64_t greatest = INT64_MIN;
    for (const uint32_t row : input.RowsOf(run)) {
      least = std::min(least, input.times[row]);
      greatest = std::max(greatest, input.times[row]);
    }
    return OrderedBits(keep() == Keep::kLeast ? least : greatest);
  }

  void AddRow(uint32_t row, State* state, Arena* arena, Lifted* lifted) const {
    const uint64_t time = TimeOf(lifted->input, row);
    // Nearly every row is worse, and its value is not looked at.
    if (IsWorse(time, state->order) && !state->bytes.empty()) return;
    const LiftedRow lifted_row{lifted->input, row, CellAt(*lifted->input.args[0], row)};
    if (lifted_row.value.is_null()) return;
    std::string& bytes = lifted->bytes;
    bytes.clear();
    AppendBigEndian(time, &bytes);
    bytes += lifted->object;
    AppendBigEndian(lifted_row.offset(), &bytes);
    AppendValue(lifted_row.value, &bytes);
    Offer(state, bytes, {.mark = 0, .order = time}, arena);
  }

  bool IsWorse(uint64_t time, uint64_t kept) const {
    return keep() == Keep::kLeast ? time > kept : time < kept;
  }
  Rank RankOf(std::string_view encoded) const override {
    return {.mark = 0, .order = ReadBigEndian(encoded.data())};
  }
  int Compare(std::string_view a, std::string_view b) const override { return a.compare(b); }
  bool Valid(std::string_view encoded) const override { return !ValueIn(encoded).empty(); }
};

}  // namespace

MonoidFunction FirstFunction() {
  return {
      .name = "first",
      .parameters = {},
      .usage = "first(x)",
      .description = "The value of the earliest event that has one.",
      .make =
          [](const MonoidParams&) { return std::make_unique<FirstLast>("first.v1", Keep::kLeast); },
      .uses_time = true};
}

MonoidFunction LastFunction() {
  return {.name = "last",
          .parameters = {},
          .usage = "last(x)",
          .description = "The value of the latest event that has one.",
          .make =
              [](const MonoidParams&) {
                return std::make_unique<FirstLast>("last.v1", Keep::kGreatest);
              },
          .uses_time = true};
}

}  // namespace murmur
