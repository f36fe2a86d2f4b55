#include "source/postgres/pg_live.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>

#include "base/take_text.h"
#include "base/waiting.h"
#include "source/postgres/pg_changes.h"
#include "source/postgres/pg_connection.h"
#include "source/postgres/pg_position.h"
#include "source/postgres/pg_publication.h"
#include "source/postgres/pg_table.h"
#include "source/postgres/pg_waiting.h"
#include "source/single_stream.h"

namespace murmur {
namespace {

using For = PgConnection::For;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kCheckEvery{10};
constexpr std::chrono::milliseconds kLookAgain{200};

// A table's changes are one split, since there is one log.
class PgLive final : public LiveSource {
 public:
  // `starts_now`: changes begin now if no scan comes before them.
  PgLive(std::shared_ptr<const PgPlace> place, bool starts_now, uint64_t row_bytes_max)
      : place_(std::move(place)),
        starts_now_(starts_now),
        row_bytes_max_(row_bytes_max),
        pool_(std::make_unique<PgPool>(place_)) {}

  std::string_view Name() const noexcept override { return place_->name; }

  Result<HandoffToken> HandoffNow(std::stop_token stop) override {
    PgPosition position;
    MURMUR_ASSIGN(position.lsn, Now(stop));
    return PgHandoff(*place_, position);
  }

  bool NeedsHold() const override { return true; }

  std::string GivenHold() const override { return place_->slot; }

  // A hold is a replication slot.
  Result<HandoffToken> Hold(const std::string& name, std::stop_token stop) override {
    // A slot shows a publication as it was at each change, so the publication comes first.
    const auto publish = [&](PgConnection& connection) -> Result<PgTable> {
      MURMUR_ASSIGN(PgTable table, ReadPgTable(connection, stop));
      MURMUR_TRY(CheckFollowed(table));
      MURMUR_TRY(PublishPgTable(connection, table, PgPublicationOf(*place_, name), stop));
      return table;
    };
    MURMUR_ASSIGN(const PgTable table, AskPg(*pool_, stop, publish));
    if (name == place_->slot) {
      const auto take = [&](PgConnection& connection) { return TakeOver(connection, name, stop); };
      MURMUR_ASSIGN(const PgLsn lsn, AskPg(*pool_, stop, take));
      return TokenOf(lsn, table);
    }
    const PgWaiting waiting(place_, "a replication slot that is made", &notes_);
    for (;;) {
      const auto find = [&](PgConnection& connection) { return FindSlot(connection, name, stop); };
      MURMUR_ASSIGN(const FoundSlot found, AskPg(*pool_, stop, find));
      if (found.begin) return TokenOf(*found.begin, table);
      if (!found.is_there) break;
      if (!SleepUnlessStopped(kLookAgain, stop)) return Status(Code::kCancelled, place_->text);
    }
    const auto make = [&](PgConnection& connection) -> Result<PgLsn> {
      MURMUR_ASSIGN(const PgRowSet slot,
                    connection.Ask(fmt::format("CREATE_REPLICATION_SLOT {} LOGICAL pgoutput "
                                               "NOEXPORT_SNAPSHOT",
                                               QuotedIdentifier(name)),
                                   "to make a replication slot", stop));
      return PlaceOfSlot(slot.at(0, 1));
    };
    const auto made = AskPg(place_, For::kReplication, stop, make);
    if (!made.ok()) return WithRemedy(made.status());
    return TokenOf(*made, table);
  }

  void ReadThrough(const std::string& hold) override { slot_ = hold; }

  Status LetGo(const std::string& hold, std::stop_token stop) override {
    const auto ask = [&](PgConnection& connection) { return DropHold(connection, hold, stop); };
    return AskPg(*pool_, stop, ask);
  }

