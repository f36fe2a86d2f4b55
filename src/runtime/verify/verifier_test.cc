// Verification while rows change and live follows, each when a seed says so, against a state in
// memory that may have been damaged.
#include "runtime/verify/verifier.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <random>

#include "fold/row_codec.h"
#include "murmur/definition.h"
#include "murmur/testing/state_table_kit.h"
#include "runtime/table/ledger/ledger_entry.h"
#include "runtime/table/row_fold.h"
#include "state/memory/memory_table.h"
#include "state/progress.h"

namespace murmur {
namespace {

constexpr int kKeys = 40;
constexpr char kName[] = "fake:rows";

struct TableRow {
  int64_t group = 0;
  int64_t amount = 0;
  int64_t day = 0;
  bool operator==(const TableRow&) const = default;
};
struct Change {
  int key;
  std::optional<TableRow> after;
};

constexpr char kDefinition[] =
    "name: rows\nkey: [[group], []]\ntime: {field: at, unit: s}\nwindow: {every: 1d}\n"
    "where: amount > 20\n"
    "aggregates: {n: count, total: sum(amount), per: count_by(amount)}\n"
    "source: {mongo: {uri: unused, database: d, collection: c}}\n";

std::shared_ptr<const Pipeline> PipelineOf(const char* yaml) {
  const auto definition = ParseDefinition(yaml, "test.yaml", ".");
  EXPECT_TRUE(definition.ok()) << definition.status().ToString();
  return *Pipeline::Compile(*definition);
}

std::string KeyText(int key) { return "row " + std::to_string(1000 + key); }

// A batch of rows, with what it views.
class Batch {
 public:
  explicit Batch(const Pipeline& pipeline) : pipeline_(pipeline) {}

  void Add(int key, const std::optional<TableRow>& row) { changes_.push_back({key, row}); }
  void FillInto(RecordBatch* batch, const Position& after) {
    batch->Clear();
    batch->object = kName;
    batch->after = after;
    batch->AsTable().row_keys.clear();
    batch->table->changes.clear();
    keys_.clear();
    for (const auto& [key, row] : changes_) {
      const uint32_t at = batch->rows++;
      batch->table->row_keys.push_back(keys_.emplace_back(KeyText(key)));
      batch->table->changes.push_back(row ? RowChange::kPut : RowChange::kDelete);
      batch->offsets[at] = static_cast<uint64_t>(key);
      for (size_t c = 0; c < batch->columns.size(); ++c) {
        batch->columns[c].cells[at] = row ? CellOf(c, *row) : Cell::Null();
      }
    }
    for (Column& column : batch->columns) column.SetTypeFromCells(batch->rows);
    changes_.clear();
  }

 private:
  Cell CellOf(size_t column, const TableRow& row) const {
    const std::string name = pipeline_.projection().fields[column].path.ToString();
    if (name == "at") return Cell::Time(row.day * 86400 * 1000000);
    return Cell::Int(name == "group" ? row.group : row.amount);
  }

  const Pipeline& pipeline_;
  std::vector<Change> changes_;
  std::deque<std::string> keys_;
};

// Rows and the log of their changes. Threads: any.
class Table {
 public:
  explicit Table(uint64_t seed) : random_(seed) {}

  void Write(int times) {
    const std::lock_guard lock(mutex_);
    for (int i = 0; i < times; ++i) {
      Change change{.key = static_cast<int>(random_() % kKeys), .after = std::nullopt};
      if (!rows_.contains(change.key) || random_() % 3 != 0) {
        change.after = TableRow{.group = static_cast<int64_t>(random_() % 4),
                                .amount = static_cast<int64_t>(random_() % 60),
                                .day = static_cast<int64_t>(random_() % 2)};
        rows_[change.key] = *change.after;
      } else {
        rows_.erase(change.key);
      }
      log_.push_back(change);
    }
  }
  // Like writers with their own pace.
  void WriteSome() {
    if (writes) Write(static_cast<int>(Below(3)));
  }
  size_t Below(size_t n) {
    const std::lock_guard lock(mutex_);
    return random_() % n;
  }
  size_t end() const {
    const std::lock_guard lock(mutex_);
    return log_.size();
  }
  std::vector<Change> Log(size_t from, size_t to) const {
    const std::lock_guard lock(mutex_);
    to = std::min(to, log_.size());
    return {log_.begin() + static_cast<ptrdiff_t>(std::min(from, to)),
            log_.begin() + static_cast<ptrdiff_t>(to)};
  }
  std::map<int, TableRow> Rows() const {
    const std::lock_guard lock(mutex_);
    return rows_;
  }

