// The ledger rule under a scheduler: writers, a scan, live and crashes interleave as a seed says,
// and at the end the state is the fold over the rows as they are. The races are those of the model
// that the rule was proved with; `MarksAreNeeded` shows that the test sees one.
#include "runtime/row_fold.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <iostream>
#include <map>
#include <optional>
#include <random>

#include "murmur/definition.h"
#include "murmur/row_version.h"
#include "runtime/key_rebuild.h"
#include "runtime/table_cursor.h"
#include "state/memory/memory_table.h"
#include "testing/crashing_table.h"
#include "testing/state_table_kit.h"

namespace murmur {
namespace {

constexpr int kKeys = 5;
constexpr int kScanned[] = {0, 2, kKeys};  // two splits: rows 0 to 1 and 2 to 4
constexpr char kLiveSplit[] = "live";
constexpr size_t kBefore = 12;  // events before the scan

struct Row {
  int group = 0;
  int64_t amount = 0;
  int64_t day = 0;
  bool operator==(const Row&) const = default;
};
struct Event {
  int key;
  std::optional<Row> after;
};

constexpr char kRetract[] =
    "name: rows\nkey: [[group], []]\ntime: {field: at, unit: s}\nwindow: {every: 1d}\n"
    "where: amount > 20\n"
    "aggregates: {n: count, total: sum(amount), mean: avg(amount), per: count_by(amount)}\n"
    "source: {mongo: {uri: unused, database: d, collection: c}}\n";

// Aggregates that nothing can be taken away from.
constexpr char kRebuild[] =
    "name: rows\nkey: [[group], []]\ntime: {field: at, unit: s}\nwindow: {every: 1d}\n"
    "where: amount > 20\n"
    "aggregates: {n: count, low: min(amount), high: max(amount), oldest: first(amount), "
    "newest: last(amount), sketch: distinct(amount), exact: distinct_exact(amount), "
    "all: set(amount), maybe: bloom(amount), total: sum(amount)}\n"
    "source: {mongo: {uri: unused, database: d, collection: c}}\n";

std::string Version(std::string_view log, std::string_view place, std::string_view also = "") {
  std::string version;
  AppendRowVersion({.log = log, .place = place, .also = also}, &version);
  return version;
}

std::shared_ptr<const Pipeline> PipelineOf(const std::string& yaml) {
  const auto definition = ParseDefinition(yaml, "test.yaml", ".");
  EXPECT_TRUE(definition.ok()) << definition.status().ToString();
  return *Pipeline::Compile(*definition);
}

// A batch of rows, with what it views.
class Rows {
 public:
  explicit Rows(const Pipeline& pipeline) : pipeline_(pipeline) {}

  void Add(int key, const std::optional<Row>& row) {
    keys_.push_back(std::to_string(key));
    rows_.push_back(row);
    versions_.emplace_back();
  }
  // Of the row that was added last.
  void SetVersion(const std::string& version) { versions_.back() = version; }
  void FillInto(RecordBatch* batch, const Position& after) {
    batch->Clear();
    batch->object = "d.c";
    batch->after = after;
    batch->row_keys.resize(kBatchRows);
    batch->changes.resize(kBatchRows);
    batch->versions.resize(kBatchRows);
    for (size_t i = 0; i < rows_.size(); ++i) {
      batch->row_keys[i] = keys_[i];
      batch->versions[i] = versions_[i];
      batch->changes[i] = rows_[i] ? RowChange::kPut : RowChange::kDelete;
      batch->offsets[i] = RowId(keys_[i]);
      for (size_t c = 0; c < batch->columns.size(); ++c) {
        batch->columns[c].cells[i] = rows_[i] ? CellOf(c, *rows_[i]) : Cell::Null();
      }
    }
    batch->rows = static_cast<uint32_t>(rows_.size());
    for (Column& column : batch->columns) column.SetKindsFromCells(batch->rows);
  }

 private:
  Cell CellOf(size_t column, const Row& row) const {
    const std::string name = pipeline_.projection().fields[column].path.ToString();
    if (name == "at") return Cell::Time(row.day * 86400 * 1000000);
    return Cell::Int(name == "group" ? row.group : row.amount);
  }

