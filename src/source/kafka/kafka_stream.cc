#include "source/kafka/kafka_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/shown.h"
#include "decode/debezium_decoder.h"
#include "decode/line_decoder.h"
#include "monoid/hash.h"

namespace murmur {
namespace {

using std::chrono::steady_clock;

// Shorter than the time in which a controller gives up a broker that does not answer.
constexpr std::chrono::seconds kSilence{2};

// A schema registry's header: a zero byte, and four bytes of the schema's id.
constexpr size_t kRegistryHeaderBytes = 5;
// Debezium's header for a row whose key changes: on the delete, and on the message that puts it
// again.
constexpr char kNewKeyHeader[] = "__debezium.newkey";
constexpr char kOldKeyHeader[] = "__debezium.oldkey";

bool HasRegistryHeader(std::string_view bytes) {
  return bytes.size() >= kRegistryHeaderBytes && bytes.front() == '\0';
}

std::string_view ValueOf(const rd_kafka_message_t& message) {
  return {static_cast<const char*>(message.payload), message.payload == nullptr ? 0 : message.len};
}

std::string_view KeyOf(const rd_kafka_message_t& message) {
  return {static_cast<const char*>(message.key), message.key == nullptr ? 0 : message.key_len};
}

KafkaRecordMark MarkOf(const rd_kafka_message_t& message) {
  const auto time = static_cast<uint64_t>(rd_kafka_message_timestamp(&message, nullptr));
  return {.offset = message.offset,
          .hash = HashBytes(ValueOf(message), HashBytes(KeyOf(message), time ^ kStringSeed))};
}

}  // namespace

KafkaStream::KafkaStream(std::shared_ptr<const KafkaClient> client, TopicPartition partition,
                         const KafkaPosition& after, KafkaDecoder decoder,
                         std::function<void()> wake, const KafkaStreamOptions& options)
    : client_(std::move(client)),
      partition_(std::move(partition)),
      object_(partition_.ToString()),
      options_(options),
      decoder_(std::move(decoder)),
      queue_(client_->OpenQueue(partition_, std::move(wake))),
      position_(after) {}

KafkaStream::~KafkaStream() {
  DestroyMessages();
  queue_.reset();
}

void KafkaStream::DestroyMessages(size_t from) {
  for (size_t i = from; i < messages_.size(); ++i) rd_kafka_message_destroy(messages_[i]);
  messages_.resize(std::min(from, messages_.size()));
  last_ = nullptr;
}

Result<ReadState> KafkaStream::Read(std::stop_token stop, RecordBatch* batch) {
  DestroyMessages();
  batch->Clear();
  batch->object = object_;
  if (stop.stop_requested()) return Status(Code::kCancelled, object_);
  MURMUR_TRY(unreadable_);
  if (position_.next >= options_.end) return ReadState::kEnd;
  MURMUR_ASSIGN(const bool taken, TakeMessages(stop));
  if (!taken) return ReadState::kIdle;

  const int64_t before = position_.next;
  BeginBatch(batch);
  for (const rd_kafka_message_t* message : messages_) {
    MURMUR_TRY(TakeMessage(*message, batch));
    if (!started_ || !unreadable_.ok()) break;
  }
  if (position_.next == before) {
    MURMUR_TRY(unreadable_);
    if (started_ && goes_back_) MURMUR_TRY(GoBack());
    return ReadState::kIdle;
  }
  for (Column& column : batch->columns) column.SetTypeFromCells(batch->rows);
  if (last_ != nullptr) position_.last = MarkOf(*last_);
  batch->after = position_.ToString();
  return ReadState::kRecords;
}

// False: there is none that may be taken now.
Result<bool> KafkaStream::TakeMessages(const std::stop_token& stop) {
  if (!started_) {
    interruptions_ = client_->Interruptions(partition_);
    const Status status = Start(stop);
    if (doubtful_ && status.code() == Code::kUnavailable) return false;
    MURMUR_TRY(status);
    started_ = true;
    doubtful_ = false;
  }
  if (goes_back_) MURMUR_TRY(GoBack());
  messages_.resize(kBatchRows);
  messages_.resize(queue_->Take(messages_.data(), kBatchRows, options_.wait_ms));
  if (client_->Interruptions(partition_) != interruptions_) Doubt();
  const size_t good = started_ ? CountBelievable() : messages_.size();
  if (good < messages_.size()) {
    DestroyMessages(good);
    goes_back_ = true;
  }
  return started_;
}

// Fetches again from the last record on, which it compares.
Status KafkaStream::GoBack() {
  goes_back_ = false;
  to_check_ = position_.last;
  return queue_->Start(to_check_ ? to_check_->offset : position_.next);
}

// How many of the messages surely follow what was counted. A broker that was suspended does not
// know that another one led meanwhile. It may now have that one's records instead of those that
// were counted, and it keeps its connections.
size_t KafkaStream::CountBelievable() {
  if (KafkaTellsIdentity()) return CountOfSameEpoch();
  return BreaksSilence() && position_.last && !to_check_ ? 0 : messages_.size();
}

// Of the next epoch's leader the last record is then fetched again. A leader of an earlier epoch
// can't answer that any more: a fetch names the epoch that the client knows.
size_t KafkaStream::CountOfSameEpoch() {
  for (size_t i = 0; i < messages_.size(); ++i) {
    const int32_t epoch = LeaderEpochOf(*messages_[i]);
    if (epoch == kNoEpoch || messages_[i]->offset < position_.next) continue;
    const int32_t before = std::exchange(epoch_, epoch);
    if (before != kNoEpoch && before != epoch) return i;
  }
  return messages_.size();
}

bool KafkaStream::BreaksSilence() {
  const bool broken =
      !messages_.empty() && empty_since_ && queue_->Filled() - *empty_since_ > kSilence;
  if (messages_.size() == kBatchRows) {
    empty_since_.reset();
  } else if (!messages_.empty() || !empty_since_) {
    empty_since_ = steady_clock::now();
  }
  return broken;
}

// The topic may be gone, or be another one: nothing is taken until Start has checked.
void KafkaStream::Doubt() {
  started_ = false;
  doubtful_ = true;
}

Status KafkaStream::Start(const std::stop_token& stop) {
  MURMUR_TRY(client_->Locate(partition_.topic, /*again=*/false, stop));
  if (doubtful_) MURMUR_TRY(client_->Partitions({partition_.topic}, stop).status());
  // First: of a topic that was made anew, librdkafka from 2.3 on may never learn the offsets, as it
  // does not believe metadata whose epochs are earlier than those that it knows.
  MURMUR_TRY(CheckTopicId(stop));
  MURMUR_ASSIGN(const OffsetRange range,
                client_->Offsets(partition_, stop, /*patient=*/!doubtful_));
  if (range.begin > position_.next) {
    const auto gone = static_cast<uint64_t>(range.begin - position_.next);
    return Status(
        Code::kOutOfRange,
        fmt::format("{} begins at offset {} by now, but is to be read from {}: the {} "
                    "between {} gone (retention, or deleted). What was counted stays good; to "
                    "begin anew where the topic begins now: murmur bootstrap FILE --fresh, or "
                    "murmur replay FILE from an archive that still has them",
                    object_, range.begin, position_.next, Counted(gone, "record"),
                    gone == 1 ? "is" : "are"));
  }
  const bool is_cut = options_.end != INT64_MAX && range.end < options_.end;
  if (range.end < position_.next || is_cut) {
    return Status(
        Code::kFailedPrecondition,
        fmt::format("{} ends at offset {}, but had records up to {}: the topic was made anew "
                    "or lost records, and offsets mean something else by now. Build a new version "
                    "from what there is: murmur replay FILE, or murmur bootstrap FILE --fresh",
                    object_, range.end, is_cut ? options_.end : position_.next));
  }
  const bool can_check = position_.last && position_.last->offset >= range.begin;
  to_check_ = can_check ? position_.last : std::nullopt;
  epoch_ = kNoEpoch;
  goes_back_ = false;
  return queue_->Start(can_check ? position_.last->offset : position_.next);
}

// Tells topics apart even where the last record was deleted, and offsets happen to fit.
Status KafkaStream::CheckTopicId(const std::stop_token& stop) {
  MURMUR_ASSIGN(const std::string id,
                client_->TopicId(partition_.topic, stop, /*patient=*/!doubtful_));
  if (id.empty()) return {};
  const std::string before = std::exchange(position_.topic_id, id);
  if (before.empty() || before == id) return {};
  position_.topic_id = before;
  return Status(
      Code::kFailedPrecondition,
      fmt::format("{}: {} is another topic than the one that was read, of the same name (its id is "
                  "{}, and was {}): the topic was made anew, and offsets mean something else by "
                  "now. Build a new version from what there is: murmur replay FILE, or murmur "
                  "bootstrap FILE --fresh",
                  object_, partition_.topic, id, before));
}

Status KafkaStream::TakeMessage(const rd_kafka_message_t& message, RecordBatch* batch) {
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) return TakeError(message);
  if (to_check_) MURMUR_TRY(CheckMark(&message));
  if (message.offset < position_.next) return {};  // read only for the check
  if (message.offset >= options_.end) {
    AdvanceTo(options_.end);
    return {};
  }
  Decode(message, batch);
  if (!unreadable_.ok()) return {};
  AdvanceTo(message.offset + 1);
  last_ = &message;
  return {};
}

