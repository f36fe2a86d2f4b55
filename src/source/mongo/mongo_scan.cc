#include "source/mongo/mongo_scan.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "source/mongo/bson_decoder.h"
#include "source/mongo/bson_key.h"

namespace murmur {
namespace {

constexpr std::chrono::seconds kPatience{60};
constexpr std::chrono::milliseconds kIdleWait{100};
// The size of one answer of the server.
constexpr uint64_t kAnswerBytes = 4 << 20;
constexpr uint64_t kAnswerRowsMax = uint64_t{16} * kBatchRows;
constexpr uint64_t kAnswerRowsMin = 100;

void AppendBound(const char* name, const BsonDocument& bound, bson_t* command) {
  BSON_APPEND_DOCUMENT(command, name, bound.get());
}

void AppendOrder(const char* name, bson_t* command) {
  bson_t by_id;
  BSON_APPEND_DOCUMENT_BEGIN(command, name, &by_id);
  BSON_APPEND_INT32(&by_id, "_id", 1);
  bson_append_document_end(command, &by_id);
}

void AppendReadConcern(ClusterTime time, bson_t* command) {
  bson_t concern;
  BSON_APPEND_DOCUMENT_BEGIN(command, "readConcern", &concern);
  BSON_APPEND_UTF8(&concern, "level", "snapshot");
  BSON_APPEND_TIMESTAMP(&concern, "atClusterTime", SecondsOf(time), IncrementOf(time));
  bson_append_document_end(command, &concern);
}

// A find at a cluster time needs one session and one server. The driver drops the time from finds
// that it makes itself, and sends the commands after one of ours to any server, in any session.
struct Find {
  Mongoc<mongoc_client_session_t> session;
  Mongoc<mongoc_cursor_t> cursor;
};

// The fetching thread.
class Fetching {
 public:
  Fetching(std::shared_ptr<MongoClients> clients, MongoScanRange range,
           const Projection& projection, const MongoScanOptions& options,
           std::shared_ptr<MongoQueue> queue)
      : clients_(std::move(clients)),
        place_(clients_->place()),
        range_(std::move(range)),
        not_before_(options.not_before),
        answer_rows_(
            static_cast<int32_t>(std::clamp(kAnswerBytes / std::max<uint64_t>(1, options.row_bytes),
                                            kAnswerRowsMin, kAnswerRowsMax))),
        pace_(options.pace),
        queue_(std::move(queue)) {
    AppendServerProjection(projection, projection_.get());
  }

  void Run() {
    Retries retries(kPatience);
    for (;;) {
      const uint64_t before = rows_;
      Status status = ReadOn();
      if (queue_->closed()) return;
      if (status.code() != Code::kUnavailable) return queue_->End(std::move(status), read_at_);
      if (rows_ > before) retries.Progress(kPatience);
      const auto pause = retries.Next();
      if (!pause) return queue_->End(std::move(status), read_at_);
      if (!queue_->Sleep(*pause)) return;
    }
  }

 private:
  // Reads from after the last row to the end.
  Status ReadOn() {
    MURMUR_ASSIGN(auto client, clients_->Take());
    Status status = ReadWith(*client);
    clients_->Give(std::move(client), status);
    return status;
  }

  Status ReadWith(const MongoClient& client) {
    for (bool is_end = false; !is_end && !queue_->closed();) {
      MURMUR_ASSIGN(const ClusterTime time, client.OperationTime());
      read_at_ = time;
      if (time < not_before_) {
        return Status(Code::kUnavailable, place_.text + ": the server lags behind its change log");
      }
      MURMUR_ASSIGN(is_end, ReadAt(client, time));
    }
    return {};
  }

  // Reads as much as one cluster time allows. True: that was all.
  Result<bool> ReadAt(const MongoClient& client, ClusterTime time) {
    const bool bounded = Lower().has_value();
    if (!bounded || !IsMaxKey(*Lower())) {
      MURMUR_ASSIGN(const bool is_end, ReadSome(client, RangeCommand(time), time));
      if (!is_end) return false;
    }
    // For the server, a range without an upper bound ends before MaxKey.
    const bool is_done = range_.after && IsMaxKey(*range_.after);
    if (!bounded || range_.until || is_done || queue_->closed()) return true;
    return ReadSome(client, TopCommand(time), time);
  }

