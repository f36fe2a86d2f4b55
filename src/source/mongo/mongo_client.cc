#include "source/mongo/mongo_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "definition/secret.h"
#include "source/client_library.h"
#include "source/retries.h"

namespace murmur {
namespace {

constexpr std::chrono::seconds kPatience{30};
constexpr char kAppName[] = "murmur";

// Source: src/mongo/base/error_codes.yml of the MongoDB server.
enum ServerCode : uint32_t {
  kUnauthorized = 13,
  kAuthenticationFailed = 18,
  kNamespaceNotFound = 26,
  kNoMatchingDocument = 47,
  kSnapshotTooOld = 239,
  kChangeStreamFatalError = 280,
  kChangeStreamHistoryLost = 286,
  kAtlasError = 8000,
  kBSONObjectTooLarge = 10334,
};
constexpr std::array<uint32_t, 36> kMayWorkLater = {
    6,      // HostUnreachable
    7,      // HostNotFound
    24,     // LockTimeout
    43,     // CursorNotFound
    46,     // LockBusy
    50,     // MaxTimeMSExpired
    63,     // StaleShardVersion
    89,     // NetworkTimeout
    91,     // ShutdownInProgress
    112,    // WriteConflict
    133,    // FailedToSatisfyReadPreference
    134,    // ReadConcernMajorityNotAvailableYet
    136,    // CappedPositionLost
    150,    // StaleEpoch
    175,    // QueryPlanKilled
    189,    // PrimarySteppedDown
    202,    // NetworkInterfaceExceededTimeLimit
    206,    // NoSuchSession
    234,    // RetryChangeStream
    237,    // CursorKilled
    239,    // SnapshotTooOld
    246,    // SnapshotUnavailable
    262,    // ExceededTimeLimit
    290,    // TransactionExceededLifetimeLimitSeconds
    358,    // InternalTransactionNotSupported, while the server upgrades
    365,    // TemporarilyUnavailable
    384,    // ConnectionError
    9001,   // SocketException
    10107,  // NotWritablePrimary
    11600,  // InterruptedAtShutdown
    11601,  // Interrupted
    11602,  // InterruptedDueToReplStateChange
    13388,  // StaleConfig
    13435,  // NotPrimaryNoSecondaryOk
    13436,  // NotPrimaryOrSecondary
    28799,  // $sample met the same document again and again
};

void InitOnce() {
  static std::once_flag once;
  std::call_once(once, [] {
    mongoc_init();
    // Its warnings would go to standard output or error; important ones also come as errors.
    mongoc_log_set_handler(nullptr, nullptr);
  });
}

std::string HostsOf(const mongoc_uri_t* uri) {
  if (const char* srv = mongoc_uri_get_srv_hostname(uri)) return srv;
  std::string hosts;
  for (const mongoc_host_list_t* host = mongoc_uri_get_hosts(uri); host != nullptr;
       host = host->next) {
    hosts += (hosts.empty() ? "" : ",") + std::string(host->host_and_port);
  }
  return hosts;
}

Result<std::string> OptionOf(const SourceSpec& spec, const std::string& name) {
  const auto it = spec.options.find(name);
  if (it == spec.options.end() || it->second.empty()) {
    return Status(Code::kInvalidArgument, fmt::format("mongo: needs the option '{}'", name));
  }
  return it->second;
}

// libmongoc reports any failure during login as failed authentication.
bool IsRefusedLogin(const bson_error_t& error) {
  if (error.domain != MONGOC_ERROR_CLIENT || error.code != MONGOC_ERROR_CLIENT_AUTHENTICATE) {
    return false;
  }
  const std::string_view message = error.message;
  for (const std::string_view network : {"socket", "timeout", "connection"}) {
    if (message.find(network) != message.npos) return false;
  }
  return true;
}

Code CodeOf(const bson_error_t& error, const bson_t* reply) {
  if (IsRefusedLogin(error)) return Code::kPermissionDenied;
  if (error.domain != MONGOC_ERROR_SERVER) {
    const bool ours = error.domain == MONGOC_ERROR_COMMAND || error.domain == MONGOC_ERROR_BSON ||
                      error.domain == MONGOC_ERROR_CURSOR;
    return ours ? Code::kFailedPrecondition : Code::kUnavailable;
  }
  switch (error.code) {
    case kUnauthorized:
    case kAuthenticationFailed:
    case kAtlasError: return Code::kPermissionDenied;
    case kNamespaceNotFound: return Code::kNotFound;
    case kNoMatchingDocument:
    case kChangeStreamFatalError:
    case kChangeStreamHistoryLost: return Code::kOutOfRange;
    case kBSONObjectTooLarge: return Code::kFailedPrecondition;
    default: break;
  }
  const auto has_label = [reply](const char* label) {
    return reply != nullptr && mongoc_error_has_label(reply, label);
  };
  if (has_label("NonResumableChangeStreamError")) return Code::kOutOfRange;
  const bool later =
      std::find(kMayWorkLater.begin(), kMayWorkLater.end(), error.code) != kMayWorkLater.end();
  return later || has_label("ResumableChangeStreamError") ? Code::kUnavailable
                                                          : Code::kFailedPrecondition;
}

std::string RemedyOf(Code code, const bson_error_t& error, const MongoPlace& place) {
  if (code == Code::kPermissionDenied) {
    return fmt::format(
        ". The user in the uri needs the role read on the database {}; see to its password and "
        "authSource as well",
        place.database);
  }
  if (code == Code::kOutOfRange && error.code == kNoMatchingDocument) {
    return ". Images of documents before a change are not there any more, or were switched off: "
           "what happened since is not known. Keep them for longer (changeStreamOptions, "
           "expireAfterSeconds) or go without them (method: ledger), and begin anew: murmur "
           "bootstrap FILE --fresh";
  }
  if (code == Code::kOutOfRange) {
    return ". The oplog does not reach back to where this was read up to, and what happened since "
           "is not known. Make the oplog larger (replSetResizeOplog) and begin anew: murmur "
           "bootstrap FILE --fresh";
  }
  if (error.domain == MONGOC_ERROR_SERVER && error.code == kBSONObjectTooLarge) {
    return ". A document, with its _id, is too large for a change stream, and what happened after "
           "that change can't be read. MongoDB from 6.0.9 and 7.0 on cuts such changes: with a "
           "newer server this goes on. Or make the document smaller, or let the definition read "
           "fewer of its fields, and begin anew: murmur bootstrap FILE --fresh";
  }
  if (IsSnapshotTooOld(error)) {
    return ". A greater minSnapshotHistoryWindowInSeconds gives reads more time";
  }
  return "";
}

std::string_view StringAt(const bson_t* document, const char* path) {
  bson_iter_t top;
  bson_iter_t found;
  uint32_t size = 0;
  if (!bson_iter_init(&top, document) || !bson_iter_find_descendant(&top, path, &found) ||
      !BSON_ITER_HOLDS_UTF8(&found)) {
    return {};
  }
  const char* text = bson_iter_utf8(&found, &size);
  return {text, size};
}

bool Has(const bson_t* document, const char* path) {
  bson_iter_t top;
  bson_iter_t found;
  return bson_iter_init(&top, document) && bson_iter_find_descendant(&top, path, &found);
}

ClusterTime TimestampOf(const bson_iter_t* value) {
  uint32_t seconds = 0;
  uint32_t increment = 0;
  bson_iter_timestamp(value, &seconds, &increment);
  return MakeClusterTime(seconds, increment);
}

uint64_t NumberAt(const bson_t* document, const char* path) {
  bson_iter_t top;
  bson_iter_t found;
  if (!bson_iter_init(&top, document) || !bson_iter_find_descendant(&top, path, &found)) return 0;
  return static_cast<uint64_t>(std::max<int64_t>(0, bson_iter_as_int64(&found)));
}

std::string UuidOf(const bson_t* description) {
  bson_iter_t top;
  bson_iter_t found;
  std::string hex;
  if (!bson_iter_init(&top, description) || !bson_iter_find_descendant(&top, "info.uuid", &found) ||
      !BSON_ITER_HOLDS_BINARY(&found)) {
    return hex;
  }
  bson_subtype_t subtype;
  uint32_t size = 0;
  const uint8_t* bytes = nullptr;
  bson_iter_binary(&found, &subtype, &size, &bytes);
  for (uint32_t i = 0; i < size; ++i) hex += fmt::format("{:02x}", bytes[i]);
  return hex;
}

// `description` is an item of listCollections.
Status CheckKind(const MongoPlace& place, const bson_t* description) {
  const auto refuse = [&place](std::string_view why) {
    return Status(Code::kFailedPrecondition, fmt::format("{}: {}", place.text, why));
  };
  const std::string_view type = StringAt(description, "type");
  if (type == "view") {
    return refuse("is a view, whose changes can't be followed; name the collection below it");
  }
  if (type == "timeseries") {
    return refuse("is a time series collection, whose changes can't be followed");
  }
  if (Has(description, "options.capped") && NumberAt(description, "options.capped") != 0) {
    return refuse("is a capped collection, which drops rows without telling");
  }
  if (Has(description, "options.collation")) {
    return refuse(
        "has a default collation, under which different keys may be equal; a collection of "
        "simple collation is needed");
  }
  return {};
}

constexpr int32_t kNamedRows = 5;      // rows whose fields' names are read
constexpr size_t kNamedFields = 1000;  // of their names
constexpr size_t kNamedDepth = 8;

void AddFieldNames(BsonBytes document, const std::string& above, size_t depth,
                   std::vector<std::string>* names) {
  bool valid = false;
  (void)ForEachBsonElement(document.data, document.size, &valid, [&](const bson_iter_t* element) {
    const std::string path =
        above.empty() ? bson_iter_key(element) : above + "." + bson_iter_key(element);
    names->push_back(path);
    const bool below = BSON_ITER_HOLDS_DOCUMENT(element) && depth < kNamedDepth;
    if (below) AddFieldNames(EmbeddedBson(element), path, depth + 1, names);
    return names->size() < kNamedFields;
  });
}

}  // namespace

Result<std::shared_ptr<const MongoPlace>> MakeMongoPlace(const SourceSpec& spec) {
  MURMUR_TRY(LoadMongoc());
  InitOnce();
  auto place = std::make_shared<MongoPlace>();
  MURMUR_ASSIGN(const std::string uri_option, OptionOf(spec, "uri"));
  MURMUR_ASSIGN(place->database, OptionOf(spec, "database"));
  MURMUR_ASSIGN(place->collection, OptionOf(spec, "collection"));
  MURMUR_ASSIGN(const std::string uri_text, ResolveSecret(uri_option));
  bson_error_t error;
  Mongoc<mongoc_uri_t> uri(mongoc_uri_new_with_error(uri_text.c_str(), &error));
  if (uri == nullptr) {
    // libmongoc's message may contain part of a password that makes the uri invalid.
    return Status(Code::kInvalidArgument,
                  "mongo: the uri is none that MongoDB's drivers take; expected "
                  "mongodb://user:password@host:27017/?replicaSet=rs0, with what is special in "
                  "user and password percent-encoded");
  }
  place->ns = place->database + "." + place->collection;
  place->name = "mongo:" + place->ns;
  place->text = place->name + " at " + HostsOf(uri.get());
  place->uri = std::shared_ptr<const mongoc_uri_t>(uri.release(), [](const mongoc_uri_t* gone) {
    mongoc_uri_destroy(const_cast<mongoc_uri_t*>(gone));
  });
  return std::shared_ptr<const MongoPlace>(std::move(place));
}

Status MongoStatus(const MongoPlace& place, std::string_view doing, const bson_error_t& error,
                   const bson_t* reply) {
  const Code code = CodeOf(error, reply);
  const std::string remedy = RemedyOf(code, error, place);
  std::string_view message = error.message;
  // If the server forbids a command, its message contains the whole command.
  if (code == Code::kPermissionDenied) message = message.substr(0, message.find(" {"));
  // It also contains the start of an object that is too large.
  message = message.substr(0, message.find(" First element"));
  if (!remedy.empty() && message.ends_with('.')) message.remove_suffix(1);
  return Status(code, fmt::format("{}: {}: {}{}", place.text, doing, message, remedy));
}

// Source: the manual's page of $changeStreamSplitLargeEvent: MongoDB 7.0, and 6.0.9.
bool MongoSplitsLargeChanges(const std::array<uint64_t, 3>& version) {
  constexpr std::array<uint64_t, 3> kMain = {7, 0, 0};
  constexpr std::array<uint64_t, 3> kBranch = {6, 0, 9};
  constexpr std::array<uint64_t, 3> kBranchEnd = {6, 1, 0};
  return version >= kMain || (version >= kBranch && version < kBranchEnd);
}

bool IsSnapshotTooOld(const bson_error_t& error) {
  return error.domain == MONGOC_ERROR_SERVER && error.code == kSnapshotTooOld;
}

// --- MongoClient ---

Result<std::unique_ptr<MongoClient>> MongoClient::Make(std::shared_ptr<const MongoPlace> place,
                                                       int32_t answer_ms) {
  const Mongoc<mongoc_uri_t> uri(mongoc_uri_copy(place->uri.get()));
  if (!mongoc_uri_has_option(uri.get(), MONGOC_URI_SOCKETTIMEOUTMS)) {
    mongoc_uri_set_option_as_int32(uri.get(), MONGOC_URI_SOCKETTIMEOUTMS, answer_ms);
  }
  if (!mongoc_uri_has_option(uri.get(), MONGOC_URI_APPNAME)) {
    mongoc_uri_set_appname(uri.get(), kAppName);
  }
  bson_error_t error{};
  Mongoc<mongoc_client_t> client(mongoc_client_new_from_uri_with_error(uri.get(), &error));
  if (client == nullptr) return MongoStatus(*place, "to connect", error, nullptr);
  mongoc_client_set_error_api(client.get(), MONGOC_ERROR_API_VERSION_2);
  return std::unique_ptr<MongoClient>(new MongoClient(std::move(place), std::move(client)));
}

Mongoc<mongoc_collection_t> MongoClient::Collection() const {
  return Mongoc<mongoc_collection_t>(mongoc_client_get_collection(
      client_.get(), place_->database.c_str(), place_->collection.c_str()));
}

// Runs {name: 1} on the primary, if there is a choice: other members may lag.
Result<BsonDocument> MongoClient::Command(const char* name, std::string_view doing) const {
  const BsonDocument command;
  BSON_APPEND_INT32(command.get(), name, 1);
  bson_t reply;
  bson_error_t error;
  const bool ok =
      mongoc_client_command_simple(client_.get(), "admin", command.get(), nullptr, &reply, &error);
  BsonDocument answer(bson_copy(&reply));
  bson_destroy(&reply);
  if (!ok) return MongoStatus(*place_, doing, error, answer.get());
  return answer;
}

Result<bool> MongoClient::SplitsLargeChanges() const {
  MURMUR_ASSIGN(const BsonDocument info, Command("buildInfo", "to ask for the server's version"));
  const std::array<uint64_t, 3> version = {NumberAt(info.get(), "versionArray.0"),
                                           NumberAt(info.get(), "versionArray.1"),
                                           NumberAt(info.get(), "versionArray.2")};
  return MongoSplitsLargeChanges(version);
}

Result<ClusterTime> MongoClient::OperationTime() const {
  MURMUR_ASSIGN(const BsonDocument hello, Hello());
  const auto refuse = [this](std::string_view why) {
    return Status(Code::kFailedPrecondition, fmt::format("{} {}", place_->text, why));
  };
  if (StringAt(hello.get(), "msg") == "isdbgrid") {
    return refuse(
        "is reached through mongos: in a sharded cluster an _id need not be unique, and it can't "
        "be followed exactly; a replica set can");
  }
  if (!Has(hello.get(), "setName")) {
    return refuse(
        "is on a standalone server, which keeps no log of changes. Make it a replica set, of one "
        "member if need be: start mongod with --replSet rs0 and run rs.initiate() once");
  }
  bson_iter_t time;
  if (!bson_iter_init_find(&time, hello.get(), "operationTime") ||
      !BSON_ITER_HOLDS_TIMESTAMP(&time)) {
    return Status(Code::kUnavailable, place_->text + ": the server does not tell the time yet");
  }
  return TimestampOf(&time);
}

Result<ClusterTime> MongoClient::OldestInOplog() const {
  const Mongoc<mongoc_collection_t> oplog(
      mongoc_client_get_collection(client_.get(), "local", "oplog.rs"));
  constexpr std::string_view kFirst =
      R"({"sort": {"$natural": 1}, "limit": 1, "projection": {"ts": 1}})";
  const BsonDocument options(bson_new_from_json(reinterpret_cast<const uint8_t*>(kFirst.data()),
                                                static_cast<ssize_t>(kFirst.size()), nullptr));
  const BsonDocument all;
  const Mongoc<mongoc_cursor_t> cursor(
      mongoc_collection_find_with_opts(oplog.get(), all.get(), options.get(), nullptr));
  const bson_t* first = nullptr;
  bson_iter_t time;
  if (mongoc_cursor_next(cursor.get(), &first) && bson_iter_init_find(&time, first, "ts")) {
    return TimestampOf(&time);
  }
  const Status status = CursorStatus(cursor.get());
  if (status.code() == Code::kPermissionDenied) {
    return Status(Code::kPermissionDenied,
                  place_->text + ": the user in the uri may not read local.oplog.rs");
  }
  MURMUR_TRY(status);
  return Status(Code::kUnavailable, place_->text + ": the oplog is empty");
}

Result<BsonDocument> MongoClient::Description() const {
  const Mongoc<mongoc_database_t> database(
      mongoc_client_get_database(client_.get(), place_->database.c_str()));
  const BsonDocument options;
  bson_t filter;
  BSON_APPEND_DOCUMENT_BEGIN(options.get(), "filter", &filter);
  BSON_APPEND_UTF8(&filter, "name", place_->collection.c_str());
  bson_append_document_end(options.get(), &filter);
  const Mongoc<mongoc_cursor_t> cursor(
      mongoc_database_find_collections_with_opts(database.get(), options.get()));
  const bson_t* found = nullptr;
  if (mongoc_cursor_next(cursor.get(), &found)) return BsonDocument(bson_copy(found));
  MURMUR_TRY(CursorStatus(cursor.get()));
  return NoCollection();
}

Status MongoClient::NoCollection() const {
  return Status(Code::kNotFound, fmt::format("{}: the database {} has no collection {}",
                                             place_->text, place_->database, place_->collection));
}

Result<MongoCollectionFacts> MongoClient::Facts() const {
  MURMUR_ASSIGN(const BsonDocument description, Description());
  MURMUR_TRY(CheckKind(*place_, description.get()));
  MongoCollectionFacts facts{.uuid = UuidOf(description.get())};
  facts.keeps_images =
      NumberAt(description.get(), "options.changeStreamPreAndPostImages.enabled") != 0;
  constexpr std::string_view kStatistics = R"([{"$collStats": {"storageStats": {}}}])";
  const BsonDocument pipeline(
      bson_new_from_json(reinterpret_cast<const uint8_t*>(kStatistics.data()),
                         static_cast<ssize_t>(kStatistics.size()), nullptr));
  const Status looked = Aggregate(pipeline.get(), [&facts](const bson_t* statistics) {
    facts.rows += NumberAt(statistics, "storageStats.count");
    facts.row_bytes = NumberAt(statistics, "storageStats.avgObjSize");
  });
  if (looked.code() == Code::kNotFound) return NoCollection();  // it was dropped in between
  MURMUR_TRY(looked);
  return facts;
}

Mongoc<mongoc_cursor_t> MongoClient::OpenAggregate(const bson_t* pipeline) const {
  const Mongoc<mongoc_collection_t> collection = Collection();
  const BsonDocument options;
  BSON_APPEND_BOOL(options.get(), "allowDiskUse", true);
  return Mongoc<mongoc_cursor_t>(mongoc_collection_aggregate(collection.get(), MONGOC_QUERY_NONE,
                                                             pipeline, options.get(), nullptr));
}

Status MongoClient::CursorStatus(mongoc_cursor_t* cursor) const {
  bson_error_t error;
  const bson_t* reply = nullptr;
  if (!mongoc_cursor_error_document(cursor, &error, &reply)) return {};
  return MongoStatus(*place_, "to look at the collection", error, reply);
}

// --- MongoClients ---

Result<std::shared_ptr<MongoClients>> MongoClients::Make(const SourceSpec& spec) {
  MURMUR_ASSIGN(auto place, MakeMongoPlace(spec));
  return std::make_shared<MongoClients>(std::move(place));
}

Result<std::unique_ptr<MongoClient>> MongoClients::Take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<MongoClient> client = std::move(idle_.back());
      idle_.pop_back();
      return client;
    }
  }
  return MongoClient::Make(place_);
}

