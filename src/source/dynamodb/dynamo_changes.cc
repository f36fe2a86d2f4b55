#include "source/dynamodb/dynamo_changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

namespace murmur {
namespace {

using std::chrono::steady_clock;

constexpr std::string_view kTrimmed = "TrimmedDataAccessException";
constexpr std::string_view kNotFound = "ResourceNotFoundException";
constexpr int kRecordsPerRequest = 1000;  // the most that the service gives
// How often a stream that is quiet says how far it has come.
constexpr std::chrono::seconds kMoveEvery{3};

// The parts of an answer to GetRecords.
struct RecordsPage {
  const char* records = nullptr;  // at the bracket of the list
  std::string_view next;          // the iterator; empty: the shard has ended
};

std::string_view TextAt(const char* p, const char* after) {
  return after == nullptr || *p != '"'
             ? std::string_view()
             : std::string_view(p + 1, static_cast<size_t>(after - p - 2));
}

bool ReadRecordsPage(std::string_view json, RecordsPage* page) {
  JsonScanner scanner(/*newline_is_space=*/true);
  if (json.empty() || json.front() != '{') return false;
  const char* end = scanner.WalkObject(
      json.data(), [&](std::string_view name, bool, const char* at) -> const char* {
        const char* const after = scanner.SkipValue(at, 1);
        if (name == "Records" && *at == '[') page->records = at;
        if (name == "NextShardIterator") page->next = TextAt(at, after);
        return after;
      });
  return end != nullptr && page->records != nullptr;
}

// One record; views point into the JSON.
struct StreamRecord {
  std::string_view event;  // INSERT, MODIFY, REMOVE
  std::string_view keys, image;
  std::string_view number;
  double made = 0;  // seconds since the Unix epoch
};

int64_t MillisOf(const StreamRecord& record) { return static_cast<int64_t>(record.made * 1000); }

// Null: it is none.
const char* ReadRecord(JsonScanner* scanner, const char* p, StreamRecord* record) {
  if (*p != '{') return nullptr;
  const auto change = [&](std::string_view name, bool, const char* at) -> const char* {
    const char* const after = scanner->SkipValue(at, 1);
    if (after == nullptr) return nullptr;
    const std::string_view json(at, static_cast<size_t>(after - at));
    if (name == "Keys") record->keys = json;
    if (name == "NewImage") record->image = json;
    if (name == "SequenceNumber") record->number = TextAt(at, after);
    if (name == "ApproximateCreationDateTime") std::from_chars(at, after, record->made);
    return after;
  };
  return scanner->WalkObject(p, [&](std::string_view name, bool, const char* at) -> const char* {
    if (name == "dynamodb" && *at == '{') return scanner->WalkObject(at, change);
    const char* const after = scanner->SkipValue(at, 1);
    if (name == "eventName") record->event = TextAt(at, after);
    return after;
  });
}

class DynamoShards final : public ShardClient {
 public:
  DynamoShards(std::shared_ptr<const DynamoPlace> place, std::string stream)
      : place_(std::move(place)), stream_(std::move(stream)) {}

  const std::string& Name() const override { return stream_; }

  Result<std::vector<ListedShard>> List(const std::stop_token& stop) override {
    MURMUR_ASSIGN(DynamoStream listed, DescribeDynamoStream(*place_, stream_, stop));
    if (listed.is_enabled) return std::move(listed.shards);
    return Status(Code::kFailedPrecondition,
                  place_->text +
                      ": its stream was disabled, so that later changes are told nowhere. Enable "
                      "it, and begin anew: murmur bootstrap FILE --fresh");
  }

