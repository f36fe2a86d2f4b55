#include "source/mariadb/maria_connection.h"

#include <errmsg.h>
#include <fmt/format.h>
#include <mysqld_error.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/hex.h"
#include "base/take_text.h"
#include "definition/secret.h"
#include "source/client_library.h"

namespace murmur {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kConnectPatience{10};
constexpr milliseconds kStopLatency{100};  // how long a wait goes on after a stop
// Of a log that is read: heartbeats come much more often.
constexpr unsigned kSilenceSecondsMax = 20;

// What makes a value's text the same whatever server and user are set to. Who reads slowly is not
// thrown out.
constexpr char kSettings[] =
    "SET time_zone = '+00:00', sql_mode = '', max_statement_time = 0, net_write_timeout = 3600, "
    "wait_timeout = 28800, idle_transaction_timeout = 0";

constexpr char kUnreadable[] =
    "mariadb: `uri` can't be read; expected mysql://user:password@host:port/database";

const std::string* OptionOf(const SourceSpec& spec, const std::string& name) {
  const auto it = spec.options.find(name);
  return it == spec.options.end() ? nullptr : &it->second;
}

// Empty: it is not encoded as a part of a uri is.
std::optional<std::string> PercentDecoded(std::string_view text) {
  std::string out;
  std::string byte;
  for (; !text.empty(); text.remove_prefix(1)) {
    if (text[0] != '%') {
      out += text[0];
      continue;
    }
    if (text.size() < 3 || !FromHex(text.substr(1, 2), &byte)) return std::nullopt;
    out += byte;
    text.remove_prefix(2);
  }
  return out;
}

// host, host:port or [address]:port
bool ParseHost(std::string_view text, MariaPlace* place) {
  const bool is_bracketed = text.starts_with('[');
  const size_t end = is_bracketed ? text.find(']') : std::min(text.rfind(':'), text.size());
  if (end == text.npos) return false;
  place->host = text.substr(is_bracketed ? 1 : 0, is_bracketed ? end - 1 : end);
  text.remove_prefix(is_bracketed ? end + 1 : end);
  if (place->host.empty()) place->host = "localhost";
  if (text.empty()) return true;
  const char* const last = text.data() + text.size();
  const auto [read, error] = std::from_chars(text.data() + 1, last, place->port);
  return text[0] == ':' && error == std::errc() && read == last && place->port <= 65535;
}

// The part of a uri after '?'. Names are those of the programs of MariaDB and MySQL.
Status ParseOptions(std::string_view options, MariaTls* tls) {
  std::optional<std::string> mode;
  while (!options.empty()) {
    const std::string_view option = options.substr(0, options.find('&'));
    options.remove_prefix(std::min(option.size() + 1, options.size()));
    const size_t equals = std::min(option.find('='), option.size());
    const std::string name(option.substr(0, equals));
    const auto value = PercentDecoded(option.substr(std::min(equals + 1, option.size())));
    if (!value) return Status(Code::kInvalidArgument, kUnreadable);
    if (name == "ssl-mode") {
      mode = *value;
    } else if (name == "ssl-ca") {
      tls->authority = *value;
    } else if (name == "ssl-cert") {
      tls->certificate = *value;
    } else if (name == "ssl-key") {
      tls->key = *value;
    } else {
      return Status(Code::kInvalidArgument,
                    fmt::format("mariadb: `uri` has an option '{}', which is not known; there are "
                                "ssl-mode, ssl-ca, ssl-cert and ssl-key",
                                name));
    }
  }
  const bool has_files = !tls->authority.empty() || !tls->certificate.empty() || !tls->key.empty();
  if (!mode) mode = has_files ? "verify_identity" : "disabled";
  tls->is_on = *mode != "disabled";
  tls->checks_server = *mode == "verify_identity";
  if (*mode == "disabled" || *mode == "required" || *mode == "verify_identity") return {};
  return Status(Code::kInvalidArgument,
                "mariadb: `uri`: ssl-mode is disabled, required or verify_identity");
}

// A message would show a password.
Status ParseUri(std::string_view uri, MariaPlace* place) {
  const size_t scheme = uri.find("://");
  if (scheme == uri.npos) return Status(Code::kInvalidArgument, kUnreadable);
  if (uri.substr(0, scheme) != "mysql" && uri.substr(0, scheme) != "mariadb")
    return Status(Code::kInvalidArgument, kUnreadable);
  uri.remove_prefix(scheme + 3);
  const size_t question = std::min(uri.find('?', uri.find('/')), uri.size());
  const std::string_view options = uri.substr(std::min(question + 1, uri.size()));
  uri = uri.substr(0, question);
  const size_t slash = uri.find('/');
  std::string_view address = uri.substr(0, slash);
  if (const size_t at = address.rfind('@'); at != address.npos) {
    const std::string_view who = address.substr(0, at);
    const size_t colon = std::min(who.find(':'), who.size());
    const auto user = PercentDecoded(who.substr(0, colon));
    const auto password = PercentDecoded(who.substr(std::min(colon + 1, who.size())));
    if (!user || !password) return Status(Code::kInvalidArgument, kUnreadable);
    place->user = *user;
    place->password = *password;
    address.remove_prefix(at + 1);
  }
  const auto database =
      PercentDecoded(slash == uri.npos ? std::string_view() : uri.substr(slash + 1));
  if (!database) return Status(Code::kInvalidArgument, kUnreadable);
  place->database = *database;
  if (!ParseHost(address, place)) return Status(Code::kInvalidArgument, kUnreadable);
  return ParseOptions(options, &place->tls);
}

// Source: the server's errmsg-utf8.txt, the client's errmsg.h.
Code CodeOfError(unsigned number) {
  switch (number) {
    case CR_SSL_CONNECTION_ERROR:
    case CR_AUTH_PLUGIN_CANNOT_LOAD: return Code::kFailedPrecondition;
    case ER_DBACCESS_DENIED_ERROR:
    case ER_ACCESS_DENIED_ERROR:
    case ER_ACCESS_DENIED_NO_PASSWORD_ERROR:
    case ER_TABLEACCESS_DENIED_ERROR:
    case ER_COLUMNACCESS_DENIED_ERROR:
    case ER_SPECIFIC_ACCESS_DENIED_ERROR:
    case ER_HOST_NOT_PRIVILEGED: return Code::kPermissionDenied;
    case ER_BAD_DB_ERROR:
    case ER_NO_SUCH_TABLE: return Code::kNotFound;
    case ER_MASTER_FATAL_ERROR_READING_BINLOG: return Code::kOutOfRange;
    case ER_CON_COUNT_ERROR:
    case ER_NORMAL_SHUTDOWN:
    case ER_SHUTDOWN_COMPLETE:
    case ER_SERVER_SHUTDOWN:
    case ER_NET_READ_ERROR:
    case ER_NET_READ_INTERRUPTED:
    case ER_NET_ERROR_ON_WRITE:
    case ER_NET_WRITE_INTERRUPTED:
    case ER_TOO_MANY_USER_CONNECTIONS:
    case ER_LOCK_WAIT_TIMEOUT:
    case ER_LOCK_DEADLOCK:
    case ER_QUERY_INTERRUPTED:
    case ER_TABLE_DEF_CHANGED:  // between a transaction's beginning and its read
    case ER_CONNECTION_KILLED: return Code::kUnavailable;
    default: break;
  }
  const bool is_of_client = number >= CR_MIN_ERROR && number <= CR_MAX_ERROR;
  return is_of_client ? Code::kUnavailable : Code::kFailedPrecondition;
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

std::string QuotedMariaName(std::string_view name) { return Quoted(name, '`'); }

std::string QuotedMariaText(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\') escaped += c;
    escaped += c;
  }
  return Quoted(escaped, '\'');
}

std::string MariaPlace::Quoted() const {
  return QuotedMariaName(database) + "." + QuotedMariaName(table);
}

std::string ObjectOf(const MariaPlace& place) {
  return fmt::format("{}.{}", place.database, place.table);
}

Result<std::shared_ptr<const MariaPlace>> MakeMariaPlace(const SourceSpec& spec) {
  MURMUR_TRY(LoadLibmariadb());
  static const int begun = mysql_server_init(0, nullptr, nullptr);  // not by many threads at once
  if (begun != 0) return Status(Code::kResourceExhausted, "libmariadb can't begin");
  auto place = std::make_shared<MariaPlace>();
  const std::string* uri = OptionOf(spec, "uri");
  const std::string* table = OptionOf(spec, "table");
  if (uri == nullptr || table == nullptr || table->empty()) {
    return Status(Code::kInvalidArgument, "mariadb needs a uri and a table");
  }
  MURMUR_ASSIGN(const std::string resolved, ResolveSecret(*uri));
  MURMUR_TRY(ParseUri(resolved, place.get()));
  const size_t dot = table->find('.');
  place->table = dot == table->npos ? *table : table->substr(dot + 1);
  if (dot != table->npos) place->database = table->substr(0, dot);
  if (place->database.empty()) {
    return Status(Code::kInvalidArgument,
                  "mariadb: `uri` names no database: mysql://user:password@host:port/database");
  }
  place->name = "mariadb:" + ObjectOf(*place);
  place->text = fmt::format("{} at {}:{}", place->name, place->host, place->port);
  return std::shared_ptr<const MariaPlace>(std::move(place));
}

Result<std::unique_ptr<MariaConnection>> MariaConnection::Open(
    std::shared_ptr<const MariaPlace> place, For use, std::stop_token stop) {
  Handle<MYSQL> mysql(mysql_init(nullptr));
  if (mysql == nullptr) {
    return Status(Code::kResourceExhausted, place->text + ": no memory for a connection");
  }
  std::unique_ptr<MariaConnection> connection(
      new MariaConnection(std::move(place), std::move(mysql)));
  MURMUR_TRY(connection->Connect(use, stop));
  return connection;
}

// Without the last call's answer nothing can be said to the server, and nothing is waited for.
MariaConnection::~MariaConnection() {
  if (is_interrupted_ || fetch_waits_for_ != 0 || result_ != nullptr || replica_ != nullptr) {
    mariadb_cancel(mysql_.get());
  }
}

Status MariaConnection::Connect(For use, const std::stop_token& stop) {
  MYSQL* const mysql = mysql_.get();
  const unsigned protocol = MYSQL_PROTOCOL_TCP;  // also to "localhost"
  const auto patience = static_cast<unsigned>(kConnectPatience.count());
  mysql_options(mysql, MYSQL_OPT_NONBLOCK, nullptr);
  mysql_options(mysql, MYSQL_OPT_PROTOCOL, &protocol);
  mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &patience);
  mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  if (use == For::kReplication) mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &kSilenceSecondsMax);
  MURMUR_TRY(SetTls());
  MYSQL* connected = nullptr;
  const int waits_for = mysql_real_connect_start(
      &connected, mysql, place_->host.c_str(), place_->user.c_str(), place_->password.c_str(),
      place_->database.c_str(), place_->port, nullptr, 0);
  MURMUR_TRY(Finish(
      waits_for, [&](int came) { return mysql_real_connect_cont(&connected, mysql, came); },
      steady_clock::now() + kConnectPatience, stop));
  if (connected == nullptr) return Failed("to connect");
  if (mariadb_connection(mysql) == 0) {
    return Status(Code::kFailedPrecondition,
                  fmt::format("{}: the server is {}, and only MariaDB is supported: MySQL writes "
                              "another log",
                              place_->text, mysql_get_server_info(mysql)));
  }
  MURMUR_TRY(Ask(kSettings, "to connect", stop).status());
  MURMUR_ASSIGN(const MariaRowSet number, Ask("SELECT @@global.server_id", "to connect", stop));
  std::string_view digits = number.at(0, 0);
  (void)TakeNumber(&digits, &server_);
  return Ask("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "to connect", stop)
      .status();
}

