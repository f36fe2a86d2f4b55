// Directories that are a date: "year=2026/month=03/day=01/hour=05", "dt=2026-03-01/hour=05" and
// "2026/03/01".
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "base/civil_time.h"
#include "base/time_text.h"
#include "source/archive/names.h"

namespace murmur::archive {
namespace {

enum class Unit { kMonth, kDay, kHour, kMinute };

struct PathInstant {
  int64_t from_us = 0;
  Unit unit = Unit::kDay;
  int64_t next_month_us = 0;  // under kMonth
};

// The number of "month=03"; -1: another key, or no number of one or two digits.
int64_t TakeNumber(std::span<const std::string_view>* directories, std::string_view key) {
  if (directories->empty() || !directories->front().starts_with(key)) return -1;
  const std::string_view value = directories->front().substr(key.size());
  int64_t number;
  if (value.size() > 2 || !ParseOffset(value, &number)) return -1;
  *directories = directories->subspan(1);
  return number;
}

std::optional<int64_t> InstantOf(int64_t year, int64_t month, int64_t day, int64_t hour,
                                 int64_t minute) {
  int64_t micros;
  const std::string text =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:00", year, month, day, hour, minute);
  if (!TimeParser().Parse(text, &micros)) return std::nullopt;
  return micros;
}

bool ParseYear(std::string_view text, int64_t* year) {
  return text.size() == 4 && ParseOffset(text, year);
}

// year=2026/month=03[/day=01[/hour=05[/minute=30]]]
std::optional<PathInstant> ParseNamedParts(std::span<const std::string_view> directories) {
  constexpr std::string_view kYear = "year=";
  int64_t year;
  if (!directories.front().starts_with(kYear) ||
      !ParseYear(directories.front().substr(kYear.size()), &year)) {
    return std::nullopt;
  }
  directories = directories.subspan(1);
  const int64_t month = TakeNumber(&directories, "month=");
  const int64_t day = month < 0 ? -1 : TakeNumber(&directories, "day=");
  const int64_t hour = day < 0 ? -1 : TakeNumber(&directories, "hour=");
  const int64_t minute = hour < 0 ? -1 : TakeNumber(&directories, "minute=");
  if (month < 0) return std::nullopt;
  const auto from = InstantOf(year, month, day < 0 ? 1 : day, std::max<int64_t>(hour, 0),
                              std::max<int64_t>(minute, 0));
  if (!from) return std::nullopt;
  PathInstant instant{.from_us = *from};
  instant.unit = day < 0 ? Unit::kMonth : hour < 0 ? Unit::kDay : Unit::kHour;
  if (minute >= 0) instant.unit = Unit::kMinute;
  const auto next = InstantOf(year + month / 12, month % 12 + 1, 1, 0, 0);
  if (!next) return std::nullopt;
  instant.next_month_us = *next;
  return instant;
}

// dt=2026-03-01[/hour=05]
std::optional<PathInstant> ParseDate(std::span<const std::string_view> directories) {
  for (const std::string_view key : {"dt=", "date=", "ds=", "day="}) {
    if (!directories.front().starts_with(key)) continue;
    const std::string_view date = directories.front().substr(key.size());
    PathInstant instant;
    if (date.size() != 10 || !TimeParser().Parse(date, &instant.from_us)) return std::nullopt;
    directories = directories.subspan(1);
    int64_t hour = -1;
    for (const std::string_view name : {"hour=", "hr=", "hh="}) {
      if (hour < 0) hour = TakeNumber(&directories, name);
    }
    if (hour > 23) return std::nullopt;
    if (hour >= 0) instant.unit = Unit::kHour;
    instant.from_us += std::max<int64_t>(hour, 0) * kMicrosPerHour;
    return instant;
  }
  return std::nullopt;
}

// 2026/03/01. What follows may be an hour or anything else, so the day is taken.
std::optional<PathInstant> ParseBareDate(std::span<const std::string_view> directories) {
  int64_t year;
  int64_t month;
  int64_t day;
  if (directories.size() < 3 || !ParseYear(directories[0], &year) || directories[1].size() != 2 ||
      !ParseOffset(directories[1], &month) || directories[2].size() != 2 ||
      !ParseOffset(directories[2], &day)) {
    return std::nullopt;
  }
  const auto from = InstantOf(year, month, day, 0, 0);
  if (!from) return std::nullopt;
  return PathInstant{.from_us = *from};
}

// From the only place that has a date; with two dates it is unclear which counts. *place is the
// number of directories before it.
std::optional<PathInstant> InstantOf(const PathParts& path, size_t* place) {
  std::optional<PathInstant> found;
  for (size_t i = 0; i < path.directories.size(); ++i) {
    const auto rest = std::span(path.directories).subspan(i);
    auto instant = ParseNamedParts(rest);
    if (!instant) instant = ParseDate(rest);
    if (!instant) instant = ParseBareDate(rest);
    if (!instant) continue;
    if (found) return std::nullopt;
    found = instant;
    *place = i;
  }
  return found;
}

// The directories before the date that aren't key=value: paths of one group are written alike.
std::string GroupOf(const PathParts& path, size_t place) {
  std::string group;
  for (size_t i = 0; i < place && path.directories[i].find('=') == std::string_view::npos; ++i) {
    group.append(path.directories[i]).append("/");
  }
  return group;
}

// The times of one group with one unit.
struct Grid {
  int64_t first_us = 0;
  int64_t step_us = 0;  // divides the distance of any two; 0: there is one time only
};

}  // namespace

// A sink cuts times to a duration that paths don't state: hour=06/ may hold six hours. The duration
// divides the distance of any two directories, so the greatest common divisor of these distances is
// wide enough. A single directory shows nothing, and gets no time.
void SetPathTimes(std::span<const ListedObject> listing, std::vector<ArchiveObject>* objects) {
  std::map<std::pair<std::string, Unit>, Grid> grids;
  struct Found {
    size_t object;
    PathInstant instant;
    const Grid* grid;
  };
  std::vector<Found> found;
  for (size_t i = 0; i < objects->size(); ++i) {
    const PathParts path = SplitPath(listing[(*objects)[i].listed].name);
    size_t place = 0;
    const auto instant = InstantOf(path, &place);
    if (!instant) continue;
    const auto [grid, added] = grids.try_emplace({GroupOf(path, place), instant->unit},
                                                 Grid{.first_us = instant->from_us});
    grid->second.step_us = std::gcd(grid->second.step_us, instant->from_us - grid->second.first_us);
    found.push_back({i, *instant, &grid->second});
  }
  for (const auto& [object, instant, grid] : found) {
    TimeSpan span{instant.from_us, instant.from_us + grid->step_us};
    if (instant.unit == Unit::kMonth) span.until = instant.next_month_us;
    if (span.until > span.from) (*objects)[object].path_time = span;
  }
}

}  // namespace murmur::archive
