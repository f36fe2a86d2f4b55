// How fast commits reach the disk, in both ways, and how fast values combine.
//
//   Commit/300000          one commit of 300 k keys that the state has already
//   HighCardinality/N      8.5 M new keys in commits of N keys; "settle_s": until all is compacted
//   SyncedBatches          the comparison: 8.5 M new keys as synced WriteBatches of 100 k
//
// MURMUR_BENCH_FOLDER says where the databases lie; the default is the temporary folder.
#include <benchmark/benchmark.h>
#include <rocksdb/write_batch.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "murmur/key.h"
#include "murmur/state_value.h"
#include "state/rocksdb/rocksdb_table.h"

namespace murmur {
namespace {

constexpr int64_t kKeys = 8500000;
constexpr int64_t kBatchKeys = 100000;

// A number, padded: values of about 40 bytes with two of them.
class BenchSum final : public Monoid {
 public:
  std::string_view Name() const noexcept override { return "bench_sum.v1"; }
  MonoidTraits Traits() const noexcept override { return {}; }
  OutputType output_type() const noexcept override { return OutputType::kInteger; }
  size_t state_size() const noexcept override { return 16; }
  KindSet Accepts(size_t) const noexcept override { return KindBit(Kind::kInt); }
  void AddBatch(const LiftInput&, const StateSpan&, Scratch*) const override {}
  bool Combine(char* state, std::string_view encoded, Arena*) const override {
    if (encoded.size() != 16) return false;
    Int128 sum, more;
    std::memcpy(&sum, state, 16);
    std::memcpy(&more, encoded.data(), 16);
    sum += more;
    std::memcpy(state, &sum, 16);
    return true;
  }
  void Encode(const char* state, std::string* out) const override { out->append(state, 16); }
  Result<Value> ValueOf(std::string_view, int64_t) const override { return Value::Absent(); }
};

const BenchSum kSum;
const Monoid* const kMonoids[] = {&kSum, &kSum};

std::string Value() {
  const Int128 sum = 12345;
  const char* const states[] = {reinterpret_cast<const char*>(&sum),
                                reinterpret_cast<const char*>(&sum)};
  std::string value;
  AppendValue(3, kMonoids, states, &value);
  return value;
}

uint64_t Mix(uint64_t v) {
  v ^= v >> 31;
  v *= 0x9E3779B97F4A7C15ull;
  v ^= v >> 29;
  return v;
}

// `count` keys of 24 bytes spread over the key space, ascending, made on the fly so that the bench
// measures the store. Key i of commit c differs from every other.
class SpreadKeys final : public DeltaCursor {
 public:
  SpreadKeys(int64_t count, uint64_t commit) : count_(count), commit_(commit) {
    std::memset(key_, 0, sizeof(key_));
    key_[0] = static_cast<char>(kKeyBase);
  }
  bool Next(std::string_view* key, std::string_view* value) override {
    if (next_ == count_) return false;
    const uint64_t step = UINT64_MAX / static_cast<uint64_t>(count_);
    const uint64_t at = static_cast<uint64_t>(next_) * step + Mix(commit_ * kKeys + next_) % step;
    ++next_;
    const uint64_t big_endian = __builtin_bswap64(at);
    std::memcpy(key_ + 1, &big_endian, 8);
    std::memcpy(key_ + 9, &commit_, 8);
    *key = {key_, sizeof(key_)};
    *value = value_;
    return true;
  }
  void Rewind() override { next_ = 0; }

