#include "query/query.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/decimal.h"
#include "base/shown.h"
#include "murmur/value.h"
#include "state/progress.h"

namespace murmur {
namespace {

using nlohmann::ordered_json;

// Splits "a,\"b,c\",3" at commas outside JSON strings. Quoted values keep their quotes.
std::vector<std::string> SplitKey(std::string_view key) {
  std::vector<std::string> values(1);
  bool quoted = false;
  for (size_t i = 0; i < key.size(); ++i) {
    const char c = key[i];
    if (c == ',' && !quoted) {
      values.emplace_back();
      continue;
    }
    if (c == '"') quoted = !quoted && values.back().empty();
    if (quoted && c == '\\' && i + 1 < key.size()) values.back() += key[i++];
    values.back() += key[i];
  }
  return values;
}

bool IsJsonNumber(const std::string& text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  // JSON may have spaces around it.
  if (text.empty() || (text.front() != '-' && !is_digit(text.front())) || !is_digit(text.back())) {
    return false;
  }
  return nlohmann::json::accept(text);
}

// The possible meanings of a value as written: 5 is the number, or the string. Text lives in
// `value`.
Result<std::vector<std::string>> EncodedMeanings(const std::string& value) {
  std::vector<std::string> meanings;
  const auto add = [&meanings](const Cell& cell) { AppendKeyPart(cell, &meanings.emplace_back()); };
  if (value.starts_with('"')) {
    const auto parsed = nlohmann::json::parse(value, nullptr, /*allow_exceptions=*/false);
    if (!parsed.is_string()) {
      return Status(Code::kInvalidArgument, "key value " + value + " is no JSON string");
    }
    add(Cell::String(parsed.get_ref<const std::string&>()));
    return meanings;
  }
  add(Cell::String(value));
  if (value == "null") add(Cell::Null());
  if (value == "true" || value == "false") add(Cell::Bool(value == "true"));
  if (IsJsonNumber(value)) {
    // The exact number. A key is the same for every kind of number with that value.
    Int128 unscaled = 0;
    int scale = 0;
    if (ParseDecimal(value, &unscaled, &scale)) {
      add(Cell::Decimal(&unscaled, static_cast<uint8_t>(scale)));
    }
    // A fraction may also be the nearest double, if records have doubles.
    const double nearest = std::strtod(value.c_str(), nullptr);
    const bool is_fraction = value.find_first_of(".eE") != value.npos;
    if (is_fraction && std::isfinite(nearest)) add(Cell::Double(nearest));
  }
  return meanings;
}

std::string PartNames(const Pipeline::Rollup& rollup) {
  std::string names;
  for (const auto& part : rollup.parts) names += (names.empty() ? "" : ",") + part.name;
  return names.empty() ? "(no parts)" : names;
}

Result<size_t> FindRollup(const Pipeline& pipeline, const QueryRequest& request, size_t values) {
  std::string known;
  for (size_t i = 0; i < pipeline.rollups().size(); ++i) {
    const auto& parts = pipeline.rollups()[i].parts;
    const bool named =
        request.rollup.empty()
            ? parts.size() == values
            : std::equal(parts.begin(), parts.end(), request.rollup.begin(), request.rollup.end(),
                         [](const auto& part, const auto& name) { return part.name == name; });
    if (named) return i;
    known += (known.empty() ? "" : "; ") + PartNames(pipeline.rollups()[i]);
  }
  if (!request.rollup.empty()) {
    return Status(Code::kInvalidArgument, "no such rollup; the definition has: " + known);
  }
  return Status(Code::kInvalidArgument, "the key has " + Counted(values, "value") +
                                            ", but the definition's keys are: " + known +
                                            " (join values by commas, quote a value that has one)");
}

// The key prefixes, without buckets, that `text` may mean.
Result<std::vector<std::string>> Prefixes(const Pipeline& pipeline, const QueryRequest& request,
                                          const std::string& text) {
  std::vector<std::string> values = text.empty() ? std::vector<std::string>{} : SplitKey(text);
  MURMUR_ASSIGN(const size_t rollup, FindRollup(pipeline, request, values.size()));
  if (pipeline.rollups()[rollup].parts.size() != values.size()) {
    return Status(Code::kInvalidArgument, "key '" + text + "' has " +
                                              Counted(values.size(), "value") + "; expected " +
                                              PartNames(pipeline.rollups()[rollup]));
  }
  std::vector<std::string> prefixes = {std::string(1, static_cast<char>(kKeyBase + rollup))};
  for (const std::string& value : values) {
    MURMUR_ASSIGN(const auto meanings, EncodedMeanings(value));
    std::vector<std::string> longer;
    for (const std::string& prefix : prefixes) {
      for (const std::string& meaning : meanings) longer.push_back(prefix + meaning);
    }
    prefixes = std::move(longer);
  }
  std::sort(prefixes.begin(), prefixes.end());
  prefixes.erase(std::unique(prefixes.begin(), prefixes.end()), prefixes.end());
  return prefixes;
}

constexpr int64_t kBucketMin = -kBucketBias;
constexpr int64_t kBucketEnd = kBucketBias - 1;  // after the last bucket of an event time

struct BucketRange {
  int64_t from = kBucketMin;
  int64_t until = kBucketEnd;  // exclusive
};

// Calendar units have no fixed number of hours.
Status CheckLength(const BucketRule& rule, const TimeLength& length) {
  const bool whole_days = length.rest % std::chrono::days(1) == std::chrono::seconds(0);
  if (!rule.calendar() || whole_days) return {};
  return Status(Code::kInvalidArgument,
                "the windows are of the calendar (" + std::string(CalendarUnitName(rule.unit)) +
                    "): --window takes days, weeks, months or years, such as 7d or 3mo");
}

Result<BucketRange> Buckets(const Pipeline& pipeline, const StateSnapshot& snapshot,
                            const QueryRequest& request) {
  const BucketRule& rule = pipeline.buckets();
  BucketRange range;
  if (!rule.windowed()) {
    if (request.window || request.from || request.until) {
      return Status(Code::kInvalidArgument,
                    "the definition has no window: leave out --window, --from and --to");
    }
    return range;
  }
  if (request.window) {
    MURMUR_TRY(CheckLength(rule, *request.window));
    MURMUR_ASSIGN(int64_t end, snapshot.NewestTime());
    if (end == INT64_MIN && !request.as_of)
      return Status(Code::kNotFound, "nothing is counted yet");
    if (request.as_of) end = rule.InstantOf(*request.as_of);
    const int64_t last = rule.Bucket(end);
    range = {.from = rule.FirstOfLast(*request.window, last, end), .until = last + 1};
  }
  if (request.from) range.from = std::max(range.from, rule.BucketFrom(*request.from));
  if (request.until) range.until = std::min(range.until, rule.BucketUntil(*request.until));
  return BucketRange{.from = std::clamp(range.from, kBucketMin, kBucketEnd),
                     .until = std::clamp(range.until, kBucketMin, kBucketEnd)};
}

// Visits the prefix's windows in the range; a pipeline without windows has one.
Status ScanPrefix(const Pipeline& pipeline, const StateSnapshot& snapshot,
                  const std::string& prefix, const BucketRange& range,
                  const StateSnapshot::Visitor& visit) {
  if (!pipeline.buckets().windowed()) {
    MURMUR_ASSIGN(const auto value, snapshot.Get(prefix));
    if (value) visit(prefix, *value);
    return {};
  }
  std::string from = prefix;
  std::string until = prefix;
  AppendBucket(range.from, &from);
  AppendBucket(range.until, &until);
  return snapshot.Scan(from, until, visit);
}

Status QueryKey(const Pipeline& pipeline, const StateSnapshot& snapshot,
                const QueryRequest& request, const std::string& text, RowWriter* out) {
  MURMUR_ASSIGN(const auto prefixes, Prefixes(pipeline, request, text));
  MURMUR_ASSIGN(const BucketRange range, Buckets(pipeline, snapshot, request));
  bool found = false;
  for (const std::string& prefix : prefixes) {
    Status status;
    std::string last_key;
    std::vector<std::string> values;
    const auto visit = [&](std::string_view key, std::string_view value) {
      found = true;
      if (request.total) {
        last_key = key;
        values.emplace_back(value);
        return true;
      }
      auto row = RenderRow(pipeline, key, value);
      status = row.ok() ? out->Add(*row) : row.status();
      return status.ok();
    };
    MURMUR_TRY(ScanPrefix(pipeline, snapshot, prefix, range, visit));
    MURMUR_TRY(status);
    if (values.empty()) continue;
    std::string total;
    const std::vector<std::string_view> views(values.begin(), values.end());
    if (!CombineValues(pipeline.Monoids(), views, &total)) {
      return Status(Code::kDataLoss, "stored values of key '" + text + "' are damaged");
    }
    MURMUR_ASSIGN(const Row row, RenderTotal(pipeline, last_key, total));
    MURMUR_TRY(out->Add(row));
  }
  if (found) return {};
  return Status(Code::kNotFound, "no key '" + text + "'" +
                                     (pipeline.buckets().windowed() ? " in these windows" : ""));
}

}  // namespace

Status RunQuery(const Pipeline& pipeline, const StateSnapshot& snapshot,
                const QueryRequest& request, RowWriter* out) {
  Status missing;
  for (const std::string& key : request.keys) {
    Status status = QueryKey(pipeline, snapshot, request, key, out);
    if (status.code() != Code::kNotFound) {
      MURMUR_TRY(status);
    } else if (missing.ok()) {
      missing = std::move(status);  // the other keys are still answered
    }
  }
  MURMUR_TRY(out->Finish());
  return missing;
}

Status RunDump(const Pipeline& pipeline, const StateSnapshot& snapshot, RowWriter* out) {
  Status status;
  const std::string end(1, static_cast<char>(kStoreKeyBase));
  MURMUR_TRY(snapshot.Scan("", end, [&](std::string_view key, std::string_view value) {
    auto row = RenderRow(pipeline, key, value);
    status = row.ok() ? out->Add(*row) : row.status();
    return status.ok();
  }));
  MURMUR_TRY(status);
  return out->Finish();
}

std::string ExactnessOf(const Pipeline& pipeline, const VersionInfo& info) {
  if (info.status != VersionStatus::kComplete) return "converging";
  if (!info.inexact.empty()) return "at-least-once (" + info.inexact + ")";
  std::string approximate;
  for (const auto& aggregate : pipeline.aggregates()) {
    const std::string bound = aggregate.monoid->Approximation();
    if (bound.empty()) continue;
    approximate.append(approximate.empty() ? "" : "; ").append(aggregate.name + ": " + bound);
  }
  return approximate.empty() ? "exact" : "approximate (" + approximate + ")";
}

namespace {

// With one decimal, rounded down: 100 means all.
double PercentRead(const std::optional<ScanPlan>& plan,
                   const std::map<std::string, SplitProgress>& progress) {
  return plan ? std::floor(ShareRead(*plan, progress) * 1000) / 10 : 0;
}

ordered_json AbsentAsJson(const SplitProgress& sum) {
  ordered_json list = ordered_json::array();
  for (const AbsentField& field : *sum.absent) {
    ordered_json one = {{"name", field.name}, {"records", LookedAt(sum)}};
    if (!field.like.empty()) one["did_you_mean"] = field.like;
    list.push_back(std::move(one));
  }
  return list;
}

}  // namespace

Result<std::string> StatusAsJson(const VersionInfo& info, const StateTable& table) {
  MURMUR_ASSIGN(const auto plan, table.Plan());
  MURMUR_ASSIGN(const auto token, table.Token());
  MURMUR_ASSIGN(const auto snapshot, table.Snapshot());
  MURMUR_ASSIGN(const auto progress, snapshot->Progress());
  MURMUR_ASSIGN(const int64_t newest, snapshot->NewestTime());
  const SplitProgress sum = TotalOf(progress).sum;
  uint64_t bytes_total = 0;
  uint64_t done = 0;
  const auto splits = plan ? plan->splits : std::vector<Split>();
  for (const Split& split : splits) {
    bytes_total += split.bytes;
    const auto it = progress.find(split.id);
    done += it != progress.end() && it->second.done ? 1 : 0;
  }
  // The splits of a complete scan are done; those of a live source never are.
  ordered_json live = ordered_json::object();
  for (const auto& [split, one] : progress) {
    if (!one.done) live[split] = {{"committed", one.position}};
  }
  static constexpr const char* kStatus[] = {"building", "complete", "failed"};
  ordered_json dead = ordered_json::object();
  for (size_t i = 0; i < kDeadReasonCount; ++i) {
    if (sum.dead[i] > 0)
      dead[std::string(DeadReasonName(static_cast<DeadReason>(i)))] = sum.dead[i];
  }
  ordered_json json = {
      {"version", info.number},
      {"status", kStatus[static_cast<size_t>(info.status)]},
      {"mode", info.mode},
      {"source", plan ? ordered_json(plan->source) : ordered_json()},
      {"handoff", token && !token->streams.empty() ? ordered_json(token->streams) : ordered_json()},
      {"bytes", sum.bytes},
      {"bytes_total", bytes_total},
      {"splits_done", done},
      {"splits_total", splits.size()},
      {"records", sum.records},
      {"filtered", sum.filtered},
      {"expired", sum.expired},
      {"duplicates", sum.duplicates},
      {"dead_letters", DeadCount(sum)},
      {"dead_letters_by_reason", dead},
      {"newest_event_time",
       newest == INT64_MIN ? ordered_json() : ordered_json(FormatTime(newest))},
  };
  if (info.status != VersionStatus::kComplete) json["percent"] = PercentRead(plan, progress);
  if (info.status == VersionStatus::kComplete && !live.empty()) json["live"] = {{"splits", live}};
  if (plan && plan->method == TableMethod::kCut) json["method"] = "cut";
  if (sum.absent && !sum.absent->empty()) json["unknown_fields"] = AbsentAsJson(sum);
  if (!info.range.empty()) json["range"] = info.range;
  if (!info.inexact.empty()) json["at_least_once"] = info.inexact;
  if (!info.failure.empty()) json["failure"] = info.failure;
  const Status undamaged = table.Undamaged();
  if (!undamaged.ok()) json["damaged"] = undamaged.message();
  return JsonText(json);
}

}  // namespace murmur