  Result<std::vector<std::string>> Holds(const std::string& prefix, std::stop_token stop) override {
    const auto ask = [&](PgConnection& connection) -> Result<std::vector<std::string>> {
      MURMUR_ASSIGN(
          const PgRowSet slots,
          connection.Ask(fmt::format("SELECT slot_name FROM pg_replication_slots WHERE "
                                     "database = current_database() AND starts_with(slot_name, {})",
                                     QuotedLiteral(prefix)),
                         "to list replication slots", stop));
      std::vector<std::string> names;
      for (int row = 0; row < slots.size(); ++row) names.emplace_back(slots.at(row, 0));
      return names;
    };
    return AskPg(*pool_, stop, ask);
  }

  Result<std::vector<Split>> Splits(std::stop_token stop) override {
    if (const auto now = steady_clock::now(); now >= check_again_) {
      MURMUR_TRY(CheckTable(stop));
      check_again_ = now + kCheckEvery;
    }
    return std::vector<Split>{Split{.id = place_->name, .bytes = 0, .payload = "{}"}};
  }

  Result<PositionMap> Begin(const std::vector<Split>& splits, const HandoffToken& token,
                            std::stop_token stop) override {
    const auto start = [&]() -> Result<Position> {
      MURMUR_ASSIGN(const PgLsn lsn, Now(stop));
      return PgPosition{.lsn = lsn}.ToString();
    };
    return BeginSingleStream(place_->name, place_->text, splits, token, starts_now_, start);
  }

  Result<PositionMap> Ends(const std::vector<Split>& splits, std::stop_token stop) override {
    MURMUR_ASSIGN(const PgLsn lsn, Now(stop));
    return AllAt(splits, PgLsnText(lsn));
  }

  uint64_t Distance(const Position& position, const Position& end) const override {
    const auto from = ParsePgPosition(position);
    const auto to = ParsePgPosition(end);
    return from.ok() && to.ok() && from->lsn < to->lsn ? to->lsn - from->lsn : 0;
  }

  Result<std::string> PlaceOf(const Position& position) const override {
    MURMUR_ASSIGN(const PgPosition parsed, ParsePgPosition(position));
    return PgWatermark(parsed.lsn);
  }

  Result<std::unique_ptr<RecordStream>> Open(const Split& /*split*/, const Position& after,
                                             const Projection& projection,
                                             std::function<void()> wake,
                                             std::stop_token stop) override {
    if (slot_.empty()) {
      return Status(Code::kFailedPrecondition, place_->text + ": there is no slot to read through");
    }
    MURMUR_ASSIGN(PgPosition position, ParsePgPosition(after));
    const std::string publication = PgPublicationOf(*place_, slot_);
    const auto ask = [&](PgConnection& connection) -> Result<PgTable> {
      MURMUR_ASSIGN(PgTable table, ReadPgTable(connection, stop));
      MURMUR_TRY(CheckPgPublication(connection, table, publication, stop));
      return table;
    };
    MURMUR_ASSIGN(PgTable table, AskPg(*pool_, stop, ask));
    MURMUR_ASSIGN(const auto partitions, PgPartitions::Make(place_, table, position.partitions,
                                                            projection.before, &notes_));
    MURMUR_ASSIGN(PgRows rows, PgRows::Make(murmur::ObjectOf(*place_), std::move(table), projection,
                                            row_bytes_max_));
    MURMUR_TRY(CheckGenerated(rows));
    if (!position.shape.empty() && position.shape != rows.shape()) return IsAnother();
    position.shape = rows.shape();
    RaiseTo(position.lsn, &progress_->committed);
    {
      const std::lock_guard lock(mutex_);
      opened_ = {.projection = projection, .shape = position.shape, .partitions = partitions};
    }
    return std::unique_ptr<RecordStream>(
        std::make_unique<PgChanges>(place_, std::move(rows), position, projection.before,
                                    PgChangesOptions{.wake = std::move(wake),
                                                     .slot = slot_,
                                                     .publication = publication,
                                                     .progress = progress_,
                                                     .partitions = partitions}));
  }

