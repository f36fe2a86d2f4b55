// What the MongoDB benchmark stores, and how fast the driver alone gets it back.
//
//   mongo_documents fill URI DATABASE COLLECTION FROM COUNT
//       inserts orders of about 270 bytes and nine fields, the same every time
//   mongo_documents update URI DATABASE COLLECTION COUNT
//       changes the total of the COUNT oldest orders, each once; "time" is before the first
//   mongo_documents read URI DATABASE COLLECTION natural|id whole|FIELD,FIELD
//       reads all orders by one cursor, and only counts them: in the order they lie in, or by _id
//       at one cluster time; of each all fields, or those alone
//   mongo_documents follow URI DATABASE COLLECTION TIME COUNT lookup|images|plain
//       counts the COUNT changes after TIME, with the documents looked up, with the images that
//       the collection keeps of them before and after, or without
//
// Each prints {"seconds", "events", "bytes", "time"}; opening the connection is not timed.
#include <mongoc/mongoc.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace {

using std::chrono::steady_clock;

constexpr int64_t kStartMs = 1'772'323'200'000;  // 2026-03-01
constexpr uint64_t kSpanMs = 30 * 86'400'000ull;
constexpr uint32_t kStartSeconds = kStartMs / 1000;
constexpr uint64_t kGoldenRatio = 2'654'435'761;  // Knuth's multiplicative hash
constexpr uint64_t kBulk = 5'000;
constexpr int32_t kAnswerRows = 30'000;  // the server cuts an answer at 16 MB
constexpr int32_t kAnswerChanges = 5'000;
constexpr int32_t kAwaitMs = 200;
constexpr std::chrono::seconds kFollowAtMost{300};
constexpr const char* kStatuses[] = {"paid", "shipped", "delivered", "cancelled"};

struct Result {
  double seconds = 0;
  uint64_t events = 0;
  uint64_t bytes = 0;
  uint64_t time = 0;  // seconds << 32 | increment
};

template <auto kDestroy>
struct Destroy {
  template <class T>
  void operator()(T* object) const {
    kDestroy(object);
  }
};
using Client = std::unique_ptr<mongoc_client_t, Destroy<mongoc_client_destroy>>;
using Collection = std::unique_ptr<mongoc_collection_t, Destroy<mongoc_collection_destroy>>;
using Cursor = std::unique_ptr<mongoc_cursor_t, Destroy<mongoc_cursor_destroy>>;
using Bulk = std::unique_ptr<mongoc_bulk_operation_t, Destroy<mongoc_bulk_operation_destroy>>;
using Session = std::unique_ptr<mongoc_client_session_t, Destroy<mongoc_client_session_destroy>>;
using Stream = std::unique_ptr<mongoc_change_stream_t, Destroy<mongoc_change_stream_destroy>>;
using Bson = std::unique_ptr<_bson_t, Destroy<bson_destroy>>;

[[noreturn]] void Fail(const char* what, const char* why) {
  std::fprintf(stderr, "mongo_documents: %s: %s\n", what, why);
  std::exit(1);
}

double SecondsSince(steady_clock::time_point start) {
  return std::chrono::duration<double>(steady_clock::now() - start).count();
}

Bson FromJson(const std::string& json) {
  bson_error_t error;
  Bson document(bson_new_from_json(reinterpret_cast<const uint8_t*>(json.data()),
                                   static_cast<ssize_t>(json.size()), &error));
  if (document == nullptr) Fail(json.c_str(), error.message);
  return document;
}

// --- the orders ---

// As if one machine had made it in order of time.
bson_oid_t IdOf(uint64_t index) {
  bson_oid_t oid;
  const auto seconds = kStartSeconds + static_cast<uint32_t>(index / 100);
  for (int i = 0; i < 4; ++i) oid.bytes[i] = static_cast<uint8_t>(seconds >> (24 - 8 * i));
  std::memcpy(oid.bytes + 4, "bench", 5);
  for (int i = 0; i < 3; ++i) oid.bytes[9 + i] = static_cast<uint8_t>(index >> (16 - 8 * i));
  return oid;
}

