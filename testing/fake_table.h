// A table in memory whose rows change, with its change log: stands for a database as a `source:`.
// Deterministic, but for threads that write at once: tests decide what changes.
//
// ChangingTable holds the rows {id, v} and the log of transactions. ChangingTableRows scans it in
// splits, each at several read points; ChangingTableLog follows the log.
#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "murmur/source.h"

namespace murmur {

struct ChangingTableOptions {
  // The server orders keys by a collation that ignores case.
  bool by_collation = false;
  // What is in the log is visible to readers a moment later, as in PostgreSQL: the order in which
  // transactions become visible is not that of the log.
  bool scattered = false;
  bool needs_hold = false;  // else the log is kept
  bool gives_before = true;
  size_t rows_per_split = 1000;
  size_t rows_per_read = 300;  // at one read point
  size_t batch_rows = 100;     // of rows, or of changes
};

// Places are numbers of transactions, of one width. A read point is the place of the last
// transaction in the log, and those of the transactions that were not visible yet.
class ScatteredReadPoints final : public ReadPoints {
 public:
  static constexpr size_t kPlaceSize = 12;

  bool Saw(std::string_view read_point, std::string_view place) const override {
    if (place > read_point.substr(0, kPlaceSize)) return false;
    for (size_t at = kPlaceSize; at < read_point.size(); at += kPlaceSize) {
      if (read_point.substr(at, kPlaceSize) == place) return false;
    }
    return true;
  }
  // Live brings the changes in the order of the log, so the greatest place stands for all of them.
  bool Covers(std::string_view read_point, std::string_view passed) const override {
    if (passed > read_point.substr(0, kPlaceSize)) return false;
    for (size_t at = kPlaceSize; at < read_point.size(); at += kPlaceSize) {
      if (read_point.substr(at, kPlaceSize) <= passed) return false;
    }
    return true;
  }
  bool IsPassed(std::string_view read_point, std::string_view watermark) const override {
    return read_point.substr(0, kPlaceSize) <= watermark;
  }
  void Pass(std::string_view place, std::string* passed) const override {
    if (place > *passed) *passed = place;
  }
};
inline const ScatteredReadPoints kScatteredReadPoints;

// Threads: any; but the changes of one row are made by one at a time.
class ChangingTable {
 public:
  struct Row {
    int64_t id = 0;  // not negative
    int64_t v = 0;
  };
  struct Change {
    std::optional<Row> before = {}, after = {};
    uint64_t transaction = 0;  // counted from 1
  };
  // Rows as one read saw them.
  struct Page {
    std::vector<Row> rows;
    std::string read_point;
    bool is_last = false;
  };
  // What comes next in the log.
  struct LogPart {
    std::vector<Change> changes;
    size_t next = 0;  // the number of the change after them
  };

  ChangingTable(std::string name, const ChangingTableOptions& options)
      : name_(std::move(name)), options_(options) {}

  const std::string& name() const noexcept { return name_; }
  const ChangingTableOptions& options() const noexcept { return options_; }

  // --- writing; each call is a transaction

  void Put(const std::vector<Row>& rows) {
    Write([&rows](const Rows& now, std::vector<Change>* changes) {
      for (const Row& row : rows) changes->push_back({.before = Find(now, row.id), .after = row});
    });
  }
  void Delete(int64_t id) {
    Write([id](const Rows& now, std::vector<Change>* changes) {
      if (const auto row = Find(now, id)) changes->push_back({.before = row, .after = {}});
    });
  }
  void ChangeKey(int64_t from, int64_t to) {
    Write([from, to](const Rows& now, std::vector<Change>* changes) {
      const auto row = Find(now, from);
      if (row) changes->push_back({.before = row, .after = Row{.id = to, .v = row->v}});
    });
  }
  void Truncate() {
    Write([](const Rows& now, std::vector<Change>* changes) {
      for (const auto& [order, row] : now) changes->push_back({.before = row, .after = {}});
    });
  }
  // Forgets the log up to the first hold.
  void ForgetLog() {
    const std::lock_guard lock(mutex_);
    size_t keep = log_.size();
    for (const auto& [name, hold] : holds_) keep = std::min(keep, hold.from);
    begin_ = std::max(begin_, keep);
  }

  // --- reading rows

  // The bytes of a row's key, and what the server orders it by.
  std::string KeyOf(int64_t id) const {
    const bool upper = options_.by_collation && id % 2 == 1;
    return (upper ? "K" : "k") + Digits(static_cast<uint64_t>(id));
  }
  static std::string OrderOf(int64_t id) { return "k" + Digits(static_cast<uint64_t>(id)); }

