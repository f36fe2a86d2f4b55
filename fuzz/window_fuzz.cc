// Any window, in zones whose clocks change oddly, at any instants: what its buckets say of each
// other holds. A length of time that can be read is written so that it is read again as itself.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/civil_time.h"
#include "base/zone_database.h"
#include "definition/units.h"
#include "murmur/window.h"

namespace {

using murmur::BucketRule;
using murmur::CalendarUnit;
using murmur::Zone;

void Require(bool holds) {
  if (!holds) std::abort();
}

const std::vector<std::shared_ptr<const Zone>>& Zones() {
  static const auto zones = [] {
    std::vector<std::shared_ptr<const Zone>> loaded;
    for (const char* name :
         {"UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Pacific/Apia",
          "Pacific/Kwajalein", "America/Juneau", "Asia/Manila", "Africa/Casablanca",
          "Africa/Monrovia", "America/Sao_Paulo", "Australia/Lord_Howe", "Antarctica/Troll"}) {
      loaded.push_back(*murmur::SystemZone(name));
    }
    return loaded;
  }();
  return zones;
}

// Takes numbers off the input; zeros after its end.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool empty() const { return size_ == 0; }
  uint64_t Take(size_t bytes) {
    uint64_t value = 0;
    const size_t taken = std::min(bytes, size_);
    std::memcpy(&value, data_, taken);
    data_ += taken;
    size_ -= taken;
    return value;
  }
  // Of an event time.
  int64_t TakeTime() {
    const auto span = static_cast<uint64_t>(murmur::kEventTimeMax - murmur::kEventTimeMin);
    return murmur::kEventTimeMin + static_cast<int64_t>(Take(8) % span);
  }

 private:
  const uint8_t* data_;
  size_t size_;
};

BucketRule TakeRule(Input* input) {
  BucketRule rule;
  rule.zone = Zones()[input->Take(1) % Zones().size()];
  rule.unit = static_cast<CalendarUnit>(input->Take(1) % 7);
  if (!rule.calendar()) {
    rule.every = 1 + static_cast<int64_t>(input->Take(4));
    rule.offset = static_cast<int64_t>(input->Take(4)) % rule.every;
  }
  rule.keep = {.months = static_cast<int64_t>(input->Take(1)),
               .rest = std::chrono::seconds(input->Take(2) * 86400)};
  return rule;
}

void CheckAt(const BucketRule& rule, murmur::BucketFinder* finder, int64_t micros) {
  const int64_t bucket = rule.Bucket(micros);
  Require(finder->Find(micros) == bucket);
  const int64_t start = rule.StartMicros(bucket);
  const int64_t end = rule.EndMicros(bucket);
  Require(start <= micros && micros < end);
  Require(rule.Bucket(start) == bucket && rule.Bucket(end - 1) == bucket);
  Require(rule.Bucket(start - 1) != bucket && rule.Bucket(end) != bucket);
  Require(rule.GreatestBucketUntil(micros) >= bucket && rule.LeastBucketFrom(micros) <= bucket);
  Require(rule.BucketFrom({.micros = micros}) <= bucket);
  Require(rule.BucketUntil({.micros = micros + 1}) > bucket);
  const auto first = rule.FirstOfLast(*rule.keep, bucket, micros);
  Require(first <= bucket + 1);
  Require(rule.FirstKept(micros) <= rule.GreatestBucketUntil(micros));
  Require(!rule.FormatStart(bucket).empty());
}

// `earlier` is not later than `later`.
void CheckOrder(const BucketRule& rule, int64_t earlier, int64_t later) {
  Require(rule.FirstKept(earlier) <= rule.FirstKept(later));
  Require(rule.GreatestBucketUntil(earlier) <= rule.GreatestBucketUntil(later));
  Require(rule.LeastBucketFrom(earlier) <= rule.LeastBucketFrom(later));
}

void CheckLength(std::string_view text) {
  const auto length = murmur::ParseTimeLength(text);
  if (!length) return;
  Require(murmur::ParseTimeLength(murmur::FormatTimeLength(*length)) == length);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  CheckLength({reinterpret_cast<const char*>(data), size});
  Input input(data, size);
  const BucketRule rule = TakeRule(&input);
  murmur::BucketFinder finder(&rule);
  int64_t last = input.TakeTime();
  CheckAt(rule, &finder, last);
  while (!input.empty()) {
    // Far away, or within some hours.
    const bool near = input.Take(1) % 2 == 0;
    const int64_t away = static_cast<int64_t>(input.Take(5)) % (3 * murmur::kMicrosPerDay);
    const int64_t micros = near ? std::min(last + away, murmur::kEventTimeMax) : input.TakeTime();
    CheckAt(rule, &finder, micros);
    CheckOrder(rule, std::min(last, micros), std::max(last, micros));
    last = micros;
  }
  return 0;
}
