#include "source/mariadb/maria_live.h"

#include <fmt/format.h>

#include <chrono>
#include <mutex>
#include <optional>
#include <string>

#include "base/waiting.h"
#include "source/mariadb/maria_changes.h"
#include "source/mariadb/maria_connection.h"
#include "source/mariadb/maria_position.h"
#include "source/mariadb/maria_reach.h"
#include "source/mariadb/maria_table.h"
#include "source/mariadb/maria_xa.h"
#include "source/single_stream.h"
#include "source/source_notes.h"

namespace murmur {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kCheckEvery{10};

// A table's changes are one split, since there is one log.
class MariaLive final : public LiveSource {
 public:
  // `starts_now`: changes begin now if no scan comes before them.
  MariaLive(std::shared_ptr<const MariaPlace> place, bool starts_now, uint64_t row_bytes_max)
      : place_(std::move(place)), starts_now_(starts_now), row_bytes_max_(row_bytes_max) {}

  std::string_view Name() const noexcept override { return place_->name; }

  Result<HandoffToken> HandoffNow(std::stop_token stop) override {
    MURMUR_ASSIGN(const MariaPosition now, Now(stop));
    return MariaHandoff(*place_, now);
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
      MURMUR_ASSIGN(const MariaPosition now, Now(stop));
      return now.ToString();
    };
    return BeginSingleStream(place_->name, place_->text, splits, token, starts_now_, start);
  }

  Result<PositionMap> Ends(const std::vector<Split>& splits, std::stop_token stop) override {
    const auto ask = [&](MariaConnection& connection) -> Result<MariaPosition> {
      MURMUR_ASSIGN(BinlogPlace place, EndOfBinlog(connection, stop));
      MariaPosition end = PositionAt(std::move(place));
      MURMUR_ASSIGN(end.gtids, GtidsOfLog(connection, stop));
      return end;
    };
    MURMUR_ASSIGN(const MariaPosition end, AskMaria(place_, stop, ask));
    goal_->Raise(end.place);
    return AllAt(splits, end.ToString());
  }

  // By bytes of the log; as if a file that was left had a gigabyte, the most that one begins with.
  // Of two servers' logs only the transactions tell.
  uint64_t Distance(const Position& position, const Position& end) const override {
    constexpr uint64_t kFileBytes = uint64_t{1} << 30;
    const auto from = ParseMariaPosition(position);
    const auto to = ParseMariaPosition(end);
    if (!from.ok() || !to.ok()) return 0;
    const bool is_one_log = from->place.server == 0 || from->place.server == to->place.server;
    if (!is_one_log || from->place.file.empty()) {
      const bool has_all = from->gtids && to->gtids && from->gtids->Reach(*to->gtids);
      return has_all && from->rows == 0 ? 0 : 1;
    }
    if (!from->place.IsBefore(to->place)) return 0;
    const uint64_t files = to->place.number() - from->place.number();
    const uint64_t bytes = files * kFileBytes + to->place.offset;
    return bytes > from->place.offset ? bytes - from->place.offset : 1;
  }

  Result<std::string> PlaceOf(const Position& position) const override {
    MURMUR_ASSIGN(const MariaPosition parsed, ParseMariaPosition(position));
    return parsed.place.ToBytes();
  }

  Result<std::unique_ptr<RecordStream>> Open(const Split& /*split*/, const Position& after,
                                             const Projection& projection,
                                             std::function<void()> wake,
                                             std::stop_token stop) override {
    MURMUR_ASSIGN(MariaPosition position, ParseMariaPosition(after));
    MURMUR_ASSIGN(MariaTable table, Facts(stop));
    MURMUR_TRY(CheckCascade(table, projection));
    MURMUR_TRY(ModernizePosition(table, projection, stop, &position));
    MURMUR_ASSIGN(MariaRows rows, Rows(std::move(table), projection));
    if (!position.shape.empty() && position.shape != rows.shape()) return IsAnother();
    position.shape = rows.shape();
    {
      const std::lock_guard lock(mutex_);
      opened_ = {.projection = projection, .shape = position.shape};
    }
    return std::unique_ptr<RecordStream>(std::make_unique<MariaChanges>(
        place_, std::move(rows), position, projection.before, goal_, std::move(wake)));
  }

  std::string ObjectOf(const Split& /*split*/) const override { return murmur::ObjectOf(*place_); }

