// Connections to MongoDB: what the sources ask of libmongoc, as values and Statuses. Includes
// libmongoc's header, so only for this folder.
//
// Messages show only the hosts of a uri.
#pragma once

#include <mongoc/mongoc.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "murmur/status.h"
#include "source/mongo/bson.h"

namespace murmur {

struct MongocDestroy {
  void operator()(mongoc_uri_t* uri) const { mongoc_uri_destroy(uri); }
  void operator()(mongoc_client_t* client) const { mongoc_client_destroy(client); }
  void operator()(mongoc_collection_t* collection) const { mongoc_collection_destroy(collection); }
  void operator()(mongoc_cursor_t* cursor) const { mongoc_cursor_destroy(cursor); }
  void operator()(mongoc_change_stream_t* stream) const { mongoc_change_stream_destroy(stream); }
  void operator()(mongoc_client_session_t* s) const { mongoc_client_session_destroy(s); }
  void operator()(mongoc_session_opt_t* options) const { mongoc_session_opts_destroy(options); }
  void operator()(mongoc_database_t* database) const { mongoc_database_destroy(database); }
  void operator()(mongoc_server_description_t* server) const {
    mongoc_server_description_destroy(server);
  }
};
template <class T>
using Mongoc = std::unique_ptr<T, MongocDestroy>;

// A place in the oplog: seconds << 32 | increment, as in a BSON timestamp. A read at a cluster time
// sees what was written at or before it.
using ClusterTime = uint64_t;
inline uint32_t SecondsOf(ClusterTime time) { return static_cast<uint32_t>(time >> 32); }
inline uint32_t IncrementOf(ClusterTime time) { return static_cast<uint32_t>(time); }
inline ClusterTime MakeClusterTime(uint32_t seconds, uint32_t increment) {
  return ClusterTime{seconds} << 32 | increment;
}

// One collection and its address.
struct MongoPlace {
  std::shared_ptr<const mongoc_uri_t> uri;
  std::string database;
  std::string collection;
  std::string ns;    // "shop.orders"
  std::string name;  // "mongo:shop.orders"
  std::string text;  // "mongo:shop.orders at db1:27017,db2:27017"
};
// From `mongo: {uri, database, collection}`. Errors: kInvalidArgument (an option), kNotFound (an
// environment variable that it refers to).
Result<std::shared_ptr<const MongoPlace>> MakeMongoPlace(const SourceSpec& spec);

// The driver's error from `doing` something, as a Status:
//   kUnavailable         network, elections, cursors that are gone, snapshots that are too old
//   kPermissionDenied    the user is refused, or lacks rights
//   kOutOfRange          the oplog does not reach back to where a change stream goes on
//   kNotFound            no such collection
//   kFailedPrecondition  everything else that a server refuses
// `reply`, which may be null, is the server's answer.
Status MongoStatus(const MongoPlace& place, std::string_view doing, const bson_error_t& error,
                   const bson_t* reply);

// Whether a server of this version has $changeStreamSplitLargeEvent.
bool MongoSplitsLargeChanges(const std::array<uint64_t, 3>& version);

// Whether the server has forgotten the time that a read asked for.
bool IsSnapshotTooOld(const bson_error_t& error);

// A collection as the server describes it.
struct MongoCollectionFacts {
  std::string uuid;  // hex; differs after the collection was dropped and made again
  uint64_t rows = 0;
  uint64_t row_bytes = 0;     // on average
  bool keeps_images = false;  // keeps documents as they were before and after a change
};

// Threads: one at a time.
class MongoClient {
 public:
  static constexpr int32_t kAnswerMs = 10'000;

  // Does not connect yet. Gives up an answer after `answer_ms`, unless the uri sets a limit.
  // Errors: kUnavailable (DNS), kInvalidArgument.
  static Result<std::unique_ptr<MongoClient>> Make(std::shared_ptr<const MongoPlace> place,
                                                   int32_t answer_ms = kAnswerMs);

