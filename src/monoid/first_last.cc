// first(x), last(x): the value of the earliest and of the latest event: by event time where the
// pipeline has one, then by object name, offset and the value itself.
//
// Bytes: event time (8, big-endian, sign flipped; of 0 without times), object name as a string
// value (value_codec.h), offset (8, big-endian), value: memcmp orders them.
#include "base/key_number.h"
#include "monoid/aggregate.h"
#include "monoid/value_codec.h"
#include "monoid/value_extremes.h"

namespace murmur {
namespace {

constexpr size_t kWordBytes = 8;

void AppendWord(uint64_t word, std::string* out) {
  for (int shift = 56; shift >= 0; shift -= 8) out->push_back(static_cast<char>(word >> shift));
}

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
    std::string object;
    AppendValue(Cell::String(input.object), &object);
    std::string bytes;
    for (uint32_t row = 0; row < input.rows; ++row) {
      const uint64_t time = OrderedBits(input.times != nullptr ? input.times[row] : 0);
      State* const state = StateAt(states.at(input.groups[row]));
      // Nearly every row is worse, and its value is not looked at.
      if (IsWorse(time, state->order) && !state->bytes.empty()) continue;
      const LiftedRow lifted{input, row, CellAt(*input.args[0], row)};
      if (lifted.value.is_null()) continue;
      bytes.clear();
      AppendWord(time, &bytes);
      bytes += object;
      AppendWord(lifted.offset(), &bytes);
      AppendValue(lifted.value, &bytes);
      Offer(state, bytes, {.mark = 0, .order = time}, states.arena);
    }
  }
  Result<Value> ValueOf(std::string_view encoded, int64_t) const override {
    if (encoded.empty()) return Value::Absent();
    const std::string_view value = ValueIn(encoded);
    if (value.empty()) return Damaged();
    return DecodeValue(value);
  }

 private:
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