  std::vector<std::string> SplitBounds() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> bounds;
    size_t number = 0;
    for (const auto& [order, row] : visible_) {
      if (number++ % options_.rows_per_split == 0 && number > 1) bounds.push_back(order);
    }
    return bounds;
  }
  // The next rows: from `from` on, or after it.
  Page ReadRows(const std::string& from, bool after, const std::string& until) const {
    const std::lock_guard lock(mutex_);
    Page page{.rows = {}, .read_point = Digits(transactions_), .is_last = true};
    for (const uint64_t transaction : unseen_) page.read_point += Digits(transaction);
    auto it = after ? visible_.upper_bound(from) : visible_.lower_bound(from);
    for (; it != visible_.end() && (until.empty() || it->first < until); ++it) {
      page.is_last = page.rows.size() < options_.rows_per_read;
      if (!page.is_last) break;
      page.rows.push_back(it->second);
    }
    return page;
  }

  // --- the log; positions are numbers of changes

  // All that is not visible yet comes after it.
  size_t Handoff() const {
    const std::lock_guard lock(mutex_);
    return HandoffUnderLock();
  }
  size_t LogEnd() const {
    const std::lock_guard lock(mutex_);
    return log_.size();
  }
  // The last transaction that is complete before change number `next`.
  std::string PlaceAt(size_t next) const {
    const std::lock_guard lock(mutex_);
    if (next == 0) return Digits(0);
    const uint64_t last = log_.at(next - 1).transaction;
    const bool is_complete = next == log_.size() || log_[next].transaction != last;
    return Digits(is_complete ? last : last - 1);
  }
  static std::string PlaceOf(const Change& change) { return Digits(change.transaction); }
  // Errors: kOutOfRange (forgotten).
  Result<LogPart> ReadLog(size_t next) const {
    const std::lock_guard lock(mutex_);
    if (next < begin_) {
      return Status(Code::kOutOfRange, name_ + ": change " + std::to_string(next) + " is gone");
    }
    LogPart part{.changes = {}, .next = std::min(log_.size(), next + options_.batch_rows)};
    for (size_t i = next; i < part.next; ++i) part.changes.push_back(log_[i]);
    return part;
  }
  // Calls `wake` after each transaction until the result is gone.
  std::shared_ptr<void> Listen(std::function<void()> wake) {
    const std::lock_guard lock(mutex_);
    const int id = next_listener_++;
    wakes_[id] = std::move(wake);
    return std::shared_ptr<void>(nullptr, [this, id](void*) {
      const std::lock_guard inner(mutex_);
      wakes_.erase(id);
    });
  }

  // --- holds (LiveSource::Hold)

  size_t Hold(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return holds_[name].from = HandoffUnderLock();
  }
  Status LetGo(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const auto it = holds_.find(name);
    if (it == holds_.end()) return {};
    if (it->second.readers > 0) return Status(Code::kFailedPrecondition, name + ": has a reader");
    holds_.erase(it);
    return {};
  }
  std::set<std::string> holds() const {
    const std::lock_guard lock(mutex_);
    std::set<std::string> names;
    for (const auto& [name, hold] : holds_) names.insert(name);
    return names;
  }
  void MoveHold(const std::string& name, size_t committed) {
    const std::lock_guard lock(mutex_);
    const auto it = holds_.find(name);
    if (it != holds_.end()) it->second.from = std::max(it->second.from, committed);
  }
  // The hold has a reader until the result is gone. Errors: kFailedPrecondition.
  Result<std::shared_ptr<void>> UseHold(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const auto it = holds_.find(name);
    if (it == holds_.end()) {
      return Status(Code::kFailedPrecondition, "there is no hold '" + name + "'");
    }
    if (it->second.readers > 0) return Status(Code::kFailedPrecondition, name + ": has a reader");
    ++it->second.readers;
    return std::shared_ptr<void>(nullptr, [this, name](void*) {
      const std::lock_guard inner(mutex_);
      const auto held = holds_.find(name);
      if (held != holds_.end()) --held->second.readers;
    });
  }

 private:
  using Rows = std::map<std::string, Row>;  // in the server's order
  struct HeldFrom {
    size_t from = 0;
    int readers = 0;
  };

