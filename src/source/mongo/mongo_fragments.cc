#include "source/mongo/mongo_fragments.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>

namespace murmur {
namespace {

constexpr char kToken[] = "_id";
constexpr char kSplitEvent[] = "splitEvent";

struct Part {
  int64_t number = 0;  // from 1
  int64_t of = 0;
};

// Empty: the event is a whole change.
std::optional<Part> PartOf(const bson_t* event) {
  bson_iter_t split;
  if (!bson_iter_init_find(&split, event, kSplitEvent)) return std::nullopt;
  const auto number = [&](const char* name) -> int64_t {
    bson_iter_t in;
    const bool found = BSON_ITER_HOLDS_DOCUMENT(&split) && bson_iter_recurse(&split, &in) &&
                       bson_iter_find(&in, name);
    return found ? bson_iter_as_int64(&in) : 0;
  };
  return Part{.number = number("fragment"), .of = number("of")};
}

}  // namespace

Status MongoFragments::Add(const bson_t* event, const bson_t** change) {
  *change = nullptr;
  const auto part = PartOf(event);
  const bool is_next = part ? part->number == count_ + 1 && part->number <= part->of : count_ == 0;
  if (!is_next) {
    return Status(
        Code::kDataLoss,
        fmt::format("a change came in pieces, and after {} of them came another", count_));
  }
  if (!part) {
    *change = event;
    return {};
  }
  if (count_++ == 0) bson_reinit(whole_.get());
  const bool is_last = part->number == part->of;
  bson_iter_t field;
  bson_iter_init(&field, event);
  while (bson_iter_next(&field)) {
    const std::string_view name = bson_iter_key(&field);
    if (name == kSplitEvent || (name == kToken && !is_last)) continue;
    bson_append_iter(whole_.get(), nullptr, 0, &field);
  }
  if (!is_last) return {};
  count_ = 0;
  *change = whole_.get();
  return {};
}

}  // namespace murmur
