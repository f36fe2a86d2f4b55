#include "source/postgres/pg_snapshot.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "source/postgres/pg_connection.h"
#include "source/postgres/pg_position.h"
#include "source/postgres/pg_scan.h"
#include "source/postgres/pg_table.h"
#include "source/postgres/pg_waiting.h"

namespace murmur {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kBarrierEvery{50};

// What a plan stores of the table.
struct Frozen {
  uint32_t oid = 0;
  std::string system;
};

Result<Frozen> ParseFrozen(const ScanPlan& plan) {
  const auto json = nlohmann::json::parse(plan.payload, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("oid") || !json["oid"].is_number_unsigned() ||
      !json.contains("system") || !json["system"].is_string()) {
    return Status(Code::kInvalidArgument, plan.source + ": not a plan of this source");
  }
  return Frozen{.oid = json["oid"].get<uint32_t>(), .system = json["system"]};
}

class PgSnapshot final : public SnapshotSource {
 public:
  PgSnapshot(std::shared_ptr<const PgPlace> place, const PgSnapshotOptions& options)
      : place_(std::move(place)), options_(options), pool_(std::make_shared<PgPool>(place_)) {}

  std::string_view Name() const noexcept override { return place_->name; }

  Result<HandoffToken> HandoffNow(std::stop_token stop) override {
    const auto ask = [&](PgConnection& connection) -> Result<HandoffToken> {
      MURMUR_TRY(ReadPgTable(connection, stop));
      MURMUR_ASSIGN(const PgRowSet now, connection.Ask("SELECT pg_current_wal_insert_lsn()",
                                                       "to ask where its log ends", stop));
      PgPosition position;
      if (!ParsePgLsn(now.at(0, 0), &position.lsn)) return Status(Code::kDataLoss, place_->text);
      return PgHandoff(*place_, position);
    };
    return AskPg(*pool_, stop, ask);
  }

  Result<ScanPlan> Scan(std::stop_token stop) override {
    const auto ask = [&](PgConnection& connection) -> Result<ScanPlan> {
      MURMUR_ASSIGN(PgTable table, ReadPgTable(connection, stop));
      MURMUR_TRY(AwaitRunning(connection, stop));
      if (table.key.empty()) {
        notes_.Add(
            place_->name +
            " has no primary key: its rows are read at once, and if that is interrupted, the "
            "scan begins anew");
      }
      ScanPlan plan{.source = place_->name,
                    .splits = {},
                    .payload = nlohmann::json{{"oid", table.oid}, {"system", table.system}}.dump()};
      MURMUR_ASSIGN(plan.splits, CutPgTable(connection, table, options_.split_rows, stop));
      table_ = std::move(table);
      return plan;
    };
    return AskPg(*pool_, stop, ask);
  }

  Status Resume(const ScanPlan& plan, std::stop_token stop) override {
    if (plan.source != place_->name) {
      return Status(Code::kInvalidArgument, plan.source + ": a plan of another source");
    }
    MURMUR_ASSIGN(const Frozen frozen, ParseFrozen(plan));
    const auto ask = [&](PgConnection& connection) -> Status {
      MURMUR_ASSIGN(PgTable table, ReadPgTable(connection, stop));
      if (table.oid != frozen.oid || table.system != frozen.system) {
        return Status(Code::kFailedPrecondition,
                      place_->text +
                          ": is another table than the one that this scan began with: it was "
                          "dropped and made anew. Begin anew: murmur bootstrap FILE --fresh");
      }
      MURMUR_TRY(AwaitRunning(connection, stop));
      table_ = std::move(table);
      return {};
    };
    return AskPg(*pool_, stop, ask);
  }

  Result<std::unique_ptr<RecordStream>> Open(const Split& split, const Position& after,
                                             const Projection& projection,
                                             std::stop_token /*stop*/) override {
    MURMUR_ASSIGN(KeyRange range, KeyRangeOf(split, after));
    if (IsInOneRead() && !after.empty()) {
      return Status(Code::kInternal, place_->text + ": a read that can't go on in its middle");
    }
    MURMUR_ASSIGN(PgRows rows,
                  PgRows::Make(ObjectOf(*place_), *table_, projection, options_.row_bytes_max));
    return std::unique_ptr<RecordStream>(
        std::make_unique<PgScanStream>(place_, pool_, std::move(rows), std::move(range)));
  }

