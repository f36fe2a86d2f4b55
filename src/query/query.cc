#include "query/query.h"

#include <algorithm>

#include "base/shown.h"
#include "murmur/state_value.h"
#include "query/json_format.h"
#include "query/row.h"

namespace murmur {
namespace {

// Of one key that is asked for.
constexpr size_t kMeaningsMax = size_t{1} << 20;

// The key in messages.
std::string Shown(const KeyQuery& key) {
  if (!key.text.empty()) return key.text;
  std::string text;
  for (const auto& part : key.parts) {
    if (!text.empty()) text += ',';
    if (!part.empty()) AppendKeyJson(part.front(), &text);
  }
  return text;
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

Result<std::vector<std::string>> EncodedMeanings(const std::vector<KeyValue>& values) {
  std::vector<std::string> meanings;
  for (const KeyValue& value : values) {
    if (!AppendKeyPart(value, &meanings.emplace_back())) {
      return Status(Code::kInvalidArgument,
                    "key value " + value.text + " is no decimal of at most 38 digits");
    }
  }
  return meanings;
}

// The key prefixes, without buckets, that `key` may mean.
Result<std::vector<std::string>> Prefixes(const Pipeline& pipeline, const QueryRequest& request,
                                          const KeyQuery& key) {
  MURMUR_ASSIGN(const size_t rollup, FindRollup(pipeline, request, key.parts.size()));
  if (pipeline.rollups()[rollup].parts.size() != key.parts.size()) {
    return Status(Code::kInvalidArgument, "key '" + Shown(key) + "' has " +
                                              Counted(key.parts.size(), "value") + "; expected " +
                                              PartNames(pipeline.rollups()[rollup]));
  }
  std::vector<std::string> prefixes = {std::string(1, static_cast<char>(kKeyBase + rollup))};
  for (const auto& part : key.parts) {
    MURMUR_ASSIGN(const auto meanings, EncodedMeanings(part));
    if (prefixes.size() * meanings.size() > kMeaningsMax) {
      return Status(Code::kInvalidArgument, "key '" + Shown(key) + "' may mean too many keys");
    }
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

// Answers the keys of a request, one after the other, from one snapshot.
class KeyReader {
 public:
  KeyReader(const Pipeline& pipeline, const StateSnapshot& snapshot, const QueryRequest& request,
            const ScanLimit& limit, RowSink* out)
      : pipeline_(pipeline), snapshot_(snapshot), request_(request), limit_(limit), out_(*out) {}

  // Errors: kNotFound (no such key in these windows).
  Status Answer(size_t asked) {
    const KeyQuery& key = request_.keys[asked];
    MURMUR_ASSIGN(const auto prefixes, Prefixes(pipeline_, request_, key));
    MURMUR_ASSIGN(const BucketRange range, Buckets(pipeline_, snapshot_, request_));
    bool found = false;
    for (const std::string& prefix : prefixes) {
      MURMUR_TRY(limit_.Check());
      MURMUR_TRY(request_.total ? AddTotal(prefix, range, asked, &found)
                                : AddRows(prefix, range, asked, &found));
    }
    if (found) return {};
    const bool windowed = pipeline_.buckets().windowed();
    return Status(Code::kNotFound,
                  "no key '" + Shown(key) + "'" + (windowed ? " in these windows" : ""));
  }

 private:
  // Visits the prefix's windows in the range; a pipeline without windows has one.
  Status Scan(const std::string& prefix, const BucketRange& range,
              const StateSnapshot::Visitor& visit) const {
    if (!pipeline_.buckets().windowed()) {
      MURMUR_ASSIGN(const auto value, snapshot_.Get(prefix));
      if (value) visit(prefix, *value);
      return {};
    }
    std::string from = prefix;
    std::string until = prefix;
    AppendBucket(range.from, &from);
    AppendBucket(range.until, &until);
    return snapshot_.Scan(from, until, visit, limit_);
  }

  Status AddRows(const std::string& prefix, const BucketRange& range, size_t asked, bool* found) {
    Status status;
    MURMUR_TRY(Scan(prefix, range, [&](std::string_view key, std::string_view value) {
      *found = true;
      status = Add(DecodeRow(pipeline_, key, value), asked);
      return status.ok();
    }));
    return status;
  }

  Status AddTotal(const std::string& prefix, const BucketRange& range, size_t asked, bool* found) {
    std::string last_key;
    std::vector<std::string> values;
    MURMUR_TRY(Scan(prefix, range, [&](std::string_view key, std::string_view value) {
      last_key = key;
      values.emplace_back(value);
      return true;
    }));
    if (values.empty()) return {};
    *found = true;
    std::string total;
    const std::vector<std::string_view> views(values.begin(), values.end());
    if (!CombineValues(pipeline_.Monoids(), views, &total)) {
      return Status(Code::kDataLoss,
                    "stored values of key '" + Shown(request_.keys[asked]) + "' are damaged");
    }
    return Add(DecodeTotal(pipeline_, last_key, total), asked);
  }

  Status Add(Result<Row> row, size_t asked) {
    if (!row.ok()) return std::move(row).status();
    row->asked = asked;
    return out_.Add(*row);
  }

  const Pipeline& pipeline_;
  const StateSnapshot& snapshot_;
  const QueryRequest& request_;
  const ScanLimit& limit_;
  RowSink& out_;
};

}  // namespace

Status RunQuery(const Pipeline& pipeline, const StateSnapshot& snapshot,
                const QueryRequest& request, const ScanLimit& limit, RowSink* out) {
  KeyReader reader(pipeline, snapshot, request, limit, out);
  Status missing;
  for (size_t i = 0; i < request.keys.size(); ++i) {
    Status status = reader.Answer(i);
    if (status.code() != Code::kNotFound) {
      MURMUR_TRY(status);
    } else if (missing.ok()) {
      missing = std::move(status);  // the other keys are still answered
    }
  }
  MURMUR_TRY(out->End());
  return missing;
}

Status RunDump(const Pipeline& pipeline, const StateSnapshot& snapshot, const ScanLimit& limit,
               RowSink* out) {
  Status status;
  const std::string end(1, static_cast<char>(kStoreKeyBase));
  const auto visit = [&](std::string_view key, std::string_view value) {
    auto row = DecodeRow(pipeline, key, value);
    status = row.ok() ? out->Add(*row) : std::move(row).status();
    return status.ok();
  };
  MURMUR_TRY(snapshot.Scan("", end, visit, limit));
  MURMUR_TRY(status);
  return out->End();
}

}  // namespace murmur