// `found`: the first record from the mark's offset on; null: there is none.
Status KafkaStream::CheckMark(const rd_kafka_message_t* found) {
  const KafkaRecordMark expected = *to_check_;
  to_check_.reset();
  const bool there = found != nullptr && found->offset == expected.offset;
  if (there ? MarkOf(*found) == expected : options_.compacted) return {};
  return Status(
      Code::kFailedPrecondition,
      fmt::format("{}: offset {} holds {} the one that was counted: the topic was made anew or "
                  "lost records, and offsets mean something else by now. Build a new version from "
                  "what there is: murmur replay FILE, or murmur bootstrap FILE --fresh",
                  object_, expected.offset, there ? "another record than" : "no record, but held"));
}

Status KafkaStream::TakeError(const rd_kafka_message_t& message) {
  switch (message.err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      // The position after the last record and after what follows it unseen: ends of transactions.
      if (to_check_) MURMUR_TRY(CheckMark(nullptr));
      AdvanceTo(std::min(message.offset, options_.end));
      if (options_.end != INT64_MAX && message.offset < options_.end) Doubt();  // it was there once
      return {};
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION: Doubt(); return {};
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE:
      // librdkafka would skip it and go on. What came before it counts first.
      unreadable_ = Status(
          Code::kDataLoss,
          fmt::format("{}: what is there from offset {} on can't be read: {}. What was counted "
                      "stays good; the records may be whole in another replica of the partition, "
                      "or in an archive for murmur replay",
                      object_, position_.next, rd_kafka_message_errstr(&message)));
      return {};
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return Status(Code::kPermissionDenied, object_ + ": " + rd_kafka_err2str(message.err));
    default: return {};  // librdkafka retries: brokers restart, tiers are away
  }
}

