// How values combine. A Monoid describes one aggregate function with its parameters bound; it holds
// no data. States live in the caller's memory (a table of groups, a merge operator's scratch) and
// are passed to the Monoid.
// Laws, for all states a b c, tested for every implementation by murmur/testing/monoid_laws.h:
//  - the identity is state_size() zero bytes, and encodes as the empty string;
//  - Combine is associative, byte for byte, unless Traits().exact is false; then the bound that
//    the law case states holds over any bracketing;
//  - Encode is canonical: equal states have equal bytes, whatever path led to them;
//  - Combine is total: it can't fail on bytes that Encode wrote. Counters are wide enough, bounded
//    types have an absorbing overflow state;
//  - AddBatch of rows in any split and order equals the Combine of each row alone.
// Name() holds function, version and parameters ("distinct.v1(precision=12)"); it changes when
// meaning or bytes change, and stores refuse state under another name.
// To write one's own, derive from Monoid, or more simply from SimpleMonoid (simple_monoid.h), and
// register it with RegisterMonoid.
// Threads: const methods may be called at once; a state belongs to one thread.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/arena.h"
#include "murmur/record.h"
#include "murmur/status.h"
#include "murmur/value.h"

namespace murmur {

struct MonoidTraits {
  bool commutative = true;
  bool idempotent = false;  // Combine(a, a) == a
  bool exact = true;        // associative byte for byte; false: bounded (topk)
  bool invertible = false;  // Negate works: a group
};

// What its values are, as the type of a column: kInteger, kNumber (integers and doubles), kText; or
// kJson, anything else.
enum class OutputType : uint8_t { kInteger, kNumber, kText, kJson };

// The states of one aggregate in a table of groups: that of group g is at base + g * stride.
struct StateSpan {
  char* base = nullptr;
  size_t stride = 0;
  Arena* arena = nullptr;  // for what does not fit into the state
  char* at(uint32_t group) const noexcept { return base + size_t{group} * stride; }
};

// Rows of one group: LiftInput::ordered[begin..end).
struct GroupRun {
  uint32_t group;
  uint32_t begin;
  uint32_t end;
};

// A batch's rows as one aggregate sees them. Row r belongs to group groups[r].
struct LiftInput {
  uint32_t rows = 0;
  const uint32_t* groups = nullptr;
  std::span<const Column* const> args;  // evaluated arguments; kinds are within Accepts()
  const int64_t* times = nullptr;       // event time, µs; null where the pipeline has none
  // The event id, for first and last; for a table's row, the hash of its key.
  std::string_view object;
  const uint64_t* offsets = nullptr;

  // The same rows once more, in order of their groups, if those are few; else empty.
  std::span<const GroupRun> runs;
  const uint32_t* ordered = nullptr;
  std::span<const uint32_t> RowsOf(const GroupRun& run) const noexcept {
    return {ordered + run.begin, ordered + run.end};
  }
};

// The value of a column in one row.
inline const Cell& CellAt(const Column& column, uint32_t row) noexcept {
  return column.dictionary_id == 0 ? column.cells[row] : column.dictionary[column.indices[row]];
}

class Monoid {
 public:
  // What a table keeps for this aggregate between batches besides the states (a log of pending
  // additions, a hash memo). Owned by the table.
  struct Scratch {
    virtual ~Scratch() = default;
    virtual size_t bytes() const { return 0; }
  };

  Monoid() = default;
  Monoid(const Monoid&) = delete;
  Monoid& operator=(const Monoid&) = delete;
  virtual ~Monoid() = default;

  virtual std::string_view Name() const noexcept = 0;
  virtual MonoidTraits Traits() const noexcept = 0;
  virtual OutputType output_type() const noexcept = 0;

  // The error bound of its values, in words: "relative error 1.6 %"; empty: they are exact.
  virtual std::string Approximation() const { return {}; }

