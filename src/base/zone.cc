#include "base/zone.h"

#include <cctz/civil_time.h>
#include <cctz/time_zone.h>
#include <cctz/zone_info_source.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>

#include "base/civil_time.h"
#include "murmur/key.h"

namespace murmur {
namespace {

using Seconds = std::chrono::duration<int64_t>;
using Instant = cctz::time_point<Seconds>;

// No clock is as far from UTC; the largest offsets were 16 hours, before there were zones. Source:
// RFC 9636, 3.2
constexpr int64_t kOffsetMax = 26 * 3600;
constexpr int64_t kSecondsPerCycle = 146097 * kSecondsPerDay;  // of 400 years
constexpr int64_t kFirstSecond = -377705116800;  // -9999-01-01: before any change of clocks

// cctz expands repeating rules into a table that ends 400 years after the last explicit entry.
constexpr int64_t kYearOfRepeatMin = 2300;

constexpr std::string_view kMagic = "TZif";
constexpr size_t kHeaderBytes = 44;
constexpr size_t kLeapCountAt = 28;

// The bytes that cctz reads for the present name, on this thread.
thread_local const std::string* reading = nullptr;
constexpr std::string_view kOurPrefix = "murmur:";

class BytesSource final : public cctz::ZoneInfoSource {
 public:
  explicit BytesSource(const std::string& bytes) : rest_(bytes) {}
  size_t Read(void* to, size_t size) override {
    size = std::min(size, rest_.size());
    std::memcpy(to, rest_.data(), size);
    rest_.remove_prefix(size);
    return size;
  }
  int Skip(size_t size) override {
    if (size > rest_.size()) return -1;
    rest_.remove_prefix(size);
    return 0;
  }