void KafkaStream::BeginBatch(RecordBatch* batch) {
  if (decoder_.records) return decoder_.records->BeginBatch();
  decoder_.changes->BeginBatch();
  TableRows& table = batch->AsTable();
  table.row_keys.resize(kBatchRows);
  table.changes.resize(kBatchRows);
  table.versions.resize(kBatchRows);
  table.leaves_out = true;
  table.of_snapshot.assign(kBatchRows, false);
  table.other_keys.resize(kBatchRows);
  batch->describe = [this](uint32_t row, DeadLetter* letter) { Describe(row, letter); };
  rows_.clear();
  keys_.clear();
  row_keys_.Reset();
}

// A schema registry's JSON serializer writes JSON after its header.
std::string_view KafkaStream::BodyOf(std::string_view bytes) const {
  if (!options_.is_json || !HasRegistryHeader(bytes)) return bytes;
  const std::string_view body = bytes.substr(kRegistryHeaderBytes);
  const size_t first = body.find_first_not_of(" \t\r\n");
  return first != body.npos && body[first] == '{' ? body : bytes;
}

void KafkaStream::LookAtFirst(std::string_view value) {
  if (looked_at_first_) return;
  looked_at_first_ = true;
  if (!options_.note || !LooksLikeDebezium(value)) return;
  options_.note(
      fmt::format("the messages of {} look like changes that Debezium tells, and each "
                  "counts as a record of its own: `format: debezium` beside `topic:` "
                  "counts the rows as they are now",
                  partition_.topic));
}

void KafkaStream::Decode(const rd_kafka_message_t& message, RecordBatch* batch) {
  const std::string_view value = BodyOf(ValueOf(message));
  const auto offset = static_cast<uint64_t>(message.offset);
  batch->bytes += value.size() + message.key_len;
  if (decoder_.changes) return DecodeChange(message, batch);
  if (value.size() > options_.record_bytes_max) {
    batch->dead_letters.push_back(MakeTooLong(object_, offset, options_.record_bytes_max, value));
    return;
  }
  LookAtFirst(value);
  const uint32_t row = batch->rows;
  DeadLetter dead;
  if (message.payload == nullptr) {
    dead.detail = "a message without a value";
  } else if (decoder_.records->Decode(value, row, &batch->columns, &dead)) {
    batch->raw[row] = value;
    batch->offsets[row] = offset;
    ++batch->rows;
    return;
  }
  AddDead(message, std::move(dead), batch);
}