  static std::string Digits(uint64_t number) {
    std::string digits = std::to_string(number);
    return std::string(ScatteredReadPoints::kPlaceSize - digits.size(), '0') + digits;
  }
  static std::optional<Row> Find(const Rows& rows, int64_t id) {
    const auto it = rows.find(OrderOf(id));
    return it == rows.end() ? std::nullopt : std::optional<Row>(it->second);
  }
  static void Apply(const Change& change, Rows* rows) {
    if (change.before) rows->erase(OrderOf(change.before->id));
    if (change.after) (*rows)[OrderOf(change.after->id)] = *change.after;
  }
  size_t HandoffUnderLock() const {
    size_t next = log_.size();
    while (!unseen_.empty() && next > 0 && log_[next - 1].transaction >= *unseen_.begin()) --next;
    return next;
  }

  void Write(const std::function<void(const Rows&, std::vector<Change>*)>& make) {
    std::vector<Change> changes;
    std::vector<std::function<void()>> wakes;
    uint64_t transaction = 0;
    {
      const std::lock_guard lock(mutex_);
      make(written_, &changes);
      if (changes.empty()) return;
      transaction = ++transactions_;
      for (Change& change : changes) {
        change.transaction = transaction;
        Apply(change, &written_);
        log_.push_back(change);
      }
      if (options_.scattered) {
        unseen_.insert(transaction);
      } else {
        for (const Change& change : changes) Apply(change, &visible_);
      }
      for (const auto& [id, wake] : wakes_) wakes.push_back(wake);
    }
    for (const auto& wake : wakes) wake();
    if (!options_.scattered) return;
    std::this_thread::sleep_for(std::chrono::microseconds(50));  // readers come in between
    const std::lock_guard lock(mutex_);
    for (const Change& change : changes) Apply(change, &visible_);
    unseen_.erase(transaction);
  }

  const std::string name_;
  const ChangingTableOptions options_;
  mutable std::mutex mutex_;  // for all of the rest
  Rows written_, visible_;
  std::deque<Change> log_;
  size_t begin_ = 0;  // of the log that is kept
  uint64_t transactions_ = 0;
  std::set<uint64_t> unseen_;  // transactions that are in the log and not visible
  std::map<std::string, HeldFrom> holds_;
  std::map<int, std::function<void()>> wakes_;
  int next_listener_ = 0;
};

// A batch of rows of a ChangingTable, with the memory that it views.
class ChangingTableBatch {
 public:
  ChangingTableBatch(const ChangingTable* table, const Projection& projection) : table_(*table) {
    for (const FieldRequest& field : projection.fields) names_.push_back(field.path.ToString());
  }

  void Begin(RecordBatch* batch) {
    batch->Clear();
    batch->object = table_.name();
    TableRows& rows = batch->AsTable();
    rows.row_keys.clear();
    rows.changes.clear();
    rows.places.clear();
    rows.read_point.clear();
    rows.watermark.clear();
    keys_.clear();
  }
  void Add(const ChangingTable::Row& row, RowChange change, RecordBatch* batch) {
    const uint32_t at = batch->rows++;
    batch->table->row_keys.push_back(keys_.emplace_back(table_.KeyOf(row.id)));
    batch->table->changes.push_back(change);
    batch->offsets[at] = static_cast<uint64_t>(row.id);
    batch->raw[at] = {};
    const bool is_gone = change == RowChange::kDelete;
    for (size_t i = 0; i < names_.size(); ++i) {
      const bool is_known = !is_gone && (names_[i] == "id" || names_[i] == "v");
      batch->columns[i].cells[at] =
          is_known ? Cell::Int(names_[i] == "id" ? row.id : row.v) : Cell::Null();
    }
  }
  static void End(RecordBatch* batch) {
    for (Column& column : batch->columns) column.SetTypeFromCells(batch->rows);
  }

 private:
  const ChangingTable& table_;
  std::vector<std::string> names_;  // of the fields
  std::deque<std::string> keys_;
};

class ChangingTableScan final : public RecordStream {
 public:
  // Reads from `from` on, or after it.
  ChangingTableScan(const ChangingTable* table, std::string from, bool after, std::string until,
                    const Projection& projection)
      : table_(*table),
        from_(std::move(from)),
        after_(after),
        until_(std::move(until)),
        rows_(table, projection) {}

  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override {
    rows_.Begin(batch);
    if (stop.stop_requested()) return Status(Code::kCancelled, table_.name());
    if (next_ == page_.rows.size() && !page_.is_last) {
      page_ = table_.ReadRows(from_, after_, until_);
      next_ = 0;
    }
    batch->table->read_point = page_.read_point;
    if (next_ == page_.rows.size()) return ReadState::kEnd;
    const size_t end = std::min(page_.rows.size(), next_ + table_.options().batch_rows);
    for (; next_ < end; ++next_) rows_.Add(page_.rows[next_], RowChange::kPut, batch);
    ChangingTableBatch::End(batch);
    from_ = ChangingTable::OrderOf(page_.rows[next_ - 1].id);
    after_ = true;
    batch->after = from_;
    return ReadState::kRecords;
  }

