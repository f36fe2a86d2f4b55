#include "source/dynamodb/dynamo_handoff.h"

#include <fmt/format.h>

#include "murmur/key.h"

namespace murmur {
namespace {

// What is exported is as of a moment that is told to the second, by another clock.
constexpr int64_t kExportMarginMillis = 60'000;
constexpr int64_t kMicrosPerMilli = 1000;

std::string TimeText(int64_t millis) { return FormatTime(millis * kMicrosPerMilli); }

Result<DynamoStream> ListOpenStream(const DynamoPlace& place, const DynamoTable& table,
                                    const std::stop_token& stop) {
  MURMUR_TRY(CheckDynamoStream(place, table));
  MURMUR_ASSIGN(DynamoStream stream, DescribeDynamoStream(place, table.stream, stop));
  if (stream.is_enabled && !stream.shards.empty()) return stream;
  return Status(Code::kUnavailable, place.text + ": its stream is being enabled or disabled");
}

}  // namespace

Result<DynamoPosition> DynamoPositionNow(const DynamoPlace& place, const DynamoTable& table,
                                         const std::stop_token& stop) {
  const int64_t now = place.NowMillis();
  MURMUR_ASSIGN(const DynamoStream stream, ListOpenStream(place, table, stop));
  return DynamoPosition{.stream = table.stream, .shards = ShardLineage::Begin(stream.shards, now)};
}

Result<DynamoPosition> DynamoPositionSince(const DynamoPlace& place, const DynamoTable& table,
                                           int64_t exported_at, const std::stop_token& stop) {
  MURMUR_ASSIGN(const DynamoStream stream, ListOpenStream(place, table, stop));
  const int64_t seen_up_to = exported_at - kExportMarginMillis;
  const int64_t now = place.NowMillis();  // after the listing, which may lack what is gone by now
  const auto refused = [&](std::string_view why) {
    return Status(Code::kOutOfRange,
                  fmt::format("{}: the export has its rows as of {}, and {}. Export again, and "
                              "begin within 24 hours; or leave out `export:`, to scan the table",
                              place.text, TimeText(exported_at), why));
  };
  if (seen_up_to < now - kDynamoKeptMillis) {
    return refused("the changes since then are gone: DynamoDB keeps them for 24 hours");
  }
  if (seen_up_to > now) return refused("that is still to come");
  if (exported_at < stream.enabled_at) {
    return refused(
        fmt::format("its stream was enabled later, at {}: the changes between are told "
                    "nowhere",
                    TimeText(stream.enabled_at)));
  }
  return DynamoPosition{.stream = table.stream,
                        .shards = ShardLineage::BeginAll(stream.shards, seen_up_to)};
}

}  // namespace murmur