  Result<std::string> Iterator(const std::string& shard, const std::string& after,
                               const std::stop_token& stop) override {
    nlohmann::json request = {
        {"StreamArn", stream_}, {"ShardId", shard}, {"ShardIteratorType", "TRIM_HORIZON"}};
    if (!after.empty()) {
      request["ShardIteratorType"] = "AFTER_SEQUENCE_NUMBER";
      request["SequenceNumber"] = after;
    }
    std::string exception;
    auto body = AskDynamo(*place_, DynamoApi::kStreams, "GetShardIterator", request.dump(),
                          "to read shard " + shard, stop, &exception);
    if (exception == kTrimmed || exception == kNotFound) return Gone(shard, after);
    MURMUR_TRY(body.status());
    const auto answer = nlohmann::json::parse(*body, nullptr, /*allow_exceptions=*/false);
    const auto it = answer.is_object() ? answer.find("ShardIterator") : answer.end();
    if (answer.is_object() && it != answer.end() && it->is_string()) return it->get<std::string>();
    return Unreadable();
  }

  Result<ShardRecords> Records(const std::string& shard, const std::string& iterator, bool* expired,
                               const std::stop_token& stop) override {
    const nlohmann::json request = {{"ShardIterator", iterator}, {"Limit", kRecordsPerRequest}};
    std::string exception;
    auto body = AskDynamo(*place_, DynamoApi::kStreams, "GetRecords", request.dump(),
                          "to read shard " + shard, stop, &exception);
    // Where what it pointed to is trimmed, the next one says whether anything is missing.
    *expired = exception == "ExpiredIteratorException" || exception == kTrimmed;
    if (exception == kNotFound) return Gone(shard, "");
    MURMUR_TRY(body.status());
    ShardRecords records{.body = *std::move(body)};
    const size_t size = records.body.size();
    records.body.append(kJsonPadding, '\0');
    RecordsPage page;
    if (!ReadRecordsPage(std::string_view(records.body).substr(0, size), &page) ||
        !CountRecords(page.records, &records)) {
      return Unreadable();
    }
    records.next = page.next;
    return records;
  }

  Status Gone(const std::string& shard, const std::string& after) const override {
    return Status(
        Code::kOutOfRange,
        fmt::format("{}: the changes in shard {} {} are gone: DynamoDB keeps them for 24 hours. "
                    "Begin anew: murmur bootstrap FILE --fresh. A run must not be stopped, or lag, "
                    "for longer than that",
                    place_->text, shard,
                    after.empty() ? "that were not read" : "after number " + after));
  }
  int64_t NowMillis() const override { return place_->NowMillis(); }
  int64_t KeptMillis() const override { return kDynamoKeptMillis; }

 private:
  static bool CountRecords(const char* list, ShardRecords* records) {
    JsonScanner scanner(/*newline_is_space=*/true);
    const char* last = nullptr;
    const char* end = scanner.WalkList(list, [&](uint32_t, const char* at) {
      ++records->count;
      last = at;
      return scanner.SkipValue(at, 1);
    });
    if (end == nullptr) return false;
    if (last == nullptr) return true;
    StreamRecord record;
    if (ReadRecord(&scanner, last, &record) == nullptr || record.number.empty()) return false;
    records->last = record.number;
    records->made = MillisOf(record);
    return true;
  }
  Status Unreadable() const {
    return Status(Code::kDataLoss, place_->text + ": an answer of its stream that can't be read");
  }