 private:
  std::string_view rest_;
};

using Fallback = std::function<std::unique_ptr<cctz::ZoneInfoSource>(const std::string& name)>;
cctz_extension::ZoneInfoSourceFactory others = nullptr;  // of the program with this library

std::unique_ptr<cctz::ZoneInfoSource> MakeSource(const std::string& name,
                                                 const Fallback& fallback) {
  if (!name.starts_with(kOurPrefix)) return others(name, fallback);
  return reading == nullptr ? nullptr : std::make_unique<BytesSource>(*reading);
}

// cctz keeps zones by name for ever, damaged ones too; so each name is unique to its bytes.
bool Load(const std::string& name, const std::string& rules, cctz::time_zone* zone) {
  static std::atomic<uint64_t> loads{0};
  static std::once_flag registered;
  std::call_once(registered, [] {
    others = std::exchange(cctz_extension::zone_info_source_factory, MakeSource);
  });
  reading = &rules;
  const bool loaded = cctz::load_time_zone(fmt::format("{}{}#{}", kOurPrefix, name, ++loads), zone);
  reading = nullptr;
  return loaded;
}

Instant At(int64_t second) { return Instant(Seconds(second)); }

int64_t SecondsOf(const cctz::civil_second& civil) { return civil - cctz::civil_second(); }

// All periods that cctz has, with the offset of each.
std::vector<Zone::Period> PeriodsOf(const cctz::time_zone& zone) {
  std::vector<Zone::Period> periods;
  Zone::Period period{
      .start = INT64_MIN, .end = INT64_MAX, .offset = zone.lookup(At(kFirstSecond)).offset};
  int64_t at = kFirstSecond;
  cctz::time_zone::civil_transition change;
  while (zone.next_transition(At(at), &change)) {
    at = SecondsOf(change.from) - period.offset;
    const int64_t offset = zone.lookup(At(at)).offset;
    if (offset == period.offset) continue;  // another name, or daylight saving of zero hours
    period.end = at;
    periods.push_back(period);
    period = {.start = at, .end = INT64_MAX, .offset = offset};
  }
  periods.push_back(period);
  return periods;
}

int64_t YearBegin(int64_t year) { return DaysFromCivil({year, 1, 1}) * kSecondsPerDay; }

}  // namespace

// Each zone is made once, since what cctz has read stays in memory.
Result<std::shared_ptr<const Zone>> Zone::Make(std::string name, std::string rules) {
  static std::mutex mutex;
  static auto* made =
      new std::map<std::pair<std::string, std::string>, std::shared_ptr<const Zone>>;
  if (name == kUtcName) return Utc();
  const std::lock_guard lock(mutex);
  const auto found = made->find({name, rules});
  if (found != made->end()) return found->second;
  MURMUR_ASSIGN(auto zone, Read(name, rules));
  made->emplace(std::pair(std::move(name), std::move(rules)), zone);
  return zone;
}

Result<std::shared_ptr<const Zone>> Zone::Read(std::string name, std::string rules) {
  const auto refused = [](std::string_view why) {
    return Status(Code::kInvalidArgument, fmt::format("its rules {}", why));
  };
  if (!rules.starts_with(kMagic) || rules.size() < kHeaderBytes) return refused("are no TZif file");
  const std::string_view leaps = std::string_view(rules).substr(kLeapCountAt, sizeof(uint32_t));
  if (leaps.find_first_not_of('\0') != leaps.npos) {
    return refused("count leap seconds, which Unix time has no numbers for");
  }
  cctz::time_zone loaded;
  if (!Load(name, rules, &loaded)) return refused("can't be read: the TZif file is damaged");
  const std::shared_ptr<Zone> zone(new Zone(std::move(name), std::move(rules)));
  zone->periods_ = PeriodsOf(loaded);
  for (const Period& period : zone->periods_) {
    if (std::abs(period.offset) >= kOffsetMax) return refused("are of clocks a day from UTC");
  }
  const Period& last = zone->periods_.back();
  if (last.start != INT64_MIN) {
    const int64_t year = CivilFromDays(civil_internal::FloorDiv(last.start, kSecondsPerDay)).year;
    if (year >= kYearOfRepeatMin) zone->repeats_from_ = YearBegin(year);
  }
  const bool constant = zone->periods_.size() == 1;
  zone->is_utc_ =
      constant && last.offset == 0 && std::string_view(loaded.lookup(At(0)).abbr) == kUtcName;
  return std::shared_ptr<const Zone>(zone);
}

const std::shared_ptr<const Zone>& Zone::Utc() {
  static const std::shared_ptr<const Zone> utc = [] {
    const std::shared_ptr<Zone> zone(new Zone(std::string(kUtcName), ""));
    zone->is_utc_ = true;
    zone->periods_ = {{.start = INT64_MIN, .end = INT64_MAX, .offset = 0}};
    return zone;
  }();
  return utc;
}

Zone::Period Zone::PeriodAt(int64_t second) const noexcept {
  int64_t shift = 0;
  if (second >= repeats_from_) {
    shift = ((second - repeats_from_) / kSecondsPerCycle + 1) * kSecondsPerCycle;
  }
  const auto after =
      std::upper_bound(periods_.begin(), periods_.end(), second - shift,
                       [](int64_t wanted, const Period& period) { return wanted < period.start; });
  Period period = *(after - 1);
  if (shift == 0) {
    period.end = std::min(period.end, repeats_from_);
    return period;
  }
  // A period of the repeating cycle, moved to the requested time.
  period.start = std::max(period.start, repeats_from_ - kSecondsPerCycle) + shift;
  period.end = std::min(period.end, repeats_from_) + shift;
  return period;
}

// A local second differs from its second by less than kOffsetMax, so periods more than twice as far
// away don't matter.
int64_t Zone::GreatestLocalUntil(int64_t second) const noexcept {
  Period period = PeriodAt(second);
  int64_t greatest = second + period.offset;
  while (period.start > second - 2 * kOffsetMax) {
    const int64_t last = period.start - 1;
    period = PeriodAt(last);
    greatest = std::max(greatest, last + period.offset);
  }
  return greatest;
}

int64_t Zone::LeastLocalFrom(int64_t second) const noexcept {
  Period period = PeriodAt(second);
  int64_t least = second + period.offset;
  while (period.end < second + 2 * kOffsetMax) {
    const int64_t first = period.end;
    period = PeriodAt(first);
    least = std::min(least, first + period.offset);
  }
  return least;
}

int64_t Zone::FirstAtOrAfter(int64_t local) const noexcept {
  for (Period period = PeriodAt(local - kOffsetMax);; period = PeriodAt(period.end)) {
    const int64_t second = local - period.offset;
    if (second < period.end) return std::max(second, period.start);
  }
}

int64_t Zone::EndBefore(int64_t local) const noexcept {
  for (Period period = PeriodAt(local + kOffsetMax);; period = PeriodAt(period.start - 1)) {
    const int64_t second = local - period.offset;
    if (second > period.start) return std::min(second, period.end);
  }
}

int64_t Zone::FirstDifference(const Zone& other, int64_t from, int64_t until) const noexcept {
  for (int64_t second = from; second < until;) {
    const Period ours = PeriodAt(second);
    const Period theirs = other.PeriodAt(second);
    if (ours.offset != theirs.offset) return second;
    second = std::min(ours.end, theirs.end);
  }
  return until;
}

std::string FormatTimeIn(const Zone& zone, int64_t micros) {
  if (zone.is_utc() || IsInfiniteTime(micros)) return FormatTime(micros);
  const int64_t second = civil_internal::FloorDiv(micros, kMicrosPerSecond);
  const int64_t offset = zone.PeriodAt(second).offset;
  std::string text = FormatTime(SaturateTime(Int128{micros} + Int128{offset} * kMicrosPerSecond));
  if (text.back() != 'Z') return FormatTime(micros);  // the last possible time
  text.pop_back();
  const int64_t size = std::abs(offset);
  text += fmt::format("{}{:02}:{:02}", offset < 0 ? '-' : '+', size / 3600, size / 60 % 60);
  if (size % 60 != 0) text += fmt::format(":{:02}", size % 60);
  return text;
}

}  // namespace murmur
