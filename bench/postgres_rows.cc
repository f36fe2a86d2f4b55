// How fast libpq alone gets what the PostgreSQL benchmark stores.
//
//   postgres_rows copy URI TABLE COLUMNS KEY UNTIL CONNECTIONS
//       reads all rows by COPY, and only counts them: of the rows whose KEY is below UNTIL, each
//       connection reads an equal part of the keys
//   postgres_rows follow URI SLOT PUBLICATION COUNT
//       counts the first COUNT changes of rows that the slot has, and confirms none of them
//
// Each prints {"seconds", "events", "bytes"}; opening the connections is not timed.
#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using std::chrono::steady_clock;

// Of a message of streaming replication: its kind and three numbers.
constexpr int kHeaderBytes = 25;

struct Counts {
  uint64_t events = 0;
  uint64_t bytes = 0;
};

template <auto kDestroy>
struct Destroy {
  template <class T>
  void operator()(T* object) const {
    kDestroy(object);
  }
};
using Connection = std::unique_ptr<PGconn, Destroy<PQfinish>>;
using Answer = std::unique_ptr<PGresult, Destroy<PQclear>>;
using Piece = std::unique_ptr<char, Destroy<PQfreemem>>;

[[noreturn]] void Fail(const std::string& what, const char* why) {
  std::fprintf(stderr, "postgres_rows: %s: %s\n", what.c_str(), why);
  std::exit(1);
}

Connection Connect(const char* uri, bool replicates) {
  const char* const names[] = {"dbname", replicates ? "replication" : nullptr, nullptr};
  const char* const values[] = {uri, "database", nullptr};
  Connection connection(PQconnectdbParams(names, values, /*expand_dbname=*/1));
  if (PQstatus(connection.get()) != CONNECTION_OK) Fail(uri, PQerrorMessage(connection.get()));
  return connection;
}

void Begin(const Connection& connection, const std::string& statement, ExecStatusType expected) {
  const Answer answer(PQexec(connection.get(), statement.c_str()));
  if (PQresultStatus(answer.get()) != expected) {
    Fail(statement, PQerrorMessage(connection.get()));
  }
}

// The bytes of the next piece; 0 at the end.
int Next(const Connection& connection, Piece* piece) {
  char* bytes = nullptr;
  const int size = PQgetCopyData(connection.get(), &bytes, /*async=*/0);
  piece->reset(bytes);
  if (size < -1) Fail("to read", PQerrorMessage(connection.get()));
  return size < 0 ? 0 : size;
}

Counts Copy(const Connection& connection, const std::string& statement) {
  Begin(connection, statement, PGRES_COPY_OUT);
  Counts counts;
  Piece piece;
  while (const int size = Next(connection, &piece)) {
    ++counts.events;
    counts.bytes += static_cast<uint64_t>(size);
  }
  return counts;
}

Counts CopyByParts(const std::vector<Connection>& connections, const std::string& table,
                   const std::string& columns, const std::string& key, uint64_t until) {
  std::vector<Counts> parts(connections.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < connections.size(); ++i) {
    threads.emplace_back([&, i] {
      const auto bound = [&](size_t part) {
        return std::to_string(until * part / connections.size());
      };
      parts[i] = Copy(connections[i], "COPY (SELECT " + columns + " FROM " + table + " WHERE " +
                                          key + " >= " + bound(i) + " AND " + key + " < " +
                                          bound(i + 1) + ") TO STDOUT");
    });
  }
  Counts counts;
  for (size_t i = 0; i < connections.size(); ++i) {
    threads[i].join();
    counts.events += parts[i].events;
    counts.bytes += parts[i].bytes;
  }
  return counts;
}

Counts Follow(const Connection& connection, const std::string& slot, const std::string& publication,
              uint64_t count) {
  Begin(connection,
        "START_REPLICATION SLOT " + slot + " LOGICAL 0/0 (proto_version '1', publication_names '" +
            publication + "')",
        PGRES_COPY_BOTH);
  Counts counts;
  Piece piece;
  while (counts.events < count) {
    const int size = Next(connection, &piece);
    if (size == 0) Fail(slot, "it has fewer changes");
    if (size <= kHeaderBytes || piece.get()[0] != 'w') continue;
    counts.bytes += static_cast<uint64_t>(size);
    const char is = piece.get()[kHeaderBytes];
    if (is == 'I' || is == 'U' || is == 'D') ++counts.events;
  }
  return counts;
}

int Usage() {
  std::fprintf(stderr,
               "usage: postgres_rows copy URI TABLE COLUMNS KEY UNTIL CONNECTIONS\n"
               "       postgres_rows follow URI SLOT PUBLICATION COUNT\n");
  return 2;
}

uint64_t Number(const char* text) { return std::strtoull(text, nullptr, 10); }

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return Usage();
  const std::string_view verb = argv[1];
  std::vector<Connection> connections;
  Counts counts;
  auto start = steady_clock::now();
  if (verb == "copy" && argc == 8) {
    for (uint64_t i = 0; i < Number(argv[7]); ++i) connections.push_back(Connect(argv[2], false));
    start = steady_clock::now();
    counts = CopyByParts(connections, argv[3], argv[4], argv[5], Number(argv[6]));
  } else if (verb == "follow" && argc == 6) {
    connections.push_back(Connect(argv[2], true));
    start = steady_clock::now();
    counts = Follow(connections[0], argv[3], argv[4], Number(argv[5]));
  } else {
    return Usage();
  }
  const double seconds = std::chrono::duration<double>(steady_clock::now() - start).count();
  std::printf("{\"seconds\": %.6f, \"events\": %llu, \"bytes\": %llu}\n", seconds,
              static_cast<unsigned long long>(counts.events),
              static_cast<unsigned long long>(counts.bytes));
  return 0;
}
