#include "source/mongo/mongo_live.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "base/civil_time.h"
#include "base/time_text.h"
#include "source/mongo/mongo_changes.h"
#include "source/mongo/mongo_client.h"
#include "source/mongo/mongo_position.h"
#include "source/single_stream.h"

namespace murmur {
namespace {

constexpr std::string_view kStartNow = "now";

// A collection's changes are one split, since there is one oplog.
class MongoLive final : public LiveSource {
 public:
  // `start`: where changes begin if no scan comes before them; empty: a scan must come before them.
  MongoLive(std::shared_ptr<MongoClients> clients, std::optional<std::string> start,
            uint64_t row_bytes_max)
      : clients_(std::move(clients)),
        place_(clients_->place()),
        start_(std::move(start)),
        row_bytes_max_(row_bytes_max) {}

  std::string_view Name() const noexcept override { return place_.name; }

  Result<HandoffToken> HandoffNow(std::stop_token stop) override {
    MURMUR_ASSIGN(const ClusterTime time, Now(stop));
    return MongoHandoff(place_, time);
  }

  Result<std::vector<Split>> Splits(std::stop_token stop) override {
    if (!checked_) {
      const auto ask = [](const MongoClient& client) -> Result<MongoCollectionFacts> {
        MURMUR_TRY(client.OperationTime());
        return client.Facts();
      };
      const auto facts = MongoClients::Ask<MongoCollectionFacts>(clients_, stop, ask);
      if (facts.status().code() == Code::kNotFound) {
        return Status(Code::kNotFound,
                      std::string(facts.status().message()) +
                          ". If it was dropped, a state of it ends there; begin anew once there is "
                          "one again: murmur bootstrap FILE --fresh");
      }
      MURMUR_TRY(facts.status());
      checked_ = true;
    }
    return std::vector<Split>{Split{.id = place_.name, .bytes = 0, .payload = "{}"}};
  }

  Result<PositionMap> Begin(const std::vector<Split>& splits, const HandoffToken& token,
                            std::stop_token stop) override {
    const auto start = [&]() -> Result<Position> {
      MURMUR_ASSIGN(const ClusterTime time, StartTime(stop));
      return MongoPosition{.through = time}.ToString();
    };
    return BeginSingleStream(place_.name, place_.text, splits, token, start_.has_value(), start);
  }

  Result<PositionMap> Ends(const std::vector<Split>& splits, std::stop_token stop) override {
    MURMUR_ASSIGN(const ClusterTime time, Now(stop));
    goal_->store(time);
    return AllAt(splits, MongoPosition{.through = time}.ToString());
  }

  // The increment counts writes to the server within one second. The number of writes in earlier
  // seconds is unknown.
  uint64_t Distance(const Position& position, const Position& end) const override {
    const auto from = ParseMongoPosition(position);
    const auto to = ParseMongoPosition(end);
    if (!from.ok() || !to.ok() || from->through >= to->through) return 0;
    const uint64_t seconds = SecondsOf(to->through) - SecondsOf(from->through);
    const uint64_t written = IncrementOf(to->through);
    return seconds > 0 ? seconds + written : written - IncrementOf(from->through);
  }

  Result<std::string> PlaceOf(const Position& position) const override {
    MURMUR_ASSIGN(const MongoPosition parsed, ParseMongoPosition(position));
    return murmur::PlaceOf(parsed.through);
  }

  Result<std::unique_ptr<RecordStream>> Open(const Split& /*split*/, const Position& after,
                                             const Projection& projection,
                                             std::function<void()> wake,
                                             std::stop_token /*stop*/) override {
    MURMUR_ASSIGN(const MongoPosition position, ParseMongoPosition(after));
    return std::unique_ptr<RecordStream>(std::make_unique<MongoChanges>(
        clients_->shared_place(), position, projection,
        MongoChangesOptions{
            .wake = std::move(wake), .row_bytes_max = row_bytes_max_, .goal = goal_}));
  }

  Result<std::optional<LogReach>> Reach(const PositionMap& positions,
                                        std::stop_token stop) override {
    const auto it = positions.find(place_.name);
    if (it == positions.end()) return std::optional<LogReach>();
    MURMUR_ASSIGN(const MongoPosition position, ParseMongoPosition(it->second));
    const auto ask = [](const MongoClient& client) -> Result<LogReach::Times> {
      MURMUR_ASSIGN(const ClusterTime oldest, client.OldestInOplog());
      MURMUR_ASSIGN(const ClusterTime now, client.OperationTime());
      return LogReach::Times{.oldest = MicrosOf(oldest), .now = MicrosOf(now)};
    };
    LogReach reach;
    MURMUR_ASSIGN(reach.times, MongoClients::Ask<LogReach::Times>(clients_, stop, ask));
    reach.times->read_up_to = MicrosOf(position.through);
    const int64_t hours = (reach.times->now - reach.times->oldest) / kMicrosPerHour + 1;
    reach.remedy = fmt::format(
        "Make the oplog longer: db.adminCommand({{replSetResizeOplog: 1, minRetentionHours: {}}})",
        std::max(kRetentionHoursMin, 2 * hours));
    return std::optional<LogReach>(std::move(reach));
  }

  Status Close() override { return {}; }

 private:
  static constexpr int64_t kRetentionHoursMin = 24;

  static int64_t MicrosOf(ClusterTime time) { return int64_t{SecondsOf(time)} * kMicrosPerSecond; }

  Result<ClusterTime> Now(const std::stop_token& stop) const {
    const auto ask = [](const MongoClient& client) { return client.OperationTime(); };
    return MongoClients::Ask<ClusterTime>(clients_, stop, ask);
  }

  // Everything up to it is left out.
  Result<ClusterTime> StartTime(const std::stop_token& stop) const {
    if (*start_ == kStartNow) return Now(stop);
    const auto micros = ParseEventTime(*start_);
    if (!micros || *micros <= 0 || *micros / kMicrosPerSecond > UINT32_MAX) {
      return Status(Code::kInvalidArgument,
                    place_.text + ": start: " + *start_ + " is no time of a change");
    }
    // Changes within the first second count.
    return MakeClusterTime(static_cast<uint32_t>(*micros / kMicrosPerSecond), 0) - 1;
  }

  const std::shared_ptr<MongoClients> clients_;
  const MongoPlace& place_;
  const std::optional<std::string> start_;
  const uint64_t row_bytes_max_;
  const std::shared_ptr<std::atomic<ClusterTime>> goal_ =
      std::make_shared<std::atomic<ClusterTime>>(0);
  bool checked_ = false;  // the collection can be followed
};

std::optional<std::string> StartOf(const Definition& definition) {
  if (!definition.live) return std::nullopt;
  const auto start = definition.live->options.find("start");
  return start == definition.live->options.end() ? std::string(kStartNow) : start->second;
}

}  // namespace

Result<std::unique_ptr<LiveSource>> MakeMongoLive(const Definition& definition) {
  MURMUR_ASSIGN(auto clients, MongoClients::Make(*TableOf(definition)));
  return std::unique_ptr<LiveSource>(std::make_unique<MongoLive>(
      std::move(clients), StartOf(definition), definition.max_record_bytes));
}

}  // namespace murmur