  const Pipeline& pipeline_;
  std::deque<std::string> keys_, versions_;
  std::vector<std::optional<Row>> rows_;
};

// What the rows come to, folded at once.
Contents Folded(const std::shared_ptr<const Pipeline>& pipeline, const std::map<int, Row>& table) {
  Folder folder(pipeline);
  RecordBatch batch(pipeline->projection());
  Rows rows(*pipeline);
  for (const auto& [key, row] : table) rows.Add(key, row);
  rows.FillInto(&batch, "");
  SplitProgress progress;
  std::vector<DeadLetter> dead;
  folder.Fold({}, &batch, &progress, &dead);
  EXPECT_TRUE(dead.empty());
  Contents contents;
  TableCursor cursor(&folder.table());
  std::string_view key, value;
  while (cursor.Next(&key, &value)) contents.emplace(key, value);
  return contents;
}

// One interleaving, from an empty state to the end of everything.
class Interleaving {
 public:
  struct Options {
    LedgerMethod::Phase phase = LedgerMethod::Phase::kScanning;
    bool late_token = false;  // behind what no reader sees yet
    bool reorders = false;    // live brings some events late, and some twice
    bool versions = false;    // events say in which order they are
  };

  Interleaving(const std::shared_ptr<const Pipeline>& pipeline, uint64_t seed, Options options)
      : pipeline_(pipeline), random_(seed), options_(options) {
    std::vector<const Monoid*> monoids = pipeline->Monoids();
    schema_ = {.monoids = monoids, .buckets = pipeline->buckets()};
    store_ = MakeMemoryStore({}, schema_);
    for (size_t i = 0; i < kBefore; ++i) Write();
    visible_ = Below(log_.size() + 1);
    size_t token = options.late_token ? log_.size() : visible_;
    if (options.reorders) token &= ~size_t{1};  // not between the two of a pair
    Start();
    MoveLive(token);  // captured once, durable before the first row
  }

  // Is the state that of the rows, whenever it has to be?
  bool Run() {
    if (!Steps(120) || !Drain()) return false;
    if (options_.reorders) return true;
    // From here on there is live alone.
    options_.phase = LedgerMethod::Phase::kLive;
    Start();
    return Steps(60) && Drain();
  }

 private:
  bool Steps(int steps) {
    for (int step = 0; step < steps; ++step) {
      switch (Below(12)) {
        case 0:
        case 1: Write(); break;
        case 2:
        case 3: visible_ += Below(log_.size() - visible_ + 1); break;
        case 4:
        case 5: Live(); break;
        case 6:
        case 7: ReadRows(Below(2)); break;
        case 8:
        case 9: ApplyRows(Below(2)); break;
        case 10: Commit(); break;
        case 11:
          if (Below(4) == 0) Start();
          break;
        default: break;
      }
      if (!ExactNow()) return false;
    }
    return true;
  }

  // Reads and commits all that there is.
  bool Drain() {
    visible_ = log_.size();
    do {
      if (crashed()) Start();
      for (size_t split = 0; split < 2; ++split) {
        ReadRows(split);
        ApplyRows(split);
      }
      Live();
      Commit();
    } while (crashed() || !ScanIsDone() || live_.progress.position != Text(log_.size()));
    return Stored() == Folded(pipeline_, now_);
  }

  static std::string Text(size_t n) { return std::to_string(n); }
  size_t Below(size_t n) { return random_() % n; }
  bool crashed() const { return table_->crashed(); }

  void Write() {
    const int key = static_cast<int>(Below(kKeys));
    Event event{.key = key, .after = std::nullopt};
    if (!now_.contains(key) || Below(3) != 0) {
      event.after = Row{.group = static_cast<int>(Below(2)),
                        .amount = static_cast<int64_t>(Below(60)),
                        .day = static_cast<int64_t>(Below(2))};
      now_[key] = *event.after;
    } else {
      now_.erase(key);
    }
    log_.push_back(event);
  }

