#include "source/mariadb/maria_snapshot.h"

#include <fmt/format.h>

#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "monoid/hash.h"
#include "monoid/numbers.h"
#include "murmur/key.h"
#include "source/mariadb/maria_connection.h"
#include "source/mariadb/maria_position.h"
#include "source/mariadb/maria_ranges.h"
#include "source/mariadb/maria_scan.h"
#include "source/mariadb/maria_table.h"
#include "source/mariadb/maria_xa.h"
#include "source/source_notes.h"

namespace murmur {
namespace {

// What a plan stores of the table: by what its rows are named and ordered.
std::string KeyShapeOf(const MariaTable& table) {
  std::string text;
  for (const size_t column : table.key) {
    text += fmt::format("{} {}\n", table.columns[column].name, table.columns[column].declared);
  }
  return fmt::format("{:016x}", HashBytes(text, kStringSeed));
}

Result<std::string> ParseKeyShape(const ScanPlan& plan) {
  const auto json = nlohmann::json::parse(plan.payload, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("key") || !json["key"].is_string()) {
    return Status(Code::kInvalidArgument, plan.source + ": not a plan of this source");
  }
  return json["key"].get<std::string>();
}

class MariaSnapshot final : public SnapshotSource {
 public:
  MariaSnapshot(std::shared_ptr<const MariaPlace> place, const MariaSnapshotOptions& options)
      : place_(std::move(place)), options_(options), pool_(std::make_shared<MariaPool>(place_)) {}

  std::string_view Name() const noexcept override { return place_->name; }

  Result<HandoffToken> HandoffNow(std::stop_token stop) override {
    const auto ask = [&](MariaConnection& connection) -> Result<HandoffToken> {
      MURMUR_TRY(ReadMariaTable(connection, stop));
      MURMUR_ASSIGN(const MariaPosition position,
                    MariaHandoffNow(connection, "the scan", &notes_, stop));
      handed_off_ = position.oldest();
      return MariaHandoff(*place_, position);
    };
    return AskMaria(place_, stop, ask);
  }

  Result<ScanPlan> Scan(std::stop_token stop) override {
    const auto ask = [&](MariaConnection& connection) -> Result<ScanPlan> {
      MURMUR_ASSIGN(MariaTable table, ReadMariaTable(connection, stop));
      if (handed_off_) {
        watch_from_ = *std::exchange(handed_off_, std::nullopt);
      } else {
        MURMUR_TRY(BeginWatch(connection, stop));
      }
      if (!table.cascade.empty()) {
        notes_.Add(fmt::format(
            "{}: what its foreign key {} changes (ON DELETE or ON UPDATE CASCADE, SET NULL) is in "
            "no log, and is not counted; murmur verify finds it",
            place_->name, table.cascade));
      }
      ScanPlan plan{.source = place_->name,
                    .splits = {},
                    .payload = nlohmann::json{{"key", KeyShapeOf(table)}}.dump()};
      MURMUR_ASSIGN(plan.splits, CutMariaTable(connection, table, options_.split_rows, stop));
      StartWatch(std::move(table));
      return plan;
    };
    return AskMaria(place_, stop, ask);
  }

  Status Resume(const ScanPlan& plan, std::stop_token stop) override {
    if (plan.source != place_->name) {
      return Status(Code::kInvalidArgument, plan.source + ": a plan of another source");
    }
    MURMUR_ASSIGN(const std::string key, ParseKeyShape(plan));
    const auto ask = [&](MariaConnection& connection) -> Status {
      MURMUR_ASSIGN(MariaTable table, ReadMariaTable(connection, stop));
      if (KeyShapeOf(table) != key) {
        return Status(Code::kFailedPrecondition,
                      place_->text +
                          ": has another primary key than when this scan began. Begin anew: murmur "
                          "bootstrap FILE --fresh");
      }
      MURMUR_TRY(BeginWatch(connection, stop));
      StartWatch(std::move(table));
      return {};
    };
    return AskMaria(place_, stop, ask);
  }