  std::atomic<bool> writes{false};

 private:
  mutable std::mutex mutex_;
  std::mt19937_64 random_;
  std::map<int, TableRow> rows_;
  std::vector<Change> log_;
};

// A few rows of [next, end) at a time, as they are then; writers go on in between.
class ScanStream final : public RecordStream {
 public:
  ScanStream(Table* table, const Pipeline& pipeline, int next, int end)
      : table_(table), rows_(pipeline), next_(next), end_(end) {}
  Result<ReadState> Read(std::stop_token /*stop*/, RecordBatch* batch) override {
    table_->WriteSome();
    if (next_ == end_) return ReadState::kEnd;
    const int until = std::min<int>(end_, next_ + 1 + static_cast<int>(table_->Below(5)));
    const auto rows = table_->Rows();
    table_->WriteSome();
    for (; next_ < until; ++next_) {
      if (rows.contains(next_)) rows_.Add(next_, rows.at(next_));
    }
    rows_.FillInto(batch, std::to_string(next_));
    return ReadState::kRecords;
  }

 private:
  Table* const table_;
  Batch rows_;
  int next_;
  const int end_;
};

class RowSource final : public SnapshotSource {
 public:
  RowSource(Table* table, std::shared_ptr<const Pipeline> pipeline)
      : table_(table), pipeline_(std::move(pipeline)) {}
  std::string_view Name() const noexcept override { return kName; }
  Result<HandoffToken> HandoffNow(std::stop_token /*stop*/) override {
    return HandoffToken{.streams = {{"log", {{"0", std::to_string(table_->end())}}}}};
  }
  Result<ScanPlan> Scan(std::stop_token /*stop*/) override {
    return ScanPlan{.source = kName,
                    .splits = {{.id = "0", .bytes = 1, .payload = "0"},
                               {.id = "1", .bytes = 1, .payload = "1"}},
                    .payload = ""};
  }
  Status Resume(const ScanPlan& /*plan*/, std::stop_token /*stop*/) override { return {}; }
  Result<std::unique_ptr<RecordStream>> Open(const Split& split, const Position& /*after*/,
                                             const Projection& /*projection*/,
                                             std::stop_token /*stop*/) override {
    const int half = kKeys / 2;
    const int begin = split.payload == "0" ? 0 : half;
    return std::unique_ptr<RecordStream>(
        std::make_unique<ScanStream>(table_, *pipeline_, begin, begin == 0 ? half : kKeys));
  }
  Status Close() override { return {}; }

 private:
  Table* const table_;
  const std::shared_ptr<const Pipeline> pipeline_;
};

class LogStream final : public RecordStream {
 public:
  LogStream(Table* table, const Pipeline& pipeline, size_t next)
      : table_(table), rows_(pipeline), next_(next) {}
  Result<ReadState> Read(std::stop_token /*stop*/, RecordBatch* batch) override {
    const auto changes = table_->Log(next_, next_ + 4);
    if (changes.empty()) return ReadState::kIdle;
    next_ += changes.size();
    for (const Change& change : changes) rows_.Add(change.key, change.after);
    rows_.FillInto(batch, std::to_string(next_));
    return ReadState::kRecords;
  }

 private:
  Table* const table_;
  Batch rows_;
  size_t next_;
};

class LogSource final : public LiveSource {
 public:
  LogSource(Table* table, std::shared_ptr<const Pipeline> pipeline)
      : table_(table), pipeline_(std::move(pipeline)) {}
  std::string_view Name() const noexcept override { return kName; }
  Result<HandoffToken> HandoffNow(std::stop_token /*stop*/) override { return HandoffToken(); }
  Result<std::vector<Split>> Splits(std::stop_token /*stop*/) override {
    return std::vector<Split>{{.id = kName, .bytes = 0, .payload = ""}};
  }
  Result<PositionMap> Begin(const std::vector<Split>& /*splits*/, const HandoffToken& token,
                            std::stop_token /*stop*/) override {
    return PositionMap{{kName, token.streams.at("log").at("0")}};
  }
  Result<PositionMap> Ends(const std::vector<Split>& /*splits*/,
                           std::stop_token /*stop*/) override {
    return PositionMap{{kName, std::to_string(table_->end())}};
  }
  uint64_t Distance(const Position& position, const Position& end) const override {
    const uint64_t from = std::stoull(position);
    const uint64_t to = std::stoull(end);
    return from < to ? to - from : 0;
  }
  Result<std::unique_ptr<RecordStream>> Open(const Split& /*split*/, const Position& after,
                                             const Projection& /*projection*/,
                                             std::function<void()> wake,
                                             std::stop_token /*stop*/) override {
    wake();
    return std::unique_ptr<RecordStream>(
        std::make_unique<LogStream>(table_, *pipeline_, std::stoull(after)));
  }
  Status Close() override { return {}; }

