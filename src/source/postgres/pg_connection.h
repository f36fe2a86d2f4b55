// Connections to PostgreSQL: what the sources ask of libpq, as values and Statuses. Includes
// libpq's header, so only for this folder.
//
// Nothing blocks but a lookup of a host's name: each wait ends soon after a stop. Messages show of
// a uri only hosts and ports.
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/definition.h"
#include "murmur/status.h"
#include "source/connection_pool.h"
#include "source/retries.h"

namespace murmur {

struct PgDestroy {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
  void operator()(char* memory) const { PQfreemem(memory); }
};
template <class T>
using Pg = std::unique_ptr<T, PgDestroy>;

// Slots and publications whose names begin so were made here. No others are ever dropped.
inline constexpr std::string_view kPgOwn = "murmur_";

// One table and its address.
struct PgPlace {
  std::string uri;  // with credentials: never shown
  std::string database;
  std::string schema;
  std::string table;
  std::vector<std::string> columns;  // that may be read, besides the key; none: all
  std::string publication;           // to be taken over; empty: one is made
  std::string slot;                  // the same
  std::string name;                  // "postgres:shop.public.orders"
  std::string text;                  // "postgres:shop.public.orders at db1:5432"

  std::string Quoted() const;  // "public"."orders"
};
// The object of the table's records: "shop.public.orders".
std::string ObjectOf(const PgPlace& place);
// From `postgres: {uri, table}`. Errors: kInvalidArgument (an option), kNotFound (an environment
// variable that it refers to).
Result<std::shared_ptr<const PgPlace>> MakePgPlace(const SourceSpec& spec);

// An SQL identifier or string.
std::string QuotedIdentifier(std::string_view name);
std::string QuotedLiteral(std::string_view text);

// The rows that a statement returned. Views live as long as it.
class PgRowSet {
 public:
  explicit PgRowSet(Pg<PGresult> result) : result_(std::move(result)) {}
  int size() const { return PQntuples(result_.get()); }
  bool is_null(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }
  // Empty if it is null.
  std::string_view at(int row, int column) const {
    return {PQgetvalue(result_.get(), row, column),
            static_cast<size_t>(PQgetlength(result_.get(), row, column))};
  }
  bool is_true(int row, int column) const { return at(row, column) == "t"; }

 private:
  Pg<PGresult> result_;
};

// Ends a poll. Threads: any may call Ring.
class PgAlarm {
 public:
  PgAlarm();
  ~PgAlarm();
  PgAlarm(const PgAlarm&) = delete;
  PgAlarm& operator=(const PgAlarm&) = delete;
  int fd() const noexcept { return fd_; }  // readable once it rang; -1: it can't ring
  void Ring() const;
  void Reset() const;

 private:
  const int fd_;
};

// Threads: one at a time.
class PgConnection {
 public:
  enum class For { kQueries, kReplication };

  // Errors: kUnavailable, kPermissionDenied (the server refuses the user), kNotFound (no such
  // database), kCancelled.
  static Result<std::unique_ptr<PgConnection>> Open(std::shared_ptr<const PgPlace> place, For use,
                                                    std::stop_token stop);

  const PgPlace& place() const noexcept { return *place_; }

  // Runs one statement; what it returns. Errors of this and all below:
  //   kUnavailable         the connection is lost, the server shuts down, conflicts of transactions
  //   kPermissionDenied    a right is missing
  //   kNotFound            no such table, slot, …
  //   kFailedPrecondition  everything else that a server refuses
  //   kCancelled
  Result<PgRowSet> Ask(const std::string& statement, std::string_view doing,
                       const std::stop_token& stop);
  // The SQLSTATE of the last error of Ask or StartCopy; empty: it had none.
  const std::string& sqlstate() const noexcept { return sqlstate_; }

  // Begins a COPY … TO STDOUT or a replication.
  Status StartCopy(const std::string& statement, std::string_view doing,
                   const std::stop_token& stop);
  // The next piece of what is copied: a row, or a message of replication.
  struct Piece {
    Pg<char> bytes;
    size_t size = 0;
    std::string_view view() const noexcept { return {bytes.get(), size}; }
  };
  enum class Copied { kPiece, kNothingYet, kEnd };
  Result<Copied> NextPiece(Piece* piece, std::string_view doing, const std::stop_token& stop);
  // Waits until something may have come. False: nothing has.
  bool WaitForInput(std::chrono::milliseconds time, const std::stop_token& stop);
  // To the server, while it replicates.
  Status Send(std::string_view bytes, const std::stop_token& stop);

 private:
  PgConnection(std::shared_ptr<const PgPlace> place, Pg<PGconn> connection)
      : place_(std::move(place)), connection_(std::move(connection)) {}

  Status Connect(const std::stop_token& stop);
  Status Lost(std::string_view doing) const;
  Status Refused(const PGresult* result, std::string_view doing);
  // The result of what was sent, once it is there.
  Result<Pg<PGresult>> Await(std::string_view doing, const std::stop_token& stop);
  Status SendStatement(const std::string& statement, std::string_view doing);
  // Waits for the socket; kCancelled.
  Status WaitFor(short events, const std::stop_token& stop);
  bool Poll(short events, std::chrono::milliseconds time, const std::stop_token& stop);

  const std::shared_ptr<const PgPlace> place_;
  const PgAlarm alarm_;
  Pg<PGconn> connection_;
  std::string sqlstate_;
};

using PgPool = ConnectionPool<PgConnection, PgPlace>;

// How long a question is tried again while it is kUnavailable.
inline constexpr std::chrono::seconds kPgPatience{30};

// AskAgain, on a connection of its own.
template <class Question>
auto AskPg(const std::shared_ptr<const PgPlace>& place, PgConnection::For use,
           const std::stop_token& stop, const Question& question) {
  return AskAgain(
      kPgPatience, place->text, stop, question,
      [&] { return PgConnection::Open(place, use, stop); }, [](std::unique_ptr<PgConnection>) {});
}
// On one of the pool, for queries.
template <class Question>
auto AskPg(PgPool& pool, const std::stop_token& stop, const Question& question) {
  return AskAgain(
      kPgPatience, pool.place().text, stop, question, [&] { return pool.Take(stop); },
      [&](std::unique_ptr<PgConnection> connection) { pool.Give(std::move(connection)); });
}

}  // namespace murmur
