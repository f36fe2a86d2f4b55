// Both methods under a scheduler: a seed decides how writers, a scan, live and crashes interleave,
// and at the end the state must be the fold over the rows as they are. The races are those of the
// model that proved the rules. Tests that leave out a condition show that its race is found.
#include "runtime/table/row_fold.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <map>
#include <optional>
#include <random>
#include <tuple>

#include "murmur/definition.h"
#include "murmur/row_version.h"
#include "murmur/testing/state_table_kit.h"
#include "runtime/loop/delta_cursors.h"
#include "runtime/table/ledger/key_rebuild.h"
#include "state/memory/memory_table.h"
#include "state/progress.h"
#include "testing/crashing_table.h"

namespace murmur {
namespace {

constexpr int kKeys = 5;
constexpr int kScanned[] = {0, 2, kKeys};  // two splits: rows 0 to 1 and 2 to 4
constexpr char kLiveSplit[] = "live";
constexpr size_t kBefore = 12;  // events before the scan
constexpr int kAllKeys = -1;    // of an event that removes all rows

struct Row {
  int group = 0;
  int64_t amount = 0;
  int64_t day = 0;
  bool operator==(const Row&) const = default;
};
struct Event {
  int key;
  std::optional<Row> before, after;
  size_t place = 0;  // of its transaction: after its last event
};

constexpr char kRetract[] =
    "name: rows\nkey: [[group], []]\ntime: {field: at, unit: s}\nwindow: {every: 1d}\n"
    "where: amount > 20\n"
    "aggregates: {n: count, total: sum(amount), mean: avg(amount), per: count_by(amount)}\n"
    "source: {mongo: {uri: unused, database: d, collection: c}}\n";

// Aggregates that can't subtract.
constexpr char kRebuild[] =
    "name: rows\nkey: [[group], []]\ntime: {field: at, unit: s}\nwindow: {every: 1d}\n"
    "where: amount > 20\n"
    "aggregates: {n: count, low: min(amount), high: max(amount), oldest: first(amount), "
    "newest: last(amount), sketch: distinct(amount), exact: distinct_exact(amount), "
    "all: set(amount), maybe: bloom(amount), total: sum(amount)}\n"
    "source: {mongo: {uri: unused, database: d, collection: c}}\n";

// Local days, where clocks are put back over midnight: what comes half an hour later is of the day
// Local days, where clocks are set back over midnight: an event half an hour later belongs to the
// day before.
constexpr char kPutBack[] =
    "name: rows\nkey: [[group], []]\ntime: {field: at, unit: s}\n"
    "window: {every: 1d, zone: America/St_Johns}\n"
    "aggregates: {n: count, total: sum(amount), low: min(amount)}\n"
    "source: {mongo: {uri: unused, database: d, collection: c}}\n";
constexpr int64_t kBeforePutBack = 1'289'097'030;  // 2010-11-07T00:00:30-02:30
constexpr int64_t kHalfAnHour = 1800;

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

std::string PlaceText(size_t place) { return std::to_string(10000 + place); }

// A batch of rows, with the memory that it views.
class Rows {
 public:
  explicit Rows(const Pipeline& pipeline) : pipeline_(pipeline) {}

  void Add(int key, const std::optional<Row>& row) {
    keys_.push_back(std::to_string(key));
    rows_.push_back(row);
    versions_.emplace_back();
    places_.emplace_back();
    changes_.push_back(row ? RowChange::kPut : RowChange::kDelete);
  }
  // A change, with the row's content before it.
  void AddChange(const Event& event) {
    if (event.before) {
      Add(event.key, event.before);
      changes_.back() = RowChange::kRetract;
      places_.back() = PlaceText(event.place);
    }
    Add(event.key, event.after);
    places_.back() = PlaceText(event.place);
  }
  void SetSeen(std::string place_or_read_point) { seen_ = std::move(place_or_read_point); }
  // All rows of the table were removed.
  void SetCleared() { cleared_ = true; }
  // The other key of the last added row: the one before, or the one from now on.
  void SetOtherKey(int key) {
    other_keys_.resize(rows_.size());
    other_keys_.back() = std::to_string(key);
  }
  // Replaces the amount of the last added row.
  void SetAmount(const Cell& cell) {
    leaves_out_ = true;
    amounts_.resize(rows_.size());
    amounts_.back() = cell;
  }
  // For the last added row.
  void SetVersion(const std::string& version) { versions_.back() = version; }
  void FillInto(RecordBatch* batch, const Position& after) {
    batch->Clear();
    batch->object = "d.c";
    batch->after = after;
    batch->AsTable().row_keys.resize(kBatchRows);
    batch->table->changes.resize(kBatchRows);
    batch->table->versions.clear();
    const bool has_versions = std::any_of(versions_.begin(), versions_.end(),
                                          [](const auto& version) { return !version.empty(); });
    if (has_versions) batch->table->versions.resize(kBatchRows);
    for (size_t i = 0; i < rows_.size(); ++i) {
      batch->table->row_keys[i] = keys_[i];
      if (has_versions) batch->table->versions[i] = versions_[i];
      batch->table->changes[i] = changes_[i];
      batch->offsets[i] = RowId(keys_[i]);
      for (size_t c = 0; c < batch->columns.size(); ++c) {
        batch->columns[c].cells[i] = rows_[i] ? CellOf(c, *rows_[i]) : Cell::Null();
      }
    }
    batch->table->places.assign(places_.begin(), places_.end());
    batch->table->read_point = batch->table->watermark = seen_;
    batch->table->leaves_out = leaves_out_;
    batch->table->cleared = cleared_;
    batch->table->other_keys.assign(other_keys_.begin(), other_keys_.end());
    if (!other_keys_.empty()) batch->table->other_keys.resize(kBatchRows);
    for (size_t i = 0; i < amounts_.size(); ++i) {
      if (!amounts_[i]) continue;
      for (size_t c = 0; c < batch->columns.size(); ++c) {
        if (NameOf(c) == "amount") batch->columns[c].cells[i] = *amounts_[i];
      }
    }
    batch->rows = static_cast<uint32_t>(rows_.size());
    for (Column& column : batch->columns) column.SetTypeFromCells(batch->rows);
  }