// What one connection has met, the others will meet too: they are made anew.
std::vector<std::string> MongoClients::FieldNames() {
  std::call_once(asked_for_names_, [this] {
    auto client = Take();
    if (!client.ok()) return;
    const std::string text = fmt::format(R"([{{"$limit": {}}}])", kNamedRows);
    const BsonDocument pipeline(bson_new_from_json(reinterpret_cast<const uint8_t*>(text.data()),
                                                   static_cast<ssize_t>(text.size()), nullptr));
    const Status status = (*client)->Aggregate(pipeline.get(), [this](const bson_t* document) {
      AddFieldNames({bson_get_data(document), document->len}, "", 0, &field_names_);
    });
    Give(*std::move(client), status);
  });
  return field_names_;
}

void MongoClients::Give(std::unique_ptr<MongoClient> client, const Status& status) {
  std::vector<std::unique_ptr<MongoClient>> gone;
  const std::lock_guard lock(mutex_);
  if (status.code() == Code::kUnavailable) {
    gone.swap(idle_);
  } else {
    idle_.push_back(std::move(client));
  }
}

Status MongoClients::AskAny(const std::shared_ptr<MongoClients>& clients,
                            const std::stop_token& stop, Question question) {
  const auto status = std::make_shared<Status>();
  DetachableThread asking([clients, stop, status, question = std::move(question)] {
    *status = clients->AskPatiently(question, stop);
  });
  asking.Wait(stop);
  if (stop.stop_requested()) return Status(Code::kCancelled, clients->place().text);
  return *status;
}

Status MongoClients::AskOnce(const Question& question) {
  MURMUR_ASSIGN(auto client, Take());
  Status status = question(*client);
  Give(std::move(client), status);
  return status;
}

Status MongoClients::AskPatiently(const Question& question, const std::stop_token& stop) {
  Retries retries(kPatience);
  for (;;) {
    Status status = AskOnce(question);
    if (status.code() != Code::kUnavailable) return status;
    const auto pause = retries.Next();
    if (!pause || !SleepUnlessStopped(*pause, stop)) return status;
  }
}

}  // namespace murmur
