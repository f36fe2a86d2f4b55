#include "source/kafka/kafka_position.h"

#include <fmt/format.h>

#include <charconv>

namespace murmur {
namespace {

// Takes a number off the front of *text. False: there is none.
template <class Number>
bool TakeNumber(std::string_view* text, Number* number, int base = 10) {
  const auto [end, error] =
      std::from_chars(text->data(), text->data() + text->size(), *number, base);
  if (error != std::errc()) return false;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return true;
}

bool TakeChar(std::string_view* text, char c) {
  if (!text->starts_with(c)) return false;
  text->remove_prefix(1);
  return true;
}

bool Parse(std::string_view text, KafkaPosition* position) {
  if (!TakeNumber(&text, &position->next) || position->next < 0) return false;
  if (text.empty()) return true;
  KafkaRecordMark& last = position->last.emplace();
  return TakeChar(&text, '@') && TakeNumber(&text, &last.offset) && TakeChar(&text, ':') &&
         TakeNumber(&text, &last.hash, 16) && text.empty() && last.offset >= 0 &&
         last.offset < position->next;
}

}  // namespace

Position KafkaPosition::ToString() const {
  if (!last) return std::to_string(next);
  return fmt::format("{}@{}:{:016x}", next, last->offset, last->hash);
}

Result<KafkaPosition> ParseKafkaPosition(const Position& text) {
  KafkaPosition position;
  if (text.empty() || Parse(text, &position)) return position;
  return Status(Code::kInvalidArgument,
                fmt::format("'{}' is no position in a Kafka partition; expected an offset", text));
}

}  // namespace murmur