  // Reads the result of `command`, a find at `time`. False: there may be more.
  Result<bool> ReadSome(const MongoClient& client, const BsonDocument& command, ClusterTime time) {
    const auto begin = std::chrono::steady_clock::now();
    const uint64_t limit = Limit();
    MURMUR_ASSIGN(const Find find, Open(client, command));
    std::string skipped;  // the key of the last row, which comes again if it still exists
    if (range_.after) MURMUR_TRY(AppendIdKey(range_.after->get(), &skipped));
    uint64_t came = 0;
    uint64_t bytes = 0;
    const bson_t* document = nullptr;
    while (mongoc_cursor_next(find.cursor.get(), &document)) {
      ++came;
      bytes += document->len;
      MURMUR_ASSIGN(const bool is_skipped, IsSkipped(document, &skipped));
      if (is_skipped) continue;
      if (!queue_->Put(BytesOf(document), time)) return true;
      ++rows_;
      MURMUR_TRY(NoteLast(document));
      // An answer that the server has sent is used completely.
      const bool is_asking = came % static_cast<uint64_t>(answer_rows_) == 0;
      if (is_asking && pace_.IsEnough(bytes, std::chrono::steady_clock::now() - begin)) {
        return false;
      }
    }
    bson_error_t error;
    const bson_t* reply = nullptr;
    if (!mongoc_cursor_error_document(find.cursor.get(), &error, &reply)) {
      pace_.NoteRead();
      return came < limit;
    }
    if (!IsSnapshotTooOld(error)) return MongoStatus(place_, "to read on", error, reply);
    pace_.NoteTooOld(came);
    if (came > 1) return false;  // at least one row is new
    return MongoStatus(place_, "to read on", error, reply);
  }

  // The last row comes again.
  uint64_t Limit() const { return pace_.rows() + (range_.after ? 1 : 0); }
  const std::optional<BsonDocument>& Lower() const {
    return range_.after ? range_.after : range_.from;
  }
  static bool IsMaxKey(const BsonDocument& bound) {
    bson_iter_t id;
    return bson_iter_init_find(&id, bound.get(), "_id") && BSON_ITER_HOLDS_MAXKEY(&id);
  }

  // Only the first row can be the last one again: then *key becomes empty.
  static Result<bool> IsSkipped(const bson_t* document, std::string* key) {
    if (key->empty()) return false;
    std::string first;
    MURMUR_TRY(AppendIdKey(document, &first));
    return first == std::exchange(*key, {});
  }

  Status NoteLast(const bson_t* document) {
    bson_iter_t id;
    if (!bson_iter_init_find(&id, document, "_id")) {
      return Status(Code::kDataLoss, place_.text + ": a document without _id");
    }
    if (!range_.after) range_.after.emplace();
    bson_reinit(range_.after->get());
    bson_append_iter(range_.after->get(), "_id", -1, &id);
    return {};
  }

  // With index bounds, since a filter sees only keys of its bounds' type.
  BsonDocument RangeCommand(ClusterTime time) const {
    BsonDocument command;
    bson_t* find = command.get();
    BSON_APPEND_UTF8(find, "find", place_.collection.c_str());
    AppendOrder("hint", find);
    AppendOrder("sort", find);
    if (Lower()) AppendBound("min", *Lower(), find);
    if (range_.until) AppendBound("max", *range_.until, find);
    BSON_APPEND_INT64(find, "limit", static_cast<int64_t>(Limit()));
    AppendReading(time, find);
    return command;
  }
  // Finds the row whose key is MaxKey.
  BsonDocument TopCommand(ClusterTime time) const {
    BsonDocument command;
    bson_t* find = command.get();
    bson_t filter;
    BSON_APPEND_UTF8(find, "find", place_.collection.c_str());
    BSON_APPEND_DOCUMENT_BEGIN(find, "filter", &filter);
    BSON_APPEND_MAXKEY(&filter, "_id");
    bson_append_document_end(find, &filter);
    AppendReading(time, find);
    return command;
  }
  void AppendReading(ClusterTime time, bson_t* find) const {
    BSON_APPEND_DOCUMENT(find, "projection", projection_.get());
    BSON_APPEND_INT32(find, "batchSize", answer_rows_);
    AppendReadConcern(time, find);
  }

