#include "source/dynamodb/dynamo_live.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>

#include "source/dynamodb/dynamo_changes.h"
#include "source/dynamodb/dynamo_client.h"
#include "source/dynamodb/dynamo_handoff.h"
#include "source/dynamodb/dynamo_position.h"
#include "source/single_stream.h"

namespace murmur {
namespace {

constexpr int64_t kMicrosPerMilli = 1000;

// A table's changes are one split, whatever shards its stream has: these come and go every few
// hours.
class DynamoLive final : public LiveSource {
 public:
  // `alone`: no scan comes before it.
  DynamoLive(std::shared_ptr<const DynamoPlace> place, bool alone, const DynamoLiveOptions& options)
      : place_(std::move(place)), alone_(alone), options_(options) {}

  std::string_view Name() const noexcept override { return place_->name; }

  Result<HandoffToken> HandoffNow(std::stop_token stop) override {
    MURMUR_ASSIGN(const DynamoPosition position, Now(stop));
    return SingleStreamHandoff(place_->name, position.ToString());
  }

  Result<std::vector<Split>> Splits(std::stop_token stop) override {
    MURMUR_TRY(Check(stop));
    return std::vector<Split>{Split{.id = place_->name, .bytes = 0, .payload = "{}"}};
  }

  Result<PositionMap> Begin(const std::vector<Split>& splits, const HandoffToken& token,
                            std::stop_token stop) override {
    const auto start = [&]() -> Result<Position> {
      MURMUR_ASSIGN(const DynamoPosition position, Now(stop));
      return position.ToString();
    };
    return BeginSingleStream(place_->name, place_->text, splits, token, alone_, start);
  }

  Result<PositionMap> Ends(const std::vector<Split>& splits, std::stop_token stop) override {
    MURMUR_TRY(Check(stop));
    const int64_t now = place_->NowMillis();
    MURMUR_ASSIGN(const DynamoStream stream, DescribeDynamoStream(*place_, table_->stream, stop));
    goal_->store(now);
    return AllAt(splits, EndOf(table_->stream, now, stream.shards).ToString());
  }

  uint64_t Distance(const Position& position, const Position& end) const override {
    return DynamoDistance(position, end);
  }
  bool IsSure(const Position& position, const Position& end) const override {
    return HasSurelyReached(position, end);
  }

  Result<std::unique_ptr<RecordStream>> Open(const Split& /*split*/, const Position& after,
                                             const Projection& projection,
                                             std::function<void()> wake,
                                             std::stop_token stop) override {
    MURMUR_TRY(Check(stop));
    MURMUR_ASSIGN(DynamoPosition position, ParseDynamoPosition(after));
    MURMUR_TRY(CheckPosition(position));
    return std::unique_ptr<RecordStream>(std::make_unique<DynamoChanges>(
        place_, table_->key, std::move(position), projection,
        DynamoChangesOptions{.wake = std::move(wake),
                             .row_bytes_max = options_.row_bytes_max,
                             .pace = options_.pace,
                             .goal = goal_}));
  }

  Result<std::optional<LogReach>> Reach(const PositionMap& positions,
                                        std::stop_token /*stop*/) override {
    const auto it = positions.find(place_->name);
    if (it == positions.end()) return std::optional<LogReach>();
    MURMUR_ASSIGN(const DynamoPosition position, ParseDynamoPosition(it->second));
    const int64_t now = place_->NowMillis();
    int64_t read_up_to = now;
    for (const std::string& shard : position.shards.Readable()) {
      const int64_t time = position.shards.reading().at(shard).read_up_to();
      if (time != 0) read_up_to = std::min(read_up_to, time);
    }
    LogReach reach;
    reach.times = {.oldest = (now - kDynamoKeptMillis) * kMicrosPerMilli,
                   .read_up_to = read_up_to * kMicrosPerMilli,
                   .now = now * kMicrosPerMilli};
    reach.remedy =
        "DynamoDB keeps changes for 24 hours, and no longer: give the run more threads or memory; "
        "else begin anew: murmur bootstrap FILE --fresh";
    return std::optional<LogReach>(std::move(reach));
  }

  Status Close() override { return {}; }

 private:
  // The table, once: that it is there, and that its stream can be followed.
  Status Check(const std::stop_token& stop) {
    if (table_) return {};
    MURMUR_ASSIGN(DynamoTable table, DescribeDynamoTable(*place_, stop));
    MURMUR_TRY(CheckDynamoStream(*place_, table));
    table_ = std::move(table);
    return {};
  }

  Result<DynamoPosition> Now(const std::stop_token& stop) {
    MURMUR_TRY(Check(stop));
    return DynamoPositionNow(*place_, *table_, stop);
  }

  Status CheckPosition(const DynamoPosition& position) const {
    if (position.stream == table_->stream) return {};
    return Status(Code::kFailedPrecondition,
                  fmt::format("{}: its stream was disabled and enabled again: the changes "
                              "between {} and {} are told nowhere. Begin anew: murmur bootstrap "
                              "FILE --fresh",
                              place_->text, position.stream, table_->stream));
  }

  const std::shared_ptr<const DynamoPlace> place_;
  const bool alone_;
  const DynamoLiveOptions options_;
  std::optional<DynamoTable> table_;
  // ms: somebody waits until what was made up to then is read.
  const std::shared_ptr<std::atomic<int64_t>> goal_ = std::make_shared<std::atomic<int64_t>>(0);
};

}  // namespace

Result<std::unique_ptr<LiveSource>> MakeDynamoLive(const Definition& definition) {
  return MakeDynamoLive(definition, {.row_bytes_max = definition.max_record_bytes});
}

Result<std::unique_ptr<LiveSource>> MakeDynamoLive(const Definition& definition,
                                                   const DynamoLiveOptions& options) {
  MURMUR_ASSIGN(auto place, MakeDynamoPlace(*TableOf(definition)));
  return std::unique_ptr<LiveSource>(
      std::make_unique<DynamoLive>(std::move(place), definition.live.has_value(), options));
}

}  // namespace murmur
