// How fast libmariadb alone gets what the MariaDB benchmark stores.
//
//   mariadb_rows read PORT DATABASE TABLE COLUMNS KEY UNTIL CONNECTIONS
//       reads all rows, unbuffered, and only counts them: of the rows whose KEY is below UNTIL,
//       each connection reads an equal part of the keys
//   mariadb_rows follow PORT FILE OFFSET TABLE COUNT
//       counts the first COUNT changes of rows of the TABLE that the binary log has from there on
//
// Each prints {"seconds", "events", "bytes"}; opening the connections is not timed.
#include <mysql.h>
// After it.
#include <mariadb_rpl.h>

#include <algorithm>
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

constexpr unsigned kServerId = 5402;  // of no other replica

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
using Connection = std::unique_ptr<MYSQL, Destroy<mysql_close>>;
using Rows = std::unique_ptr<MYSQL_RES, Destroy<mysql_free_result>>;
using Replica = std::unique_ptr<MARIADB_RPL, Destroy<mariadb_rpl_close>>;
using Event = std::unique_ptr<MARIADB_RPL_EVENT, Destroy<mariadb_free_rpl_event>>;

[[noreturn]] void Fail(const std::string& what, const char* why) {
  std::fprintf(stderr, "mariadb_rows: %s: %s\n", what.c_str(), why);
  std::exit(1);
}

Connection Connect(unsigned port, const char* database) {
  Connection connection(mysql_init(nullptr));
  if (mysql_real_connect(connection.get(), "127.0.0.1", "root", "", database, port, nullptr, 0) ==
      nullptr) {
    Fail("to connect", mysql_error(connection.get()));
  }
  return connection;
}

void Query(const Connection& connection, const std::string& statement) {
  if (mysql_real_query(connection.get(), statement.data(), statement.size()) != 0) {
    Fail(statement, mysql_error(connection.get()));
  }
}

// --- rows ---

Counts Read(const Connection& connection, const std::string& statement) {
  Query(connection, statement);
  const Rows rows(mysql_use_result(connection.get()));
  if (rows == nullptr) Fail(statement, mysql_error(connection.get()));
  const unsigned columns = mysql_num_fields(rows.get());
  Counts counts;
  while (mysql_fetch_row(rows.get()) != nullptr) {
    const unsigned long* const lengths = mysql_fetch_lengths(rows.get());
    ++counts.events;
    for (unsigned i = 0; i < columns; ++i) counts.bytes += lengths[i];
  }
  if (mysql_errno(connection.get()) != 0) Fail(statement, mysql_error(connection.get()));
  return counts;
}