  // Of its log the server removes what is old, also if it was not read.
  Result<std::optional<LogReach>> Reach(const PositionMap& positions,
                                        std::stop_token stop) override {
    const auto it = positions.find(place_->name);
    if (it == positions.end()) return std::optional<LogReach>();
    MURMUR_ASSIGN(const MariaPosition position, ParseMariaPosition(it->second));
    const BinlogPlace& oldest = position.oldest().place;
    const auto ask = [&](MariaConnection& connection) -> Result<std::optional<LogReach>> {
      const bool is_its_log = oldest.server == 0 || oldest.server == connection.server();
      if (!is_its_log || oldest.file.empty()) return std::optional<LogReach>();
      MURMUR_ASSIGN(LogReach reach, reach_.Ask(connection, oldest, stop));
      return std::optional(std::move(reach));
    };
    return AskMaria(place_, stop, ask);
  }

  std::vector<std::string> TakeNotes() override { return notes_.Take(); }

  Status Close() override { return {}; }

 private:
  Result<MariaTable> Facts(const std::stop_token& stop) const {
    const auto ask = [&](MariaConnection& connection) { return ReadMariaTable(connection, stop); };
    return AskMaria(place_, stop, ask);
  }

  Result<MariaRows> Rows(MariaTable table, const Projection& projection) const {
    return MariaRows::Make(murmur::ObjectOf(*place_), std::move(table), projection, row_bytes_max_);
  }

  // Of a position that says less than those that are made now: its server, and the transactions
  // before the place from which reading begins.
  Status ModernizePosition(const MariaTable& table, const Projection& projection,
                           const std::stop_token& stop, MariaPosition* position) const {
    const auto ask = [&](MariaConnection& connection) -> Status {
      if (position->place.server == 0) {
        MariaTable of_server = table;
        of_server.server = connection.server();
        MURMUR_ASSIGN(const MariaRows rows, Rows(std::move(of_server), projection));
        if (!position->shape.empty() && position->shape != rows.shape()) return IsAnother();
        position->shape.clear();
        position->SetServer(connection.server());
      }
      return FindGtids(connection, stop, position);
    };
    return AskMaria(place_, stop, ask);
  }

  // What was prepared earlier (XA) has ended, so that each commit from now on is known.
  Result<MariaPosition> Now(const std::stop_token& stop) {
    const auto ask = [&](MariaConnection& connection) {
      return MariaHandoffNow(connection, "the beginning of its changes", &notes_, stop);
    };
    return AskMaria(place_, stop, ask);
  }

  Status IsAnother() const {
    return Status(
        Code::kFailedPrecondition,
        place_->text +
            ": is not as it was when its changes were read last: another server answers, or its "
            "primary key or a column that the definition names was added, dropped, renamed or "
            "given another type. Begin anew: murmur bootstrap FILE --fresh");
  }

  // A foreign key may have been added since the method was chosen.
  Status CheckCascade(const MariaTable& table, const Projection& projection) const {
    if (!projection.before || table.cascade.empty()) return {};
    return Status(Code::kFailedPrecondition,
                  fmt::format("{}: is kept by cuts, and the log does not have what its foreign key "
                              "{} changes. Begin anew, by a ledger: method: ledger, and murmur "
                              "bootstrap FILE --fresh",
                              place_->text, table.cascade));
  }

  // A change of the table's columns, or of the server's settings, tells no row: it is looked for
  // now and then.
  Status CheckTable(const std::stop_token& stop) {
    std::optional<Opened> opened;
    {
      const std::lock_guard lock(mutex_);
      opened = opened_;
    }
    auto table = Facts(stop);
    if (opened && table.status().code() == Code::kNotFound) {
      return table.status().Annotated("it was there before: was it dropped or renamed?");
    }
    MURMUR_TRY(table.status());
    if (!opened) return {};
    MURMUR_TRY(CheckCascade(*table, opened->projection));
    MURMUR_ASSIGN(const MariaRows rows, Rows(*std::move(table), opened->projection));
    return rows.shape() == opened->shape ? Status() : IsAnother();
  }

  const std::shared_ptr<const MariaPlace> place_;
  const bool starts_now_;
  const uint64_t row_bytes_max_;
  const std::shared_ptr<MariaGoal> goal_ = std::make_shared<MariaGoal>();
  MariaReach reach_{place_};
  SourceNotes notes_;
  steady_clock::time_point check_again_{};

  // What the changes were opened for.
  struct Opened {
    Projection projection;
    std::string shape;
  };
  std::mutex mutex_;
  std::optional<Opened> opened_;  // under mutex_
};

}  // namespace

Result<std::unique_ptr<LiveSource>> MakeMariaLive(const Definition& definition) {
  MURMUR_ASSIGN(auto place, MakeMariaPlace(*TableOf(definition)));
  return std::unique_ptr<LiveSource>(std::make_unique<MariaLive>(
      std::move(place), definition.live.has_value(), definition.max_record_bytes));
}

}  // namespace murmur
