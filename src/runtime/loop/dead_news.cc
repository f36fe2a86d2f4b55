#include "runtime/loop/dead_news.h"

#include <fmt/format.h>

#include <string_view>

#include "base/shown.h"

namespace murmur {
namespace {

// Reason and field. If the reason is about a field, the detail begins with it.
std::string KindOf(const DeadLetter& letter) {
  std::string kind(DeadReasonName(letter.reason));
  switch (letter.reason) {
    case DeadReason::kMissingKey:
    case DeadReason::kWrongType:
    case DeadReason::kBadTime:
    case DeadReason::kNumberOverflow:
    case DeadReason::kExpression: {
      const std::string_view detail = letter.detail;
      kind.append(" ").append(detail.substr(0, detail.find_first_of(":;'")));
      break;
    }
    default: break;
  }
  return kind;
}

}  // namespace

void DeadNews::Note(std::span<const DeadLetter> letters) {
  for (const DeadLetter& letter : letters) {
    {
      const std::lock_guard lock(mutex_);
      if (kinds_.size() >= kKindsMax || !kinds_.insert(KindOf(letter)).second) continue;
    }
    tell_(
        fmt::format("dead letter, {}: {}: {}. {}More of this kind are only counted; see "
                    "dead-letters.jsonl in {}",
                    DeadReasonName(letter.reason), PlaceOf(letter), letter.detail,
                    RemedyFor(letter.reason), state_place_));
  }
}

std::string PlaceOf(const DeadLetter& letter) {
  return letter.object + " at " + (letter.id.empty() ? std::to_string(letter.offset) : letter.id);
}

std::string RemedyFor(DeadReason reason) {
  switch (reason) {
    case DeadReason::kUndecodable: return "Is the source's `format:` right? ";
    case DeadReason::kWrongType:
      return "Convert it in the expression, or leave such records out by `where:`. ";
    case DeadReason::kFutureTime: return "`max_ahead:` allows for more. ";
    case DeadReason::kTooLong: return "`max_record:` allows for more. ";
    case DeadReason::kExpression: return "Leave such records out by `where:`. ";
    case DeadReason::kInvalidUtf8: return "Names and texts must be UTF-8. ";
    case DeadReason::kTruncated:
    case DeadReason::kCorrupt: return "Is the object whole? ";
    case DeadReason::kMissingKey:
    case DeadReason::kBadTime:
    case DeadReason::kNumberOverflow:
    case DeadReason::kChanged: return "";  // their details say it
  }
  return "";
}

}  // namespace murmur