 private:
  Table* const table_;
  const std::shared_ptr<const Pipeline> pipeline_;
};

// A table, and a state of it that live keeps up to date whenever it is told to.
class World {
 public:
  explicit World(uint64_t seed, const char* yaml = kDefinition)
      : pipeline_(PipelineOf(yaml)),
        table_(seed),
        source_(&table_, pipeline_),
        changes_(&table_, pipeline_),
        schema_{.monoids = pipeline_->Monoids(), .buckets = pipeline_->buckets()} {
    store_ = MakeMemoryStore({.number = 1}, schema_);
    table_.Write(100);
    Follow(table_.end());
  }

  Table& table() { return table_; }

  // Live goes on to `end` of the log, at least.
  void Follow(size_t end) {
    const auto opened = OpenTable(Access::kWrite);
    const auto fold =
        RowFold::WithLedger(pipeline_, opened.get(), FoldOptions(), LedgerMethod::Phase::kLive);
    FoldRun run(pipeline_, opened.get(), FoldOptions());
    SplitWork work;
    work.split.id = kName;
    const auto progress = *(*opened->Snapshot())->Progress();
    if (progress.contains(kName)) work.progress = progress.at(kName);
    work.committed = work.progress.position;
    const size_t from = work.committed.empty() ? 0 : std::stoull(work.committed);
    RecordBatch batch(pipeline_->projection());
    LogStream log(&table_, *pipeline_, from);
    for (size_t at = from; at < end; at = std::stoull(work.progress.position)) {
      ASSERT_EQ(*log.Read({}, &batch), ReadState::kRecords);
      ASSERT_EQ(fold->Count(&run, &work, &batch), Status());
    }
    ASSERT_EQ(fold->CommitAll(), Status());
  }

  VerifySummary Verify(bool repair = false) {
    VerifySummary summary;
    VerifierOptions options;
    options.rows.threads = 2;
    Verifier verifier(
        &source_, &changes_, [this](const auto& reached, std::stop_token) { return Open(reached); },
        options);
    EXPECT_EQ(verifier.Run({}, &summary), Status());
    EXPECT_EQ(summary.version, 1);
    if (repair) {
      EXPECT_EQ(verifier.Repair({}), Status());
    }
    return summary;
  }

  void Apply(const Contents& deltas, std::vector<LedgerRow> ledger) {
    MapCursor cursor(deltas);
    Commit commit;
    commit.deltas = &cursor;
    commit.delta_count = deltas.size();
    commit.ledger = std::move(ledger);
    const auto table = OpenTable(Access::kWrite);
    commit.moves.push_back(*NextOfMark("damage:", *table));
    ASSERT_EQ(table->Apply(commit), Status());
  }
  // The Nth that counts.
  std::pair<std::string, std::string> LedgerRowAt(size_t n) {
    std::pair<std::string, std::string> found;
    EXPECT_EQ((*OpenTable()->Snapshot())
                  ->ScanLedger("",
                               [&](auto key, auto entry) {
                                 if (!HasCells(entry)) return true;
                                 found = {std::string(key), std::string(entry)};
                                 return n-- != 0;
                               }),
              Status());
    return found;
  }
  std::vector<const Monoid*> monoids() const { return pipeline_->Monoids(); }
  Contents State() { return Dump(*OpenTable()); }

