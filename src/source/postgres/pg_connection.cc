#include "source/postgres/pg_connection.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "definition/secret.h"
#include "source/client_library.h"

namespace murmur {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kConnectPatience{10};
constexpr milliseconds kPollMax{100};

// What makes a value's text the same for a scan and for replication, whatever server and user are
// set to. Rows that a policy would hide are an error.
constexpr char kSettings[] =
    "-c DateStyle=ISO,MDY -c IntervalStyle=postgres -c extra_float_digits=3 -c bytea_output=hex "
    "-c TimeZone=UTC -c xmloption=content -c lc_monetary=C -c row_security=off "
    "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0";

const std::string* OptionOf(const SourceSpec& spec, const std::string& name) {
  const auto it = spec.options.find(name);
  return it == spec.options.end() ? nullptr : &it->second;
}

// The value of a connection's parameter; null: it is not given.
const char* ParameterOf(const PQconninfoOption* options, std::string_view name) {
  for (; options != nullptr && options->keyword != nullptr; ++options) {
    if (name == options->keyword) return options->val;
  }
  return nullptr;
}

Result<Pg<PQconninfoOption>> ParseUri(const std::string& uri) {
  char* message = nullptr;
  Pg<PQconninfoOption> options(PQconninfoParse(uri.c_str(), &message));
  const Pg<char> owned(message);
  if (options != nullptr) return options;
  // The message may show the uri, and with it a password.
  return Status(Code::kInvalidArgument,
                "postgres: `uri` can't be read; expected postgres://user@host:port/database");
}

std::string HostsOf(const PQconninfoOption* options) {
  const char* host = ParameterOf(options, "host");
  const char* port = ParameterOf(options, "port");
  return fmt::format("{}:{}", host == nullptr || *host == '\0' ? "localhost" : host,
                     port == nullptr || *port == '\0' ? "5432" : port);
}

// Why the server did not let us in, by what libpq says of it: it gives no code.
Code CodeOfRefusal(std::string_view message) {
  const auto says = [message](std::string_view text) { return message.find(text) != message.npos; };
  if (says("authentication failed") || says("pg_hba.conf") || says("no password supplied") ||
      says("permission denied") || (says("role \"") && says("does not exist"))) {
    return Code::kPermissionDenied;
  }
  if (says("database \"") && says("does not exist")) return Code::kNotFound;
  if (says("certificate") || says("does not support SSL")) return Code::kFailedPrecondition;
  return Code::kUnavailable;
}

// Source: the server's errcodes.txt.
Code CodeOfState(std::string_view state) {
  static constexpr std::array<std::string_view, 10> kMayWorkLater = {
      "40001",  // serialization_failure
      "40P01",  // deadlock_detected
      "53300",  // too_many_connections
      "55006",  // object_in_use: a slot that has a reader, or had one until now
      "55P03",  // lock_not_available
      "57P01",  // admin_shutdown
      "57P02",  // crash_shutdown
      "57P03",  // cannot_connect_now
      "57P05",  // idle_session_timeout
      "58000",  // system_error
  };
  if (state.starts_with("08")) return Code::kUnavailable;
  if (std::find(kMayWorkLater.begin(), kMayWorkLater.end(), state) != kMayWorkLater.end()) {
    return Code::kUnavailable;
  }
  if (state == "42501" || state.starts_with("28")) return Code::kPermissionDenied;
  if (state == "42P01" || state == "42704" || state == "3F000") return Code::kNotFound;
  if (state == "53400" || state == "53100") return Code::kResourceExhausted;
  return Code::kFailedPrecondition;
}

std::string OneLine(std::string_view message) {
  std::string line(message);
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.pop_back();
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

std::string Quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out += c;
    out += c;
  }
  return out + quote;
}

}  // namespace

std::string QuotedIdentifier(std::string_view name) { return Quoted(name, '"'); }

std::string QuotedLiteral(std::string_view text) {
  // With a backslash, the meaning depends on a setting, unless it is an E string.
  if (text.find('\\') == text.npos) return Quoted(text, '\'');
  std::string doubled;
  for (const char c : text) {
    if (c == '\\') doubled += c;
    doubled += c;
  }
  return " E" + Quoted(doubled, '\'');
}

std::string PgPlace::Quoted() const {
  return QuotedIdentifier(schema) + "." + QuotedIdentifier(table);
}

std::string ObjectOf(const PgPlace& place) {
  return fmt::format("{}.{}.{}", place.database, place.schema, place.table);
}