  // Bytes of one state: a multiple of 8, aligned to 8 (the arena gives 16). 0: the group's record
  // count alone gives the result.
  virtual size_t state_size() const noexcept = 0;

  // The kinds that argument `index` may have. Nulls are always allowed and add nothing. A record
  // with another kind becomes a dead letter before AddBatch sees it.
  virtual KindSet Accepts(size_t index) const noexcept = 0;

  // Whether arguments must be exact: kDecimal where a double would round.
  virtual bool ExactDecimals() const noexcept { return false; }

  // An extra check of one argument's cells, for what kinds can't express (a decimal with too many
  // digits). Appends to *bad the rows that must become dead letters (kNumberOverflow or
  // kWrongType), each with a sentence. Default: none.
  struct BadRow {
    uint32_t row;
    DeadReason reason;
    std::string detail;
  };
  virtual void Check(const LiftInput&, std::vector<BadRow>* /*bad*/) const {}

  virtual std::unique_ptr<Scratch> NewScratch() const { return nullptr; }

  // state(groups[r]) := Combine(state(groups[r]), lift(row r)), for every row. May leave work in
  // `scratch`; Settle finishes it.
  virtual void AddBatch(const LiftInput& input, const StateSpan& states,
                        Scratch* scratch) const = 0;

  // Applies to `groups` states what AddBatch left in `scratch`. Called before any Encode of the
  // table.
  virtual void Settle(const StateSpan& /*states*/, uint32_t /*groups*/, Scratch*) const {}

  // *state := Combine(*state, decode(encoded)). Returns false and leaves *state unchanged if Encode
  // does not write such bytes.
  virtual bool Combine(char* state, std::string_view encoded, Arena* arena) const = 0;

  // Prefetches what Encode will read outside of *state. Default: nothing.
  virtual void Prefetch(const char* /*state*/) const noexcept {}

  // Appends the canonical bytes of *state to *out; nothing for the identity.
  virtual void Encode(const char* state, std::string* out) const = 0;

  // *state := its inverse. REQUIRES: Traits().invertible
  virtual void Negate(char* /*state*/, Arena*) const {}

  // The answer. `encoded` is what Encode wrote, or empty (the identity); `records` is the group's
  // record count. Value::Json serves those that have no better type.
  // Errors: kDataLoss (Encode does not write such bytes).
  virtual Result<Value> ValueOf(std::string_view encoded, int64_t records) const = 0;

  // Frees what *state owns outside the arena; the state is not used afterwards. Default: nothing,
  // since states should live in the arena.
  virtual void Destroy(char* /*state*/) const {}
};

// The arguments that follow an aggregate call's expressions: topk(country, 10), sum(x, decimal=2).
// Positional parameters have been given their names. Values are literals as written: a number, a
// duration ("1d"), a string without its quotes, or a list "[1, 2, 3]".
using MonoidParams = std::map<std::string, std::string, std::less<>>;

struct MonoidFunction {
  std::string name;                     // "topk"
  size_t expressions = 1;               // how many leading arguments are expressions: 0 or more
  std::vector<std::string> parameters;  // names of the positional parameters that follow
  std::string usage;                    // "topk(x, k)"
  std::string description;              // one sentence
  // Errors: kInvalidArgument, naming the parameter and its allowed values.
  std::function<Result<std::unique_ptr<Monoid>>(const MonoidParams&)> make;
  bool needs_time = false;  // a definition without `time` refuses it
  // The result depends on event times if the definition has them, so they can't be optional.
  bool uses_time = false;
};

// Every registered function by name, built-in ones included.
// Threads: safe. RegisterMonoid replaces nothing: kAlreadyExists for a taken name.
Status RegisterMonoid(MonoidFunction function);
const MonoidFunction* FindMonoid(std::string_view name);  // null if unknown; lives for ever
std::vector<const MonoidFunction*> AllMonoids();          // by name

}  // namespace murmur