  const std::shared_ptr<const DynamoPlace> place_;
  const std::string stream_;
};

ShardPace WithSettle(ShardPace pace, std::chrono::milliseconds settle) {
  pace.settle = settle;
  return pace;
}

}  // namespace

DynamoChanges::DynamoChanges(std::shared_ptr<const DynamoPlace> place,
                             std::vector<DynamoKeyAttribute> key, DynamoPosition after,
                             const Projection& projection, DynamoChangesOptions options)
    : place_(std::move(place)),
      goal_(std::move(options.goal)),
      rows_(*place_, std::move(key), projection, options.row_bytes_max),
      position_(std::move(after)),
      reader_(std::make_shared<DynamoShards>(place_, position_.stream), position_.shards,
              WithSettle(options.pace, place_->settle), std::move(options.wake)) {}

Result<ReadState> DynamoChanges::Read(std::stop_token stop, RecordBatch* batch) {
  rows_.Begin(batch);
  if (stop.stop_requested()) return Status(Code::kCancelled, place_->text);
  MURMUR_TRY(end_);
  if (at_ == nullptr) {
    events_.clear();
  } else {
    events_.erase(events_.begin(), events_.end() - 1);
  }
  end_ = TakeEvents(stop, batch);
  if (batch->rows == 0 && !advanced_) {
    MURMUR_TRY(end_);
    if (const auto end = reader_.end()) return *end;
    if (!settled_ || !IsTimeToMove()) return ReadState::kIdle;
  }
  advanced_ = settled_ = false;
  moved_at_ = steady_clock::now();
  told_up_to_ = ReadUpTo();
  rows_.Finish();
  batch->after = position_.ToString();
  return ReadState::kRecords;
}

bool DynamoChanges::IsTimeToMove() const {
  if (steady_clock::now() - moved_at_ >= kMoveEvery) return true;
  const int64_t goal = goal_ ? goal_->load() : 0;
  return told_up_to_ < goal && ReadUpTo() >= goal;
}

int64_t DynamoChanges::ReadUpTo() const {
  int64_t up_to = INT64_MAX;
  for (const auto& [id, progress] : position_.shards.reading()) {
    up_to = std::min(up_to, progress.read_up_to());
  }
  return up_to;
}

Status DynamoChanges::TakeEvents(const std::stop_token& stop, RecordBatch* batch) {
  while (batch->rows < kBatchRows && !stop.stop_requested()) {
    if (at_ != nullptr) {
      MURMUR_TRY(TakeRecords(batch));
      continue;
    }
    ShardEvent event;
    if (!reader_.Take(&event)) return {};
    MURMUR_TRY(BeginEvent(std::move(event)));
  }
  return {};
}

Status DynamoChanges::BeginEvent(ShardEvent event) {
  if (event.shard.empty()) {
    const ShardLineage before = position_.shards;
    if (const auto updated = position_.shards.Update(event.listing); !updated.ok()) {
      return updated.status().Annotated(place_->text);
    }
    advanced_ = advanced_ || position_.shards != before;
    return {};
  }
  if (event.body.empty()) {
    NoteSettled(event);
    if (event.ended) {
      position_.shards.Finish(event.shard);
      advanced_ = true;
    }
    return {};
  }
  events_.push_back(std::make_unique<ShardEvent>(std::move(event)));
  RecordsPage page;
  (void)ReadRecordsPage(events_.back()->body, &page);  // it could be read when it was fetched
  at_ = scanner_.SkipSpace(page.records + 1);
  return {};
}

void DynamoChanges::NoteSettled(const ShardEvent& event) {
  ShardProgress& progress = position_.shards.At(event.shard);
  if (event.settled <= progress.settled) return;
  progress.settled = event.settled;
  settled_ = true;
}

// Of the last event.
Status DynamoChanges::TakeRecords(RecordBatch* batch) {
  const ShardEvent& event = *events_.back();
  while (at_ != nullptr && batch->rows < kBatchRows) {
    StreamRecord record;
    const char* const end = ReadRecord(&scanner_, at_, &record);
    if (end == nullptr || record.keys.empty() || record.number.empty()) {
      return Status(Code::kDataLoss, place_->text + ": a change that can't be read");
    }
    if (record.event == "REMOVE") {
      MURMUR_TRY(rows_.Delete(record.keys));
    } else if (!record.image.empty()) {
      MURMUR_TRY(rows_.Put(record.image));
    } else {
      return Status(Code::kFailedPrecondition,
                    place_->text +
                        ": a change without the row as it is after it: the stream's view is "
                        "neither NEW_IMAGE nor NEW_AND_OLD_IMAGES");
    }
    ShardProgress& progress = position_.shards.At(event.shard);
    progress.after = record.number;
    progress.given = std::max(progress.given, MillisOf(record));
    at_ = scanner_.SkipSpace(end);
    at_ = *at_ == ',' ? scanner_.SkipSpace(at_ + 1) : nullptr;
  }
  if (at_ == nullptr && event.ended) {
    position_.shards.Finish(event.shard);
    advanced_ = true;
  }
  return {};
}

}  // namespace murmur
