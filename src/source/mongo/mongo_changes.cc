#include "source/mongo/mongo_changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "source/mongo/bson_decoder.h"
#include "source/mongo/mongo_fragments.h"

namespace murmur {
namespace {

constexpr int32_t kAwaitMs = 200;
constexpr int32_t kAnswerEvents = 1000;
constexpr uint32_t kRowsPerChange = 2;  // before and after
constexpr std::chrono::seconds kMoveEvery{1};
constexpr std::chrono::seconds kPatience{30};  // for the first answer
constexpr std::chrono::hours kForEver{24 * 365 * 10};
// A server that searches a long part of the oplog without a change of this collection says nothing
// meanwhile: each time it gets twice as long.
constexpr int kLongerMax = 6;

constexpr std::string_view kAfter = "fullDocument";
constexpr std::string_view kBefore = "fullDocumentBeforeChange";

// Requests only the needed fields of a document's image.
void AppendImage(std::string_view image, const Projection& projection, bson_t* project) {
  const BsonDocument fields;
  AppendServerProjection(projection, fields.get());
  if (bson_empty(fields.get())) BSON_APPEND_INT32(project, image.data(), 1);
  bson_iter_t field;
  bson_iter_init(&field, fields.get());
  while (bson_iter_next(&field)) {
    const std::string name = fmt::format("{}.{}", image, bson_iter_key(&field));
    bson_append_int32(project, name.c_str(), static_cast<int>(name.size()), 1);
  }
}

// [{$project: …}]: only the needed fields of changes. If the server can, also
// [{$changeStreamSplitLargeEvent: {}}], which must be the last stage.
BsonDocument Pipeline(const Projection& projection, bool splits) {
  BsonDocument out;
  bson_t stages;
  bson_t stage;
  bson_t project;
  BSON_APPEND_ARRAY_BEGIN(out.get(), "pipeline", &stages);
  BSON_APPEND_DOCUMENT_BEGIN(&stages, "0", &stage);
  BSON_APPEND_DOCUMENT_BEGIN(&stage, "$project", &project);
  for (const char* name : {"operationType", "clusterTime", "documentKey", "to"}) {
    bson_append_int32(&project, name, -1, 1);
  }
  AppendImage(kAfter, projection, &project);
  if (projection.before) AppendImage(kBefore, projection, &project);
  bson_append_document_end(&stage, &project);
  bson_append_document_end(&stages, &stage);
  if (splits) {
    BSON_APPEND_DOCUMENT_BEGIN(&stages, "1", &stage);
    BSON_APPEND_DOCUMENT(&stage, "$changeStreamSplitLargeEvent", BsonDocument().get());
    bson_append_document_end(&stages, &stage);
  }
  bson_append_array_end(out.get(), &stages);
  return out;
}

std::string_view TextOf(const bson_iter_t* value) {
  if (!BSON_ITER_HOLDS_UTF8(value)) return {};
  uint32_t size = 0;
  const char* text = bson_iter_utf8(value, &size);
  return {text, size};
}

BsonBytes DocumentOf(const bson_iter_t* value) {
  return BSON_ITER_HOLDS_DOCUMENT(value) ? EmbeddedBson(value) : BsonBytes();
}

// The new name in a rename's "to": {db, coll}.
std::string NewName(BsonBytes to) {
  std::array<std::string, 2> names;
  bool valid = true;
  ForEachBsonElement(to.data, to.size, &valid, [&names](const bson_iter_t* part) {
    const std::string_view key = bson_iter_key(part);
    if (key == "db") names[0] = TextOf(part);
    if (key == "coll") names[1] = TextOf(part);
    return true;
  });
  return names[0] + "." + names[1];
}

}  // namespace

// --- the fetching thread

class MongoChanges::Fetching {
 public:
  Fetching(std::shared_ptr<const MongoPlace> place, MongoPosition position,
           const Projection& projection, std::shared_ptr<MongoQueue> queue)
      : place_(std::move(place)),
        projection_(projection),
        queue_(std::move(queue)),
        position_(std::move(position)) {}

  void Run() {
    while (!queue_->closed()) {
      Status status = stream_ == nullptr ? Start() : Status();
      if (status.ok()) status = Fetch();
      if (status.ok()) continue;
      if (status.code() != Code::kUnavailable) return queue_->End(std::move(status));
      stream_.reset();
      const auto pause = retries_.Next();
      if (!pause) return queue_->End(std::move(status));
      if (!queue_->Sleep(*pause)) return;
    }
  }

 private:
  Status Start() {
    const int longer = std::min(retries_.attempts(), kLongerMax);
    MURMUR_ASSIGN(client_, MongoClient::Make(place_, MongoClient::kAnswerMs << longer));
    const Mongoc<mongoc_collection_t> collection = client_->Collection();
    const std::unique_ptr<mongoc_read_concern_t, void (*)(mongoc_read_concern_t*)> concern(
        mongoc_read_concern_new(), mongoc_read_concern_destroy);
    mongoc_read_concern_set_level(concern.get(), MONGOC_READ_CONCERN_LEVEL_MAJORITY);
    mongoc_collection_set_read_concern(collection.get(), concern.get());
    MURMUR_ASSIGN(const BsonDocument options, Options());
    MURMUR_ASSIGN(const bool splits, client_->SplitsLargeChanges());
    const BsonDocument pipeline = Pipeline(projection_, splits);
    fragments_.Clear();
    CountStreams();
    stream_.reset(mongoc_collection_watch(collection.get(), pipeline.get(), options.get()));
    return Error();
  }