  void NoteCommitted(const PositionMap& positions) override {
    const auto it = positions.find(place_->name);
    if (it == positions.end()) return;
    if (const auto position = ParsePgPosition(it->second); position.ok()) {
      RaiseTo(position->lsn, &progress_->committed);
    }
  }

  std::string ObjectOf(const Split& /*split*/) const override { return murmur::ObjectOf(*place_); }

  // Of its log the server keeps what the slot has not confirmed, up to max_slot_wal_keep_size.
  Result<std::optional<LogReach>> Reach(const PositionMap& /*positions*/,
                                        std::stop_token stop) override {
    if (slot_.empty()) return std::optional<LogReach>();
    const auto ask = [&](PgConnection& connection) -> Result<std::optional<LogReach>> {
      MURMUR_ASSIGN(const PgRowSet slot,
                    connection.Ask(fmt::format("SELECT pg_current_wal_insert_lsn() - restart_lsn, "
                                               "safe_wal_size FROM pg_replication_slots WHERE "
                                               "slot_name = {} AND restart_lsn IS NOT NULL",
                                               QuotedLiteral(slot_)),
                                   "to see how much of its log is kept", stop));
      if (slot.size() == 0) return std::optional<LogReach>();
      LogReach reach{.bytes = LogReach::Bytes{}};
      std::string_view kept = slot.at(0, 0);
      std::string_view left = slot.at(0, 1);
      (void)TakeNumber(&kept, &reach.bytes->kept);
      if (!slot.is_null(0, 1)) (void)TakeNumber(&left, &reach.bytes->left.emplace());
      reach.remedy =
          "Let murmur run keep up, or raise max_slot_wal_keep_size (it needs disk for that)";
      return std::optional(std::move(reach));
    };
    return AskPg(*pool_, stop, ask);
  }

  std::vector<std::string> TakeNotes() override { return notes_.Take(); }

  Status Close() override { return {}; }

 private:
  // The answer to an earlier call may not have arrived: then the slot is there, or is being made
  // for somebody who is gone.
  struct FoundSlot {
    bool is_there = false;
    std::optional<PgLsn> begin;
  };
  Result<FoundSlot> FindSlot(PgConnection& connection, const std::string& name,
                             const std::stop_token& stop) const {
    MURMUR_ASSIGN(const PgRowSet slot,
                  connection.Ask(fmt::format("SELECT confirmed_flush_lsn FROM pg_replication_slots "
                                             "WHERE slot_name = {}",
                                             QuotedLiteral(name)),
                                 "to look for a replication slot", stop));
    FoundSlot found{.is_there = slot.size() > 0, .begin = {}};
    if (found.is_there && !slot.is_null(0, 0)) {
      MURMUR_ASSIGN(found.begin, PlaceOfSlot(slot.at(0, 0)));
    }
    return found;
  }

  // Moves a slot that somebody else made to the end of the log: its earlier changes are not needed,
  // and it can't show them through a publication that came later.
  Result<PgLsn> TakeOver(PgConnection& connection, const std::string& name,
                         const std::stop_token& stop) const {
    constexpr std::string_view kDoing = "to take over a replication slot";
    MURMUR_ASSIGN(
        const PgRowSet slot,
        connection.Ask(fmt::format("SELECT slot_type = 'logical' AND plugin = 'pgoutput' AND "
                                   "database = current_database() AND NOT temporary AND NOT "
                                   "two_phase, coalesce(wal_status, '') = 'lost' "
                                   "FROM pg_replication_slots WHERE slot_name = {}",
                                   QuotedLiteral(name)),
                       kDoing, stop));
    const std::string remedy = fmt::format(
        "SELECT pg_create_logical_replication_slot({}, 'pgoutput'), or leave `slot` out: then one "
        "is made",
        QuotedLiteral(name));
    if (slot.size() == 0) {
      return Status(Code::kNotFound, fmt::format("{}: there is no replication slot {}. {}",
                                                 place_->text, name, remedy));
    }
    if (!slot.is_true(0, 0) || slot.is_true(0, 1)) {
      return Status(
          Code::kFailedPrecondition,
          fmt::format("{}: the replication slot {} {}. Drop it, and {}", place_->text, name,
                      slot.is_true(0, 0) ? "has lost its log"
                                         : "is not a lasting, logical one of this database, by "
                                           "pgoutput and without two_phase",
                      remedy));
    }
    MURMUR_ASSIGN(const PgRowSet moved,
                  connection.Ask(fmt::format("SELECT end_lsn FROM pg_replication_slot_advance({}, "
                                             "pg_current_wal_lsn())",
                                             QuotedLiteral(name)),
                                 kDoing, stop));
    return PlaceOfSlot(moved.at(0, 0));
  }

