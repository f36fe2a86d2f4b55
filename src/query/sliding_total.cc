#include "query/sliding_total.h"

#include <array>
#include <utility>

namespace murmur {

void SlidingTotal::Add(int64_t bucket, std::string_view value) {
  if (back_.empty()) {
    back_total_ = value;
  } else {
    std::string total;
    damaged_ = !Combine(back_total_, value, &total) || damaged_;
    back_total_ = std::move(total);
  }
  back_.push_back({.bucket = bucket, .value = std::string(value)});
}

void SlidingTotal::DropBefore(int64_t bucket) {
  while (!front_.empty() && front_.back().bucket < bucket) front_.pop_back();
  if (!front_.empty() || back_.empty() || back_.front().bucket >= bucket) return;
  Turn();
  while (!front_.empty() && front_.back().bucket < bucket) front_.pop_back();
}

void SlidingTotal::Turn() {
  while (!back_.empty()) {
    One one = std::move(back_.back());
    back_.pop_back();
    if (!front_.empty()) {
      std::string total;
      damaged_ = !Combine(one.value, front_.back().value, &total) || damaged_;
      one.value = std::move(total);
    }
    front_.push_back(std::move(one));
  }
}

bool SlidingTotal::Total(std::string* total) const {
  if (damaged_) return false;
  if (front_.empty()) {
    *total = back_total_;
    return true;
  }
  if (back_.empty()) {
    *total = front_.back().value;
    return true;
  }
  return Combine(front_.back().value, back_total_, total);
}

bool SlidingTotal::Combine(std::string_view a, std::string_view b, std::string* out) const {
  const std::array values = {a, b};
  return CombineValues(monoids_, values, out);
}

}  // namespace murmur