Status MariaConnection::SetTls() {
  const MariaTls& tls = place_->tls;
  if (!tls.is_on) return {};
  MYSQL* const mysql = mysql_.get();
  const my_bool yes = 1;
  const my_bool checks = tls.checks_server ? 1 : 0;
  mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &yes);
  mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &checks);
  for (const auto& [option, file] :
       {std::pair(MYSQL_OPT_SSL_CA, &tls.authority),
        std::pair(MYSQL_OPT_SSL_CERT, &tls.certificate), std::pair(MYSQL_OPT_SSL_KEY, &tls.key)}) {
    if (file->empty()) continue;
    // The library does not say which one is missing.
    if (access(file->c_str(), R_OK) != 0) {
      return Status(Code::kFailedPrecondition,
                    fmt::format("{}: {}, which its uri names, can't be read", place_->text, *file));
    }
    mysql_options(mysql, option, file->c_str());
  }
  return {};
}

Status MariaConnection::Failed(std::string_view doing) {
  error_number_ = mysql_errno(mysql_.get());
  return Status(CodeOfError(error_number_),
                fmt::format("{}: failed {}: {} (error {})", place_->text, doing,
                            mysql_error(mysql_.get()), error_number_));
}

int MariaConnection::Poll(int waits_for, milliseconds time) const {
  pollfd socket{.fd = mysql_get_socket(mysql_.get()), .events = 0, .revents = 0};
  if ((waits_for & MYSQL_WAIT_READ) != 0) socket.events |= POLLIN;
  if ((waits_for & MYSQL_WAIT_WRITE) != 0) socket.events |= POLLOUT;
  if ((waits_for & MYSQL_WAIT_EXCEPT) != 0) socket.events |= POLLPRI;
  if (poll(&socket, 1, static_cast<int>(time.count())) <= 0) return 0;
  constexpr short kBroken = POLLERR | POLLHUP;
  int came = 0;
  if ((socket.revents & (POLLIN | kBroken)) != 0) came |= waits_for & MYSQL_WAIT_READ;
  if ((socket.revents & (POLLOUT | kBroken)) != 0) came |= waits_for & MYSQL_WAIT_WRITE;
  if ((socket.revents & POLLPRI) != 0) came |= waits_for & MYSQL_WAIT_EXCEPT;
  return came;
}