 private:
  std::string NameOf(size_t column) const {
    return pipeline_.projection().fields[column].path.ToString();
  }

  int64_t SecondOf(const Row& row) const {
    const bool put_back = pipeline_.buckets().calendar();
    return put_back ? kBeforePutBack + row.day * kHalfAnHour : row.day * 86400;
  }
  Cell CellOf(size_t column, const Row& row) const {
    const std::string name = NameOf(column);
    if (name == "at") return Cell::Time(SecondOf(row) * 1000000);
    return Cell::Int(name == "group" ? row.group : row.amount);
  }

  const Pipeline& pipeline_;
  std::deque<std::string> keys_, versions_, places_;
  std::vector<std::optional<Row>> rows_;
  std::vector<RowChange> changes_;
  std::string seen_;
  std::vector<std::optional<Cell>> amounts_;
  std::deque<std::string> other_keys_;
  bool leaves_out_ = false;
  bool cleared_ = false;
};

// The fold over the rows, all at once.
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

// What readers see of a log: the changes up to a position, except those of some transactions that
// commit later than their place says, as in PostgreSQL.
struct View {
  size_t until = 0;
  std::set<size_t> hidden = {};  // places

  bool Sees(size_t place) const { return place <= until && !hidden.contains(place); }
  std::string ReadPoint() const {
    std::string bytes = PlaceText(until);
    for (const size_t place : hidden) bytes += PlaceText(place);
    return bytes;
  }
};

// Read points of such views.
class ScatteredReadPoints final : public ReadPoints {
 public:
  bool Saw(std::string_view read_point, std::string_view place) const override {
    const auto parts = Split(read_point);
    return place <= parts[0] && std::find(parts.begin() + 1, parts.end(), place) == parts.end();
  }
  bool Covers(std::string_view read_point, std::string_view passed) const override {
    const auto places = Split(passed);
    return std::all_of(places.begin(), places.end(),
                       [&](std::string_view place) { return Saw(read_point, place); });
  }
  bool IsPassed(std::string_view read_point, std::string_view watermark) const override {
    return Split(read_point)[0] <= watermark;
  }
  void Pass(std::string_view place, std::string* passed) const override { passed->append(place); }

 private:
  static std::vector<std::string_view> Split(std::string_view bytes) {
    const size_t size = PlaceText(0).size();
    std::vector<std::string_view> parts;
    for (; !bytes.empty(); bytes.remove_prefix(size)) parts.push_back(bytes.substr(0, size));
    return parts;
  }
};
const ScatteredReadPoints kScatteredReadPoints;

// One interleaving, from an empty state to the end of everything.
class Interleaving {
 public:
  struct Options {
    LedgerMethod::Phase phase = LedgerMethod::Phase::kScanning;
    bool late_token = false;  // later than events that no reader sees yet
    // The rows are read as they were at one moment, and live begins before that.
    bool exported = false;
    bool reorders = false;  // live brings some events late, and some twice
    bool versions = false;  // events say in which order they are
    // By cuts, instead of a ledger.
    bool cut = false;
    bool reads_lie = false;  // they say that they saw what they did not
    bool scattered = false;  // changes become visible in another order than that of the log
    const ReadPoints* read_points = &kScatteredReadPoints;  // then
    bool redelivers = false;  // after a crash live brings an event again that was committed
    bool truncates = false;   // now and then all rows are removed at once
    size_t held_bytes = 1 << 20;
    RowsAsOf as_of = RowsAsOf::kPosition;
  };

  Interleaving(const std::shared_ptr<const Pipeline>& pipeline, uint64_t seed, Options options)
      : pipeline_(pipeline), random_(seed), options_(options) {
    std::vector<const Monoid*> monoids = pipeline->Monoids();
    schema_ = {.monoids = monoids, .buckets = pipeline->buckets()};
    store_ = MakeMemoryStore({}, schema_);
    for (size_t i = 0; i < kBefore; ++i) Write();
    See(Below(log_.size() + 1));
    size_t token = options.late_token ? log_.size() : VisiblePrefix();
    if (options.reorders) token &= ~size_t{1};  // not between the two of a pair
    exported_at_ = options.late_token ? Below(log_.size()) : Below(log_.size() + 1);
    if (options.exported && !options.late_token) token = Below(exported_at_ + 1);
    begin_ = token;
    Start();
    MoveLive(token);  // captured once, durable before the first row
  }

  // Checks that the state is that of the rows, whenever it must be.
  bool Run() {
    if (!Steps(120) || !Drain()) return false;
    if (options_.reorders || options_.as_of == RowsAsOf::kBegin) return true;
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
        case 3: SeeMore(); break;
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
    See(log_.size(), /*all=*/true);
    do {
      if (crashed()) Start();
      for (size_t split = 0; split < 2; ++split) {
        ReadRows(split);
        ApplyRows(split);
      }
      Live();
      Commit();
    } while (crashed() || !ScanIsDone() || live_.progress.position != Text(log_.size()));
    return Stored() == Folded(pipeline_, TableAsOf(log_.size()));
  }

  // The expected state, with live at this position.
  std::map<int, Row> TableAsOf(size_t live) const {
    return TableAt(options_.as_of == RowsAsOf::kBegin ? begin_ : live);
  }

  static std::string Text(size_t n) { return std::to_string(n); }
  size_t Below(size_t n) { return random_() % n; }
  bool crashed() const { return table_->crashed(); }

