// Reading a Parquet file: the columns of the benchmark's question, cells touched, one thread.
//   MURMUR_BENCH_PARQUET=file murmur_source_bench --benchmark_filter=Parquet
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "source/parquet/parquet_source.h"

namespace murmur {
namespace {

Projection ProjectionOf(const std::vector<std::string>& names) {
  Projection projection;
  for (const std::string& name : names) {
    projection.fields.push_back({FieldPath{{name}}, name == "ts", TimeUnit::kNone, false});
  }
  return projection;
}

// Rows of the whole file; 0 after an error.
uint64_t ReadFile(const std::string& path, const Projection& projection) {
  Definition definition;
  definition.bootstrap = SourceSpec{"parquet", {{"path", path}}};
  auto source = MakeParquetSource(definition);
  if (!source.ok()) return 0;
  auto plan = (*source)->Scan({});
  if (!plan.ok()) return 0;
  uint64_t rows = 0;
  RecordBatch batch(projection);
  for (const Split& split : plan->splits) {
    auto stream = (*source)->Open(split, "", projection, {});
    if (!stream.ok()) return 0;
    for (;;) {
      const auto state = (*stream)->Read({}, &batch);
      if (!state.ok() || !batch.dead_letters.empty()) return 0;
      if (*state == ReadState::kEnd) break;
      rows += batch.rows;
      for (const Column& column : batch.columns) benchmark::DoNotOptimize(column.cells.data());
    }
  }
  return rows;
}

void ReadParquet(benchmark::State& state, const std::vector<std::string>& names) {
  const char* path = std::getenv("MURMUR_BENCH_PARQUET");
  if (path == nullptr) {
    state.SkipWithError("set MURMUR_BENCH_PARQUET to a Parquet file");
    return;
  }
  const Projection projection = ProjectionOf(names);
  uint64_t rows = 0;
  for (auto _ : state) {
    const uint64_t read = ReadFile(path, projection);
    if (read == 0) state.SkipWithError("the file can't be read");
    rows += read;
  }
  state.SetItemsProcessed(static_cast<int64_t>(rows));
}

BENCHMARK_CAPTURE(ReadParquet, question, {"ts", "user", "page", "amount"})
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ReadParquet, page, {"page"})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ReadParquet, user, {"user"})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ReadParquet, ts, {"ts"})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ReadParquet, amount, {"amount"})->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace murmur

BENCHMARK_MAIN();
