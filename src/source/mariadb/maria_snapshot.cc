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
#include "murmur/state.h"
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

// What a plan stores.
struct PlanFacts {
  std::string key;      // KeyShapeOf
  uint32_t server = 0;  // whose rows are read; 0: an older plan

  std::string ToText() const { return nlohmann::json{{"key", key}, {"server", server}}.dump(); }
};
Result<PlanFacts> ParseFacts(const ScanPlan& plan) {
  const auto json = nlohmann::json::parse(plan.payload, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("key") || !json["key"].is_string()) {
    return Status(Code::kInvalidArgument, plan.source + ": not a plan of this source");
  }
  PlanFacts facts{.key = json["key"].get<std::string>()};
  if (json.contains("server") && json["server"].is_number_unsigned()) {
    facts.server = json["server"].get<uint32_t>();
  }
  return facts;
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
      handed_off_ = position.oldest().place;
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
                    .payload = PlanFacts{KeyShapeOf(table), connection.server()}.ToText()};
      MURMUR_ASSIGN(plan.splits, CutMariaTable(connection, table, options_.split_rows, stop));
      server_ = connection.server();
      StartWatch(std::move(table));
      return plan;
    };
    return AskMaria(place_, stop, ask);
  }

  Status Resume(const ScanPlan& plan, std::stop_token stop) override {
    if (plan.source != place_->name) {
      return Status(Code::kInvalidArgument, plan.source + ": a plan of another source");
    }
    MURMUR_ASSIGN(const PlanFacts facts, ParseFacts(plan));
    const auto ask = [&](MariaConnection& connection) -> Status {
      if (facts.server != 0 && facts.server != connection.server()) {
        return ScannedElsewhere(*place_, facts.server, connection.server());
      }
      MURMUR_ASSIGN(MariaTable table, ReadMariaTable(connection, stop));
      if (KeyShapeOf(table) != facts.key) {
        return Status(Code::kFailedPrecondition,
                      place_->text +
                          ": has another primary key than when this scan began. Begin anew: murmur "
                          "bootstrap FILE --fresh");
      }
      MURMUR_TRY(BeginWatch(connection, stop));
      server_ = connection.server();
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
    return std::unique_ptr<RecordStream>(
        std::make_unique<MariaScanStream>(place_, pool_, std::move(rows), std::move(range), server_,
                                          projection.before ? Watch() : nullptr));
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

  // Changes that were read from another server's log meanwhile can't be told from what reads saw.
  Result<ScanEnd> Finish(const ScanPlan& plan, const ProgressMap& progress,
                         std::stop_token /*stop*/) override {
    if (const auto live = progress.find(place_->name); live != progress.end()) {
      MURMUR_ASSIGN(const MariaPosition position, ParseMariaPosition(live->second.position));
      const uint32_t server = position.place.server;
      if (server != 0 && server != server_) return ScannedElsewhere(*place_, server_, server);
    }
    return ScanEnd{.live_from = {}, .inexact = plan.inexact};
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
    watch_from_ = position.oldest().place;
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
  uint32_t server_ = 0;  // whose rows are read
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
