// bloom(x, capacity=1000, error=0.01): a Bloom filter of the values: {"bits": m, "hashes": k,
// "set": bits that are set, "data": base64 of the bits}. With up to `capacity` different values a
// value that is not among them is found with a probability of about `error` at most.
//
// k is the least with 2^-k <= error; m is capacity * k / ln 2, rounded up to whole 64. A value sets
// the bits (h1 + i * h2) mod m, i < k, where h1 and h2 are the high and the low half of its hash
// (hash.h), h2 made odd. Bit b is bit b % 8 of byte b / 8.
// Sources: Bloom (1970); Kirsch, Mitzenmacher (2006), Less Hashing, Same Performance.
//
// Bytes: the m / 8 bytes.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/base64.h"
#include "monoid/aggregate.h"
#include "monoid/hash.h"
#include "monoid/parameters.h"

namespace murmur {
namespace {

constexpr int64_t kCapacityDefault = 1000;
constexpr int64_t kCapacityMax = 1'000'000;

class Bloom final : public NamedMonoid {
 public:
  Bloom(uint64_t bits, uint64_t hashes)
      : NamedMonoid({.name = "bloom.v1(bits=" + std::to_string(bits) +
                             ",hashes=" + std::to_string(hashes) + ")",
                     .traits = {.idempotent = true},
                     .approximation = "false positives are possible"}),
        bits_(bits),
        hashes_(hashes) {}

  size_t state_size() const noexcept override { return sizeof(char*); }

  void AddBatch(const LiftInput& input, const StateSpan& states, Scratch*) const override {
    ForEachValue<char*>(input, states, [this, &states](char*& block, const Cell& cell) {
      const uint64_t hash = HashCell(cell);
      const uint64_t step = (hash & 0xFFFFFFFF) | 1;
      char* bytes = Block(block, states.arena);
      uint64_t at = hash >> 32;
      for (uint64_t i = 0; i < hashes_; ++i, at += step) {
        const uint64_t bit = at % bits_;
        bytes[bit / 8] = static_cast<char>(bytes[bit / 8] | 1 << (bit % 8));
      }
    });
  }
  bool Combine(char* state, std::string_view encoded, Arena* arena) const override {
    if (encoded.empty()) return true;
    if (!Valid(encoded)) return false;
    char* bytes = Block(*reinterpret_cast<char**>(state), arena);
    for (size_t i = 0; i < encoded.size(); ++i) {
      bytes[i] = static_cast<char>(bytes[i] | encoded[i]);
    }
    return true;
  }
  void Encode(const char* state, std::string* out) const override {
    const char* block = *reinterpret_cast<const char* const*>(state);
    if (block != nullptr) out->append(block, bits_ / 8);
  }
  Result<Value> ValueOf(std::string_view encoded, int64_t) const override {
    if (!encoded.empty() && !Valid(encoded)) return Damaged();
    const std::string bytes = encoded.empty() ? std::string(bits_ / 8, '\0') : std::string(encoded);
    int set = 0;
    for (const char byte : bytes) set += std::popcount(static_cast<unsigned char>(byte));
    static const Value::Names names = Value::MakeNames({"bits", "hashes", "set", "data"});
    return Value::Record(names, {Value::Integer(Int128{bits_}), Value::Integer(Int128{hashes_}),
                                 Value::Integer(set), Value::Text(ToBase64(bytes))});
  }

 private:
  char* Block(char*& block, Arena* arena) const {
    if (block == nullptr) block = static_cast<char*>(arena->Allocate(bits_ / 8));
    return block;
  }
  bool Valid(std::string_view encoded) const {
    return encoded.size() == bits_ / 8 && encoded.find_first_not_of('\0') != std::string_view::npos;
  }

  const uint64_t bits_;
  const uint64_t hashes_;
};

Result<std::unique_ptr<Monoid>> MakeBloom(const MonoidParams& params) {
  constexpr double kErrorMin = 1e-9;
  constexpr double kErrorMax = 0.5;
  constexpr double kPerLn2 = 1.4426950408889634;
  MURMUR_ASSIGN(const int64_t capacity,
                IntParameter(params, "capacity", {1, kCapacityMax}, kCapacityDefault));
  MURMUR_ASSIGN(const double error, FractionParameter(params, "error", kErrorMin, kErrorMax, 0.01));
  int hashes = 1;
  while (std::ldexp(1.0, -hashes) > error) ++hashes;
  const double bits = static_cast<double>(capacity * hashes) * kPerLn2;
  const uint64_t words = static_cast<uint64_t>(bits) / 64 + 1;
  return std::make_unique<Bloom>(words * 64, static_cast<uint64_t>(hashes));
}

}  // namespace

MonoidFunction BloomFunction() {
  return {.name = "bloom",
          .parameters = {"capacity", "error"},
          .usage = "bloom(x) or bloom(x, capacity=1000, error=0.01)",
          .description = "A Bloom filter of the values.",
          .make = MakeBloom};
}

}  // namespace murmur