Result<std::shared_ptr<const PgPlace>> MakePgPlace(const SourceSpec& spec) {
  MURMUR_TRY(LoadLibpq());
  auto place = std::make_shared<PgPlace>();
  const std::string* uri = OptionOf(spec, "uri");
  const std::string* table = OptionOf(spec, "table");
  if (uri == nullptr || table == nullptr || table->empty()) {
    return Status(Code::kInvalidArgument, "postgres needs a uri and a table");
  }
  MURMUR_ASSIGN(place->uri, ResolveSecret(*uri));
  MURMUR_ASSIGN(const auto options, ParseUri(place->uri));
  const char* database = ParameterOf(options.get(), "dbname");
  if (database == nullptr || *database == '\0') {
    return Status(Code::kInvalidArgument,
                  "postgres: `uri` names no database; expected postgres://user@host:port/database");
  }
  place->database = database;
  const size_t dot = table->find('.');
  place->schema = dot == table->npos ? "public" : table->substr(0, dot);
  place->table = dot == table->npos ? *table : table->substr(dot + 1);
  for (const auto& [option, value] : spec.options) {
    if (option == "publication") place->publication = value;
    if (option == "slot") place->slot = value;
    if (option == "columns" || option.starts_with("columns.")) place->columns.push_back(value);
  }
  if (place->slot.starts_with(kPgOwn)) {
    return Status(Code::kInvalidArgument,
                  fmt::format("postgres: `slot` names {}, but slots whose names begin with {} are "
                              "made and dropped by Murmur. Leave `slot` out, or name another",
                              place->slot, kPgOwn));
  }
  place->name = "postgres:" + ObjectOf(*place);
  place->text = fmt::format("{} at {}", place->name, HostsOf(options.get()));
  return std::shared_ptr<const PgPlace>(std::move(place));
}

PgAlarm::PgAlarm() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
PgAlarm::~PgAlarm() {
  if (fd_ >= 0) close(fd_);
}
void PgAlarm::Ring() const { (void)eventfd_write(fd_, 1); }
void PgAlarm::Reset() const {
  eventfd_t rung = 0;
  (void)eventfd_read(fd_, &rung);
}

Result<std::unique_ptr<PgConnection>> PgConnection::Open(std::shared_ptr<const PgPlace> place,
                                                         For use, std::stop_token stop) {
  MURMUR_ASSIGN(const auto given, ParseUri(place->uri));
  const char* own = ParameterOf(given.get(), "options");
  const std::string settings = own == nullptr ? kSettings : fmt::format("{} {}", own, kSettings);
  // The first name expands to what the uri says; later ones replace that.
  const std::array<const char*, 7> names = {"dbname",
                                            "options",
                                            "client_encoding",
                                            "fallback_application_name",
                                            "connect_timeout",
                                            use == For::kReplication ? "replication" : nullptr,
                                            nullptr};
  const std::array<const char*, 7> values = {
      place->uri.c_str(), settings.c_str(), "UTF8", "murmur", "10", "database", nullptr};
  std::unique_ptr<PgConnection> connection(new PgConnection(
      place, Pg<PGconn>(PQconnectStartParams(names.data(), values.data(), /*expand_dbname=*/1))));
  if (connection->connection_ == nullptr) {
    return Status(Code::kResourceExhausted, place->text + ": no memory for a connection");
  }
  MURMUR_TRY(connection->Connect(stop));
  return connection;
}

Status PgConnection::Connect(const std::stop_token& stop) {
  const auto give_up = std::chrono::steady_clock::now() + kConnectPatience;
  for (PostgresPollingStatusType next = PGRES_POLLING_WRITING; next != PGRES_POLLING_OK;
       next = PQconnectPoll(connection_.get())) {
    if (PQstatus(connection_.get()) == CONNECTION_BAD || next == PGRES_POLLING_FAILED) {
      const std::string message = OneLine(PQerrorMessage(connection_.get()));
      return Status(CodeOfRefusal(message), fmt::format("{}: {}", place_->text, message));
    }
    if (std::chrono::steady_clock::now() > give_up) {
      return Status(Code::kUnavailable, place_->text + ": no answer to a connection");
    }
    MURMUR_TRY(WaitFor(next == PGRES_POLLING_READING ? POLLIN : POLLOUT, stop));
  }
  // Notices would go to standard error.
  PQsetNoticeReceiver(
      connection_.get(), [](void*, const PGresult*) {}, nullptr);
  if (PQsetnonblocking(connection_.get(), 1) != 0) return Lost("to connect");
  return {};
}

Status PgConnection::Lost(std::string_view doing) const {
  return Status(Code::kUnavailable,
                fmt::format("{}: the connection was lost while trying {}: {}", place_->text, doing,
                            OneLine(PQerrorMessage(connection_.get()))));
}

Status PgConnection::Refused(const PGresult* result, std::string_view doing) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  if (state == nullptr) return Lost(doing);
  sqlstate_ = state;
  const auto field = [result](int name) {
    const char* text = PQresultErrorField(result, name);
    return std::string_view(text == nullptr ? "" : text);
  };
  const std::string_view hint = field(PG_DIAG_MESSAGE_HINT);
  return Status(CodeOfState(sqlstate_),
                fmt::format("{}: the server refuses {}: {}{}{} (SQLSTATE {})", place_->text, doing,
                            OneLine(field(PG_DIAG_MESSAGE_PRIMARY)), hint.empty() ? "" : ". ",
                            OneLine(hint), sqlstate_));
}