  Result<std::unique_ptr<RecordStream>> Open(const Split& split, const Position& after,
                                             const Projection& projection,
                                             std::stop_token /*stop*/) override {
    MURMUR_ASSIGN(KeyRange range, KeyRangeOf(split, after));
    MURMUR_ASSIGN(MariaRows rows,
                  MariaRows::Make(ObjectOf(*place_), *table_, projection, options_.row_bytes_max));
    return std::unique_ptr<RecordStream>(std::make_unique<MariaScanStream>(
        place_, pool_, std::move(rows), std::move(range), projection.before ? Watch() : nullptr));
  }

  Result<std::string> WhyNoBefore(std::stop_token stop) override {
    MURMUR_ASSIGN(const MariaTable table, Facts(stop));
    if (table.cascade.empty()) return std::string();
    return fmt::format(
        "the log does not have what the foreign key {} changes: it is ON DELETE or ON UPDATE "
        "CASCADE or SET NULL",
        table.cascade);
  }

  Result<std::string> WhyNotInKeyOrder(std::stop_token stop) override {
    MURMUR_ASSIGN(const MariaTable table, Facts(stop));
    for (const size_t column : table.key) {
      if (table.columns[column].is_in_byte_order) continue;
      return fmt::format(
          "the server does not order column '{}' of the primary key by its bytes: it is of a type "
          "or a collation with an order of its own",
          table.columns[column].name);
    }
    return std::string();
  }

  Result<RowRange> RowsOf(const Split& split) const override {
    MURMUR_ASSIGN(const KeyRange range, KeyRangeOf(split, ""));
    RowRange rows;
    if (range.from) MURMUR_TRY(AppendBound(*range.from, &rows.from));
    if (range.until) MURMUR_TRY(AppendBound(*range.until, &rows.until.emplace()));
    return rows;
  }

  std::vector<std::string> TakeNotes() override { return notes_.Take(); }

  Status Close() override { return {}; }

 private:
  Result<MariaTable> Facts(const std::stop_token& stop) const {
    const auto ask = [&](MariaConnection& connection) { return ReadMariaTable(connection, stop); };
    return AskMaria(place_, stop, ask);
  }

  // Rows are read after every transaction has ended that was prepared before the watch begins.
  Status BeginWatch(MariaConnection& connection, const std::stop_token& stop) {
    MURMUR_ASSIGN(const MariaPosition position,
                  MariaHandoffNow(connection, "the scan", &notes_, stop));
    watch_from_ = position.oldest();
    return {};
  }
  void StartWatch(MariaTable table) {
    const std::lock_guard lock(mutex_);
    watch_.reset();
    table_ = std::move(table);
  }
  // Made for the first read that needs it.
  std::shared_ptr<MariaXaWatch> Watch() {
    const std::lock_guard lock(mutex_);
    if (watch_ == nullptr) {
      watch_ = std::make_shared<MariaXaWatch>(place_, table_->database, table_->table, watch_from_,
                                              &notes_);
    }
    return watch_;
  }

  // A value of the key's first column, as the beginning of a row key.
  Status AppendBound(const std::string& value, std::string* key) const {
    TextArena arena;
    if (AppendMariaKeyPart(table_->columns[table_->key[0]].is, value, &arena, key)) return {};
    return Status(Code::kInvalidArgument, place_->text + ": not a bound of a split");
  }

  const std::shared_ptr<const MariaPlace> place_;
  const MariaSnapshotOptions options_;
  const std::shared_ptr<MariaPool> pool_;
  std::optional<MariaTable> table_;  // of the plan that is being read
  SourceNotes notes_;
  // What was prepared before has ended: since a hand-off, and for the scan after it.
  std::optional<BinlogPlace> handed_off_;
  BinlogPlace watch_from_;
  std::mutex mutex_;
  std::shared_ptr<MariaXaWatch> watch_;  // under mutex_
};

}  // namespace

Result<std::unique_ptr<SnapshotSource>> MakeMariaSnapshot(const Definition& definition) {
  return MakeMariaSnapshot(definition, {.row_bytes_max = definition.max_record_bytes});
}

Result<std::unique_ptr<SnapshotSource>> MakeMariaSnapshot(const Definition& definition,
                                                          const MariaSnapshotOptions& options) {
  MURMUR_ASSIGN(auto place, MakeMariaPlace(*TableOf(definition)));
  return std::unique_ptr<SnapshotSource>(
      std::make_unique<MariaSnapshot>(std::move(place), options));
}

}  // namespace murmur
