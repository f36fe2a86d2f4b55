// Any bytes handed to any monoid as an encoded state are refused, leaving the state as it was, or
// are what it encodes: then they combine, encode canonically and render.
//
// Input: one byte that picks the monoid, one that says where the rest is cut into two.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/monoid.h"

namespace {

using murmur::Monoid;

// Every function with parameters that make it.
std::vector<std::unique_ptr<Monoid>> MakeAll() {
  const murmur::MonoidParams candidates[] = {{},
                                             {{"decimal", "2"}},
                                             {{"k", "3"}},
                                             {{"bounds", "[1, 10, 100]"}},
                                             {{"q", "[0.5, 0.9]"}},
                                             {{"quantiles", "[0.5, 0.9]"}},
                                             {{"half_life", "1d"}}};
  std::vector<std::unique_ptr<Monoid>> all;
  for (const murmur::MonoidFunction* function : murmur::AllMonoids()) {
    const size_t before = all.size();
    for (const auto& parameters : candidates) {
      if (auto monoid = function->make(parameters); monoid.ok()) {
        all.push_back(std::move(*monoid));
      }
    }
    if (all.size() == before) {
      std::fprintf(stderr, "no parameters here make %s\n", function->name.c_str());
      std::abort();
    }
  }
  return all;
}

void Try(const Monoid& monoid, std::string_view first, std::string_view second) {
  murmur::Arena arena;
  // 16-byte aligned, as in a table of groups; one cell at least for states of size 0.
  std::vector<murmur::Int128> cells(monoid.state_size() / sizeof(murmur::Int128) + 1);
  char* state = reinterpret_cast<char*>(cells.data());
  std::string before, after;
  if (monoid.Combine(state, first, &arena)) {
    monoid.Encode(state, &before);
    const auto value = monoid.ValueOf(before, 1);
    std::string json;
    if (value.ok()) AppendJson(*value, &json);
    if (json.empty()) std::abort();
  }
  const bool combined = monoid.Combine(state, second, &arena);
  monoid.Encode(state, &after);
  if (!combined && after != before) std::abort();
  if (!monoid.ValueOf(after, 2).ok()) std::abort();
  monoid.Destroy(state);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto kMonoids = MakeAll();
  if (size < 2) return 0;
  const Monoid& monoid = *kMonoids[data[0] % kMonoids.size()];
  const std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
  const size_t split = data[1] * rest.size() / 256;
  Try(monoid, rest.substr(0, split), rest.substr(split));
  return 0;
}