void KafkaStream::AddDead(const rd_kafka_message_t& message, DeadLetter dead,
                          RecordBatch* batch) const {
  dead.object = object_;
  dead.offset = static_cast<uint64_t>(message.offset);
  dead.raw = ValueOf(message).substr(0, kDeadLetterRawBytes);
  if (options_.is_json && dead.reason == DeadReason::kUndecodable && HasRegistryHeader(dead.raw)) {
    dead.detail +=
        ". The message begins as those of a schema registry do, a zero byte and the schema's id: "
        "JSON is read after it, Avro and Protobuf are not";
  }
  batch->dead_letters.push_back(std::move(dead));
}

void KafkaStream::DecodeChange(const rd_kafka_message_t& message, RecordBatch* batch) {
  if (ValueOf(message).size() > options_.record_bytes_max) {
    return StopAt(message,
                  fmt::format("the change is longer than max_record ({} bytes), and without "
                              "it nobody knows what its row holds. Allow for more",
                              options_.record_bytes_max));
  }
  DeadLetter dead;
  DecodedChange change = decoder_.changes->Decode(BodyOf(KeyOf(message)), BodyOf(ValueOf(message)),
                                                  batch->rows, &batch->columns, &dead);
  switch (change.outcome) {
    case DecodedChange::Outcome::kNothing: return;
    case DecodedChange::Outcome::kRow: return AddRow(message, change, batch);
    case DecodedChange::Outcome::kDead:
      // A row whose content is unknown must not count with its old content.
      change.change = RowChange::kDelete;
      if (!change.key.empty()) {
        AddRow(message, change, batch);
        Describe(batch->rows - 1, &dead);
      }
      return AddDead(message, std::move(dead), batch);
    case DecodedChange::Outcome::kStop:
      return StopAt(message, dead.detail +
                                 ". Have the connector take a new snapshot into a new "
                                 "topic, and count that one");
  }
}

void KafkaStream::StopAt(const rd_kafka_message_t& message, std::string_view why) {
  unreadable_ = Status(Code::kFailedPrecondition,
                       fmt::format("{}, offset {}: {}. What was counted before it stays good",
                                   object_, message.offset, why));
}

// For a row that is deleted and put again because its key has changed.
std::string_view KafkaStream::OtherKey(const rd_kafka_message_t& message,
                                       const DecodedChange& change, const RecordBatch& batch) {
  if (!options_.tells_moves) return {};
  const bool is_put = change.change == RowChange::kPut;
  const auto leaves_out = [&](const Column& column) {
    return column.cells[batch.rows].is_unchanged();
  };
  if (is_put && std::none_of(batch.columns.begin(), batch.columns.end(), leaves_out)) return {};
  rd_kafka_headers_t* headers = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  const char* const name = is_put ? kOldKeyHeader : kNewKeyHeader;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
      rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR ||
      value == nullptr) {
    return {};
  }
  const std::string_view bytes(static_cast<const char*>(value), size);
  const std::string_view key = decoder_.changes->RowKey(BodyOf(bytes));
  return key.empty() || !options_.many_topics ? key : row_keys_.Store(RowId(key));
}

void KafkaStream::AddRow(const rd_kafka_message_t& message, const DecodedChange& change,
                         RecordBatch* batch) {
  const std::string_view other_key = OtherKey(message, change, *batch);
  const uint32_t row = batch->rows++;
  rows_.push_back(ValueOf(message));
  keys_.push_back(change.key);
  batch->raw[row] = ValueOf(message);
  batch->offsets[row] = static_cast<uint64_t>(message.offset);
  batch->table->row_keys[row] =
      options_.many_topics ? row_keys_.Store(RowId(change.key)) : change.key;
  batch->table->changes[row] = change.change;
  batch->table->versions[row] = change.version;
  batch->table->of_snapshot[row] = change.of_snapshot;
  batch->table->other_keys[row] = other_key;
  if (change.change == RowChange::kPut) return;
  for (Column& column : batch->columns) column.cells[row] = Cell::Null();
}

std::string KafkaStream::RowId(std::string_view key) const {
  return fmt::format("{}:{}", partition_.topic, key);
}

void KafkaStream::Describe(uint32_t row, DeadLetter* letter) const {
  letter->id = RowId(keys_[row]);
  letter->raw = rows_[row].substr(0, kDeadLetterRawBytes);
}

}  // namespace murmur
