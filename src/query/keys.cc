// The keys of a rollup: page by page, and those with the greatest values.
#include <algorithm>
#include <set>
#include <utility>

#include "base/shown.h"
#include "murmur/state_value.h"
#include "query/bucket_range.h"
#include "query/key_prefix.h"
#include "query/key_walk.h"
#include "query/number_order.h"
#include "query/query.h"

namespace murmur {
namespace {

// Stored keys, half-open.
struct Span {
  std::string from;
  std::string until;
};

Result<Span> SpanOf(const Pipeline& pipeline, const AskedKeys& keys) {
  MURMUR_ASSIGN(const size_t rollup, FindRollup(pipeline, keys.rollup));
  MURMUR_ASSIGN(std::string prefix, PrefixOf(pipeline, rollup, keys.prefix));
  Span span{.from = prefix, .until = EndOfPrefix(prefix)};
  if (keys.after.empty()) return span;
  MURMUR_ASSIGN(std::string after, PrefixOf(pipeline, rollup, keys.after));
  after = pipeline.buckets().windowed() ? AfterKey(std::move(after)) : after + '\0';
  span.from = std::max(span.from, after);
  return span;
}

// The greatest so far, and no more than are asked for.
class Greatest {
 public:
  Greatest(uint64_t limit, const Pipeline& pipeline, AggregateSpan wanted)
      : limit_(limit), pipeline_(pipeline), wanted_(wanted) {}

  // REQUIRES: keys ascend
  void Offer(Value number, std::string_view key, std::string_view value) {
    if (ones_.size() >= limit_ && CompareNumbers(number, ones_.rbegin()->number) <= 0) return;
    ones_.insert(
        {.number = std::move(number), .key = std::string(key), .value = std::string(value)});
    if (ones_.size() > limit_) ones_.erase(std::prev(ones_.end()));
  }
  Status AddTo(RowSink* out) const {
    for (const One& one : ones_) {
      MURMUR_ASSIGN(const Row row, DecodeTotal(pipeline_, wanted_, one.key, one.value));
      MURMUR_TRY(out->Add(row));
    }
    return {};
  }

 private:
  struct One {
    Value number;
    std::string key;
    std::string value;
    bool operator<(const One& other) const {
      const auto order = CompareNumbers(number, other.number);
      return order == 0 ? key < other.key : order > 0;
    }
  };

  const uint64_t limit_;
  const Pipeline& pipeline_;
  const AggregateSpan wanted_;
  std::set<One> ones_;
};

Result<size_t> ComparedAggregate(const Pipeline& pipeline, const std::string& name) {
  if (name.empty()) return Status(Code::kInvalidArgument, "by which aggregate?");
  MURMUR_ASSIGN(const auto found, FindAggregates(pipeline, {&name, 1}));
  const OutputType type = pipeline.aggregates()[found.front()].monoid->output_type();
  if (type == OutputType::kInteger || type == OutputType::kNumber) return found.front();
  return Status(Code::kInvalidArgument, "aggregate " + Shown(name) + " is no number");
}

}  // namespace

Status RunKeys(const Reading& reading, const KeysRequest& request, RowSink* out,
               std::vector<KeyValue>* next) {
  MURMUR_ASSIGN(const Span span, SpanOf(reading.pipeline, request.keys));
  uint64_t rows = 0;
  next->clear();
  std::vector<KeyValue> last;
  KeyWalk walk(&reading.snapshot,
               {.windowed = reading.pipeline.buckets().windowed(), .first_window = true},
               reading.limit,
               [&](std::string_view key, std::span<const std::string> /*values*/) -> Result<bool> {
                 if (rows == request.limit) {
                   *next = std::move(last);
                   return false;
                 }
                 MURMUR_ASSIGN(Row row, DecodeKeyOfRow(reading.pipeline, key));
                 MURMUR_TRY(out->Add(row));
                 ++rows;
                 last = std::move(row.key);
                 return true;
               });
  MURMUR_TRY(walk.Run(span.from, span.until));
  return out->End();
}

Status RunTop(const Reading& reading, const TopRequest& request, RowSink* out,
              TopOutcome* outcome) {
  const Pipeline& pipeline = reading.pipeline;
  MURMUR_ASSIGN(const size_t compared, ComparedAggregate(pipeline, request.aggregate));
  MURMUR_ASSIGN(const Span span, SpanOf(pipeline, request.keys));
  MURMUR_ASSIGN(const BucketRange buckets, BucketsOf(pipeline, reading.snapshot, request.range));
  Greatest greatest(request.limit, pipeline, reading.wanted);
  std::string total;
  KeyWalk walk(&reading.snapshot, {.windowed = pipeline.buckets().windowed(), .buckets = buckets},
               reading.limit,
               [&](std::string_view key, std::span<const std::string> values) -> Result<bool> {
                 outcome->complete = outcome->compared < request.compared_max;
                 if (!outcome->complete) return false;
                 ++outcome->compared;
                 std::string_view value = values.front();
                 if (values.size() > 1) {
                   const std::vector<std::string_view> views(values.begin(), values.end());
                   if (!CombineValues(pipeline.Monoids(), views, &total)) {
                     return Status(Code::kDataLoss, "stored values are damaged");
                   }
                   value = total;
                 }
                 MURMUR_ASSIGN(Row row, DecodeTotal(pipeline, {&compared, 1}, key, value));
                 if (IsNumber(row.values.front())) {
                   greatest.Offer(std::move(row.values.front()), key, value);
                 }
                 return true;
               });
  MURMUR_TRY(walk.Run(span.from, span.until));
  MURMUR_TRY(greatest.AddTo(out));
  return out->End();
}

}  // namespace murmur