 private:
  const ChangingTable& table_;
  std::string from_;
  bool after_;
  const std::string until_;
  ChangingTableBatch rows_;
  ChangingTable::Page page_;
  size_t next_ = 0;  // of the page
};

// The table outlives it.
class ChangingTableRows final : public SnapshotSource {
 public:
  explicit ChangingTableRows(const ChangingTable* table)
      : table_(*table), name_("changing:" + table->name()) {}

  std::string_view Name() const noexcept override { return name_; }
  Result<HandoffToken> HandoffNow(std::stop_token /*stop*/) override {
    return HandoffToken{.streams = {{name_, {{"0", std::to_string(table_.Handoff())}}}}};
  }
  Result<ScanPlan> Scan(std::stop_token /*stop*/) override {
    ScanPlan plan;
    plan.source = name_;
    std::string from;
    for (std::string& until : table_.SplitBounds()) {
      AddSplit(from, until, &plan);
      from = std::move(until);
    }
    AddSplit(from, "", &plan);
    return plan;
  }
  Status Resume(const ScanPlan& plan, std::stop_token /*stop*/) override {
    if (plan.source == name_) return {};
    return Status(Code::kInvalidArgument, plan.source + ": a plan of another source");
  }
  Result<std::unique_ptr<RecordStream>> Open(const Split& split, const Position& after,
                                             const Projection& projection,
                                             std::stop_token /*stop*/) override {
    const auto [from, until] = BoundsOf(split);
    return std::unique_ptr<RecordStream>(std::make_unique<ChangingTableScan>(
        &table_, after.empty() ? from : after, !after.empty(), until, projection));
  }
  Result<std::string> WhyNoBefore(std::stop_token /*stop*/) override {
    return std::string(table_.options().gives_before ? "" : "its log has no rows before a change");
  }
  Result<std::string> WhyNotInKeyOrder(std::stop_token /*stop*/) override {
    return std::string(table_.options().by_collation ? "its keys are ordered by a collation" : "");
  }
  const ReadPoints& read_points() const override {
    if (table_.options().scattered) return kScatteredReadPoints;
    return kReadPointsInOrder;
  }
  Result<RowRange> RowsOf(const Split& split) const override {
    auto [from, until] = BoundsOf(split);
    RowRange rows{.from = std::move(from), .until = {}};
    if (!until.empty()) rows.until = std::move(until);
    return rows;
  }
  Status Close() override { return {}; }

 private:
  static void AddSplit(const std::string& from, const std::string& until, ScanPlan* plan) {
    plan->splits.push_back({.id = "rows#" + std::to_string(plan->splits.size()),
                            .bytes = 1,
                            .payload = from + "-" + until});
  }
  static std::pair<std::string, std::string> BoundsOf(const Split& split) {
    const size_t dash = split.payload.find('-');
    return {split.payload.substr(0, dash), split.payload.substr(dash + 1)};
  }

  const ChangingTable& table_;
  const std::string name_;
};

class ChangingTableChanges final : public RecordStream {
 public:
  // `kept`: what lives as long as the stream.
  ChangingTableChanges(const ChangingTable* table, size_t next, const Projection& projection,
                       std::vector<std::shared_ptr<void>> kept)
      : table_(*table),
        next_(next),
        before_(projection.before),
        rows_(table, projection),
        kept_(std::move(kept)) {}

  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override {
    rows_.Begin(batch);
    if (stop.stop_requested()) return Status(Code::kCancelled, table_.name());
    MURMUR_ASSIGN(const ChangingTable::LogPart part, table_.ReadLog(next_));
    if (part.changes.empty()) return ReadState::kIdle;
    for (const ChangingTable::Change& change : part.changes) AddChange(change, batch);
    ChangingTableBatch::End(batch);
    next_ = part.next;
    batch->after = std::to_string(next_);
    batch->table->watermark = table_.PlaceAt(next_);
    return ReadState::kRecords;
  }

