// JSON lines → batches, compared with its limits: a newline scan, and simdjson's On-Demand reading
// the same fields of each line. Reads the file that MURMUR_BENCH_JSONL names, or generates lines of
// the same shape. Time per line is the `ns/line` counter, in CPU time.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <string>

#include "decode/line_decoder.h"

namespace murmur {
namespace {

constexpr size_t kInputBytesMax = 256 << 20;
constexpr size_t kBlockBytes = 512 << 10;

std::string MakeLines() {
  constexpr uint64_t kSeed = 42;
  constexpr const char* kCountries[] = {"US", "GB", "DE", "FR", "IN", "BR", "JP", "CA"};
  std::mt19937_64 random(kSeed);
  std::string lines;
  while (lines.size() < (64u << 20)) {
    const uint64_t r = random();
    lines += fmt::format(
        R"({{"id":"{:016x}","ts":"2026-03-{:02}T{:02}:{:02}:{:02}.{:03}Z","user":"u{:06}",)"
        R"("page":"/p/{}","country":"{}","amount":{}.{:02},"ms":{}}})"
        "\n",
        random(), r % 30 + 1, r / 30 % 24, r / 720 % 60, r / 43200 % 60, r / 7 % 1000,
        r / 11 % 100000, r / 13 % 10000, kCountries[r / 17 % 8], r / 19 % 200, r / 23 % 100,
        r / 29 % 5000);
  }
  return lines;
}

std::string LoadLines() {
  const char* path = std::getenv("MURMUR_BENCH_JSONL");
  if (path == nullptr) return MakeLines();
  std::string lines(kInputBytesMax, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(lines.data(), static_cast<std::streamsize>(lines.size()));
  lines.resize(static_cast<size_t>(file.gcount()));
  lines.resize(lines.rfind('\n') + 1);
  return lines;
}

struct Input {
  std::string text = LoadLines();  // whole lines, padded
  size_t bytes = text.size();
  int64_t lines = std::count(text.begin(), text.end(), '\n');
  Input() { text.append(kBlockPadding, '\0'); }
  const char* end() const { return text.data() + bytes; }
};

const Input& GetInput() {
  static const Input input;
  return input;
}

void SetCounters(benchmark::State& state) {
  const Input& input = GetInput();
  const auto iterations = static_cast<int64_t>(state.iterations());
  state.SetItemsProcessed(iterations * input.lines);
  state.SetBytesProcessed(iterations * static_cast<int64_t>(input.bytes));
  state.counters["ns/line"] = benchmark::Counter(
      static_cast<double>(input.lines) * 1e-9,
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

FieldRequest Field(std::string name) {
  FieldRequest field;
  field.path.steps.emplace_back(std::move(name));
  return field;
}

Projection FourFields() {
  Projection projection{{Field("ts"), Field("user"), Field("page"), Field("amount")}};
  projection.fields[0].as_time = true;
  return projection;
}

void Decode(benchmark::State& state, const Projection& projection) {
  const Input& input = GetInput();
  auto decoder = MakeLineDecoder("json", projection, 16 << 20);
  RecordBatch batch(projection);
  for (auto _ : state) {
    int64_t rows = 0;
    for (const char* p = input.text.data(); p < input.end();) {
      const char* end = input.end();
      if (static_cast<size_t>(end - p) > kBlockBytes) {
        end = static_cast<const char*>(memrchr(p, '\n', kBlockBytes)) + 1;
      }
      while (p < end) {
        batch.Clear();
        p = (*decoder)->Decode({p, end, static_cast<uint64_t>(p - input.text.data())}, &batch);
        rows += batch.rows;
      }
    }
    if (rows != input.lines) state.SkipWithError("lines were lost");
  }
  SetCounters(state);
}

void BM_DecodeFourFields(benchmark::State& state) { Decode(state, FourFields()); }
void BM_DecodeNoFields(benchmark::State& state) { Decode(state, Projection()); }

void BM_NewlineScan(benchmark::State& state) {
  const Input& input = GetInput();
  for (auto _ : state) {
    int64_t lines = 0;
    for (const char* p = input.text.data(); p < input.end(); ++lines) {
      const auto left = static_cast<size_t>(input.end() - p);
      p = static_cast<const char*>(std::memchr(p, '\n', left)) + 1;
    }
    benchmark::DoNotOptimize(lines);
  }
  SetCounters(state);
}

void BM_SimdjsonFourFields(benchmark::State& state) {
  const Input& input = GetInput();
  simdjson::ondemand::parser parser;
  for (auto _ : state) {
    double sum = 0;
    size_t bytes = 0;
    for (const char* p = input.text.data(); p < input.end();) {
      const auto left = static_cast<size_t>(input.end() - p);
      const auto* end = static_cast<const char*>(std::memchr(p, '\n', left));
      const auto size = static_cast<size_t>(end - p);
      simdjson::ondemand::document document;
      if (parser.iterate(p, size, size + simdjson::SIMDJSON_PADDING).get(document)) break;
      bytes += document.find_field("ts").get_string().value().size();
      bytes += document.find_field("user").get_string().value().size();
      bytes += document.find_field("page").get_string().value().size();
      sum += document.find_field("amount").get_double().value();
      p = end + 1;
    }
    benchmark::DoNotOptimize(sum);
    benchmark::DoNotOptimize(bytes);
  }
  SetCounters(state);
}

BENCHMARK(BM_DecodeFourFields)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_DecodeNoFields)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_NewlineScan)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_SimdjsonFourFields)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace murmur

BENCHMARK_MAIN();
