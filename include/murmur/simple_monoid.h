// Aggregates of your own with little code.
//
// SimpleMonoid<Logic> makes a Monoid of a class that says what a state is and how states combine:
//
//   struct BitOr {
//     struct State { uint64_t bits = 0; };
//     void Add(State& state, const Cell& cell) const { state.bits |= uint64_t(cell.i); }
//     void Combine(State& state, const State& other) const { state.bits |= other.bits; }
//     void Encode(const State& state, std::string* out) const;    // nothing for State()
//     bool Decode(std::string_view bytes, State* state) const;    // false: not what Encode writes
//     Value ValueOf(const State& state) const { return Value::Integer(state.bits); }
//   };
//   RegisterMonoid({.name = "bit_or", .parameters = {}, .usage = "bit_or(x)", .description = …,
//                   .make = [](const MonoidParams&) {
//                     return std::make_unique<SimpleMonoid<BitOr>>(
//                         MonoidInfo{.name = "bit_or.v1", .traits = {.idempotent = true},
//                                    .output = OutputType::kInteger,
//                                    .accepts = KindBit(Kind::kInt)}, BitOr());
//                   }});
//
// A value-initialised State is the identity. Add never sees null. It may take a LiftedRow instead
// of a Cell, for the event's time and name or for several arguments. A Logic with AddMany(state,
// cell, count), count > 0, which is as `count` calls of Add, is faster where values repeat. A Logic
// with Negate may claim to be invertible. The memory of a Logic with HeapBytes(state) is counted.
// Check the laws with murmur/testing/monoid_laws.h.
//
// Ownership: a State lives on the heap and is freed by Destroy.
// Threads: Logic's methods are const, and called from many threads.
#pragma once

#include <algorithm>
#include <concepts>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "murmur/monoid.h"

namespace murmur {

struct MonoidInfo {
  std::string name;  // "distinct.v1(precision=12)": function, version and parameters
  MonoidTraits traits = {};
  OutputType output = OutputType::kJson;
  KindSet accepts = kScalarKinds;  // of every argument
  std::string approximation = {};  // as Monoid::Approximation
};

// A Monoid that knows its name and traits; derived classes do the rest.
class NamedMonoid : public Monoid {
 public:
  explicit NamedMonoid(MonoidInfo info) : info_(std::move(info)) {}
  std::string_view Name() const noexcept override { return info_.name; }
  MonoidTraits Traits() const noexcept override { return info_.traits; }
  OutputType output_type() const noexcept override { return info_.output; }
  std::string Approximation() const override { return info_.approximation; }
  KindSet Accepts(size_t /*index*/) const noexcept override { return info_.accepts; }

 protected:
  Status Damaged() const {
    return Status(Code::kDataLoss, "the state of " + info_.name + " is damaged");
  }

 private:
  MonoidInfo info_;
};

// One row of a batch whose first argument is not null.
struct LiftedRow {
  const LiftInput& input;
  uint32_t row;
  const Cell& value;  // the first argument

  const Cell& argument(size_t index) const { return CellAt(*input.args[index], row); }
  int64_t time() const { return input.times != nullptr ? input.times[row] : 0; }
  std::string_view object() const { return input.object; }
  uint64_t offset() const { return input.offsets != nullptr ? input.offsets[row] : 0; }
};

template <class Logic>
concept MonoidLogic = std::default_initializable<typename Logic::State> &&(
                          requires(const Logic& logic, typename Logic::State& state,
                                   const Cell& cell) { logic.Add(state, cell); } ||
                          requires(const Logic& logic, typename Logic::State& state,
                                   const LiftedRow& row) { logic.Add(state, row); }) &&
                      requires(const Logic& logic, typename Logic::State& state,
                               const typename Logic::State& other, std::string_view bytes,
                               std::string* out) {
  logic.Combine(state, other);
  logic.Encode(other, out);
  { logic.Decode(bytes, &state) } -> std::same_as<bool>;
  { logic.ValueOf(other) } -> std::same_as<Value>;
};

template <MonoidLogic Logic>
class SimpleMonoid final : public NamedMonoid {
 public:
  using State = typename Logic::State;

  SimpleMonoid(MonoidInfo info, Logic logic)
      : NamedMonoid(std::move(info)), logic_(std::move(logic)) {}

  size_t state_size() const noexcept override { return sizeof(State*); }