  // The fold over the rows.
  Contents Expected() {
    Contents contents;
    for (const auto& [key, row] : table_.Rows()) {
      Batch rows(*pipeline_);
      RecordBatch batch(pipeline_->projection());
      rows.Add(key, row);
      rows.FillInto(&batch, "");
      std::string cells;
      AppendRow(batch, 0, &cells);
      const auto values = FoldRow(pipeline_, "", cells);
      EXPECT_TRUE(values.ok());
      for (const auto& [bucket, value] : *values) {
        const auto [it, is_new] = contents.emplace(bucket, value);
        if (is_new) continue;
        const std::string before = it->second;
        const std::string_view both[] = {before, value};
        EXPECT_TRUE(CombineValues(schema_.monoids, both, &it->second));
      }
    }
    return contents;
  }

 private:
  std::unique_ptr<StateTable> OpenTable(Access access = Access::kRead) {
    return std::move(*OpenMemoryTable(store_, schema_, access));
  }

  // Opens where live has arrived by then; more is written before and after.
  Result<OpenedVersion> Open(const LiveSource::PositionMap& reached) {
    table_.WriteSome();
    const size_t least = std::stoull(reached.at(kName));
    Follow(least + table_.Below(table_.end() - least + 1));
    table_.WriteSome();
    OpenedVersion opened;
    opened.info.number = 1;
    opened.pipeline = pipeline_;
    opened.table = OpenTable(Access::kWrite);
    return opened;
  }