 private:
  const int64_t count_;
  const uint64_t commit_;
  int64_t next_ = 0;
  char key_[24];
  const std::string value_ = Value();
};

class BenchFolder {
 public:
  BenchFolder() {
    const char* base = std::getenv("MURMUR_BENCH_FOLDER");
    path_ =
        (base != nullptr ? std::string(base) : std::filesystem::temp_directory_path().string()) +
        "/murmur-bench-" + std::to_string(getpid());
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~BenchFolder() { std::filesystem::remove_all(path_); }
  std::string version() const { return path_ + "/v1"; }

 private:
  std::string path_;
};

StateSchema Schema() { return {.monoids = {&kSum, &kSum}, .buckets = {}}; }

std::unique_ptr<RocksDbTable> NewTable(const BenchFolder& folder) {
  const RocksDbTableOptions options{.path = folder.version()};
  if (!RocksDbTable::Create(options, VersionInfo(), Schema()).ok()) std::abort();
  return *RocksDbTable::Open(options, Always(Schema()));
}

void Apply(RocksDbTable* table, int64_t number, DeltaCursor* deltas, int64_t count) {
  Commit commit;
  SplitProgress to;
  to.position = std::to_string(number);
  commit.moves = {{.split = "a", .from = number == 1 ? "" : std::to_string(number - 1), .to = to}};
  commit.deltas = deltas;
  commit.delta_count = static_cast<uint64_t>(count);
  if (const Status applied = table->Apply(commit); !applied.ok()) {
    std::fprintf(stderr, "%s\n", applied.ToString().c_str());
    std::abort();
  }
}

void BM_Commit(benchmark::State& state) {
  const BenchFolder folder;
  const auto table = NewTable(folder);
  int64_t number = 0;
  for (auto _ : state) {
    SpreadKeys keys(state.range(0), 1);
    Apply(table.get(), ++number, &keys, state.range(0));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Commit)->Arg(1000)->Arg(300000)->UseRealTime()->Unit(benchmark::kMillisecond);

double SecondsUntilSettled(const Database& database) {
  const auto start = std::chrono::steady_clock::now();
  uint64_t running = 1, pending = 1;
  while (running + pending > 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    database.db()->GetIntProperty("rocksdb.num-running-compactions", &running);
    database.db()->GetIntProperty("rocksdb.compaction-pending", &pending);
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::shared_ptr<Database> NewDatabase(const BenchFolder& folder) {
  DatabaseOptions options;
  options.resources.write_buffer_bytes = 256 << 20;  // the batches' best case
  options.path = folder.version();
  options.create = true;
  options.monoids = Schema().monoids;
  options.damage = std::make_shared<Damage>(0);
  return *Database::Open(std::move(options));
}

void BM_HighCardinality(benchmark::State& state) {
  for (auto _ : state) {
    state.PauseTiming();
    const BenchFolder folder;
    const auto database = NewDatabase(folder);
    state.ResumeTiming();
    for (int64_t done = 0, commit = 1; done < kKeys; done += state.range(0), ++commit) {
      SpreadKeys keys(std::min(state.range(0), kKeys - done), static_cast<uint64_t>(commit));
      bool in_doubt = false;
      uint64_t number = 0;
      database->WaitForCompaction();
      const WriteSet what{.deltas = &keys, .records = {}};
      if (!database->WriteLarge(what, &in_doubt, &number).ok()) std::abort();
    }
    state.PauseTiming();
    state.counters["settle_s"] = SecondsUntilSettled(*database);
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * kKeys);
}
BENCHMARK(BM_HighCardinality)
    ->Arg(1000000)
    ->Arg(4250000)
    ->Iterations(1)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void BM_SyncedBatches(benchmark::State& state) {
  for (auto _ : state) {
    state.PauseTiming();
    const BenchFolder folder;
    const auto database = NewDatabase(folder);
    state.ResumeTiming();
    for (int64_t done = 0, commit = 1; done < kKeys; done += kBatchKeys, ++commit) {
      SpreadKeys keys(kBatchKeys, static_cast<uint64_t>(commit));
      bool in_doubt = false;
      if (!database->WriteSmall({.deltas = &keys, .records = {}}, &in_doubt).ok()) std::abort();
    }
  }
  state.SetItemsProcessed(state.iterations() * kKeys);
}
BENCHMARK(BM_SyncedBatches)->Iterations(1)->UseRealTime()->Unit(benchmark::kMillisecond);

void BM_CombineValues(benchmark::State& state) {
  const std::string value = Value();
  const std::vector<std::string_view> values(static_cast<size_t>(state.range(0)), value);
  std::string out;
  for (auto _ : state) benchmark::DoNotOptimize(CombineValues(kMonoids, values, &out));
}
BENCHMARK(BM_CombineValues)->Arg(2)->Arg(8);

}  // namespace
}  // namespace murmur

BENCHMARK_MAIN();