  Result<Find> Open(const MongoClient& client, const BsonDocument& command) const {
    bson_error_t error;
    const auto fail = [&](const bson_t* reply) {
      return MongoStatus(place_, "to read rows", error, reply);
    };
    const Mongoc<mongoc_session_opt_t> session_options(mongoc_session_opts_new());
    mongoc_session_opts_set_causal_consistency(session_options.get(), false);
    Find find;
    find.session.reset(mongoc_client_start_session(client.get(), session_options.get(), &error));
    if (find.session == nullptr) return fail(nullptr);
    const mongoc_read_prefs_t* preference = mongoc_client_get_read_prefs(client.get());
    const Mongoc<mongoc_server_description_t> server(
        mongoc_client_select_server(client.get(), /*for_writes=*/false, preference, &error));
    if (server == nullptr) return fail(nullptr);

    const BsonDocument options;
    if (!mongoc_client_session_append(find.session.get(), options.get(), &error)) {
      return fail(nullptr);
    }
    BSON_APPEND_INT32(options.get(), "serverId",
                      static_cast<int32_t>(mongoc_server_description_id(server.get())));
    bson_t reply;
    if (!mongoc_client_command_with_opts(client.get(), place_.database.c_str(), command.get(),
                                         preference, options.get(), &reply, &error)) {
      const BsonDocument answer(bson_copy(&reply));
      bson_destroy(&reply);
      return fail(answer.get());
    }
    BSON_APPEND_INT32(options.get(), "batchSize", answer_rows_);
    // Takes ownership of the reply.
    find.cursor.reset(
        mongoc_cursor_new_from_command_reply_with_opts(client.get(), &reply, options.get()));
    return find;
  }

  const std::shared_ptr<MongoClients> clients_;
  const MongoPlace& place_;
  MongoScanRange range_;  // `after` moves with each row
  const ClusterTime not_before_;
  const int32_t answer_rows_;
  MongoPace pace_;
  const BsonDocument projection_;
  const std::shared_ptr<MongoQueue> queue_;
  uint64_t rows_ = 0;
  ClusterTime read_at_ = 0;  // of the last find
};

}  // namespace

MongoScanStream::MongoScanStream(const std::shared_ptr<MongoClients>& clients, MongoScanRange range,
                                 const Projection& projection, const MongoScanOptions& options)
    : clients_(clients),
      queue_(std::make_shared<MongoQueue>(nullptr)),
      row_bytes_(options.row_bytes),
      rows_(clients->place().ns, projection, options.row_bytes_max),
      fetching_([fetching = std::make_shared<Fetching>(clients, std::move(range), projection,
                                                       options, queue_)] { fetching->Run(); }) {}

MongoScanStream::~MongoScanStream() { queue_->Close(); }

Result<ReadState> MongoScanStream::Read(std::stop_token stop, RecordBatch* batch) {
  rows_.Begin(batch);
  if (next_ == page_.size()) {
    queue_->Wait(stop, kIdleWait);
    next_ = 0;
    page_.Clear();
    if (!stop.stop_requested() && !queue_->Take(&page_)) {
      const auto end = queue_->end();
      if (!end) return ReadState::kIdle;
      MURMUR_TRY(end->status);
      batch->AsTable().read_point = PlaceOf(end->read_at);
      return ReadState::kEnd;
    }
  }
  if (stop.stop_requested()) return Status(Code::kCancelled, std::string(batch->object));
  for (; next_ < page_.size() && batch->rows < kBatchRows; ++next_) {
    MURMUR_TRY(rows_.Put(DocumentIn(page_[next_])));
  }
  rows_.Finish();
  batch->field_names = [clients = clients_] { return clients->FieldNames(); };
  // Like the sizes of splits: stored bytes, not only those requested.
  if (row_bytes_ > 0) batch->bytes = batch->rows * row_bytes_;
  batch->after = rows_.LastId();
  batch->AsTable().read_point = PlaceOf(page_.read_at);
  return ReadState::kRecords;
}

}  // namespace murmur