template <class Continue>
Status MariaConnection::Finish(int waits_for, const Continue& cont,
                               steady_clock::time_point give_up, const std::stop_token& stop) {
  is_interrupted_ = waits_for != 0;
  while (waits_for != 0) {
    if (stop.stop_requested()) return Status(Code::kCancelled, place_->text);
    if (steady_clock::now() > give_up) {
      return Status(Code::kUnavailable, place_->text + ": no answer");
    }
    if (const int came = Poll(waits_for, kStopLatency); came != 0) waits_for = cont(came);
  }
  is_interrupted_ = false;
  if (stop.stop_requested()) return Status(Code::kCancelled, place_->text);
  return {};
}

Status MariaConnection::StartRows(const std::string& statement, std::string_view doing,
                                  const std::stop_token& stop) {
  MYSQL* const mysql = mysql_.get();
  error_number_ = 0;
  result_.reset();
  int failed = 0;
  const int waits_for = mysql_real_query_start(&failed, mysql, statement.data(), statement.size());
  MURMUR_TRY(Finish(
      waits_for, [&](int came) { return mysql_real_query_cont(&failed, mysql, came); },
      steady_clock::time_point::max(), stop));
  if (failed != 0) return Failed(doing);
  result_.reset(mysql_use_result(mysql));
  return result_ == nullptr && mysql_errno(mysql) != 0 ? Failed(doing) : Status();
}