  const std::shared_ptr<const Pipeline> pipeline_;
  Table table_;
  RowSource source_;
  LogSource changes_;
  const StateSchema schema_;
  std::shared_ptr<MemoryStore> store_;
};

uint64_t Seed() {
  const char* text = std::getenv("MURMUR_SEED");
  const uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device()();
  std::cout << "MURMUR_SEED=" << seed << std::endl;
  return seed;
}
int Runs() { return std::getenv("MURMUR_LONG") != nullptr ? 5000 : 200; }

uint64_t Count(const VerifySummary& summary, VerifyFinding::Kind kind) {
  return summary.found.findings[static_cast<size_t>(kind)];
}

TEST(VerifierTest, AGoodStateAgrees) {
  World world(1);
  const VerifySummary summary = world.Verify();
  EXPECT_TRUE(summary.agrees());
  EXPECT_EQ(summary.rows, world.table().Rows().size());
  EXPECT_EQ(summary.keys, world.State().size());
  EXPECT_EQ(summary.unsure_rows, 0);
  EXPECT_EQ(world.State(), world.Expected());
}

TEST(VerifierTest, NoFalseAlarmWhileRowsChange) {
  const uint64_t seed = Seed();
  uint64_t unsure = 0;
  for (int i = 0; i < Runs(); ++i) {
    World world(seed + static_cast<uint64_t>(i));
    world.table().writes = true;
    const VerifySummary summary = world.Verify();
    ASSERT_TRUE(summary.agrees()) << "seed " << seed + static_cast<uint64_t>(i);
    unsure += summary.unsure_rows;
  }
  EXPECT_GT(unsure, 0) << "nothing changed at the wrong moment";
}

// Damage to the ledger; and to its keys, if `keys_too`.
enum class Damage { kForget, kChange, kInvent };

void DamageRow(World* world, Damage damage) {
  const auto [key, entry] = world->LedgerRowAt(3);
  switch (damage) {
    case Damage::kForget: world->Apply({}, {{key, std::nullopt}}); break;
    case Damage::kChange: world->Apply({}, {{key, world->LedgerRowAt(4).second}}); break;
    case Damage::kInvent: world->Apply({}, {{"row 2000", entry}}); break;
  }
}

TEST(VerifierTest, DamagedRowsAreFoundAndRepaired) {
  const std::pair<Damage, VerifyFinding::Kind> cases[] = {
      {Damage::kForget, VerifyFinding::Kind::kMissingRow},
      {Damage::kChange, VerifyFinding::Kind::kStaleRow},
      {Damage::kInvent, VerifyFinding::Kind::kGhostRow}};
  for (const auto& [damage, kind] : cases) {
    World world(7);
    DamageRow(&world, damage);
    const VerifySummary found = world.Verify(/*repair=*/true);
    EXPECT_EQ(Count(found, kind), 1) << VerifyFindingName(kind);
    EXPECT_EQ(found.found.total(), found.findings.size());
    EXPECT_EQ(found.findings[0].kind, kind);
    EXPECT_TRUE(world.Verify().agrees());
    EXPECT_EQ(world.State(), world.Expected());
  }
}

TEST(VerifierTest, DamagedKeysAreFoundAndRepaired) {
  World world(7);
  const Contents state = world.State();
  const auto& [first, value] = *state.begin();
  const auto& [last, last_value] = *state.rbegin();
  std::string negated;
  ASSERT_TRUE(NegateValue(world.monoids(), last_value, &negated));
  std::string invented(1, first.front());
  AppendKeyPart(Cell::Int(99), &invented);
  AppendBucket(1, &invented);
  world.Apply({{first, value}, {last, negated}, {invented, value}}, {});
  const VerifySummary found = world.Verify(/*repair=*/true);
  EXPECT_EQ(Count(found, VerifyFinding::Kind::kWrongKey), 1);
  EXPECT_EQ(Count(found, VerifyFinding::Kind::kMissingKey), 1);
  EXPECT_EQ(Count(found, VerifyFinding::Kind::kGhostKey), 1);
  EXPECT_EQ(found.found.total(), 3);
  EXPECT_TRUE(world.Verify().agrees());
  EXPECT_EQ(world.State(), state);
}

// If a row changes after it was found, live repairs it.
TEST(VerifierTest, RepairsWhileRowsChangeEndAtTheRowsAsTheyAre) {
  const uint64_t seed = Seed();
  for (int i = 0; i < Runs(); ++i) {
    World world(seed + static_cast<uint64_t>(i));
    DamageRow(&world, static_cast<Damage>(i % 3));
    world.table().writes = true;
    world.Verify(/*repair=*/true);
    world.table().writes = false;
    world.Verify(/*repair=*/true);
    ASSERT_TRUE(world.Verify().agrees()) << "seed " << seed + static_cast<uint64_t>(i);
    world.Follow(world.table().end());
    ASSERT_EQ(world.State(), world.Expected()) << "seed " << seed + static_cast<uint64_t>(i);
  }
}

constexpr char kManyKeyDefinition[] =
    "name: rows\nkey: [amount, group]\naggregates: {n: count, total: sum(amount)}\n"
    "source: {mongo: {uri: unused, database: d, collection: c}}\n";

// Keys beyond the memory for them are folded a range at a time, with the same outcome.
TEST(LedgerFoldTest, ManyKeysInLittleMemory) {
  const auto pipeline = PipelineOf(kManyKeyDefinition);
  const StateSchema schema{.monoids = pipeline->Monoids(), .buckets = pipeline->buckets()};
  const auto store = MakeMemoryStore({}, schema);
  const auto table = std::move(*OpenMemoryTable(store, schema));
  Contents deltas;
  std::vector<LedgerRow> ledger;
  constexpr int kRows = 6000;
  for (int i = 0; i < kRows; ++i) {
    Batch rows(*pipeline);
    RecordBatch batch(pipeline->projection());
    rows.Add(i, TableRow{.group = i, .amount = (i * 7919) % 1000});
    rows.FillInto(&batch, "");
    std::string cells;
    AppendRow(batch, 0, &cells);
    ledger.push_back({"row " + std::to_string(100'000 + i), NewEntry(true, "", cells)});
    const auto values = *FoldRow(pipeline, "", cells);
    if (i % 1000 != 999) deltas.insert(values.begin(), values.end());
  }
  MapCursor cursor(deltas);
  Commit commit;
  commit.deltas = &cursor;
  commit.ledger = ledger;
  commit.moves.push_back(*NextOfMark("rows:", *table));
  ASSERT_EQ(table->Apply(commit), Status());
  const auto snapshot = std::move(*table->Snapshot());
  for (const uint64_t bytes : {uint64_t{1}, uint64_t{100'000}, uint64_t{1} << 30}) {
    uint64_t missing = 0;
    uint64_t keys = 0;
    std::string last;
    const auto count = [&](const KeyDifference& difference) {
      EXPECT_FALSE(difference.stored.has_value());
      EXPECT_GT(difference.key, last);
      last = difference.key;
      ++missing;
      return Status();
    };
    ASSERT_EQ(CheckState(pipeline, *snapshot, {.table_bytes = bytes}, {}, count, &keys), Status());
    EXPECT_EQ(missing, kRows / 1000) << bytes;
    EXPECT_EQ(keys, deltas.size()) << bytes;
  }
}

}  // namespace
}  // namespace murmur
