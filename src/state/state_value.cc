#include "murmur/state_value.h"

#include <cstring>
#include <vector>

#include "state/wire.h"

namespace murmur {
namespace {

// Arena blocks have this alignment, so states may ask for it.
struct alignas(16) StateWord {
  char bytes[16];
};

struct CombineScratch {
  Arena arena;
  std::vector<StateWord> state;
  std::vector<std::string_view> parts;  // value by value, aggregate by aggregate
};

CombineScratch& Scratch() {
  thread_local CombineScratch scratch;
  return scratch;
}

// Inserts the length of what was appended after `start` before it.
void InsertLength(size_t start, std::string* out) {
  const size_t length = out->size() - start;
  std::string prefix;
  PutVarint(length, &prefix);
  out->insert(start, prefix);
}

void AppendState(const Monoid& monoid, const char* state, std::string* out) {
  const size_t start = out->size();
  out->push_back('\0');
  monoid.Encode(state, out);
  const size_t length = out->size() - start - 1;
  if (length < 0x80) {
    (*out)[start] = static_cast<char>(length);
  } else {
    out->erase(start, 1);
    InsertLength(start, out);
  }
}

// Combines parts[0], parts[step], … of one aggregate.
bool CombineParts(const Monoid& monoid, std::span<const std::string_view> parts, size_t step,
                  CombineScratch* scratch, std::string* out) {
  std::string_view lone;
  size_t present = 0;
  for (size_t i = 0; i < parts.size(); i += step) {
    if (parts[i].empty()) continue;
    lone = parts[i];
    ++present;
  }
  if (present <= 1) {
    PutBytes(lone, out);
    return true;
  }
  const size_t words = (monoid.state_size() + sizeof(StateWord) - 1) / sizeof(StateWord);
  if (words == 0) {  // such an aggregate has no bytes
    out->push_back('\0');
    return false;
  }
  scratch->state.assign(words, StateWord{});
  char* state = scratch->state.data()->bytes;
  bool good = true;
  for (size_t i = 0; i < parts.size(); i += step) {
    if (!parts[i].empty()) good &= monoid.Combine(state, parts[i], &scratch->arena);
  }
  AppendState(monoid, state, out);
  monoid.Destroy(state);
  scratch->arena.Reset();
  return good;
}

}  // namespace

void AppendValue(int64_t records, MonoidSpan monoids, std::span<const char* const> states,
                 std::string* out) {
  PutSigned(records, out);
  for (size_t a = 0; a < monoids.size(); ++a) {
    if (monoids[a]->state_size() == 0) {
      out->push_back('\0');
    } else {
      AppendState(*monoids[a], states[a], out);
    }
  }
}

bool SplitValue(std::string_view value, int64_t* records,
                std::span<std::string_view> parts) noexcept {
  if (!GetSigned(&value, records)) return false;
  for (std::string_view& part : parts) {
    if (!GetView(&value, &part)) return false;
  }
  return value.empty();
}

int64_t RecordsOfValue(std::string_view value) noexcept {
  int64_t records;
  return GetSigned(&value, &records) ? records : 0;
}

bool IsNothing(std::string_view value) noexcept {
  int64_t records;
  if (!GetSigned(&value, &records) || records != 0) return false;
  for (std::string_view part; !value.empty();) {
    if (!GetView(&value, &part)) return false;
  }
  return true;
}

bool IsDamaged(std::string_view value) noexcept {
  int64_t records;
  return !GetSigned(&value, &records);
}

bool IsMalformed(std::string_view value, size_t aggregates) noexcept {
  int64_t records;
  if (!GetSigned(&value, &records)) return true;
  std::string_view part;
  for (; aggregates > 0; --aggregates) {
    if (!GetView(&value, &part)) return true;
  }
  return !value.empty();
}

bool CombineValues(MonoidSpan monoids, std::span<const std::string_view> values, std::string* out) {
  CombineScratch& scratch = Scratch();
  const size_t aggregates = monoids.size();
  scratch.parts.resize(values.size() * aggregates);
  uint64_t records = 0;  // wraps instead of overflowing
  bool good = true;
  for (size_t v = 0; v < values.size(); ++v) {
    int64_t count = 0;
    good &=
        SplitValue(values[v], &count, std::span(scratch.parts).subspan(v * aggregates, aggregates));
    records += static_cast<uint64_t>(count);
  }
  out->clear();
  PutSigned(static_cast<int64_t>(records), out);
  for (size_t a = 0; good && a < aggregates; ++a) {
    std::span<const std::string_view> parts;
    if (!values.empty())
      parts = std::span(scratch.parts).subspan(a, (values.size() - 1) * aggregates + 1);
    good = CombineParts(*monoids[a], parts, aggregates, &scratch, out);
  }
  if (!good) out->assign(kDamagedValue);
  return good;
}

bool NegateValue(MonoidSpan monoids, std::string_view value, std::string* out) {
  CombineScratch& scratch = Scratch();
  scratch.parts.resize(monoids.size());
  int64_t records = 0;
  if (!SplitValue(value, &records, scratch.parts)) return false;
  out->clear();
  PutSigned(static_cast<int64_t>(0 - static_cast<uint64_t>(records)), out);
  bool good = true;
  for (size_t a = 0; a < monoids.size(); ++a) {
    const Monoid& monoid = *monoids[a];
    if (scratch.parts[a].empty() || monoid.state_size() == 0) {
      good &= scratch.parts[a].empty();
      out->push_back('\0');
      continue;
    }
    scratch.state.assign((monoid.state_size() + sizeof(StateWord) - 1) / sizeof(StateWord), {});
    char* const state = scratch.state.data()->bytes;
    good &= monoid.Combine(state, scratch.parts[a], &scratch.arena);
    monoid.Negate(state, &scratch.arena);
    AppendState(monoid, state, out);
    monoid.Destroy(state);
    scratch.arena.Reset();
  }
  return good;
}

}  // namespace murmur