  mongoc_client_t* get() const noexcept { return client_.get(); }
  const MongoPlace& place() const noexcept { return *place_; }
  Mongoc<mongoc_collection_t> Collection() const;

  // The methods below ask the server, once. Errors of all: as MongoStatus.

  // Errors: kFailedPrecondition (a standalone server, which has no oplog; mongos).
  Result<ClusterTime> OperationTime() const;
  // Whether the server cuts changes that are larger than a document may be.
  Result<bool> SplitsLargeChanges() const;
  // Where the oplog begins. Errors: kPermissionDenied (the user may not read it).
  Result<ClusterTime> OldestInOplog() const;
  // Facts about the collection. Errors: kNotFound; kFailedPrecondition (its changes can't be
  // followed, or don't identify rows; says why).
  Result<MongoCollectionFacts> Facts() const;
  // Calls visit(const bson_t*) for each document that the pipeline returns.
  template <class Visit>
  Status Aggregate(const bson_t* pipeline, const Visit& visit) const {
    const Mongoc<mongoc_cursor_t> cursor = OpenAggregate(pipeline);
    for (const bson_t* document = nullptr; mongoc_cursor_next(cursor.get(), &document);) {
      visit(document);
    }
    return CursorStatus(cursor.get());
  }

 private:
  MongoClient(std::shared_ptr<const MongoPlace> place, Mongoc<mongoc_client_t> client)
      : place_(std::move(place)), client_(std::move(client)) {}
  Result<BsonDocument> Command(const char* name, std::string_view doing) const;
  Result<BsonDocument> Hello() const { return Command("hello", "to ask for the time"); }
  Result<BsonDocument> Description() const;
  Status NoCollection() const;
  Mongoc<mongoc_cursor_t> OpenAggregate(const bson_t* pipeline) const;
  Status CursorStatus(mongoc_cursor_t* cursor) const;

  const std::shared_ptr<const MongoPlace> place_;
  const Mongoc<mongoc_client_t> client_;
};

// The connections of one source, for reuse. Threads: from many at once.
class MongoClients {
 public:
  static Result<std::shared_ptr<MongoClients>> Make(const SourceSpec& spec);
  explicit MongoClients(std::shared_ptr<const MongoPlace> place) : place_(std::move(place)) {}

  const MongoPlace& place() const noexcept { return *place_; }
  const std::shared_ptr<const MongoPlace>& shared_place() const noexcept { return place_; }

  Result<std::unique_ptr<MongoClient>> Take();
  // Returns a client after use. `status`: the outcome.
  void Give(std::unique_ptr<MongoClient> client, const Status& status);

  // The names of the fields in a few documents, as paths; asked for once. Empty: none are known.
  std::vector<std::string> FieldNames();

  // question(client), retried for half a minute while it is kUnavailable. Errors: kCancelled, and
  // those of the question. The question may run on after a stop, so it owns what it touches.
  template <class T>
  static Result<T> Ask(const std::shared_ptr<MongoClients>& clients, const std::stop_token& stop,
                       std::function<Result<T>(const MongoClient&)> question) {
    const auto answer = std::make_shared<Result<T>>(Status(Code::kCancelled, "stopped"));
    MURMUR_TRY(
        AskAny(clients, stop, [answer, question = std::move(question)](const MongoClient& client) {
          *answer = question(client);
          return answer->status();
        }));
    return *std::move(answer);
  }

 private:
  using Question = std::function<Status(const MongoClient&)>;
  static Status AskAny(const std::shared_ptr<MongoClients>& clients, const std::stop_token& stop,
                       Question question);
  Status AskOnce(const Question& question);
  Status AskPatiently(const Question& question, const std::stop_token& stop);

  const std::shared_ptr<const MongoPlace> place_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<MongoClient>> idle_;  // under mutex_
  std::once_flag asked_for_names_;
  std::vector<std::string> field_names_;  // once they have been asked for
};

}  // namespace murmur
