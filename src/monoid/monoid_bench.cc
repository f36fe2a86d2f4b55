// The cost of each aggregate: lift in ns a row (10,000 groups, batches of kBatchRows), combine and
// encode in ns a state of 300 rows.
#include <benchmark/benchmark.h>

#include <random>

#include "murmur/monoid.h"

namespace murmur {
namespace {

constexpr uint32_t kGroups = 10'000;
constexpr size_t kBatches = 64;

enum class Values { kCents, kUsers, kBools };

struct Subject {
  const char* label;
  const char* function;
  MonoidParams params;
  Values values;
};

// Batches of random values and groups, and the states that they go to.
class Bench {
 public:
  Bench(const Subject& subject, uint32_t groups)
      : monoid_(FindMonoid(subject.function)->make(subject.params).value()),
        scratch_(monoid_->NewScratch()),
        groups_(groups),
        stride_(std::max<size_t>(monoid_->state_size(), 8)),
        memory_(stride_ / 8 * groups) {
    for (int user = 0; user < 100'000; ++user) users_.push_back("user_" + std::to_string(user));
    for (size_t i = 0; i < kBatches; ++i) MakeBatch(subject.values);
  }
  ~Bench() {
    for (uint32_t group = 0; group < groups_; ++group) monoid_->Destroy(states().at(group));
  }

  void AddBatch(size_t i) {
    const Batch& batch = batches_[i % kBatches];
    const Column* argument = &batch.column;
    monoid_->AddBatch({kBatchRows,
                       batch.groups.data(),
                       {&argument, 1},
                       batch.times.data(),
                       "object",
                       batch.offsets.data()},
                      states(), scratch_.get());
  }
  void Settle() { monoid_->Settle(states(), groups_, scratch_.get()); }
  const Monoid& monoid() const { return *monoid_; }
  StateSpan states() { return {reinterpret_cast<char*>(memory_.data()), stride_, &arena_}; }

 private:
  struct Batch {
    Column column;
    std::vector<uint32_t> groups;
    std::vector<int64_t> times;
    std::vector<uint64_t> offsets;
  };

  void MakeBatch(Values values) {
    Batch& batch = batches_.emplace_back();
    for (uint32_t row = 0; row < kBatchRows; ++row) {
      const uint64_t word = random_();
      Cell& cell = batch.column.cells[row];
      if (values == Values::kCents) cell = Cell::Double(static_cast<double>(word % 20000) / 100);
      if (values == Values::kUsers) cell = Cell::String(users_[word % users_.size()]);
      if (values == Values::kBools) cell = Cell::Bool(word % 2 != 0);
      batch.groups.push_back(static_cast<uint32_t>(random_() % groups_));
      batch.times.push_back(static_cast<int64_t>(random_() % 2'592'000) * 1'000'000);
      batch.offsets.push_back(row);
    }
    batch.column.SetTypeFromCells(kBatchRows);
  }

  std::unique_ptr<Monoid> monoid_;
  std::unique_ptr<Monoid::Scratch> scratch_;
  const uint32_t groups_;
  const size_t stride_;
  std::vector<uint64_t> memory_;
  Arena arena_;
  std::mt19937_64 random_{1};
  std::vector<std::string> users_;
  std::vector<Batch> batches_;
};

void Lift(benchmark::State& bench_state, const Subject& subject) {
  Bench bench(subject, kGroups);
  size_t i = 0;
  for (auto _ : bench_state) bench.AddBatch(i++);
  bench.Settle();
  bench_state.counters["ns_a_row"] =
      benchmark::Counter(static_cast<double>(i * kBatchRows) / 1e9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void Combine(benchmark::State& bench_state, const Subject& subject) {
  Bench from(subject, 2 * kBatchRows / 300);
  from.AddBatch(0);
  from.AddBatch(1);
  from.Settle();
  std::string encoded;
  from.monoid().Encode(from.states().at(0), &encoded);
  Bench to(subject, 1);
  for (auto _ : bench_state) {
    benchmark::DoNotOptimize(to.monoid().Combine(to.states().at(0), encoded, to.states().arena));
  }
  bench_state.counters["bytes"] = static_cast<double>(encoded.size());
}

void Encode(benchmark::State& bench_state, const Subject& subject) {
  Bench bench(subject, 2 * kBatchRows / 300);
  bench.AddBatch(0);
  bench.AddBatch(1);
  bench.Settle();
  std::string encoded;
  for (auto _ : bench_state) {
    encoded.clear();
    bench.monoid().Encode(bench.states().at(0), &encoded);
    benchmark::DoNotOptimize(encoded.data());
  }
}

const Subject kSubjects[] = {
    {"count_if", "count_if", {}, Values::kBools},
    {"sum", "sum", {}, Values::kCents},
    {"sum_decimal", "sum", {{"decimal", "2"}}, Values::kCents},
    {"min", "min", {}, Values::kCents},
    {"avg", "avg", {}, Values::kCents},
    {"variance", "variance", {}, Values::kCents},
    {"first", "first", {}, Values::kUsers},
    {"distinct", "distinct", {}, Values::kUsers},
    {"distinct_exact", "distinct_exact", {}, Values::kUsers},
    {"set", "set", {}, Values::kUsers},
    {"count_by", "count_by", {}, Values::kUsers},
    {"topk", "topk", {{"k", "10"}}, Values::kUsers},
    {"quantiles", "quantiles", {{"q", "[0.5, 0.9]"}}, Values::kCents},
    {"histogram", "histogram", {{"bounds", "[1, 10, 100]"}}, Values::kCents},
    {"bloom", "bloom", {}, Values::kUsers},
    {"decayed_sum", "decayed_sum", {}, Values::kCents},
};

}  // namespace
}  // namespace murmur

int main(int argc, char** argv) {
  for (const murmur::Subject& subject : murmur::kSubjects) {
    const std::string label = subject.label;
    benchmark::RegisterBenchmark(("lift/" + label).c_str(), murmur::Lift, subject);
    benchmark::RegisterBenchmark(("combine/" + label).c_str(), murmur::Combine, subject);
    benchmark::RegisterBenchmark(("encode/" + label).c_str(), murmur::Encode, subject);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
