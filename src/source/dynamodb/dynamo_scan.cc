#include "source/dynamodb/dynamo_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace murmur {
namespace {

// Throttling of a table that others read too may last.
constexpr std::chrono::minutes kPatience{10};
constexpr std::chrono::milliseconds kIdleWait{100};
// How often a waiting thread looks whether it is still needed.
constexpr std::chrono::milliseconds kWaitStep{200};

}  // namespace

// The fetching thread.
class DynamoScanStream::Fetching {
 public:
  Fetching(std::shared_ptr<const DynamoPlace> place, const std::vector<DynamoKeyAttribute>& key,
           DynamoSegment segment, const Projection& projection, std::shared_ptr<ReadBudget> budget,
           const DynamoScanOptions& options, std::shared_ptr<Queue> queue, std::stop_token stop)
      : place_(std::move(place)),
        segment_(std::move(segment)),
        budget_(std::move(budget)),
        queue_(std::move(queue)),
        stop_(std::move(stop)),
        limit_(options.page_rows) {
    std::vector<std::string> names;
    for (const DynamoKeyAttribute& part : key) names.push_back(part.name);
    projection_ = ScanProjectionOf(projection, names);
  }

  void Run() {
    for (;;) {
      const auto more = FetchPage();
      if (queue_->closed()) return;
      if (more.ok() && *more) {
        retries_.Progress(kPatience);
        continue;
      }
      const auto pause =
          more.status().code() == Code::kUnavailable ? retries_.Next() : std::nullopt;
      if (!pause) return queue_->End(more.status());
      if (!queue_->Sleep(*pause)) return;
    }
  }

 private:
  // Whether there is more.
  Result<bool> FetchPage() {
    if (!KeepToBudget()) return false;
    MURMUR_ASSIGN(std::string body,
                  AskDynamo(*place_, DynamoApi::kTables, "Scan", Request(), "to read rows", stop_));
    const size_t size = body.size();
    body.append(kJsonPadding, '\0');
    ScanPage page;
    if (!ReadScanPage(std::string_view(body).substr(0, size), &page)) {
      return Status(Code::kDataLoss, place_->text + ": an answer to Scan that can't be read");
    }
    budget_->Pay(page.capacity);
    NoteCost(body, page);
    segment_.after = page.last_key;
    if (!queue_->Put(body)) return false;
    return !segment_.after.empty();
  }

  // A page costs up to 256 units: with a small budget they are smaller, so that it is kept to
  // within every second or so.
  void NoteCost(std::string_view /*body*/, const ScanPage& page) {
    if (budget_->per_second() == 0 || page.capacity <= budget_->per_second()) return;
    const double rows = limit_ != 0 ? limit_ : kRowsInPage;
    limit_ = std::max<uint32_t>(
        1, static_cast<uint32_t>(std::floor(rows * budget_->per_second() / page.capacity)));
  }

  bool KeepToBudget() {
    for (auto wait = budget_->Wait(); wait.count() > 0; wait = budget_->Wait()) {
      if (!queue_->Sleep(std::min(wait, kWaitStep))) return false;
    }
    return true;
  }

  std::string Request() const {
    std::string request =
        fmt::format(R"({{"TableName":{},"ConsistentRead":true,"ReturnConsumedCapacity":"TOTAL",)"
                    R"("Segment":{},"TotalSegments":{},"ProjectionExpression":"{}",)"
                    R"("ExpressionAttributeNames":{})",
                    nlohmann::json(place_->table).dump(), segment_.number, segment_.of,
                    projection_.expression, projection_.names);
    if (limit_ != 0) request += fmt::format(R"(,"Limit":{})", limit_);
    if (!segment_.after.empty()) request += R"(,"ExclusiveStartKey":)" + segment_.after;
    return request + "}";
  }

  static constexpr double kRowsInPage = 1000;  // a guess, corrected by the next page

  const std::shared_ptr<const DynamoPlace> place_;
  DynamoSegment segment_;
  ScanProjection projection_;
  const std::shared_ptr<ReadBudget> budget_;
  const std::shared_ptr<Queue> queue_;
  const std::stop_token stop_;
  uint32_t limit_;
  JitteredRetries retries_{kPatience};
};

DynamoScanStream::DynamoScanStream(std::shared_ptr<const DynamoPlace> place,
                                   std::vector<DynamoKeyAttribute> key, DynamoSegment segment,
                                   const Projection& projection, std::shared_ptr<ReadBudget> budget,
                                   const DynamoScanOptions& options)
    : place_(std::move(place)),
      queue_(std::make_shared<Queue>(nullptr)),
      row_bytes_(options.row_bytes),
      rows_(*place_, key, projection, options.row_bytes_max),
      fetching_([fetching = std::make_shared<Fetching>(
                     place_, key, std::move(segment), projection, std::move(budget), options,
                     queue_, fetching_stop_->get_token())] { fetching->Run(); }) {}

DynamoScanStream::~DynamoScanStream() {
  queue_->Close();
  fetching_stop_->request_stop();
}

// Begins with the next page that was fetched. False: there is none yet.
bool DynamoScanStream::NextAnswer() {
  if (next_ == page_.size()) {
    next_ = 0;
    page_.Clear();
    if (!queue_->Take(&page_)) return false;
  }
  answer_ = ScanPage();
  (void)ReadScanPage(page_[next_++], &answer_);  // it could be read when it was fetched
  at_ = scanner_.SkipSpace(answer_.items + 1);
  if (*at_ == ']') at_ = nullptr;
  return true;
}

// Of the page that is being read.
Status DynamoScanStream::TakeRows(RecordBatch* batch) {
  while (at_ != nullptr && batch->rows < kBatchRows) {
    const char* const end = scanner_.SkipValue(at_, 1);
    if (*at_ != '{' || end == nullptr) {
      return Status(Code::kDataLoss, place_->text + ": a row that can't be read");
    }
    MURMUR_TRY(rows_.Put({at_, static_cast<size_t>(end - at_)}));
    at_ = scanner_.SkipSpace(end);
    at_ = *at_ == ',' ? scanner_.SkipSpace(at_ + 1) : nullptr;
  }
  return {};
}

Result<ReadState> DynamoScanStream::Read(std::stop_token stop, RecordBatch* batch) {
  rows_.Begin(batch);
  if (at_ == nullptr) {
    if (next_ == page_.size()) queue_->Wait(stop, kIdleWait);
    if (stop.stop_requested()) return Status(Code::kCancelled, place_->text);
    if (!NextAnswer()) {
      const auto end = queue_->end();
      if (!end) return ReadState::kIdle;
      MURMUR_TRY(end->status);
      rows_.Finish();
      return ReadState::kEnd;
    }
  }
  if (stop.stop_requested()) return Status(Code::kCancelled, place_->text);
  MURMUR_TRY(TakeRows(batch));
  rows_.Finish();
  if (row_bytes_ > 0) batch->bytes = batch->rows * row_bytes_;
  if (at_ == nullptr && !answer_.last_key.empty()) {
    batch->after = answer_.last_key;
  } else if (batch->rows > 0) {
    batch->after = rows_.LastKey();
  } else {
    return ReadState::kIdle;  // the last page, and it is empty: the end comes next
  }
  return ReadState::kRecords;
}

}  // namespace murmur