  Result<BsonDocument> Options() const {
    BsonDocument options;
    // An image that the server does not have (any more) is an error; nothing is guessed.
    BSON_APPEND_UTF8(options.get(), kAfter.data(),
                     projection_.before ? "required" : "updateLookup");
    if (projection_.before) BSON_APPEND_UTF8(options.get(), kBefore.data(), "required");
    BSON_APPEND_INT32(options.get(), "maxAwaitTimeMS", kAwaitMs);
    BSON_APPEND_INT32(options.get(), "batchSize", kAnswerEvents);
    if (position_.token.empty()) {
      BSON_APPEND_TIMESTAMP(options.get(), "startAtOperationTime", SecondsOf(position_.through),
                            IncrementOf(position_.through));
      return options;
    }
    MURMUR_ASSIGN(const BsonDocument token, ParseResumeToken(position_.token));
    BSON_APPEND_DOCUMENT(options.get(), "resumeAfter", token.get());
    return options;
  }

  void CountStreams() {
    const std::unique_ptr<mongoc_apm_callbacks_t, void (*)(mongoc_apm_callbacks_t*)> callbacks(
        mongoc_apm_callbacks_new(), mongoc_apm_callbacks_destroy);
    mongoc_apm_set_command_started_cb(
        callbacks.get(), [](const mongoc_apm_command_started_t* event) {
          const std::string_view name = mongoc_apm_command_started_get_command_name(event);
          auto* self = static_cast<Fetching*>(mongoc_apm_command_started_get_context(event));
          if (name == "aggregate") ++self->opened_;
        });
    mongoc_client_set_apm_callbacks(client_->get(), callbacks.get(), this);
  }

  // OK: there is none.
  Status Error() const {
    bson_error_t error;
    const bson_t* reply = nullptr;
    if (!mongoc_change_stream_error_document(stream_.get(), &error, &reply)) return {};
    return MongoStatus(*place_, "to follow its changes", error, reply);
  }

  // Fetches the next change, or learns that there is none for a while.
  Status Fetch() {
    const bson_t* event = nullptr;
    const bool came = mongoc_change_stream_next(stream_.get(), &event);
    if (!came) MURMUR_TRY(Error());
    retries_.Progress(kForEver);
    const bson_t* token = mongoc_change_stream_get_resume_token(stream_.get());
    if (token == nullptr) return {};
    if (came) {
      told_by_ = opened_;
      const bson_t* change = nullptr;
      MURMUR_TRY(fragments_.Add(event, &change));
      if (change == nullptr) return {};
      queue_->Put(BytesOf(change));
      position_.token = ResumeTokenText(token);
      return {};
    }
    if (fragments_.pending()) return {};
    // A stream that goes on after a change repeats that change's token until the server has reached
    // the change again; the rest of its transaction comes after it.
    if (told_by_ != opened_ && ResumeTokenText(token) == position_.token) return {};
    // Everything up to the token's time has come: the server goes on after it.
    MURMUR_ASSIGN(position_.through, ResumeTokenTime(token));
    position_.token = ResumeTokenText(token);
    queue_->PutMark(position_);
    return {};
  }

  const std::shared_ptr<const MongoPlace> place_;
  const Projection projection_;
  const std::shared_ptr<MongoQueue> queue_;
  MongoPosition position_;
  Retries retries_{kPatience};
  std::unique_ptr<MongoClient> client_;
  Mongoc<mongoc_change_stream_t> stream_;
  MongoFragments fragments_;
  // The number of streams opened, and the one that gave the last change. The driver may reopen a
  // stream without telling.
  uint64_t opened_ = 0;
  uint64_t told_by_ = 0;
};

// --- the reading thread

struct MongoChanges::Change {
  std::string_view operation;
  ClusterTime time = 0;
  BsonBytes token;
  BsonBytes before, document;  // null: none
  BsonBytes key;
  BsonBytes to;

  explicit Change(BsonBytes event) {
    bool valid = true;
    ForEachBsonElement(event.data, event.size, &valid, [this](const bson_iter_t* field) {
      const std::string_view name = bson_iter_key(field);
      if (name == "_id") token = DocumentOf(field);
      if (name == "operationType") operation = TextOf(field);
      if (name == kAfter) document = DocumentOf(field);
      if (name == kBefore) before = DocumentOf(field);
      if (name == "documentKey") key = DocumentOf(field);
      if (name == "to") to = DocumentOf(field);
      if (name == "clusterTime" && BSON_ITER_HOLDS_TIMESTAMP(field)) {
        uint32_t seconds = 0;
        uint32_t increment = 0;
        bson_iter_timestamp(field, &seconds, &increment);
        time = MakeClusterTime(seconds, increment);
      }
      return true;
    });
  }