  // Whole transactions are seen, or nothing of them. Rows are locked: who changes a row after a
  // transaction that is not visible yet is not visible either.
  void See(size_t position, bool all = false) {
    View before = std::exchange(visible_, View());
    if (position > 0) visible_.until = log_[position - 1].place;
    if (!options_.scattered || all) return;
    std::set<int> locked;
    for (size_t i = 0; i < visible_.until; ++i) {
      const size_t place = log_[i].place;
      const bool hides = !before.Sees(place) && (locked.contains(log_[i].key) || Below(3) == 0);
      if (hides) visible_.hidden.insert(place);
      if (!visible_.hidden.contains(place)) continue;
      for (size_t k = i; k > 0 && log_[k - 1].place == place; --k) Lock(log_[k - 1].key, &locked);
      for (size_t k = i; k < log_.size() && log_[k].place == place; ++k) Lock(log_[k].key, &locked);
    }
  }
  static void Lock(int key, std::set<int>* locked) {
    for (int k = kAllKeys; k < kKeys; ++k) {
      if (key == kAllKeys || key == k || k == kAllKeys) locked->insert(k);
    }
  }
  void SeeMore() { See(visible_.until + Below(log_.size() - visible_.until + 1)); }
  // Up to where all is visible.
  size_t VisiblePrefix() const {
    size_t prefix = 0;
    while (prefix < log_.size() && visible_.Sees(log_[prefix].place)) ++prefix;
    return prefix;
  }

  // A transaction of one change or two.
  void Write() {
    const size_t begin = log_.size();
    if (options_.truncates && Below(12) == 0) return Truncate();
    WriteRow();
    if (options_.cut && Below(4) == 0) WriteRow();
    for (size_t i = begin; i < log_.size(); ++i) log_[i].place = log_.size();
  }

  // It waits for everybody who has changed a row, until all see that.
  void Truncate() {
    See(log_.size(), /*all=*/true);
    now_.clear();
    log_.push_back({.key = kAllKeys, .place = log_.size() + 1});
  }

