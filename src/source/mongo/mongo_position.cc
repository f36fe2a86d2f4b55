#include "source/mongo/mongo_position.h"

#include <fmt/format.h>

#include <cstring>

#include "base/big_endian.h"
#include "base/take_text.h"
#include "source/single_stream.h"

namespace murmur {
namespace {

constexpr char kData[] = "_data";

bool Parse(std::string_view text, MongoPosition* position) {
  uint32_t seconds = 0;
  uint32_t increment = 0;
  if (!TakeNumber(&text, &seconds) || !TakeChar(&text, '.') || !TakeNumber(&text, &increment)) {
    return false;
  }
  position->through = MakeClusterTime(seconds, increment);
  if (text.empty()) return true;
  if (!TakeChar(&text, '@') || text.empty()) return false;
  position->token = text;
  return true;
}

// The _data of a token; empty: it has no text there.
std::string_view DataOf(const bson_t* token) {
  bson_iter_t data;
  if (!bson_iter_init_find(&data, token, kData) || !BSON_ITER_HOLDS_UTF8(&data)) return {};
  uint32_t size = 0;
  const char* text = bson_iter_utf8(&data, &size);
  return {text, size};
}

}  // namespace

Position MongoPosition::ToString() const {
  return fmt::format("{}.{}{}{}", SecondsOf(through), IncrementOf(through),
                     token.empty() ? "" : "@", token);
}

Result<MongoPosition> ParseMongoPosition(const Position& text) {
  MongoPosition position;
  if (Parse(text, &position)) return position;
  return Status(Code::kInvalidArgument,
                fmt::format("'{}' is no position in a collection's changes; expected a cluster "
                            "time such as 1700000000.5",
                            text));
}

// Servers before 6.0, and keys with certain numbers, have a second member, which matters too.
std::string ResumeTokenText(const bson_t* token) {
  const std::string_view data = DataOf(token);
  if (!data.empty() && bson_count_keys(token) == 1) return std::string(data);
  const BsonText json(bson_as_canonical_extended_json(token, nullptr));
  return json.get();
}

Result<BsonDocument> ParseResumeToken(std::string_view text) {
  if (!text.starts_with('{')) {
    BsonDocument token;
    bson_append_utf8(token.get(), kData, static_cast<int>(std::strlen(kData)), text.data(),
                     static_cast<int>(text.size()));
    return token;
  }
  bson_error_t error;
  bson_t* parsed = bson_new_from_json(reinterpret_cast<const uint8_t*>(text.data()),
                                      static_cast<ssize_t>(text.size()), &error);
  if (parsed != nullptr) return BsonDocument(parsed);
  return Status(Code::kInvalidArgument,
                fmt::format("'{}' is no resume token: {}", text, error.message));
}

// Source: ResumeTokenData in the MongoDB server: a KeyString whose first value is a timestamp.
Result<ClusterTime> ResumeTokenTime(const bson_t* token) {
  constexpr std::string_view kTimestamp = "82";
  constexpr size_t kDigits = 8;
  std::string_view data = DataOf(token);
  uint32_t seconds = 0;
  uint32_t increment = 0;
  if (data.size() >= kTimestamp.size() + 2 * kDigits && data.starts_with(kTimestamp)) {
    std::string_view first = data.substr(kTimestamp.size(), kDigits);
    std::string_view second = data.substr(kTimestamp.size() + kDigits, kDigits);
    if (TakeNumber(&first, &seconds, 16) && first.empty() && TakeNumber(&second, &increment, 16) &&
        second.empty()) {
      return MakeClusterTime(seconds, increment);
    }
  }
  return Status(Code::kInvalidArgument,
                fmt::format("'{}' is no resume token of a change stream", data));
}

HandoffToken MongoHandoff(const MongoPlace& place, ClusterTime time) {
  return SingleStreamHandoff(place.name, MongoPosition{.through = time}.ToString());
}

std::string PlaceOf(ClusterTime time) {
  std::string place;
  AppendBigEndian(time, &place);
  return place;
}

}  // namespace murmur