  bool is_row() const {
    return operation == "insert" || operation == "update" || operation == "replace" ||
           operation == "delete";
  }
  // Why nothing of this collection comes after the change; empty: more may come.
  std::string Ending() const {
    if (operation == "drop") return "was dropped";
    if (operation == "rename") return "was renamed, or another was renamed to it: " + NewName(to);
    if (operation == "dropDatabase") return "was dropped with its database";
    if (operation == "invalidate") return "is not there any more";
    return {};
  }
};

MongoChanges::MongoChanges(std::shared_ptr<const MongoPlace> place, const MongoPosition& after,
                           const Projection& projection, MongoChangesOptions options)
    : place_(std::move(place)),
      begin_(after.through),
      goal_(std::move(options.goal)),
      queue_(std::make_shared<MongoQueue>(std::move(options.wake))),
      before_(projection.before),
      rows_(place_->ns, projection, options.row_bytes_max),
      position_(after),
      fetching_([fetching = std::make_shared<Fetching>(place_, after, projection, queue_)] {
        fetching->Run();
      }) {}

MongoChanges::~MongoChanges() { queue_->Close(); }

Result<ReadState> MongoChanges::Read(std::stop_token stop, RecordBatch* batch) {
  rows_.Begin(batch);
  if (stop.stop_requested()) return Status(Code::kCancelled, place_->text);
  MURMUR_TRY(end_);
  if (next_ == page_.size()) {
    next_ = 0;
    page_.Clear();
    if (!queue_->Take(&page_)) {
      if (const auto end = queue_->end()) return end->status;
      return ReadMark(batch);
    }
  }
  const MongoPosition before = position_;
  for (; next_ < page_.size() && batch->rows + kRowsPerChange <= kBatchRows; ++next_) {
    end_ = TakeChange(DocumentIn(page_[next_]));
    if (!end_.ok()) break;
  }
  if (position_ == before) {
    MURMUR_TRY(end_);
    return ReadState::kIdle;
  }
  Finish(batch);
  moved_at_ = std::chrono::steady_clock::now();
  return ReadState::kRecords;
}

void MongoChanges::Finish(RecordBatch* batch) {
  rows_.Finish();
  batch->after = position_.ToString();
  batch->AsTable().watermark = PlaceOf(position_.through);
}

// A mark says that nothing came up to some time. It is given now and then, and when somebody waits
// for it.
Result<ReadState> MongoChanges::ReadMark(RecordBatch* batch) {
  const auto mark = queue_->mark();
  if (!mark || *mark == position_) return ReadState::kIdle;
  const ClusterTime goal = goal_->load();
  const bool reaches_goal = position_.through < goal && goal <= mark->through;
  const auto now = std::chrono::steady_clock::now();
  if (!reaches_goal && now - moved_at_ < kMoveEvery) return ReadState::kIdle;
  position_ = {.through = std::max(position_.through, mark->through), .token = mark->token};
  moved_at_ = now;
  Finish(batch);
  return ReadState::kRecords;
}

Status MongoChanges::TakeChange(BsonBytes event) {
  const Change change(event);
  bson_t token;
  if (change.time == 0 || change.operation.empty() || change.token.data == nullptr ||
      !bson_init_static(&token, change.token.data, change.token.size)) {
    return Status(Code::kDataLoss, place_->text + ": a change that does not say what it is");
  }
  if (change.time > begin_) {
    if (const std::string ending = change.Ending(); !ending.empty()) {
      return Status(Code::kFailedPrecondition,
                    fmt::format("{}: {}. What was counted is what was there before; to count what "
                                "is there now: murmur bootstrap FILE --fresh",
                                place_->text, ending));
    }
    if (change.is_row()) MURMUR_TRY(before_ ? TakeRowWithBefore(change) : TakeRow(change));
  }
  position_.token = ResumeTokenText(&token);
  position_.through = std::max(position_.through, change.time - 1);
  return {};
}

// An update has the row as it was when it was looked up; without one, the row has been deleted
// since.
Status MongoChanges::TakeRow(const Change& change) {
  const bool gone = change.operation == "delete" || change.document.data == nullptr;
  const BsonBytes row = gone ? change.key : change.document;
  if (row.data == nullptr) {
    return Status(Code::kDataLoss, place_->text + ": a change that does not name its row");
  }
  return gone ? rows_.Delete(row) : rows_.Put(row);
}

Status MongoChanges::TakeRowWithBefore(const Change& change) {
  const bool is_new = change.operation == "insert";
  const bool gone = change.operation == "delete";
  const bool complete = (is_new || change.before.data != nullptr) &&
                        (gone ? change.key.data : change.document.data) != nullptr;
  if (!complete) {
    return Status(Code::kDataLoss, place_->text + ": a change without what the row was before it");
  }
  if (!is_new) MURMUR_TRY(rows_.Retract(change.before));
  MURMUR_TRY(gone ? rows_.Delete(change.key) : rows_.Put(change.document));
  rows_.SetPlace(PlaceOf(change.time));
  return {};
}

}  // namespace murmur
