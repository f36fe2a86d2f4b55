// generate_events OUT.jsonl COUNT SEED: page-view events for the benchmark, the same bytes for the
// same COUNT and SEED on every machine.
//
// 30 days from 2026-03-01, in time order but for ten minutes of jitter; 100,000 users and 10,000
// pages with Zipf-distributed popularity; about 130 bytes a line.
#include <cinttypes>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr uint64_t kDayMs = 86'400'000;
constexpr uint64_t kSpanMs = 30 * kDayMs;
constexpr uint64_t kJitterMs = 600'000;
constexpr size_t kUsers = 100'000;
constexpr size_t kPages = 10'000;
constexpr const char* kCountries[] = {"US", "US", "US", "GB", "DE", "FR", "IN", "BR",
                                      "JP", "CA", "AU", "NL", "ES", "IT", "SE", "PL"};

// SplitMix64. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  double NextUnit() { return static_cast<double>(Next() >> 11) * (1.0 / 9007199254740992.0); }

 private:
  uint64_t state_;
};

// Draws 0..n-1 with probability proportional to 1 / (i + 1)^exponent, in constant time.
// Source: Walker's alias method, as Vose (1991) builds the table.
class Zipf {
 public:
  Zipf(size_t n, double exponent) : keep_(n), alias_(n) {
    std::vector<double> weight(n);
    double total = 0;
    for (size_t i = 0; i < n; ++i) {
      weight[i] = 1 / std::pow(static_cast<double>(i + 1), exponent);
      total += weight[i];
    }
    std::vector<uint32_t> small, large;
    for (size_t i = 0; i < n; ++i) {
      weight[i] = weight[i] / total * static_cast<double>(n);
      (weight[i] < 1 ? small : large).push_back(static_cast<uint32_t>(i));
    }
    while (!small.empty() && !large.empty()) {
      const uint32_t poor = small.back();
      const uint32_t rich = large.back();
      small.pop_back();
      keep_[poor] = weight[poor];
      alias_[poor] = rich;
      weight[rich] -= 1 - weight[poor];
      if (weight[rich] < 1) {
        large.pop_back();
        small.push_back(rich);
      }
    }
    for (const auto& rest : {small, large}) {
      for (uint32_t i : rest) {
        keep_[i] = 1;
        alias_[i] = i;
      }
    }
  }

  uint32_t Draw(Random& random) const {
    const double point = random.NextUnit() * static_cast<double>(keep_.size());
    const auto i = static_cast<uint32_t>(point);
    return (point - i) < keep_[i] ? i : alias_[i];
  }

 private:
  std::vector<double> keep_;
  std::vector<uint32_t> alias_;
};

// The time of event `index` of `count`, in ms since the start.
uint64_t TimeOf(uint64_t index, uint64_t count, Random& random) {
  const auto even = static_cast<int64_t>(static_cast<double>(index) / static_cast<double>(count) *
                                         static_cast<double>(kSpanMs));
  const int64_t jitter =
      static_cast<int64_t>(random.Next() % (2 * kJitterMs)) - static_cast<int64_t>(kJitterMs);
  const int64_t time = even + jitter;
  if (time < 0) return 0;
  return static_cast<uint64_t>(time) < kSpanMs ? static_cast<uint64_t>(time) : kSpanMs - 1;
}

void WriteEvent(std::FILE* out, uint64_t time, uint32_t user, uint32_t page, uint64_t chance,
                uint64_t id) {
  const uint64_t in_day = time % kDayMs;
  const uint64_t cents = (chance & 0xffff) * (chance >> 16 & 0xff) % 20000;
  std::fprintf(out,
               "{\"id\":\"%016" PRIx64
               "\",\"ts\":\"2026-03-%02uT%02u:%02u:%02u.%03uZ\","
               "\"user\":\"u%06u\",\"page\":\"/p/%u\",\"country\":\"%s\",\"amount\":%u.%02u,"
               "\"ms\":%u}\n",
               id, static_cast<unsigned>(time / kDayMs) + 1,
               static_cast<unsigned>(in_day / 3'600'000),
               static_cast<unsigned>(in_day / 60'000 % 60),
               static_cast<unsigned>(in_day / 1000 % 60), static_cast<unsigned>(in_day % 1000),
               user, page, kCountries[(chance >> 40) & 15], static_cast<unsigned>(cents / 100),
               static_cast<unsigned>(cents % 100), static_cast<unsigned>((chance >> 24) % 5000));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: generate_events OUT.jsonl COUNT SEED\n");
    return 2;
  }
  const uint64_t count = std::strtoull(argv[2], nullptr, 10);
  Random random(std::strtoull(argv[3], nullptr, 10));
  std::FILE* out = std::fopen(argv[1], "w");
  if (out == nullptr) {
    std::perror(argv[1]);
    return 1;
  }
  std::setvbuf(out, nullptr, _IOFBF, 1 << 20);
  const Zipf users(kUsers, 0.8);
  const Zipf pages(kPages, 1.0);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t time = TimeOf(i, count, random);
    const uint32_t user = users.Draw(random);
    const uint32_t page = pages.Draw(random);
    const uint64_t chance = random.Next();
    WriteEvent(out, time, user, page, chance, random.Next());
  }
  if (std::ferror(out) != 0 || std::fclose(out) != 0) {
    std::perror(argv[1]);
    return 1;
  }
  return 0;
}
