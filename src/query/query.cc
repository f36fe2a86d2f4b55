#include "query/query.h"

#include <algorithm>
#include <utility>

#include "murmur/state_value.h"
#include "query/bucket_range.h"
#include "query/key_prefix.h"
#include "query/sliding_total.h"

namespace murmur {
namespace {

constexpr uint64_t kTrailingRowsMax = 1'000'000;  // of a call

// Answers the keys of a request, one after the other, from one snapshot.
class KeyReader {
 public:
  KeyReader(const Reading& reading, const QueryRequest& request, RowSink* out)
      : reading_(reading), request_(request), out_(*out) {}

  // Errors: kNotFound (no such key in these windows).
  Status Answer(size_t asked) {
    const KeyQuery& key = request_.keys[asked];
    asked_ = asked;
    MURMUR_ASSIGN(const auto prefixes, PrefixesOf(reading_.pipeline, request_.rollup, key));
    MURMUR_ASSIGN(const BucketRange range,
                  BucketsOf(reading_.pipeline, reading_.snapshot, request_.range));
    bool found = false;
    for (const std::string& prefix : prefixes) {
      MURMUR_TRY(reading_.limit.Check());
      MURMUR_TRY(AddKey(prefix, range, &found));
    }
    if (found) return {};
    const bool windowed = reading_.pipeline.buckets().windowed();
    return Status(Code::kNotFound,
                  "no key '" + ShownKey(key) + "'" + (windowed ? " in these windows" : ""));
  }

 private:
  Status AddKey(const std::string& prefix, const BucketRange& range, bool* found) {
    if (request_.trailing) return AddTrailing(prefix, range, found);
    return request_.total ? AddTotal(prefix, range, found) : AddRows(prefix, range, found);
  }

  // Visits the prefix's windows in the range; a pipeline without windows has one.
  Status Scan(const std::string& prefix, const BucketRange& range,
              const StateSnapshot::Visitor& visit) const {
    if (!reading_.pipeline.buckets().windowed()) {
      MURMUR_ASSIGN(const auto value, reading_.snapshot.Get(prefix));
      if (value) visit(prefix, *value);
      return {};
    }
    std::string from = prefix;
    std::string until = prefix;
    AppendBucket(range.from, &from);
    AppendBucket(range.until, &until);
    return reading_.snapshot.Scan(from, until, visit, reading_.limit);
  }

  Status AddRows(const std::string& prefix, const BucketRange& range, bool* found) {
    Status status;
    MURMUR_TRY(Scan(prefix, range, [&](std::string_view key, std::string_view value) {
      *found = true;
      status = Add(DecodeRow(reading_.pipeline, reading_.wanted, key, value));
      return status.ok();
    }));
    return status;
  }

  Status AddTotal(const std::string& prefix, const BucketRange& range, bool* found) {
    std::string last_key;
    std::vector<std::string> values;
    MURMUR_TRY(Scan(prefix, range, [&](std::string_view key, std::string_view value) {
      last_key = key;
      values.emplace_back(value);
      return true;
    }));
    if (values.empty()) return {};
    *found = true;
    if (values.size() == 1) {
      return Add(DecodeTotal(reading_.pipeline, reading_.wanted, last_key, values.front()));
    }
    std::string total;
    const std::vector<std::string_view> views(values.begin(), values.end());
    if (!CombineValues(reading_.pipeline.Monoids(), views, &total)) return Damaged();
    return Add(DecodeTotal(reading_.pipeline, reading_.wanted, last_key, total));
  }

  Status AddTrailing(const std::string& prefix, BucketRange range, bool* found) {
    const BucketRule& rule = reading_.pipeline.buckets();
    if (!rule.windowed()) {
      return Status(Code::kInvalidArgument, "the definition has no window: leave out `trailing`");
    }
    MURMUR_TRY(CheckWindowLength(rule, *request_.trailing, "`trailing`"));
    MURMUR_ASSIGN(const int64_t newest, reading_.snapshot.NewestTime());
    if (newest == INT64_MIN) return {};
    range.until = std::min(range.until, rule.Bucket(newest) + 1);
    BucketRange read = range;
    if (range.from > BucketRange().from) read.from = FirstOf(range.from);
    const auto monoids = reading_.pipeline.Monoids();
    SlidingTotal sliding(monoids);
    int64_t next = range.from;  // the window of the next row
    Status status;
    MURMUR_TRY(Scan(prefix, read, [&](std::string_view key, std::string_view value) {
      const int64_t bucket = BucketOfKey(key);
      status = AddTrailingUntil(prefix, bucket, &sliding, &next, found);
      sliding.Add(bucket, value);
      return status.ok();
    }));
    MURMUR_TRY(status);
    return AddTrailingUntil(prefix, range.until, &sliding, &next, found);
  }

  // Rows for the windows from *next on, up to and without `until`.
  Status AddTrailingUntil(const std::string& prefix, int64_t until, SlidingTotal* sliding,
                          int64_t* next, bool* found) {
    for (; *next < until && !sliding->empty(); ++*next) {
      sliding->DropBefore(FirstOf(*next));
      if (sliding->empty()) break;
      *found = true;
      if (++trailing_rows_ > kTrailingRowsMax) {
        return Status(Code::kResourceExhausted, "more than " + std::to_string(kTrailingRowsMax) +
                                                    " windows: ask for a shorter range");
      }
      std::string total;
      if (!sliding->Total(&total)) return Damaged();
      std::string key = prefix;
      AppendBucket(*next, &key);
      MURMUR_TRY(Add(DecodeRow(reading_.pipeline, reading_.wanted, key, total)));
    }
    *next = std::max(*next, until);
    return {};
  }

  // The first window of the trailing length that ends with `bucket`.
  int64_t FirstOf(int64_t bucket) const {
    const BucketRule& rule = reading_.pipeline.buckets();
    return rule.FirstOfLast(*request_.trailing, bucket, rule.EndMicros(bucket) - 1);
  }

  Status Damaged() const {
    return Status(Code::kDataLoss,
                  "stored values of key '" + ShownKey(request_.keys[asked_]) + "' are damaged");
  }

  Status Add(Result<Row> row) {
    if (!row.ok()) return std::move(row).status();
    row->asked = asked_;
    return out_.Add(*row);
  }

  const Reading& reading_;
  const QueryRequest& request_;
  RowSink& out_;
  size_t asked_ = 0;  // the key under way
  uint64_t trailing_rows_ = 0;
};

}  // namespace

Status RunQuery(const Reading& reading, const QueryRequest& request, RowSink* out) {
  KeyReader reader(reading, request, out);
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

Status RunDump(const Reading& reading, RowSink* out) {
  Status status;
  const std::string end(1, static_cast<char>(kStoreKeyBase));
  const auto visit = [&](std::string_view key, std::string_view value) {
    auto row = DecodeRow(reading.pipeline, reading.wanted, key, value);
    status = row.ok() ? out->Add(*row) : std::move(row).status();
    return status.ok();
  };
  MURMUR_TRY(reading.snapshot.Scan("", end, visit, reading.limit));
  MURMUR_TRY(status);
  return out->End();
}

}  // namespace murmur