Result<MariaConnection::Fetched> MariaConnection::NextRow(std::vector<MariaText>* row,
                                                          std::string_view doing) {
  MYSQL_RES* const result = result_.get();
  if (result == nullptr) return Fetched::kEnd;
  MYSQL_ROW fetched = nullptr;
  if (fetch_waits_for_ == 0) {
    fetch_waits_for_ = mysql_fetch_row_start(&fetched, result);
  }
  while (fetch_waits_for_ != 0) {
    const int came = Poll(fetch_waits_for_, milliseconds(0));
    if (came == 0) return Fetched::kNothingYet;
    fetch_waits_for_ = mysql_fetch_row_cont(&fetched, result, came);
  }
  if (fetched == nullptr) {
    if (mysql_errno(mysql_.get()) != 0) return Failed(doing);
    result_.reset();
    return Fetched::kEnd;
  }
  const unsigned long* const lengths = mysql_fetch_lengths(result);
  row->resize(mysql_num_fields(result));
  for (size_t i = 0; i < row->size(); ++i) {
    (*row)[i] = fetched[i] == nullptr ? MariaText() : std::string_view(fetched[i], lengths[i]);
  }
  return Fetched::kRow;
}

bool MariaConnection::WaitForInput(milliseconds time, const std::stop_token& stop) {
  const auto end = steady_clock::now() + time;
  for (;;) {
    const auto left = std::chrono::duration_cast<milliseconds>(end - steady_clock::now());
    if (left.count() <= 0 || stop.stop_requested()) return false;
    if (Poll(fetch_waits_for_, std::min(left, kStopLatency)) != 0) return true;
  }
}