  std::map<int, Row> TableAt(size_t position) const {
    std::map<int, Row> table;
    for (size_t i = 0; i < position; ++i) {
      if (log_[i].after) table[log_[i].key] = *log_[i].after;
      if (!log_[i].after) table.erase(log_[i].key);
    }
    return table;
  }

  // As a new process: what was not committed is gone.
  void Start() {
    fold_.reset();
    opened_ = *OpenMemoryTable(store_, schema_);
    table_.emplace(opened_.get(), static_cast<int>(Below(25)),
                   Below(2) == 0 ? CrashingTable::When::kBefore : CrashingTable::When::kAfter);
    FoldOptions options;
    // Only when it is told to; or after each batch, in a thread that the next batch doesn't wait
    // for.
    if (commits_at_once_) table_->set_delay(std::chrono::microseconds(100));
    options.commit_every = std::chrono::hours(commits_at_once_ ? 0 : 1);
    fold_ = RowFold::WithLedger(pipeline_, &*table_, options, options_.phase);
    scan_run_.emplace(pipeline_, &*table_, options);
    live_run_.emplace(pipeline_, &*table_, options);
    scan_run_->is_scan = true;
    const auto progress = *(*opened_->Snapshot())->Progress();
    const auto work = [&](const std::string& id) {
      SplitWork of_split;
      of_split.split.id = id;
      if (progress.contains(id)) of_split.progress = progress.at(id);
      of_split.committed = of_split.progress.position;
      return of_split;
    };
    live_ = work(kLiveSplit);
    for (size_t split = 0; split < 2; ++split) {
      scans_[split] = work(Text(split));
      in_flight_[split].clear();
      read_to_[split] = scans_[split].progress.position.empty()
                            ? kScanned[split]
                            : std::stoi(scans_[split].progress.position) + 1;
      // A source may read again what was committed, in a split that is not done.
      const bool in_the_middle =
          read_to_[split] > kScanned[split] && read_to_[split] < kScanned[split + 1];
      if (in_the_middle && Below(2) == 0) --read_to_[split];
    }
    end_of_scan_.reset();
  }

  void MoveLive(size_t position) {
    murmur::Commit commit;
    commit.moves.push_back({.split = kLiveSplit, .from = "", .to = {.position = Text(position)}});
    ASSERT_EQ(opened_->Apply(commit), Status());
    live_.progress.position = live_.committed = Text(position);
  }

  void Live() {
    if (crashed()) return;
    const size_t from = std::stoul(live_.progress.position);
    const size_t to = std::min(log_.size(), from + 1 + Below(3));
    if (from == to) return;
    Rows rows(*pipeline_);
    // Pairs of the events that were there before come the wrong way round.
    const auto event_at = [&](size_t i) { return options_.reorders && i < kBefore ? i ^ 1 : i; };
    for (size_t i = from; i < to; ++i) Add(event_at(i), &rows);
    Count(&*live_run_, &live_, rows, Text(to));
  }

  void Add(size_t event, Rows* rows) const {
    rows->Add(log_[event].key, log_[event].after);
    if (options_.versions) rows->SetVersion(Version("log", std::to_string(1000 + event)));
  }

  // A scan reads what is visible now, and brings it some time later.
  void ReadRows(size_t split) {
    if (read_to_[split] >= kScanned[split + 1]) return;
    const int until =
        std::min<int>(kScanned[split + 1], read_to_[split] + 1 + static_cast<int>(Below(2)));
    const auto table = TableAt(visible_);
    auto& [rows, after] = in_flight_[split].emplace_back(Rows(*pipeline_), Text(0));
    for (int key = read_to_[split]; key < until; ++key) {
      if (table.contains(key)) rows.Add(key, table.at(key));
    }
    after = std::to_string(until - 1);
    read_to_[split] = until;
  }

  void ApplyRows(size_t split) {
    if (crashed() || in_flight_[split].empty()) return;
    auto& [rows, after] = in_flight_[split].front();
    Count(&*scan_run_, &scans_[split], rows, after);
    in_flight_[split].pop_front();
    if (ScanIsDone() && !end_of_scan_) end_of_scan_ = log_.size();
  }

