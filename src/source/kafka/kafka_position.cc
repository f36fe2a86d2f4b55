#include "source/kafka/kafka_position.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/take_text.h"

namespace murmur {
namespace {

// As librdkafka writes it: 16 bytes in base64.
constexpr size_t kTopicIdBytes = 22;

bool IsTopicId(std::string_view text) {
  return text.size() == kTopicIdBytes && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                  c == '+' || c == '/' || c == '-' || c == '_';
         });
}

bool Parse(std::string_view text, KafkaPosition* position) {
  if (!TakeNumber(&text, &position->next) || position->next < 0) return false;
  if (text.empty()) return true;
  KafkaRecordMark& last = position->last.emplace();
  if (!TakeChar(&text, '@') || !TakeNumber(&text, &last.offset) || !TakeChar(&text, ':') ||
      !TakeNumber(&text, &last.hash, 16) || last.offset < 0 || last.offset >= position->next) {
    return false;
  }
  if (text.empty()) return true;
  if (!TakeChar(&text, ':') || !IsTopicId(text)) return false;
  position->topic_id = text;
  return true;
}

}  // namespace

Position KafkaPosition::ToString() const {
  if (!last) return std::to_string(next);
  return fmt::format("{}@{}:{:016x}{}{}", next, last->offset, last->hash,
                     topic_id.empty() ? "" : ":", topic_id);
}

Result<KafkaPosition> ParseKafkaPosition(const Position& text) {
  KafkaPosition position;
  if (text.empty() || Parse(text, &position)) return position;
  return Status(Code::kInvalidArgument,
                fmt::format("'{}' is no position in a Kafka partition; expected an offset", text));
}

}  // namespace murmur