Result<MariaRowSet> MariaConnection::Ask(const std::string& statement, std::string_view doing,
                                         const std::stop_token& stop) {
  MURMUR_TRY(StartRows(statement, doing, stop));
  MariaRowSet rows;
  std::vector<MariaText> row;
  for (;;) {
    MURMUR_ASSIGN(const Fetched fetched, NextRow(&row, doing));
    if (fetched == Fetched::kEnd) return rows;
    if (fetched == Fetched::kRow) rows.Add(row);
    if (stop.stop_requested()) return Status(Code::kCancelled, place_->text);
    if (fetched == Fetched::kNothingYet) (void)WaitForInput(kStopLatency, stop);
  }
}

Status MariaConnection::StartBinlog(const BinlogStart& start, uint32_t server_id,
                                    milliseconds heartbeat) {
  constexpr std::string_view kDoing = "to follow its log";
  // Capability 4: the log comes as it is, with the events that begin transactions. Events keep
  // their checksums.
  MURMUR_TRY(Ask(fmt::format("SET @mariadb_slave_capability = 4, "
                             "@master_binlog_checksum = @@global.binlog_checksum, "
                             "@master_heartbeat_period = {}",
                             std::chrono::nanoseconds(heartbeat).count()),
                 kDoing, {})
                 .status());
  if (start.gtids) {
    // Not strict: a replica's log may lack the last of these, as it has no rows.
    MURMUR_TRY(Ask(fmt::format("SET @slave_connect_state = {}, @slave_gtid_strict_mode = 0, "
                               "@slave_gtid_ignore_duplicates = 0",
                               QuotedMariaText(*start.gtids)),
                   kDoing, {})
                   .status());
  }
  replica_.reset(mariadb_rpl_init(mysql_.get()));
  if (replica_ == nullptr) {
    return Status(Code::kResourceExhausted, place_->text + ": no memory to follow its log");
  }
  MARIADB_RPL* const replica = replica_.get();
  // Variadic: the types must be these.
  mariadb_rpl_optionsv(replica, MARIADB_RPL_SERVER_ID, static_cast<unsigned>(server_id));
  mariadb_rpl_optionsv(replica, MARIADB_RPL_FILENAME, start.file.c_str(),
                       static_cast<size_t>(start.file.size()));
  mariadb_rpl_optionsv(replica, MARIADB_RPL_START, static_cast<unsigned long>(start.offset));
  return mariadb_rpl_open(replica) == 0 ? Status() : Failed(kDoing);
}

// Not mariadb_rpl_fetch, which reads events wrongly that are there in every log: it takes a file's
// name too short, and fails at the event after which the next file begins.
Result<std::string_view> MariaConnection::NextEvent() {
  const unsigned long size = mysql_net_read_packet(mysql_.get());
  if (size == packet_error) return Failed("to follow its log");
  const std::string_view packet(reinterpret_cast<const char*>(mysql_->net.read_pos), size);
  constexpr size_t kEndBytesMax = 8;
  constexpr char kEnd = '\xFE';
  if (packet.empty() || (packet[0] == kEnd && packet.size() <= kEndBytesMax)) {
    return std::string_view();
  }
  return packet.substr(1);
}

}  // namespace murmur