  void AddBatch(const LiftInput& input, const StateSpan& states, Scratch*) const override {
    if constexpr (requires(State & s, const Cell& c) { logic_.AddMany(s, c, int64_t{1}); }) {
      if (input.args[0]->dictionary_id != 0) return AddEntries(input, states);
    }
    for (uint32_t row = 0; row < input.rows; ++row) {
      const Cell& cell = CellAt(*input.args[0], row);
      if (cell.is_null()) continue;
      Change(states.at(input.groups[row]), states.arena, [&](State& state) {
        if constexpr (requires { logic_.Add(state, cell); }) {
          logic_.Add(state, cell);
        } else {
          logic_.Add(state, LiftedRow{input, row, cell});
        }
      });
    }
  }

  bool Combine(char* state, std::string_view encoded, Arena* arena) const override {
    if (encoded.empty()) return true;
    State other{};
    if (!logic_.Decode(encoded, &other)) return false;
    Change(state, arena, [&](State& target) { logic_.Combine(target, other); });
    return true;
  }

  void Encode(const char* state, std::string* out) const override {
    if (const State* held = Held(state)) logic_.Encode(*held, out);
  }

  void Negate(char* state, Arena*) const override {
    if constexpr (requires(State & s) { logic_.Negate(s); }) {
      if (State* held = Held(state)) logic_.Negate(*held);
    }
  }

  Result<Value> ValueOf(std::string_view encoded, int64_t) const override {
    State state{};
    if (!encoded.empty() && !logic_.Decode(encoded, &state)) return Damaged();
    return logic_.ValueOf(state);
  }

  void Destroy(char* state) const override { delete Held(state); }

 private:
  // Counts how often each group has each entry of the dictionary, in one batch, and adds that.
  void AddEntries(const LiftInput& input, const StateSpan& states) const {
    const Column& column = *input.args[0];
    if (!input.runs.empty() && column.dictionary_size * input.runs.size() <= input.rows) {
      return AddEntriesOfRuns(input, states);
    }
    struct Slot {
      uint32_t group;
      uint32_t entry;
      uint32_t count;
    };
    constexpr size_t kSlots = 2 * kBatchRows;
    std::vector<Slot> slots(kSlots, Slot{0, 0, 0});
    for (uint32_t row = 0; row < input.rows; ++row) {
      const uint32_t group = input.groups[row];
      const uint32_t entry = column.indices[row];
      size_t at = (group * 2654435761u + entry * 2246822519u) >> 7;
      for (;; ++at) {
        Slot& slot = slots[at % kSlots];
        if (slot.count == 0) slot = {group, entry, 0};
        if (slot.group != group || slot.entry != entry) continue;
        ++slot.count;
        break;
      }
    }
    for (const Slot& slot : slots) {
      if (slot.count == 0 || column.dictionary[slot.entry].is_null()) continue;
      Change(states.at(slot.group), states.arena, [&](State& state) {
        logic_.AddMany(state, column.dictionary[slot.entry], int64_t{slot.count});
      });
    }
  }

  // With a count for each entry.
  void AddEntriesOfRuns(const LiftInput& input, const StateSpan& states) const {
    const Column& column = *input.args[0];
    std::vector<uint32_t> counts(column.dictionary_size);
    for (const GroupRun& run : input.runs) {
      std::fill(counts.begin(), counts.end(), 0);
      for (const uint32_t row : input.RowsOf(run)) ++counts[column.indices[row]];
      Change(states.at(run.group), states.arena, [&](State& state) {
        for (uint32_t entry = 0; entry < column.dictionary_size; ++entry) {
          if (counts[entry] == 0 || column.dictionary[entry].is_null()) continue;
          logic_.AddMany(state, column.dictionary[entry], int64_t{counts[entry]});
        }
      });
    }
  }

  static State*& Held(char* state) { return *reinterpret_cast<State**>(state); }
  static const State* Held(const char* state) {
    return *reinterpret_cast<const State* const*>(state);
  }
  size_t Bytes(const State& state) const {
    if constexpr (requires { logic_.HeapBytes(state); }) {
      return logic_.HeapBytes(state);
    } else {
      return 0;
    }
  }
  template <class Action>
  void Change(char* state, Arena* arena, Action&& action) const {
    State*& held = Held(state);
    size_t before = 0;
    if (held == nullptr) {
      held = new State{};
      arena->Charge(sizeof(State));
    } else {
      before = Bytes(*held);
    }
    action(*held);
    arena->Charge(static_cast<ptrdiff_t>(Bytes(*held)) - static_cast<ptrdiff_t>(before));
  }

  Logic logic_;
};

}  // namespace murmur