  bool ScanIsDone() const {
    for (size_t split = 0; split < 2; ++split) {
      if (scans_[split].progress.position != std::to_string(kScanned[split + 1] - 1)) return false;
    }
    return true;
  }

  void Count(FoldRun* run, SplitWork* work, Rows& rows, const Position& after) {
    RecordBatch batch(pipeline_->projection());
    rows.FillInto(&batch, after);
    const Status counted = fold_->Count(run, work, &batch);
    EXPECT_TRUE(counted.ok() || crashed()) << counted.ToString();
  }

  void Commit() {
    if (!crashed()) (void)fold_->CommitAll();
  }

  Contents Stored() const { return Dump(*opened_); }

  // Once live has passed the end of the scan, the state is exact at every position of live.
  bool ExactNow() {
    if (crashed() || !end_of_scan_) return true;
    const size_t live = std::stoul(live_.progress.position);
    if (live < *end_of_scan_) return true;
    Commit();
    return crashed() || Stored() == Folded(pipeline_, TableAt(live));
  }

  const std::shared_ptr<const Pipeline> pipeline_;
  std::mt19937_64 random_;
  Options options_;
  const bool commits_at_once_ = random_() % 4 == 0;
  StateSchema schema_;
  std::shared_ptr<MemoryStore> store_;

  std::vector<Event> log_;
  std::map<int, Row> now_;
  size_t visible_ = 0;  // how much of the log readers see