  Result<PgLsn> PlaceOfSlot(std::string_view text) const {
    PgLsn lsn = 0;
    if (ParsePgLsn(text, &lsn)) return lsn;
    return Status(Code::kDataLoss, place_->text + ": a slot that does not say where it begins");
  }

  // What is read through the slot begins with the table as it was just before the slot was made.
  HandoffToken TokenOf(PgLsn lsn, const PgTable& table) const {
    return PgHandoff(*place_, {.lsn = lsn, .partitions = PgPartitions::RecordOf(table)});
  }

  Status IsAnother() const {
    return Status(Code::kFailedPrecondition,
                  place_->text +
                      ": is not as it was when its changes were read last: it was made anew, or "
                      "a column that the definition names was added, dropped, renamed or given "
                      "another type. Begin anew: murmur bootstrap FILE --fresh");
  }

  // A change of the table's columns or partitions, or of its publication, tells no row: it is
  // looked for now and then.
  Status CheckTable(const std::stop_token& stop) {
    std::optional<Opened> opened;
    {
      const std::lock_guard lock(mutex_);
      opened = opened_;
    }
    const auto ask = [&](PgConnection& connection) -> Result<PgTable> {
      MURMUR_ASSIGN(PgTable table, ReadPgTable(connection, stop));
      if (opened) {
        MURMUR_TRY(CheckPgPublication(connection, table, PgPublicationOf(*place_, slot_), stop));
      }
      return table;
    };
    auto table = AskPg(*pool_, stop, ask);
    if (opened && table.status().code() == Code::kNotFound) {
      return table.status().Annotated("it was there before: was it dropped or renamed?");
    }
    MURMUR_TRY(table.status());
    if (!opened) return CheckFollowed(*table);
    MURMUR_TRY(opened->partitions->Update(*table));
    MURMUR_ASSIGN(const PgRows rows, PgRows::Make(murmur::ObjectOf(*place_), *std::move(table),
                                                  opened->projection, row_bytes_max_));
    return rows.shape() == opened->shape ? Status() : IsAnother();
  }

  Status CheckFollowed(const PgTable& table) const {
    if (table.key.empty() && starts_now_) {
      return Status(Code::kFailedPrecondition,
                    place_->text +
                        ": has no primary key, so that its changes can't be counted without its "
                        "rows. Name it as `source:`");
    }
    for (const PgLeaf& leaf : table.leaves) {
      MURMUR_TRY(CheckPgIdentity(*place_, table, leaf, /*before=*/false));
    }
    return {};
  }

  // The end of the log, which somebody will wait for.
  Result<PgLsn> Now(const std::stop_token& stop) const {
    const auto ask = [&](PgConnection& connection) { return EndOfLog(connection, stop); };
    MURMUR_ASSIGN(const PgLsn lsn, AskPg(*pool_, stop, ask));
    RaiseTo(lsn, &progress_->goal);
    return lsn;
  }