  void WriteRow() {
    const int key = static_cast<int>(Below(kKeys));
    Event event{.key = key};
    if (now_.contains(key)) event.before = now_.at(key);
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

  std::map<int, Row> TableAt(size_t position) const { return TableAt(View{.until = position}); }
  std::map<int, Row> TableAt(const View& view) const {
    std::map<int, Row> table;
    for (size_t i = 0; i < view.until; ++i) {
      if (view.hidden.contains(log_[i].place)) continue;
      if (log_[i].key == kAllKeys) table.clear();
      if (log_[i].after) table[log_[i].key] = *log_[i].after;
      if (!log_[i].after) table.erase(log_[i].key);
    }
    return table;
  }

  // What a read finds now that sees only this: rows that were removed at once are gone for all.
  std::map<int, Row> ReadAt(const View& view) const {
    const auto last = std::find_if(log_.rbegin(), log_.rend(),
                                   [](const Event& event) { return event.key == kAllKeys; });
    const bool sees_it = last == log_.rend() || view.Sees(last->place);
    if (sees_it) return TableAt(view);
    return {};
  }

  // Like a new process: uncommitted data is gone.
  void Start() {
    fold_.reset();
    if (options_.truncates) See(log_.size(), /*all=*/true);  // a scan first waits for that
    opened_ = *OpenMemoryTable(store_, schema_);
    table_.emplace(opened_.get(), static_cast<int>(Below(25)),
                   Below(2) == 0 ? CrashingTable::When::kBefore : CrashingTable::When::kAfter);
    FoldOptions options;
    // Only when it is told to; or after each batch, in a thread that the next batch doesn't wait
    // for.
    if (commits_at_once_) table_->set_delay(std::chrono::microseconds(100));
    options.commit_every = std::chrono::hours(commits_at_once_ ? 0 : 1);
    const auto progress = *(*opened_->Snapshot())->Progress();
    fold_ = options_.cut ? FoldByCuts(options, progress)
                         : RowFold::WithLedger(pipeline_, &*table_, options, options_.phase);
    scan_run_.emplace(pipeline_, &*table_, options);
    live_run_.emplace(pipeline_, &*table_, options);
    scan_run_->is_scan = true;
    const auto work = [&](const std::string& id) {
      SplitWork of_split;
      of_split.split.id = id;
      if (progress.contains(id)) of_split.progress = progress.at(id);
      of_split.committed = of_split.progress.position;
      return of_split;
    };
    live_ = work(kLiveSplit);
    if (options_.redelivers && !live_.committed.empty() && live_.committed != "0") {
      live_.progress.position = Text(std::stoul(live_.committed) - 1);
    }
    for (size_t split = 0; split < 2; ++split) {
      scans_[split] = work(Text(split));
      scans_[split].progress.role = SplitRole::kScan;
      in_flight_[split].clear();
      read_to_[split] = scans_[split].progress.position.empty()
                            ? kScanned[split]
                            : std::stoi(scans_[split].progress.position) + 1;
      // A source may read again what was committed, in a split that is not done.
      const bool in_the_middle =
          read_to_[split] > kScanned[split] && read_to_[split] < kScanned[split + 1];
      if (!options_.cut && in_the_middle && Below(2) == 0) --read_to_[split];
      if (options_.cut && !scans_[split].progress.done) BeginRead(split);
    }
    end_of_scan_.reset();
  }

  std::shared_ptr<RowFold> FoldByCuts(const FoldOptions& options,
                                      const std::map<std::string, SplitProgress>& progress) {
    if (options_.phase == LedgerMethod::Phase::kLive) {
      return RowFold::WithCuts(pipeline_, &*table_, options, CutMap(0));
    }
    std::vector<Split> splits{{.id = Text(0)}, {.id = Text(1)}};
    const std::vector<RowRange> ranges{{.from = "", .until = Text(kScanned[1])},
                                       {.from = Text(kScanned[1]), .until = {}}};
    std::vector<bool> done;
    for (const Split& split : splits) {
      done.push_back(progress.contains(split.id) && progress.at(split.id).done);
    }
    CutMap cuts(options_.held_bytes,
                options_.scattered ? *options_.read_points : kReadPointsInOrder);
    EXPECT_EQ(cuts.Load(*opened_, splits, ranges, done), Status());
    return RowFold::WithCuts(pipeline_, &*table_, options, std::move(cuts), options_.as_of);
  }

  // By cuts: reads the rest of the split, as of what is visible now.
  void BeginRead(size_t split) {
    scans_[split].read_again = false;
    in_flight_[split].clear();
    const Position& position = scans_[split].progress.position;
    read_to_[split] = position.empty() ? kScanned[split] : std::stoi(position) + 1;
    fold_->BeginRead(scans_[split]);
    if (Below(2) == 0) SeeMore();
    read_at_[split] = visible_;
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
    size_t to = std::min(log_.size(), from + 1 + Below(3));
    for (size_t i = from; i < to; ++i) {
      if (log_[i].key == kAllKeys) to = std::max(i, from + 1);
    }
    if (from == to) return;
    if (log_[from].key == kAllKeys) return LiveClear(to);
    Rows rows(*pipeline_);
    // Pairs of earlier events arrive in the wrong order.
    const auto event_at = [&](size_t i) { return options_.reorders && i < kBefore ? i ^ 1 : i; };
    for (size_t i = from; i < to; ++i) Add(event_at(i), &rows);
    rows.SetSeen(PlaceText(log_[to - 1].place == to ? to : log_[to - 1].place - 1));
    Count(&*live_run_, &live_, rows, Text(to));
  }

  void LiveClear(size_t to) {
    Rows none(*pipeline_);
    none.SetCleared();
    none.SetSeen(PlaceText(to));
    Count(&*live_run_, &live_, none, Text(to));
    if (fold_->begins_anew()) Start();
  }

  void Add(size_t event, Rows* rows) const {
    if (options_.cut) return rows->AddChange(log_[event]);
    rows->Add(log_[event].key, log_[event].after);
    if (options_.versions) rows->SetVersion(Version("log", std::to_string(1000 + event)));
  }

  // A scan reads what is visible now, and gives it some time later.
  void ReadRows(size_t split) {
    if (options_.cut) return ReadStretch(split);
    if (read_to_[split] >= kScanned[split + 1]) return;
    const int until =
        std::min<int>(kScanned[split + 1], read_to_[split] + 1 + static_cast<int>(Below(2)));
    const auto table = options_.exported ? TableAt(exported_at_) : ReadAt(visible_);
    auto& [rows, after] = in_flight_[split].emplace_back(Rows(*pipeline_), Text(0));
    for (int key = read_to_[split]; key < until; ++key) {
      if (table.contains(key)) rows.Add(key, table.at(key));
    }
    after = std::to_string(until - 1);
    read_to_[split] = until;
  }

  // By cuts, a read is as of one time, until the server breaks it off.
  void ReadStretch(size_t split) {
    if (crashed() || scans_[split].progress.done) return;
    if (read_to_[split] == kScanned[split + 1]) return EndOfRead(split);
    if (Below(4) == 0) read_at_[split] = visible_;
    const auto table = ReadAt(read_at_[split]);
    Rows rows(*pipeline_);
    int last = -1;
    const size_t wanted = 1 + Below(2);
    size_t found = 0;
    for (int key = read_to_[split]; key < kScanned[split + 1] && found < wanted; ++key) {
      if (!table.contains(key)) continue;
      rows.Add(key, table.at(key));
      last = key;
      ++found;
    }
    if (found == 0) {
      read_to_[split] = kScanned[split + 1];
      return EndOfRead(split);
    }
    read_to_[split] = last + 1;
    rows.SetSeen(options_.reads_lie ? PlaceText(log_.size()) : read_at_[split].ReadPoint());
    in_flight_[split].emplace_back(std::move(rows), std::to_string(last));
  }

  void ApplyRows(size_t split) {
    if (crashed() || in_flight_[split].empty()) return;
    auto& [rows, after] = in_flight_[split].front();
    Count(&*scan_run_, &scans_[split], rows, after);
    in_flight_[split].pop_front();
    if (options_.cut) EndOfRead(split);
    if (!ScanIsDone() || end_of_scan_) return;
    end_of_scan_ = options_.exported ? exported_at_ : log_.size();
  }

  void EndOfRead(size_t split) {
    SplitWork& work = scans_[split];
    if (crashed()) return;
    const bool at_end = in_flight_[split].empty() && read_to_[split] == kScanned[split + 1];
    if (!work.read_again && at_end && !work.progress.done) {
      RecordBatch batch(pipeline_->projection());
      Rows none(*pipeline_);
      none.SetSeen(read_at_[split].ReadPoint());
      none.FillInto(&batch, "");
      EXPECT_EQ(fold_->End(&*scan_run_, &work, batch), Status());
    }
    if (work.read_again) BeginRead(split);
  }

  bool ScanIsDone() const {
    if (options_.cut) return scans_[0].progress.done && scans_[1].progress.done;
    for (size_t split = 0; split < 2; ++split) {
      if (scans_[split].progress.position != std::to_string(kScanned[split + 1] - 1)) return false;
    }
    return true;
  }

  void Count(FoldRun* run, SplitWork* work, Rows& rows, const Position& after) {
    RecordBatch batch(pipeline_->projection());
    rows.FillInto(&batch, after);
    const Status counted = fold_->Count(run, work, &batch);
    EXPECT_TRUE(counted.ok() || crashed() || fold_->begins_anew()) << counted.ToString();
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
    return crashed() || Stored() == Folded(pipeline_, TableAsOf(live));
  }

  const std::shared_ptr<const Pipeline> pipeline_;
  std::mt19937_64 random_;
  Options options_;
  const bool commits_at_once_ = random_() % 4 == 0;
  StateSchema schema_;
  std::shared_ptr<MemoryStore> store_;

  std::vector<Event> log_;
  std::map<int, Row> now_;
  size_t begin_ = 0;  // of live
  size_t exported_at_ = 0;
  View visible_;  // what readers see of the log

  std::unique_ptr<StateTable> opened_;
  std::optional<CrashingTable> table_;
  std::optional<FoldRun> scan_run_, live_run_;
  std::shared_ptr<RowFold> fold_;
  SplitWork live_;
  SplitWork scans_[2];
  int read_to_[2] = {};
  View read_at_[2];
  std::deque<std::pair<Rows, Position>> in_flight_[2];
  std::optional<size_t> end_of_scan_;
};

uint64_t Seed() {
  const char* text = std::getenv("MURMUR_SEED");
  const uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device()();
  std::cout << "MURMUR_SEED=" << seed << std::endl;
  return seed;
}

// The seed of the first of `runs` interleavings with a wrong result; empty: none.
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
TEST(RowFoldTest, ClocksThatArePutBackOverMidnightChangeNothing) {
  const auto pipeline = PipelineOf(kPutBack);
  const auto bucket = [&](int64_t second) { return pipeline->buckets().Bucket(second * 1000000); };
  ASSERT_EQ(bucket(kBeforePutBack), bucket(kBeforePutBack + kHalfAnHour) + 1);
  EXPECT_EQ(FirstFailure(Runs(), Seed(), {}, kPutBack), std::nullopt);
  EXPECT_EQ(FirstFailure(Runs(), Seed(), {.reorders = true, .versions = true}, kPutBack),
            std::nullopt);
}
TEST(RowFoldTest, AnExportEndsAtTheRowsAsTheyAre) {
  EXPECT_EQ(FirstFailure(Runs(), Seed(), {.exported = true}), std::nullopt);
  EXPECT_EQ(FirstFailure(Runs() / 4, Seed(), {.exported = true}, kRebuild), std::nullopt);
}
TEST(RowFoldTest, VersionsPutEventsInOrder) {
  EXPECT_EQ(FirstFailure(Runs(), Seed(), {.reorders = true, .versions = true}), std::nullopt);
}

TEST(RowFoldTest, RowsThatAreRemovedAtOnce) {
  EXPECT_EQ(FirstFailure(Runs(), Seed(), {.truncates = true}), std::nullopt);
  EXPECT_EQ(FirstFailure(Runs(), Seed(), {.truncates = true}, kRebuild), std::nullopt);
  EXPECT_EQ(FirstFailure(Runs(), Seed(), {.cut = true, .truncates = true}), std::nullopt);
  EXPECT_EQ(FirstFailure(Runs(), Seed(), {.cut = true, .scattered = true, .truncates = true}),
            std::nullopt);
}

// The scheduler finds the races: each of these leaves something out that the rule needs.
TEST(RowFoldTest, MarksAreNeeded) {
  EXPECT_NE(FirstFailure(500, 1, {.phase = LedgerMethod::Phase::kLive}), std::nullopt);
}
TEST(RowFoldTest, AnEarlyTokenIsNeeded) {
  EXPECT_NE(FirstFailure(500, 1, {.late_token = true}), std::nullopt);
}
TEST(RowFoldTest, AnExportNeedsChangesFromBeforeIt) {
  EXPECT_NE(FirstFailure(500, 1, {.late_token = true, .exported = true}), std::nullopt);
}
TEST(RowFoldTest, AnOrderIsNeeded) {
  EXPECT_NE(FirstFailure(500, 1, {.reorders = true}), std::nullopt);
}

// So many rows that live reads the ledger into memory, and uses it from then on.
TEST(RowFoldTest, WhatIsKeptOfTheLedgerInMemoryFollowsItsCommits) {
  constexpr int kMany = 60'000;
  const auto pipeline = PipelineOf(kRetract);
  const StateSchema schema{.monoids = pipeline->Monoids(), .buckets = pipeline->buckets()};
  const auto table = *OpenMemoryTable(MakeMemoryStore({}, schema), schema);
  FoldOptions options;
  options.commit_every = std::chrono::hours(1);
  const auto fold = RowFold::WithLedger(pipeline, table.get(), options, LedgerMethod::Phase::kLive);
  FoldRun run(pipeline, table.get(), options);
  SplitWork work{.split = {.id = kLiveSplit}, .progress = {}, .committed = {}};
  RecordBatch batch(pipeline->projection());
  int batches = 0;
  const auto set_all = [&](int from, const std::optional<Row>& row) {
    for (int first = from; first < kMany; first += static_cast<int>(kBatchRows)) {
      Rows rows(*pipeline);
      const int end = std::min(kMany, first + static_cast<int>(kBatchRows));
      for (int key = first; key < end; ++key) rows.Add(key, row);
      rows.FillInto(&batch, std::to_string(++batches));
      ASSERT_EQ(fold->Count(&run, &work, &batch), Status());
    }
    ASSERT_EQ(fold->CommitAll(), Status());
  };
  const Row last{.group = 1, .amount = 90, .day = 1};
  set_all(0, Row{.group = 0, .amount = 70, .day = 0});
  set_all(0, Row{.group = 1, .amount = 80, .day = 0});
  set_all(0, last);
  set_all(1, std::nullopt);
  EXPECT_EQ(Dump(*table), Folded(pipeline, {{0, last}}));
}

// The result of live over the days of rows, one batch each; with a process for each, or one for
// all.
SplitProgress AfterDays(const std::vector<int64_t>& days, bool restarts) {
  const auto pipeline = PipelineOf(
      "name: rows\nkey: [group]\ntime: {field: at, unit: s}\nwindow: {every: 1d, keep: 2d}\n"
      "aggregates: {n: count, total: sum(amount)}\n"
      "source: {mongo: {uri: unused, database: d, collection: c}}\n");
  const StateSchema schema{.monoids = pipeline->Monoids(), .buckets = pipeline->buckets()};
  const auto table = *OpenMemoryTable(MakeMemoryStore({}, schema), schema);
  const FoldOptions options;
  const auto open = [&] { return *RowFold::OfLive(pipeline, table.get(), options); };
  auto fold = open();
  FoldRun live(pipeline, table.get(), options);
  SplitWork work;
  work.split.id = kLiveSplit;
  for (size_t i = 0; i < days.size(); ++i) {
    Rows rows(*pipeline);
    rows.Add(static_cast<int>(i), Row{.amount = 1, .day = days[i]});
    RecordBatch batch(pipeline->projection());
    rows.FillInto(&batch, std::to_string(i));
    EXPECT_EQ(fold->Count(&live, &work, &batch), Status());
    EXPECT_EQ(fold->CommitAll(), Status());
    work.committed = work.progress.position;
    if (restarts) fold = open();
  }
  return (*(*table->Snapshot())->Progress())[kLiveSplit];
}

TEST(RowFoldTest, WhatHasExpiredStaysSoOverARestart) {
  const SplitProgress expected = AfterDays({1, 10, 3, 9, 2, 11}, false);
  EXPECT_EQ(expected.expired, 2u);
  EXPECT_EQ(AfterDays({1, 10, 3, 9, 2, 11}, true), expected);
}

TEST(RowFoldTest, CutsEndAtTheRowsAsTheyAre) {
  EXPECT_EQ(FirstFailure(Runs(), Seed(), {.cut = true}), std::nullopt);
}
TEST(RowFoldTest, CutsOfClocksThatArePutBackOverMidnight) {
  // Without an aggregate that must be rebuilt.
  std::string invertible = kPutBack;
  invertible.replace(invertible.find(", low: min(amount)"), 18, "");
  EXPECT_EQ(FirstFailure(Runs(), Seed(), {.cut = true}, invertible.c_str()), std::nullopt);
}
TEST(RowFoldTest, CutsBeginAReadAnewWhereTooMuchIsHeld) {
  EXPECT_EQ(FirstFailure(Runs(), Seed(), {.cut = true, .held_bytes = 300}), std::nullopt);
}
TEST(RowFoldTest, CutsNeedReadsThatSayWhatTheySaw) {
  EXPECT_NE(FirstFailure(500, 1, {.cut = true, .reads_lie = true}), std::nullopt);
}
// As in PostgreSQL: a later change may be visible before an earlier one.
TEST(RowFoldTest, ChangesThatBecomeVisibleInAnotherOrder) {
  EXPECT_EQ(FirstFailure(Runs(), Seed(), {.scattered = true}), std::nullopt);
  EXPECT_EQ(FirstFailure(Runs(), Seed(), {.cut = true, .scattered = true}), std::nullopt);
  EXPECT_EQ(FirstFailure(Runs(), Seed(), {.cut = true, .scattered = true, .held_bytes = 300}),
            std::nullopt);
  EXPECT_EQ(
      FirstFailure(Runs(), Seed(), {.cut = true, .scattered = true, .as_of = RowsAsOf::kBegin}),
      std::nullopt);
}
TEST(RowFoldTest, CutsNeedReadPointsThatSayWhichChangesTheySaw) {
  const ReadPoints* by_place = &kReadPointsInOrder;
  EXPECT_NE(FirstFailure(500, 1, {.cut = true, .scattered = true, .read_points = by_place}),
            std::nullopt);
}
TEST(RowFoldTest, CutsNeedAnEarlyToken) {
  EXPECT_NE(FirstFailure(500, 1, {.late_token = true, .cut = true}), std::nullopt);
}
TEST(RowFoldTest, CutsEndAtTheRowsAsTheyWereAtTheBegin) {
  EXPECT_EQ(FirstFailure(Runs(), Seed(), {.cut = true, .as_of = RowsAsOf::kBegin}), std::nullopt);
  EXPECT_EQ(
      FirstFailure(Runs(), Seed(), {.cut = true, .held_bytes = 300, .as_of = RowsAsOf::kBegin}),
      std::nullopt);
}
TEST(RowFoldTest, CutsAsOfTheBeginNeedReadsBehindIt) {
  EXPECT_NE(FirstFailure(500, 1, {.late_token = true, .cut = true, .as_of = RowsAsOf::kBegin}),
            std::nullopt);
}
TEST(RowFoldTest, CutsNeedChangesOnce) {
  EXPECT_NE(FirstFailure(500, 1, {.cut = true, .redelivers = true}), std::nullopt);
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

struct VersionedEvent {
  int key;
  std::optional<Row> row;
  std::string version;
};

// The result of live over them, in batches of `at_once`.
Contents Followed(const std::shared_ptr<const Pipeline>& pipeline,
                  const std::vector<VersionedEvent>& events, size_t at_once) {
  const StateSchema schema{.monoids = pipeline->Monoids(), .buckets = pipeline->buckets()};
  const auto table = *OpenMemoryTable(MakeMemoryStore({}, schema), schema);
  FoldOptions options;
  const auto rows = RowFold::WithLedger(pipeline, table.get(), options, LedgerMethod::Phase::kLive);
  FoldRun live(pipeline, table.get(), options);
  SplitWork work;
  work.split.id = kLiveSplit;
  for (size_t i = 0; i < events.size(); i += at_once) {
    Rows some(*pipeline);
    for (size_t k = i; k < std::min(i + at_once, events.size()); ++k) {
      some.Add(events[k].key, events[k].row);
      some.SetVersion(events[k].version);
    }
    RecordBatch batch(pipeline->projection());
    some.FillInto(&batch, std::to_string(i));
    EXPECT_EQ(rows->Count(&live, &work, &batch), Status());
  }
  EXPECT_EQ(rows->CommitAll(), Status());
  return Dump(*table);
}

TEST(RowFoldTest, EventsOfSeveralLogsDontDependOnBatches) {
  const auto pipeline = PipelineOf(kRetract);
  std::mt19937_64 random(Seed());
  for (int run = 0; run < Runs(); ++run) {
    std::vector<VersionedEvent> events;
    for (int i = 0; i < 12; ++i) {
      std::optional<Row> row;
      if (random() % 3 != 0) row = Row{.amount = 30 + i};
      const std::string log = std::vector<std::string>{"", "a", "b"}[random() % 3];
      const bool versioned = random() % 5 != 0;
      events.push_back({static_cast<int>(random() % 2), row,
                        versioned ? Version(log, std::to_string(random() % 9)) : ""});
    }
    ASSERT_EQ(Followed(pipeline, events, 1), Followed(pipeline, events, 12)) << run;
    ASSERT_EQ(Followed(pipeline, events, 1), Followed(pipeline, events, 5)) << run;
  }
}

struct ToldChange {
  int key;
  std::optional<Row> row;
  std::optional<Cell> amount;  // instead of the row's
  std::string version;
  std::optional<int> other_key = {};
};
using ToldChanges = std::vector<ToldChange>;

// A live run that gets changes, a batch at a time.
class Teller {
 public:
  explicit Teller(const std::shared_ptr<const Pipeline>& pipeline)
      : pipeline_(pipeline),
        schema_{.monoids = pipeline->Monoids(), .buckets = pipeline->buckets()},
        store_(MakeMemoryStore({}, schema_)),
        table_(*OpenMemoryTable(store_, schema_)),
        rows_(RowFold::WithLedger(pipeline, table_.get(), {}, LedgerMethod::Phase::kLive)),
        live_(pipeline, table_.get(), {}) {
    work_.split.id = kLiveSplit;
  }
  void Tell(const ToldChanges& changes, size_t begin, size_t end) {
    Rows some(*pipeline_);
    for (size_t k = begin; k < end; ++k) {
      some.Add(changes[k].key, changes[k].row);
      some.SetVersion(changes[k].version);
      some.SetAmount(
          changes[k].amount.value_or(Cell::Int(changes[k].row ? changes[k].row->amount : 0)));
      if (changes[k].other_key) some.SetOtherKey(*changes[k].other_key);
    }
    RecordBatch batch(pipeline_->projection());
    some.FillInto(&batch, std::to_string(++batches_));
    for (size_t k = begin; k < end; ++k) batch.offsets[k - begin] = k;
    EXPECT_EQ(rows_->Count(&live_, &work_, &batch), Status());
  }
  Contents Commit() {
    EXPECT_EQ(rows_->CommitAll(), Status());
    return Dump(*table_);
  }
  SplitProgress progress() const {
    SplitProgress progress = work_.progress;
    progress.position.clear();
    return progress;
  }
  std::vector<uint64_t> DeadOffsets() const {
    std::vector<uint64_t> offsets;
    for (const auto& [key, letter] : store_->dead_letters) offsets.push_back(letter.offset);
    return offsets;
  }

 private:
  const std::shared_ptr<const Pipeline> pipeline_;
  const StateSchema schema_;
  const std::shared_ptr<MemoryStore> store_;
  const std::unique_ptr<StateTable> table_;
  const std::shared_ptr<RowFold> rows_;
  FoldRun live_;
  SplitWork work_;
  int batches_ = 0;
};

// A change log of a table that was empty; some changes omit the amount, which stays.
ToldChanges LogOf(size_t count, std::mt19937_64* random, std::map<int, Row>* table,
                  bool moves = false) {
  ToldChanges log;
  while (log.size() < count) {
    const int from = static_cast<int>((*random)() % 3);
    const int to = 3 + static_cast<int>((*random)() % 2);  // from where it does not move on
    if (moves && table->contains(from) && !table->contains(to) && (*random)() % 2 == 0) {
      const std::string version = Version("log", std::to_string(10000 + log.size()));
      Row row = table->extract(from).mapped();
      row.group = static_cast<int>((*random)() % 2);
      (*table)[to] = row;
      log.push_back({from, {}, {}, version, to});
      log.push_back({to, row, Cell::Unchanged(), version, from});
      continue;
    }
    ToldChange change{.key = static_cast<int>((*random)() % (moves ? 5 : 3)),
                      .row = {},
                      .amount = {},
                      .version = Version("log", std::to_string(10000 + log.size()))};
    const auto before = table->find(change.key);
    const uint64_t what = (*random)() % 8;
    if (what == 0 && before != table->end()) {
      table->erase(before);
    } else {
      change.row = Row{.group = static_cast<int>((*random)() % 2),
                       .amount = static_cast<int64_t>((*random)() % 60),
                       .day = static_cast<int64_t>((*random)() % 2)};
      if (what > 3 && before != table->end()) {
        change.row->amount = before->second.amount;
        change.amount = Cell::Unchanged();
      }
      (*table)[change.key] = *change.row;
    }
    log.push_back(std::move(change));
  }
  return log;
}

// A connector that was restarted sends some changes again.
ToldChanges WithRedelivery(const ToldChanges& log, std::mt19937_64* random) {
  ToldChanges sent;
  for (size_t i = 0; i < log.size(); ++i) {
    sent.push_back(log[i]);
    if ((*random)() % 6 == 0) i -= std::min<size_t>(i, (*random)() % 8);
  }
  return sent;
}

TEST(RowFoldTest, CellsThatAChangeLeavesOutAreWhatTheRowHeld) {
  std::mt19937_64 random(Seed());
  for (const char* yaml : {kRetract, kRebuild}) {
    const auto pipeline = PipelineOf(yaml);
    for (int run = 0; run < Runs(); ++run) {
      std::map<int, Row> table;
      const ToldChanges sent = WithRedelivery(LogOf(25, &random, &table), &random);
      Teller teller(pipeline);
      for (size_t at = 0; at < sent.size();) {
        const size_t end = std::min<size_t>(sent.size(), at + 1 + random() % 6);
        teller.Tell(sent, at, end);
        at = end;
        if (random() % 4 == 0) teller.Commit();
      }
      ASSERT_EQ(teller.Commit(), Folded(pipeline, table)) << run;
      ASSERT_TRUE(teller.DeadOffsets().empty()) << run;
    }
  }
}

// If partitions are added, a row's later changes lie in another one, which may be read first.
TEST(RowFoldTest, CellsThatAChangeLeavesOutAreFilledInByAnEarlierOneThatComesLater) {
  const auto pipeline = PipelineOf(kRetract);
  std::mt19937_64 random(Seed());
  for (int run = 0; run < 5 * Runs(); ++run) {
    std::map<int, Row> table;
    const ToldChanges log = LogOf(25, &random, &table);
    const auto cut = log.begin() + static_cast<ptrdiff_t>(random() % log.size());
    const ToldChanges parts[2] = {WithRedelivery({log.begin(), cut}, &random),
                                  WithRedelivery({cut, log.end()}, &random)};
    size_t at[2] = {};
    Teller teller(pipeline);
    while (at[0] < parts[0].size() || at[1] < parts[1].size()) {
      const size_t part = random() % 2;
      const size_t end = std::min<size_t>(parts[part].size(), at[part] + 1 + random() % 6);
      teller.Tell(parts[part], at[part], end);
      at[part] = end;
      if (random() % 4 == 0) teller.Commit();
    }
    ASSERT_EQ(teller.Commit(), Folded(pipeline, table)) << run;
  }
}

// A row's messages lie in the partition of its key, so either of the two messages that change its
// key may come first.
TEST(RowFoldTest, CellsThatAChangeOfKeyLeavesOutAreWhatTheRowHeldUnderItsOldKey) {
  std::mt19937_64 random(Seed());
  for (const char* yaml : {kRetract, kRebuild}) {
    const auto pipeline = PipelineOf(yaml);
    for (int run = 0; run < 5 * Runs(); ++run) {
      std::map<int, Row> table;
      const ToldChanges log = LogOf(25, &random, &table, /*moves=*/true);
      ToldChanges parts[2];
      for (const ToldChange& change : WithRedelivery(log, &random)) {
        parts[change.key % 2].push_back(change);
      }
      size_t at[2] = {};
      Teller teller(pipeline);
      while (at[0] < parts[0].size() || at[1] < parts[1].size()) {
        const size_t part = random() % 2;
        const size_t end = std::min<size_t>(parts[part].size(), at[part] + 1 + random() % 6);
        teller.Tell(parts[part], at[part], end);
        at[part] = end;
        if (random() % 4 == 0) teller.Commit();
      }
      ASSERT_EQ(teller.Commit(), Folded(pipeline, table)) << run;
      ASSERT_TRUE(teller.DeadOffsets().empty()) << run;
    }
  }
}

// The delete that the first waits for and the delete of the second come in one batch.
TEST(RowFoldTest, TwoRowsGetTheSameKeyOneAfterTheOther) {
  const auto version = [](int number) { return Version("log", std::to_string(number)); };
  const Row first{.group = 0, .amount = 31, .day = 0};
  const Row second{.group = 1, .amount = 57, .day = 1};
  for (const char* yaml : {kRetract, kRebuild}) {
    const auto pipeline = PipelineOf(yaml);
    Teller teller(pipeline);
    const ToldChanges changes = {
        {3, first, Cell::Unchanged(), version(11), 1},  // waits
        {1, first, {}, version(10)},                    // the second batch
        {1, {}, {}, version(11), 3},
        {2, second, {}, version(13)},
        {2, {}, {}, version(14), 3},
        {3, {}, {}, version(12)},  // the third
        {3, second, Cell::Unchanged(), version(14), 2},
    };
    teller.Tell(changes, 0, 1);
    teller.Tell(changes, 1, 5);
    teller.Tell(changes, 5, 7);
    EXPECT_EQ(teller.Commit(), Folded(pipeline, {{3, second}}));
    EXPECT_TRUE(teller.DeadOffsets().empty());
  }
}

// Some can't be counted: because of their content, or because their row's old content is unknown.
TEST(RowFoldTest, WhatComesOfEachChangeDoesNotDependOnBatches) {
  const auto pipeline = PipelineOf(kRetract);
  std::mt19937_64 random(Seed());
  uint64_t dead = 0;
  for (int run = 0; run < Runs(); ++run) {
    std::map<int, Row> table;
    ToldChanges log = LogOf(30, &random, &table);
    log.erase(log.begin(), log.begin() + 8);
    for (ToldChange& change : log) {
      if (change.row && random() % 5 == 0) change.amount = Cell::String("none");
    }
    const ToldChanges sent = WithRedelivery(log, &random);
    std::optional<std::tuple<SplitProgress, std::vector<uint64_t>, Contents>> first;
    for (const size_t at_once : {1, 3, 7, 1000}) {
      Teller teller(pipeline);
      for (size_t at = 0; at < sent.size(); at += at_once) {
        teller.Tell(sent, at, std::min(sent.size(), at + at_once));
      }
      const Contents contents = teller.Commit();
      const auto all = std::tuple(teller.progress(), teller.DeadOffsets(), contents);
      if (!first) first = all;
      ASSERT_TRUE(all == *first) << run << ", " << at_once << " at once";
      ASSERT_EQ(DeadCount(teller.progress()), teller.DeadOffsets().size());
      dead += teller.DeadOffsets().size();
    }
  }
  EXPECT_GT(dead, 0u);
}

TEST(RowFoldTest, OlderChangesOfARowThatIsGoneDontCount) {
  const auto pipeline = PipelineOf(kRetract);
  const Row row{.amount = 40};
  const std::vector<VersionedEvent> events{
      {1, row, Version("a", "2")}, {1, std::nullopt, ""}, {1, row, Version("a", "1")}};
  for (const size_t at_once : {1, 2, 3}) {
    EXPECT_EQ(Followed(pipeline, events, at_once), Folded(pipeline, {})) << at_once;
  }
}

}  // namespace
}  // namespace murmur