  std::unique_ptr<StateTable> opened_;
  std::optional<CrashingTable> table_;
  std::optional<FoldRun> scan_run_, live_run_;
  std::shared_ptr<RowFold> fold_;
  SplitWork live_;
  SplitWork scans_[2];
  int read_to_[2] = {};
  std::deque<std::pair<Rows, Position>> in_flight_[2];
  std::optional<size_t> end_of_scan_;
};

uint64_t Seed() {
  const char* text = std::getenv("MURMUR_SEED");
  const uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device()();
  std::cout << "MURMUR_SEED=" << seed << std::endl;
  return seed;
}

// The seed of the first of `runs` interleavings that ends wrong; empty: none does.
std::optional<uint64_t> FirstFailure(int runs, uint64_t seed, Interleaving::Options options,
                                     const char* yaml = kRetract) {
  const auto pipeline = PipelineOf(yaml);
  for (int i = 0; i < runs; ++i) {
    const uint64_t one = seed + static_cast<uint64_t>(i);
    if (!Interleaving(pipeline, one, options).Run()) return one;
  }
  return std::nullopt;
}

int Runs() { return std::getenv("MURMUR_LONG") != nullptr ? 20000 : 200; }

TEST(RowFoldTest, EveryInterleavingEndsAtTheRowsAsTheyAre) {
  EXPECT_EQ(FirstFailure(Runs(), Seed(), {}), std::nullopt);
}
TEST(RowFoldTest, AggregatesWithoutInverseAreCountedAnew) {
  EXPECT_EQ(FirstFailure(Runs(), Seed(), {}, kRebuild), std::nullopt);
}
TEST(RowFoldTest, VersionsPutEventsInOrder) {
  EXPECT_EQ(FirstFailure(Runs(), Seed(), {.reorders = true, .versions = true}), std::nullopt);
}

// The scheduler finds the races: each of these leaves something out that the rule needs.
TEST(RowFoldTest, MarksAreNeeded) {
  EXPECT_NE(FirstFailure(500, 1, {.phase = LedgerMethod::Phase::kLive}), std::nullopt);
}
TEST(RowFoldTest, AnEarlyTokenIsNeeded) {
  EXPECT_NE(FirstFailure(500, 1, {.late_token = true}), std::nullopt);
}
TEST(RowFoldTest, AnOrderIsNeeded) {
  EXPECT_NE(FirstFailure(500, 1, {.reorders = true}), std::nullopt);
}

TEST(RowVersionTest, PlacesInOneLogAreCompared) {
  EXPECT_TRUE(IsOlderRowVersion(Version("a", "1"), Version("a", "2")));
  EXPECT_FALSE(IsOlderRowVersion(Version("a", "2"), Version("a", "2")));
  EXPECT_FALSE(IsOlderRowVersion(Version("a", "3"), Version("a", "2")));
}
TEST(RowVersionTest, OneNameForTwoLogsShows) {
  EXPECT_TRUE(IsOlderRowVersion(Version("a", "1", "7"), Version("a", "2", "7")));
  EXPECT_TRUE(IsOlderRowVersion(Version("a", "1", "7"), Version("a", "2", "8")));
  EXPECT_TRUE(IsOlderRowVersion(Version("a", "1"), Version("a", "2", "8")));
  EXPECT_FALSE(IsOlderRowVersion(Version("a", "1", "9"), Version("a", "2", "8")));
  EXPECT_FALSE(IsOlderRowVersion(Version("a", "2", "8"), Version("a", "1", "9")));
}
TEST(RowVersionTest, BetweenLogsOrWithoutVersionsWhatComesLaterIsNewer) {
  EXPECT_FALSE(IsOlderRowVersion(Version("a", "1"), Version("b", "2")));
  EXPECT_FALSE(IsOlderRowVersion(Version("b", "2"), Version("a", "1")));
  EXPECT_FALSE(IsOlderRowVersion("", Version("a", "2")));
  EXPECT_FALSE(IsOlderRowVersion(Version("a", "1"), ""));
}
TEST(RowVersionTest, ChangesFollowTheSnapshotThatFoundTheRow) {
  EXPECT_FALSE(IsOlderRowVersion(Version("a", "1"), Version("", "2")));
  EXPECT_TRUE(IsOlderRowVersion(Version("", "2"), Version("a", "2")));
  EXPECT_FALSE(IsOlderRowVersion(Version("", "3"), Version("a", "2")));
  EXPECT_TRUE(IsOlderRowVersion(Version("", "1"), Version("", "2")));
}

// One batch, or a batch of each event, come to the same.
TEST(RowFoldTest, EventsOfSeveralLogsDontDependOnBatches) {
  const auto pipeline = PipelineOf(kRetract);
  std::mt19937_64 random(Seed());
  for (int run = 0; run < Runs(); ++run) {
    std::vector<std::tuple<int, std::optional<Row>, std::string>> events;
    for (int i = 0; i < 12; ++i) {
      std::optional<Row> row;
      if (random() % 3 != 0) row = Row{.amount = 30 + i};
      const std::string log = std::vector<std::string>{"", "a", "b"}[random() % 3];
      const bool versioned = random() % 5 != 0;
      events.emplace_back(static_cast<int>(random() % 2), row,
                          versioned ? Version(log, std::to_string(random() % 9)) : "");
    }
    const auto fold = [&](size_t at_once) {
      const StateSchema schema{.monoids = pipeline->Monoids(), .buckets = pipeline->buckets()};
      const auto table = *OpenMemoryTable(MakeMemoryStore({}, schema), schema);
      FoldOptions options;
      const auto rows =
          RowFold::WithLedger(pipeline, table.get(), options, LedgerMethod::Phase::kLive);
      FoldRun live(pipeline, table.get(), options);
      SplitWork work;
      work.split.id = kLiveSplit;
      for (size_t i = 0; i < events.size(); i += at_once) {
        Rows some(*pipeline);
        for (size_t k = i; k < std::min(i + at_once, events.size()); ++k) {
          some.Add(std::get<0>(events[k]), std::get<1>(events[k]));
          some.SetVersion(std::get<2>(events[k]));
        }
        RecordBatch batch(pipeline->projection());
        some.FillInto(&batch, std::to_string(i));
        EXPECT_EQ(rows->Count(&live, &work, &batch), Status());
      }
      EXPECT_EQ(rows->CommitAll(), Status());
      return Dump(*table);
    };
    ASSERT_EQ(fold(1), fold(12)) << run;
    ASSERT_EQ(fold(1), fold(5)) << run;
  }
}

}  // namespace
}  // namespace murmur