Counts ReadByParts(const std::vector<Connection>& connections, const std::string& table,
                   const std::string& columns, const std::string& key, uint64_t until) {
  std::vector<Counts> parts(connections.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < connections.size(); ++i) {
    threads.emplace_back([&, i] {
      const auto bound = [&](size_t part) {
        return std::to_string(until * part / connections.size());
      };
      parts[i] = Read(connections[i], "SELECT " + columns + " FROM " + table + " WHERE " + key +
                                          " >= " + bound(i) + " AND " + key + " < " + bound(i + 1));
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

// --- changes ---

std::string_view View(const MARIADB_STRING& text) { return {text.str, text.length}; }

// How many bytes a value of a column takes in the log.
struct Width {
  size_t fixed = 0;
  size_t length_bytes = 0;  // not 0: its length comes first, in so many bytes
};

// The library gives the rows of an event as one piece, whose number is told by their values alone.
// Its own decoder of them, mariadb_rpl_extract_rows, is wrong for some types.
std::vector<Width> WidthsOf(const st_mariadb_rpl_table_map_event& map) {
  const auto* details = reinterpret_cast<const unsigned char*>(map.metadata.str);
  std::vector<Width> widths;
  for (const char type : View(map.column_types)) {
    switch (static_cast<unsigned char>(type)) {
      case MYSQL_TYPE_LONG: widths.push_back({.fixed = 4}); break;
      case MYSQL_TYPE_LONGLONG: widths.push_back({.fixed = 8}); break;
      case MYSQL_TYPE_DATETIME2: {
        const size_t digits = *details++;
        widths.push_back({.fixed = 5 + (digits + 1) / 2});
        break;
      }
      case MYSQL_TYPE_VARCHAR: {
        const int bytes_max = details[0] | details[1] << 8;
        details += 2;
        widths.push_back({.length_bytes = bytes_max > UINT8_MAX ? 2u : 1u});
        break;
      }
      default: Fail("to follow", "a column of a type that the benchmark doesn't have");
    }
  }
  return widths;
}

// Skips a row as it was, or is: bits that tell which values are null, none of which are here, and
// the values.
const unsigned char* SkipImage(const std::vector<Width>& widths, const unsigned char* at) {
  at += (widths.size() + 7) / 8;
  for (const Width& width : widths) {
    size_t size = width.fixed;
    for (size_t i = 0; i < width.length_bytes; ++i) size |= static_cast<size_t>(at[i]) << 8 * i;
    at += width.length_bytes + size;
  }
  return at;
}

uint64_t CountRows(const std::vector<Width>& widths, const st_mariadb_rpl_rows_event& rows) {
  const auto* at = static_cast<const unsigned char*>(rows.row_data);
  const auto* const end = at + rows.row_data_size;
  uint64_t count = 0;
  while (at < end) {
    at = SkipImage(widths, at);
    if (rows.type == UPDATE_ROWS) at = SkipImage(widths, at);
    ++count;
  }
  if (at != end) Fail("to follow", "rows that end elsewhere than their event");
  return count;
}

Replica Follow(const Connection& connection, std::string_view file, uint64_t offset) {
  // The log as it is, with its checksums.
  Query(connection,
        "SET @mariadb_slave_capability = 4, @master_binlog_checksum = @@global.binlog_checksum");
  Replica replica(mariadb_rpl_init(connection.get()));
  if (replica == nullptr) Fail("to follow", "no memory");
  // Variadic: the types must be these.
  mariadb_rpl_optionsv(replica.get(), MARIADB_RPL_SERVER_ID, kServerId);
  mariadb_rpl_optionsv(replica.get(), MARIADB_RPL_FILENAME, file.data(),
                       static_cast<size_t>(file.size()));
  mariadb_rpl_optionsv(replica.get(), MARIADB_RPL_START, static_cast<unsigned long>(offset));
  // It ends where the log does.
  mariadb_rpl_optionsv(replica.get(), MARIADB_RPL_FLAGS,
                       static_cast<unsigned>(MARIADB_RPL_BINLOG_DUMP_NON_BLOCK));
  if (mariadb_rpl_open(replica.get()) != 0) Fail("to follow", mysql_error(connection.get()));
  return replica;
}

Counts CountChanges(const Connection& connection, const Replica& replica, std::string_view table,
                    uint64_t count) {
  Counts counts;
  std::vector<Width> widths;
  Event event;
  while (counts.events < count) {
    // Takes the one before, whose memory it uses again, and frees it if there is none.
    event.reset(mariadb_rpl_fetch(replica.get(), event.release()));
    if (event == nullptr)
      Fail("to follow", mysql_errno(connection.get()) == 0 ? "the log has fewer changes"
                                                           : mysql_error(connection.get()));
    counts.bytes += event->event_length;
    if (event->event_type == FORMAT_DESCRIPTION_EVENT) {
      // Else it fails where a file of the log ends.
      replica->post_header_len[ROTATE_EVENT - 1] = 0;
    } else if (event->event_type == TABLE_MAP_EVENT) {
      widths.clear();
      if (View(event->event.table_map.table) == table) widths = WidthsOf(event->event.table_map);
    } else if (IS_ROW_EVENT(event.get()) && !widths.empty()) {
      counts.events += CountRows(widths, event->event.rows);
    }
  }
  return counts;
}

int Usage() {
  std::fprintf(stderr,
               "usage: mariadb_rows read PORT DATABASE TABLE COLUMNS KEY UNTIL CONNECTIONS\n"
               "       mariadb_rows follow PORT FILE OFFSET TABLE COUNT\n");
  return 2;
}

uint64_t Number(const char* text) { return std::strtoull(text, nullptr, 10); }

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return Usage();
  const std::string_view verb = argv[1];
  const auto port = static_cast<unsigned>(Number(argv[2]));
  std::vector<Connection> connections;
  Counts counts;
  auto start = steady_clock::now();
  if (verb == "read" && argc == 9) {
    for (uint64_t i = 0; i < Number(argv[8]); ++i) connections.push_back(Connect(port, argv[3]));
    start = steady_clock::now();
    counts = ReadByParts(connections, argv[4], argv[5], argv[6], Number(argv[7]));
  } else if (verb == "follow" && argc == 7) {
    connections.push_back(Connect(port, nullptr));
    start = steady_clock::now();
    const Replica replica = Follow(connections[0], argv[3], Number(argv[4]));
    counts = CountChanges(connections[0], replica, argv[5], Number(argv[6]));
  } else {
    return Usage();
  }
  const double seconds = std::chrono::duration<double>(steady_clock::now() - start).count();
  std::printf("{\"seconds\": %.6f, \"events\": %llu, \"bytes\": %llu}\n", seconds,
              static_cast<unsigned long long>(counts.events),
              static_cast<unsigned long long>(counts.bytes));
  return 0;
}