Status PgConnection::WaitFor(short events, const std::stop_token& stop) {
  (void)Poll(events, kPollMax, stop);
  return stop.stop_requested() ? Status(Code::kCancelled, place_->text) : Status();
}

bool PgConnection::WaitForInput(milliseconds time, const std::stop_token& stop) {
  const auto end = std::chrono::steady_clock::now() + time;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0 || stop.stop_requested()) return false;
    if (Poll(POLLIN, left, stop)) return true;
  }
}

// Whether the socket is ready. A stop ends the wait.
bool PgConnection::Poll(short events, milliseconds time, const std::stop_token& stop) {
  alarm_.Reset();
  const std::stop_callback ring(stop, [this] { alarm_.Ring(); });
  std::array<pollfd, 2> ready{{{.fd = PQsocket(connection_.get()), .events = events, .revents = 0},
                               {.fd = alarm_.fd(), .events = POLLIN, .revents = 0}}};
  (void)poll(ready.data(), ready.size(), static_cast<int>(std::min(time, kPollMax).count()));
  return ready[0].revents != 0;
}

Status PgConnection::SendStatement(const std::string& statement, std::string_view doing) {
  sqlstate_.clear();
  if (PQsendQuery(connection_.get(), statement.c_str()) == 1) return {};
  return Lost(doing);
}

Result<Pg<PGresult>> PgConnection::Await(std::string_view doing, const std::stop_token& stop) {
  for (;;) {
    const int unsent = PQflush(connection_.get());
    if (unsent < 0) return Lost(doing);
    if (unsent == 0 && PQisBusy(connection_.get()) == 0) break;
    MURMUR_TRY(WaitFor(static_cast<short>(POLLIN | (unsent > 0 ? POLLOUT : 0)), stop));
    if (PQconsumeInput(connection_.get()) == 0) return Lost(doing);
  }
  return Pg<PGresult>(PQgetResult(connection_.get()));
}

Result<PgRowSet> PgConnection::Ask(const std::string& statement, std::string_view doing,
                                   const std::stop_token& stop) {
  MURMUR_TRY(SendStatement(statement, doing));
  Pg<PGresult> last;
  for (;;) {
    MURMUR_ASSIGN(Pg<PGresult> result, Await(doing, stop));
    if (result == nullptr) break;
    if (last == nullptr || PQresultStatus(last.get()) != PGRES_FATAL_ERROR)
      last = std::move(result);
  }
  if (last == nullptr) return Lost(doing);
  const ExecStatusType status = PQresultStatus(last.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) return Refused(last.get(), doing);
  return PgRowSet(std::move(last));
}

Status PgConnection::StartCopy(const std::string& statement, std::string_view doing,
                               const std::stop_token& stop) {
  MURMUR_TRY(SendStatement(statement, doing));
  MURMUR_ASSIGN(const Pg<PGresult> result, Await(doing, stop));
  if (result == nullptr) return Lost(doing);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) return {};
  return Refused(result.get(), doing);
}

Result<PgConnection::Copied> PgConnection::NextPiece(Piece* piece, std::string_view doing,
                                                     const std::stop_token& stop) {
  char* bytes = nullptr;
  int size = PQgetCopyData(connection_.get(), &bytes, /*async=*/1);
  if (size == 0) {
    if (PQconsumeInput(connection_.get()) == 0) return Lost(doing);
    size = PQgetCopyData(connection_.get(), &bytes, /*async=*/1);
  }
  if (size > 0) {
    piece->bytes.reset(bytes);
    piece->size = static_cast<size_t>(size);
    return Copied::kPiece;
  }
  if (size == 0) return Copied::kNothingYet;
  if (size == -2) return Lost(doing);
  // The end, or why it ended.
  Status status;
  for (;;) {
    MURMUR_ASSIGN(const Pg<PGresult> result, Await(doing, stop));
    if (result == nullptr) break;
    const ExecStatusType outcome = PQresultStatus(result.get());
    if (outcome == PGRES_COPY_BOTH) break;  // the server ends replication; it waits for our end
    if (status.ok() && outcome != PGRES_COMMAND_OK) status = Refused(result.get(), doing);
  }
  MURMUR_TRY(status);
  return Copied::kEnd;
}

Status PgConnection::Send(std::string_view bytes, const std::stop_token& stop) {
  constexpr std::string_view kDoing = "to confirm a position";
  for (;;) {
    const int sent = PQputCopyData(connection_.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (sent < 0) return Lost(kDoing);
    if (sent == 1) break;
    MURMUR_TRY(WaitFor(POLLOUT, stop));
  }
  for (;;) {
    const int unsent = PQflush(connection_.get());
    if (unsent < 0) return Lost(kDoing);
    if (unsent == 0) return {};
    MURMUR_TRY(WaitFor(POLLOUT, stop));
  }
}

}  // namespace murmur
