// ledger_rows ROWS UPDATES STATE_DIRECTORY: how fast the engine alone counts rows that lie in
// memory, each commit durable:
//
//   events   each row is a fact: the plain fold
//   insert   each is a row of a table that a scan finds, in order of key: the ledger notes it
//   update   UPDATES rows are changed, each once, in random order: the ledger tells what to take
//   away
//
// One worker, with the shares of memory and the commits of the program. The state after the updates
// is compared, byte for byte, with the fold over the changed rows as facts. Prints for each
// {"seconds", "cpu", "commits"}.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "fold/pipeline.h"
#include "murmur/definition.h"
#include "murmur/state_store.h"
#include "runtime/loop/fold_worker.h"
#include "runtime/table/row_fold.h"
#include "runtime/versions/state_access.h"

namespace {

using murmur::Cell;
using murmur::LedgerMethod;

constexpr char kDefinition[] =
    "name: ledger\nkey: [country]\ntime: ordered_at\nwindow: {every: 1d}\n"
    "aggregates: {orders: count, total: sum(total)}\n"
    "source: {mongo: {uri: unused, database: d, collection: c}}\n";
constexpr double kScanShare = 0.35;
constexpr double kLiveShare = 0.25;
constexpr std::chrono::milliseconds kScanCommitEvery{1000};
constexpr std::chrono::milliseconds kLiveCommitEvery{100};
constexpr uint64_t kGoldenRatio = 2'654'435'761;         // Knuth's multiplicative hash
constexpr int64_t kStartMicros = 1'772'323'200'000'000;  // 2026-03-01
constexpr uint64_t kDays = 30;
constexpr size_t kKeyBytes = 13;  // as many as an ObjectId has

[[noreturn]] void Fail(const murmur::Status& status) {
  std::fprintf(stderr, "ledger_rows: %s\n", status.ToString().c_str());
  std::exit(1);
}
void Check(const murmur::Status& status) {
  if (!status.ok()) Fail(status);
}
template <class T>
T Value(murmur::Result<T> result) {
  if (!result.ok()) Fail(result.status());
  return std::move(result).value();
}

struct Row {
  char key[kKeyBytes];
  char country[2];
  int64_t total;
  int64_t micros;
};

std::vector<Row> MakeRows(size_t count) {
  std::vector<Row> rows(count);
  for (size_t i = 0; i < count; ++i) {
    const uint64_t h = i * kGoldenRatio % (1ull << 32);
    Row& row = rows[i];
    std::memset(row.key, 'k', sizeof row.key);
    for (size_t b = 0; b < 4; ++b) row.key[kKeyBytes - 1 - b] = static_cast<char>(i >> 8 * b);
    row.country[0] = static_cast<char>('A' + h % 20);
    row.country[1] = static_cast<char>('A' + h / 26 % 10);
    row.total = static_cast<int64_t>(h % 100'000);
    row.micros = kStartMicros + static_cast<int64_t>(h % (kDays * 86'400) * 1'000'000);
  }
  return rows;
}

// The next rows, from `next` on.
void Fill(const murmur::Pipeline& pipeline, const std::vector<Row>& rows, bool as_rows,
          size_t* next, murmur::RecordBatch* batch) {
  const auto& fields = pipeline.projection().fields;
  batch->object = "d.c";
  batch->AsTable().row_keys.clear();
  batch->table->changes.clear();
  for (; *next < rows.size() && batch->rows < murmur::kBatchRows; ++*next) {
    const Row& row = rows[*next];
    const uint32_t to = batch->rows++;
    for (size_t c = 0; c < fields.size(); ++c) {
      const std::string& name = std::get<std::string>(fields[c].path.steps[0]);
      batch->columns[c].cells[to] = name == "country" ? Cell::String({row.country, 2})
                                    : name == "total" ? Cell::Int(row.total)
                                                      : Cell::Time(row.micros);
    }
    batch->offsets[to] = *next;
    batch->raw[to] = {};
    if (!as_rows) continue;
    batch->table->row_keys.emplace_back(row.key, kKeyBytes);
    batch->table->changes.push_back(murmur::RowChange::kPut);
  }
  for (murmur::Column& column : batch->columns) column.SetTypeFromCells(batch->rows);
  batch->after = std::to_string(*next);
}

double Cpu() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Bench {
 public:
  Bench(size_t rows, size_t updates, std::string path)
      : rows_(MakeRows(rows)), updates_(std::min(rows, updates)), path_(std::move(path)) {
    definition_ = Value(murmur::ParseDefinition(kDefinition, "ledger_rows.yaml", "."));
    pipeline_ = Value(murmur::Pipeline::Compile(definition_));
  }

  void Run() {
    Time("events", rows_, NewTable("facts").get(), nullptr, "scan");
    auto table = NewTable("rows");
    Time("insert", rows_, table.get(), NewFold(table.get(), LedgerMethod::Phase::kScanning),
         "scan");
    // Rows lie in the order in which they come.
    std::mt19937_64 random(42);
    std::shuffle(rows_.begin(), rows_.end(), random);
    for (size_t i = 0; i < updates_; ++i) rows_[i].total += 1 + rows_[i].total % 7;
    const std::vector<Row> changed(rows_.begin(), rows_.begin() + static_cast<ptrdiff_t>(updates_));
    Time("update", changed, table.get(), NewFold(table.get(), LedgerMethod::Phase::kLive), "live");
    auto as_facts = NewTable("changed");
    Time("", rows_, as_facts.get(), nullptr, "scan");
    if (Contents(*table) != Contents(*as_facts)) {
      Fail({murmur::Code::kInternal, "the rows don't come to what they come to as facts"});
    }
  }

 private:
  std::unique_ptr<murmur::StateTable> NewTable(const std::string& name) {
    murmur::Definition there = definition_;
    there.state.options["path"] = path_ + "/" + name;
    stores_.push_back(Value(murmur::OpenStore(there, murmur::Access::kWrite)));
    return Value(stores_.back()->CreateVersion({}, murmur::SchemaOf(*pipeline_)));
  }

  murmur::FoldOptions Options(bool scan) const {
    return {.delta_bytes = murmur::MemoryShare(definition_, scan ? kScanShare : kLiveShare),
            .commit_every = scan ? kScanCommitEvery : kLiveCommitEvery,
            .max_ahead = std::chrono::hours(24 * 365 * 100)};
  }

  std::shared_ptr<murmur::RowFold> NewFold(murmur::StateTable* table, LedgerMethod::Phase phase) {
    return murmur::RowFold::WithLedger(pipeline_, table,
                                       Options(phase == LedgerMethod::Phase::kScanning), phase);
  }

  void Time(const char* name, const std::vector<Row>& rows, murmur::StateTable* table,
            std::shared_ptr<murmur::RowFold> fold, const char* split) {
    const bool scan = std::string_view(split) == "scan";
    murmur::FoldRun run(pipeline_, table, Options(scan));
    run.is_scan = scan;
    run.workers = std::move(fold);
    const auto start = std::chrono::steady_clock::now();
    const double cpu = Cpu();
    const auto worker = run.MakeWorker();
    murmur::SplitWork work{.split = {.id = split}, .progress = {}, .committed = {}};
    for (size_t next = 0; next < rows.size();) {
      Fill(*pipeline_, rows, run.workers != nullptr, &next, worker->EmptyBatch());
      Check(worker->Count(&work));
    }
    Check(worker->CommitAll());
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    if (*name == '\0') return;
    std::printf("%s\"%s\": {\"seconds\": %.6f, \"cpu\": %.6f, \"commits\": %llu}",
                std::exchange(separator_, ", "), name, took.count(), Cpu() - cpu,
                static_cast<unsigned long long>(run.progress.commits.load()));
  }

  static std::map<std::string, std::string> Contents(const murmur::StateTable& table) {
    std::map<std::string, std::string> contents;
    Check(Value(table.Snapshot())->Scan("", "", [&](auto key, auto value) {
      contents.emplace(key, value);
      return true;
    }));
    return contents;
  }

  std::vector<Row> rows_;
  const size_t updates_;
  const std::string path_;
  murmur::Definition definition_;
  std::shared_ptr<const murmur::Pipeline> pipeline_;
  std::vector<std::unique_ptr<murmur::StateStore>> stores_;
  const char* separator_ = "";
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: ledger_rows ROWS UPDATES STATE_DIRECTORY\n");
    return 2;
  }
  Bench bench(std::strtoull(argv[1], nullptr, 10), std::strtoull(argv[2], nullptr, 10), argv[3]);
  std::printf("{");
  bench.Run();
  std::printf("}\n");
  return 0;
}