  Result<std::string> WhyNoBefore(std::stop_token stop) override {
    MURMUR_ASSIGN(const PgTable table, Facts(stop));
    for (const PgLeaf& leaf : table.leaves) {
      if (leaf.identity == PgIdentity::kFull) continue;
      return fmt::format(
          "the log has only the key of a row that was changed; it has the whole row after: ALTER "
          "TABLE {}.{} REPLICA IDENTITY FULL",
          QuotedIdentifier(leaf.schema), QuotedIdentifier(leaf.table));
    }
    return std::string();
  }

  Result<std::string> WhyNoLedger(std::stop_token stop) override {
    MURMUR_ASSIGN(const PgTable table, Facts(stop));
    if (!table.key.empty()) return std::string();
    return fmt::format(
        "{}: has no primary key, so that its rows have no names. ALTER TABLE {} ADD PRIMARY KEY "
        "(…)",
        place_->text, place_->Quoted());
  }

  Result<std::string> WhyNotInKeyOrder(std::stop_token stop) override {
    MURMUR_ASSIGN(const PgTable table, Facts(stop));
    for (const size_t column : table.key) {
      if (table.columns[column].is_in_byte_order) continue;
      return fmt::format(
          "the server does not order column '{}' of the primary key by its bytes: it is of a type "
          "or a collation with an order of its own",
          table.columns[column].name);
    }
    return std::string();
  }

  const ReadPoints& read_points() const override { return kPgReadPoints; }

  Result<RowRange> RowsOf(const Split& split) const override {
    MURMUR_ASSIGN(const KeyRange range, KeyRangeOf(split, ""));
    RowRange rows;
    if (range.from) MURMUR_TRY(AppendBound(*range.from, &rows.from));
    if (range.until) MURMUR_TRY(AppendBound(*range.until, &rows.until.emplace()));
    rows.is_one_read = IsInOneRead();
    return rows;
  }

  bool IsInOneRead() const override { return table_->key.empty(); }

  std::vector<std::string> TakeNotes() override { return notes_.Take(); }

  Status Close() override { return {}; }

 private:
  Result<PgTable> Facts(const std::stop_token& stop) const {
    const auto ask = [&](PgConnection& connection) { return ReadPgTable(connection, stop); };
    return AskPg(*pool_, stop, ask);
  }

  // Waits until every transaction that has begun so far is seen by reads, or was rolled back. What
  // lies before a slot's first change is not streamed, and a commit is in the log before reads see
  // it: a read that came too early would lose it.
  Status AwaitRunning(PgConnection& connection, const std::stop_token& stop) {
    const PgWaiting waiting(place_, "the scan", &notes_);
    MURMUR_ASSIGN(const PgRowSet now,
                  connection.Ask("SELECT pg_current_xact_id()", "to begin a scan", stop));
    const std::string question =
        fmt::format("SELECT pg_snapshot_xmin(pg_current_snapshot()) > {}::text::xid8",
                    QuotedLiteral(now.at(0, 0)));
    for (;;) {
      MURMUR_ASSIGN(const PgRowSet seen, connection.Ask(question, "to begin a scan", stop));
      if (seen.is_true(0, 0)) return {};
      if (!SleepUnlessStopped(kBarrierEvery, stop)) {
        return Status(Code::kCancelled, place_->text);
      }
    }
  }

  // A value of the key's first column, as the beginning of a row key.
  Status AppendBound(const std::string& value, std::string* key) const {
    TextArena arena;
    if (AppendPgKeyPart(table_->columns[table_->key[0]].type, value, &arena, key)) return {};
    return Status(Code::kInvalidArgument, place_->text + ": not a bound of a split");
  }

  const std::shared_ptr<const PgPlace> place_;
  const PgSnapshotOptions options_;
  const std::shared_ptr<PgPool> pool_;
  std::optional<PgTable> table_;  // of the plan that is being read
  SourceNotes notes_;
};

}  // namespace

Result<std::unique_ptr<SnapshotSource>> MakePgSnapshot(const Definition& definition) {
  return MakePgSnapshot(definition, {.row_bytes_max = definition.max_record_bytes});
}

Result<std::unique_ptr<SnapshotSource>> MakePgSnapshot(const Definition& definition,
                                                       const PgSnapshotOptions& options) {
  MURMUR_ASSIGN(auto place, MakePgPlace(*TableOf(definition)));
  return std::unique_ptr<SnapshotSource>(std::make_unique<PgSnapshot>(std::move(place), options));
}

}  // namespace murmur