  // With what is not flushed yet, since a commit that does not wait for that is seen before.
  Result<PgLsn> EndOfLog(PgConnection& connection, const std::stop_token& stop) const {
    constexpr std::string_view kDoing = "to ask where its log ends";
    MURMUR_ASSIGN(const PgRowSet now,
                  connection.Ask("SELECT pg_current_wal_insert_lsn(), pg_current_wal_flush_lsn()",
                                 kDoing, stop));
    PgLsn end = 0;
    PgLsn flushed = 0;
    if (!ParsePgLsn(now.at(0, 0), &end) || !ParsePgLsn(now.at(0, 1), &flushed)) {
      return Status(Code::kDataLoss, place_->text + ": the server does not say where its log ends");
    }
    // Where a page has just begun, the server gives the place after its header, which nothing
    // reaches before the next change.
    constexpr PgLsn kPageBytes = 8192;
    constexpr PgLsn kHeaderBytesMax = 40;
    if (end % kPageBytes <= kHeaderBytesMax) end -= end % kPageBytes;
    // An idle server flushes only after seconds what nobody waits for, and sends it no earlier. A
    // transaction of a few bytes has it flushed at once; where it is refused, that takes longer.
    if (end > flushed) {
      (void)connection.Ask("SELECT pg_logical_emit_message(true, 'murmur', '')", kDoing, stop);
    }
    return end;
  }

  Status CheckGenerated(const PgRows& rows) const {
    for (const size_t needed : rows.needed()) {
      const PgColumn& column = rows.table().columns[needed];
      if (!column.is_generated) continue;
      return Status(Code::kFailedPrecondition,
                    fmt::format("{}: column '{}' is generated, and its log does not have it. Write "
                                "the expression that generates it into the definition",
                                place_->text, column.name));
    }
    return {};
  }

  // The slot last: while it is there, the hold is not over.
  Status DropHold(PgConnection& connection, const std::string& name,
                  const std::stop_token& stop) const {
    if (place_->publication.empty()) {
      const std::string drop =
          "DROP PUBLICATION IF EXISTS " + QuotedIdentifier(PgPublicationOf(*place_, name));
      MURMUR_TRY(connection.Ask(drop, "to drop a publication", stop).status());
    }
    if (!name.starts_with(kPgOwn)) return {};  // it was taken over
    const auto dropped = connection.Ask(
        fmt::format("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE "
                    "slot_name = {}",
                    QuotedLiteral(name)),
        "to drop a replication slot", stop);
    return dropped.status();
  }

  static Status WithRemedy(const Status& status) {
    const std::string text(status.message());
    if (text.find("wal_level") != text.npos) {
      return Status(status.code(), text + ". ALTER SYSTEM SET wal_level = logical; then restart");
    }
    if (text.find("all replication slots are in use") != text.npos) {
      return Status(Code::kResourceExhausted,
                    text + ". ALTER SYSTEM SET max_replication_slots to more; then restart");
    }
    return status;
  }

  const std::shared_ptr<const PgPlace> place_;
  const bool starts_now_;
  const uint64_t row_bytes_max_;
  const std::unique_ptr<PgPool> pool_;
  const std::shared_ptr<PgProgress> progress_ = std::make_shared<PgProgress>();
  std::string slot_;
  SourceNotes notes_;
  steady_clock::time_point check_again_{};

  // What the changes were opened for.
  struct Opened {
    Projection projection;
    std::string shape;
    std::shared_ptr<PgPartitions> partitions;
  };
  std::mutex mutex_;
  std::optional<Opened> opened_;  // under mutex_
};

}  // namespace

Result<std::unique_ptr<LiveSource>> MakePgLive(const Definition& definition) {
  MURMUR_ASSIGN(auto place, MakePgPlace(*TableOf(definition)));
  return std::unique_ptr<LiveSource>(std::make_unique<PgLive>(
      std::move(place), definition.live.has_value(), definition.max_record_bytes));
}

}  // namespace murmur