Bson OrderOf(uint64_t index) {
  const uint64_t h = index * kGoldenRatio % (1ull << 32);
  char customer[32];
  char sku[32];
  char note[128];
  std::snprintf(customer, sizeof customer, "customer-%06u", static_cast<unsigned>(h % 100'003));
  std::snprintf(sku, sizeof sku, "SKU-%08u", static_cast<unsigned>(h / 7 % 10'007));
  std::snprintf(note, sizeof note, "leave at the door, ring twice, reference %08x%08x",
                static_cast<unsigned>(h), static_cast<unsigned>(h * 31));
  const char country[] = {static_cast<char>('A' + h % 20), static_cast<char>('A' + h / 26 % 10), 0};
  Bson order(bson_new());
  const bson_oid_t oid = IdOf(index);
  BSON_APPEND_OID(order.get(), "_id", &oid);
  BSON_APPEND_UTF8(order.get(), "customer", customer);
  BSON_APPEND_UTF8(order.get(), "country", country);
  BSON_APPEND_UTF8(order.get(), "sku", sku);
  BSON_APPEND_UTF8(order.get(), "status", kStatuses[h / 3 % 4]);
  BSON_APPEND_INT32(order.get(), "quantity", static_cast<int32_t>(h % 9 + 1));
  BSON_APPEND_INT64(order.get(), "total", static_cast<int64_t>(h % 100'000));
  BSON_APPEND_DATE_TIME(order.get(), "ordered_at",
                        kStartMs + static_cast<int64_t>(h * 1'013 % kSpanMs));
  BSON_APPEND_UTF8(order.get(), "note", note);
  return order;
}

Bulk NewBulk(const Collection& collection) {
  return Bulk(mongoc_collection_create_bulk_operation_with_opts(
      collection.get(), FromJson(R"({"ordered": false})").get()));
}

void Execute(const Bulk& bulk) {
  bson_error_t error;
  if (mongoc_bulk_operation_execute(bulk.get(), nullptr, &error) == 0) {
    Fail("to write", error.message);
  }
}

// add(bulk, index) for each.
template <class Add>
Result Write(const Collection& collection, uint64_t from, uint64_t count, const Add& add) {
  Result result;
  const auto start = steady_clock::now();
  for (uint64_t begin = 0; begin < count; begin += kBulk) {
    const Bulk bulk = NewBulk(collection);
    for (uint64_t i = begin; i < std::min(count, begin + kBulk); ++i) {
      result.bytes += add(bulk, from + i);
      ++result.events;
    }
    Execute(bulk);
  }
  result.seconds = SecondsSince(start);
  return result;
}

Result Fill(const Collection& collection, uint64_t from, uint64_t count) {
  return Write(collection, from, count, [](const Bulk& bulk, uint64_t index) -> uint64_t {
    const Bson order = OrderOf(index);
    mongoc_bulk_operation_insert(bulk.get(), order.get());
    return order->len;
  });
}

uint64_t Now(const Client& client) {
  bson_t reply;
  bson_error_t error;
  if (!mongoc_client_command_simple(client.get(), "admin", FromJson(R"({"hello": 1})").get(),
                                    nullptr, &reply, &error)) {
    Fail("hello", error.message);
  }
  bson_iter_t time;
  if (!bson_iter_init_find(&time, &reply, "operationTime")) Fail("hello", "no operationTime");
  uint32_t seconds = 0;
  uint32_t increment = 0;
  bson_iter_timestamp(&time, &seconds, &increment);
  bson_destroy(&reply);
  return uint64_t{seconds} << 32 | increment;
}

Result Update(const Client& client, const Collection& collection, uint64_t count) {
  const uint64_t time = Now(client);
  const Bson change = FromJson(R"({"$inc": {"total": 1}})");
  Result result = Write(collection, 0, count, [&](const Bulk& bulk, uint64_t index) -> uint64_t {
    const bson_oid_t oid = IdOf(index);
    const Bson which(bson_new());
    BSON_APPEND_OID(which.get(), "_id", &oid);
    bson_error_t error;
    if (!mongoc_bulk_operation_update_one_with_opts(bulk.get(), which.get(), change.get(), nullptr,
                                                    &error)) {
      Fail("to update", error.message);
    }
    return 0;
  });
  result.time = time;
  return result;
}

// --- what reads ---

std::string ProjectionOf(std::string_view fields) {
  if (fields == "whole") return "{}";
  std::string json = "{";
  for (size_t begin = 0; begin <= fields.size();) {
    const size_t end = std::min(fields.find(',', begin), fields.size());
    json.append(begin == 0 ? "\"" : ", \"").append(fields.substr(begin, end - begin));
    json.append("\": 1");
    begin = end + 1;
  }
  return json + "}";
}

Result Read(const Client& client, const Collection& collection, bool by_id,
            std::string_view fields) {
  Result result;
  bson_error_t error;
  const Bson options = FromJson(R"({"batchSize": )" + std::to_string(kAnswerRows) +
                                R"(, "projection": )" + ProjectionOf(fields) +
                                (by_id ? R"(, "hint": {"_id": 1}, "sort": {"_id": 1}})" : "}"));
  Session session;
  if (by_id) {
    mongoc_session_opt_t* how = mongoc_session_opts_new();
    mongoc_session_opts_set_causal_consistency(how, false);
    mongoc_session_opts_set_snapshot(how, true);
    session.reset(mongoc_client_start_session(client.get(), how, &error));
    mongoc_session_opts_destroy(how);
    if (session == nullptr) Fail("session", error.message);
    if (!mongoc_client_session_append(session.get(), options.get(), &error)) {
      Fail("session", error.message);
    }
  }
  const auto start = steady_clock::now();
  const Bson all(bson_new());
  const Cursor cursor(
      mongoc_collection_find_with_opts(collection.get(), all.get(), options.get(), nullptr));
  const bson_t* document = nullptr;
  while (mongoc_cursor_next(cursor.get(), &document)) {
    ++result.events;
    result.bytes += document->len;
  }
  if (mongoc_cursor_error(cursor.get(), &error)) Fail("to read", error.message);
  result.seconds = SecondsSince(start);
  return result;
}

Result Follow(const Collection& collection, uint64_t time, uint64_t count, std::string_view how) {
  Result result;
  const Bson options(bson_new());
  BSON_APPEND_TIMESTAMP(options.get(), "startAtOperationTime", static_cast<uint32_t>(time >> 32),
                        static_cast<uint32_t>(time) + 1);
  BSON_APPEND_INT32(options.get(), "batchSize", kAnswerChanges);
  BSON_APPEND_INT32(options.get(), "maxAwaitTimeMS", kAwaitMs);
  if (how == "lookup") BSON_APPEND_UTF8(options.get(), "fullDocument", "updateLookup");
  if (how == "images") {
    BSON_APPEND_UTF8(options.get(), "fullDocument", "required");
    BSON_APPEND_UTF8(options.get(), "fullDocumentBeforeChange", "required");
  }
  const auto start = steady_clock::now();
  const Bson all(bson_new());
  const Stream stream(mongoc_collection_watch(collection.get(), all.get(), options.get()));
  const bson_t* change = nullptr;
  bson_error_t error;
  while (result.events < count && SecondsSince(start) < kFollowAtMost.count()) {
    if (mongoc_change_stream_next(stream.get(), &change)) {
      ++result.events;
      result.bytes += change->len;
    } else if (mongoc_change_stream_error_document(stream.get(), &error, nullptr)) {
      Fail("to follow", error.message);
    }
  }
  result.seconds = SecondsSince(start);
  return result;
}

int Usage() {
  std::fprintf(
      stderr,
      "usage: mongo_documents fill URI DATABASE COLLECTION FROM COUNT\n"
      "       mongo_documents update URI DATABASE COLLECTION COUNT\n"
      "       mongo_documents read URI DATABASE COLLECTION natural|id whole|FIELD,FIELD\n"
      "       mongo_documents follow URI DATABASE COLLECTION TIME COUNT lookup|images|plain\n");
  return 2;
}

uint64_t Number(const char* text) { return std::strtoull(text, nullptr, 10); }

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) return Usage();
  const std::string_view verb = argv[1];
  mongoc_init();
  const Client client(mongoc_client_new(argv[2]));
  if (client == nullptr) Fail(argv[2], "no uri");
  const Collection collection(mongoc_client_get_collection(client.get(), argv[3], argv[4]));
  (void)Now(client);
  Result result;
  if (verb == "fill" && argc == 7) {
    result = Fill(collection, Number(argv[5]), Number(argv[6]));
  } else if (verb == "update" && argc == 6) {
    result = Update(client, collection, Number(argv[5]));
  } else if (verb == "read" && argc == 7) {
    result = Read(client, collection, std::string_view(argv[5]) == "id", argv[6]);
  } else if (verb == "follow" && argc == 8) {
    result = Follow(collection, Number(argv[5]), Number(argv[6]), argv[7]);
  } else {
    return Usage();
  }
  std::printf("{\"seconds\": %.6f, \"events\": %llu, \"bytes\": %llu, \"time\": %llu}\n",
              result.seconds, static_cast<unsigned long long>(result.events),
              static_cast<unsigned long long>(result.bytes),
              static_cast<unsigned long long>(result.time));
  return 0;
}