 private:
  void AddChange(const ChangingTable::Change& change, RecordBatch* batch) {
    const bool moves = change.before && change.after && change.before->id != change.after->id;
    if (before_ && change.before) rows_.Add(*change.before, RowChange::kRetract, batch);
    if (change.before && (moves ? !before_ : !change.after)) {
      rows_.Add(*change.before, RowChange::kDelete, batch);
    }
    if (change.after) rows_.Add(*change.after, RowChange::kPut, batch);
    batch->table->places.resize(batch->rows, ChangingTable::PlaceOf(change));
  }

  const ChangingTable& table_;
  size_t next_;
  const bool before_;
  ChangingTableBatch rows_;
  const std::vector<std::shared_ptr<void>> kept_;
};

// The table outlives it.
class ChangingTableLog final : public LiveSource {
 public:
  explicit ChangingTableLog(ChangingTable* table)
      : table_(*table), name_("changing:" + table->name()) {}

  std::string_view Name() const noexcept override { return name_; }
  Result<HandoffToken> HandoffNow(std::stop_token /*stop*/) override {
    return TokenAt(table_.Handoff());
  }
  bool NeedsHold() const override { return table_.options().needs_hold; }
  Result<HandoffToken> Hold(const std::string& name, std::stop_token stop) override {
    if (!NeedsHold()) return HandoffNow(std::move(stop));
    return TokenAt(table_.Hold(name));
  }
  void ReadThrough(const std::string& hold) override { hold_ = hold; }
  Status LetGo(const std::string& hold, std::stop_token /*stop*/) override {
    return table_.LetGo(hold);
  }
  Result<std::vector<std::string>> Holds(const std::string& prefix,
                                         std::stop_token /*stop*/) override {
    std::vector<std::string> names;
    for (const std::string& name : table_.holds()) {
      if (name.starts_with(prefix)) names.push_back(name);
    }
    return names;
  }
  Result<std::vector<Split>> Splits(std::stop_token /*stop*/) override {
    return std::vector<Split>{{.id = name_, .bytes = 0, .payload = ""}};
  }
  Result<PositionMap> Begin(const std::vector<Split>& splits, const HandoffToken& token,
                            std::stop_token /*stop*/) override {
    const auto stream = token.streams.find(name_);
    if (stream == token.streams.end()) {
      return Status(Code::kFailedPrecondition, name_ + ": no position to begin at");
    }
    PositionMap positions;
    for (const Split& split : splits) positions[split.id] = stream->second.at("0");
    return positions;
  }
  Result<PositionMap> Ends(const std::vector<Split>& splits, std::stop_token /*stop*/) override {
    PositionMap ends;
    for (const Split& split : splits) ends[split.id] = std::to_string(table_.LogEnd());
    return ends;
  }
  uint64_t Distance(const Position& position, const Position& end) const override {
    const size_t from = Parse(position).value_or(0);
    const size_t to = Parse(end).value_or(0);
    return from < to ? to - from : 0;
  }
  Result<std::string> PlaceOf(const Position& position) const override {
    const auto next = Parse(position);
    if (!next) return Status(Code::kInvalidArgument, position + ": no position of " + name_);
    return table_.PlaceAt(*next);
  }
  Result<std::unique_ptr<RecordStream>> Open(const Split& /*split*/, const Position& after,
                                             const Projection& projection,
                                             std::function<void()> wake,
                                             std::stop_token /*stop*/) override {
    const auto next = Parse(after);
    if (!next) return Status(Code::kInvalidArgument, after + ": no position of " + name_);
    std::vector<std::shared_ptr<void>> kept{table_.Listen(std::move(wake))};
    if (!hold_.empty() && NeedsHold()) {
      MURMUR_ASSIGN(kept.emplace_back(), table_.UseHold(hold_));
    }
    return std::unique_ptr<RecordStream>(
        std::make_unique<ChangingTableChanges>(&table_, *next, projection, std::move(kept)));
  }
  void NoteCommitted(const PositionMap& positions) override {
    const auto it = positions.find(name_);
    if (it == positions.end() || hold_.empty()) return;
    table_.MoveHold(hold_, Parse(it->second).value_or(0));
  }
  Status Close() override { return {}; }

 private:
  static std::optional<size_t> Parse(const Position& position) {
    size_t next = 0;
    const char* end = position.data() + position.size();
    if (position.empty() || std::from_chars(position.data(), end, next).ptr != end) return {};
    return next;
  }
  HandoffToken TokenAt(size_t next) const {
    return {.streams = {{name_, {{"0", std::to_string(next)}}}}};
  }

  ChangingTable& table_;
  const std::string name_;
  std::string hold_;  // read through
};

}  // namespace murmur
