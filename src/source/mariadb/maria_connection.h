// Connections to MariaDB: what the sources ask of libmariadb, as values and Statuses. Includes
// libmariadb's headers, so only for this folder.
//
// Nothing blocks but a lookup of a host's name and NextPacket: each other wait ends soon after a
// stop. Messages show of a uri only host and port.
#pragma once

#include <mysql.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/definition.h"
#include "murmur/status.h"
#include "source/connection_pool.h"
#include "source/retries.h"

// After mysql.h, which it needs.
#include <mariadb_rpl.h>

namespace murmur {

// How a connection is encrypted; paths are of PEM files, empty: none.
struct MariaTls {
  bool is_on = false;
  bool checks_server = false;  // its certificate, and that this is of the host
  std::string authority;       // by which it is checked; empty: by those that the system trusts
  std::string certificate;     // of this client
  std::string key;
};

// One table and its address.
struct MariaPlace {
  std::string host;
  unsigned port = 3306;
  std::string user;      // never shown, like the password
  std::string password;  // decoded
  MariaTls tls;
  std::string database;
  std::string table;
  std::string name;  // "mariadb:shop.orders"
  std::string text;  // "mariadb:shop.orders at db1:3306"

  std::string Quoted() const;  // `shop`.`orders`
};
// The object of the table's records: "shop.orders".
std::string ObjectOf(const MariaPlace& place);
// From `mariadb: {uri, table}`. Errors: kInvalidArgument (an option), kNotFound (an environment
// variable that it refers to).
Result<std::shared_ptr<const MariaPlace>> MakeMariaPlace(const SourceSpec& spec);

// An SQL identifier or string.
std::string QuotedMariaName(std::string_view name);
std::string QuotedMariaText(std::string_view text);

// One value of a row that a statement returned; none: it is null.
using MariaText = std::optional<std::string_view>;

// The rows that a statement returned. Views live as long as it.
class MariaRowSet {
 public:
  int size() const { return static_cast<int>(rows_.size()); }
  bool is_null(int row, int column) const { return !Value(row, column); }
  // Empty if it is null.
  std::string_view at(int row, int column) const {
    const auto& value = Value(row, column);
    return value ? std::string_view(*value) : std::string_view();
  }
  void Add(const std::vector<MariaText>& row) { rows_.emplace_back(row.begin(), row.end()); }

 private:
  const std::optional<std::string>& Value(int row, int column) const {
    return rows_[static_cast<size_t>(row)][static_cast<size_t>(column)];
  }

  std::vector<std::vector<std::optional<std::string>>> rows_;
};

// Threads: one at a time.
class MariaConnection {
 public:
  enum class For { kQueries, kReplication };

  // Errors: kUnavailable, kPermissionDenied (the server refuses the user), kNotFound (no such
  // database), kFailedPrecondition (it is no MariaDB), kCancelled.
  static Result<std::unique_ptr<MariaConnection>> Open(std::shared_ptr<const MariaPlace> place,
                                                       For use, std::stop_token stop);
  ~MariaConnection();
  MariaConnection(const MariaConnection&) = delete;
  MariaConnection& operator=(const MariaConnection&) = delete;

  const MariaPlace& place() const noexcept { return *place_; }
  // The server's number among those that replicate.
  uint32_t server() const noexcept { return server_; }
  std::string version() const { return mysql_get_server_info(mysql_.get()); }

  // Runs one statement; what it returns. After kCancelled the connection can't be used any more.
  // Errors of this and all below:
  //   kUnavailable         the connection is lost, the server shuts down, conflicts of transactions
  //   kPermissionDenied    a right is missing
  //   kNotFound            no such table, …
  //   kFailedPrecondition  everything else that a server refuses
  //   kCancelled
  Result<MariaRowSet> Ask(const std::string& statement, std::string_view doing,
                          const std::stop_token& stop);
  // The server's number of the last error; 0: there was none.
  unsigned error_number() const noexcept { return error_number_; }

  // Begins a statement whose rows are read as they come.
  Status StartRows(const std::string& statement, std::string_view doing,
                   const std::stop_token& stop);
  enum class Fetched { kRow, kNothingYet, kEnd };
  // The next row; its values are valid until the next call.
  Result<Fetched> NextRow(std::vector<MariaText>* row, std::string_view doing);
  // Waits until something may have come. False: nothing has.
  bool WaitForInput(std::chrono::milliseconds time, const std::stop_token& stop);

  // Where a log is read from: a place in it, or after these transactions.
  struct BinlogStart {
    std::string file;
    uint64_t offset = 0;
    std::optional<std::string> gtids = {};
  };
  // Begins to read the log as the replica with this number. The server says every `heartbeat` that
  // it has nothing new.
  Status StartBinlog(const BinlogStart& start, uint32_t server_id,
                     std::chrono::milliseconds heartbeat);
  // Waits for the next event of the log, valid until the next call. Empty: the server ends it.
  // Errors: also kOutOfRange (the server does not have this place of the log).
  Result<std::string_view> NextEvent();

 private:
  struct CloseHandle {
    void operator()(MYSQL* mysql) const { mysql_close(mysql); }
    void operator()(MYSQL_RES* result) const { mysql_free_result(result); }
    void operator()(MARIADB_RPL* replica) const { mariadb_rpl_close(replica); }
  };
  template <class T>
  using Handle = std::unique_ptr<T, CloseHandle>;

  MariaConnection(std::shared_ptr<const MariaPlace> place, Handle<MYSQL> mysql)
      : place_(std::move(place)), mysql_(std::move(mysql)) {}

  Status Connect(For use, const std::stop_token& stop);
  Status SetTls();
  // The error of the last call.
  Status Failed(std::string_view doing);
  // Runs `cont`, which gives what libmariadb waits for, until it waits for nothing.
  template <class Continue>
  Status Finish(int waits_for, const Continue& cont, std::chrono::steady_clock::time_point give_up,
                const std::stop_token& stop);
  // What has come of what is waited for, at most for `time`.
  int Poll(int waits_for, std::chrono::milliseconds time) const;

  const std::shared_ptr<const MariaPlace> place_;
  const Handle<MYSQL> mysql_;
  Handle<MYSQL_RES> result_;  // whose rows are being read
  Handle<MARIADB_RPL> replica_;
  int fetch_waits_for_ = 0;      // of a row that has not come yet
  bool is_interrupted_ = false;  // in the middle of a call
  unsigned error_number_ = 0;
  uint32_t server_ = 0;
};

using MariaPool = ConnectionPool<MariaConnection, MariaPlace>;

// How long a question is tried again while it is kUnavailable.
inline constexpr std::chrono::seconds kMariaPatience{30};

// AskAgain, on a connection of its own.
template <class Question>
auto AskMaria(const std::shared_ptr<const MariaPlace>& place, const std::stop_token& stop,
              const Question& question) {
  return AskAgain(
      kMariaPatience, place->text, stop, question,
      [&] { return MariaConnection::Open(place, MariaConnection::For::kQueries, stop); },
      [](std::unique_ptr<MariaConnection>) {});
}

}  // namespace murmur
