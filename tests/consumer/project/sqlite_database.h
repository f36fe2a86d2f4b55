// A connection to an SQLite file that only reads, and that gives up when it is told to stop:
// waiting for the lock of a program that writes, and long queries, end within milliseconds.
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "murmur/status.h"

namespace shop {

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

// Threads: one at a time.
class Database {
 public:
  static murmur::Result<std::unique_ptr<Database>> Open(const std::string& path,
                                                        std::stop_token stop) {
    auto database = std::make_unique<Database>(path, std::move(stop));
    constexpr int kFlags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
    const int result = sqlite3_open_v2(path.c_str(), &database->handle_, kFlags, nullptr);
    if (result != SQLITE_OK) return database->Error(result);
    sqlite3_busy_handler(database->handle_, WaitForLock, database.get());
    sqlite3_progress_handler(database->handle_, kStepsBetweenChecks, IsStopped, database.get());
    return database;
  }
  Database(std::string path, std::stop_token stop)
      : path_(std::move(path)), stop_(std::move(stop)) {}
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() { sqlite3_close_v2(handle_); }

  // For the calls that follow.
  void set_stop(std::stop_token stop) { stop_ = std::move(stop); }

  murmur::Result<Statement> Prepare(const std::string& sql) const {
    sqlite3_stmt* statement = nullptr;
    const int result = sqlite3_prepare_v2(handle_, sql.c_str(), -1, &statement, nullptr);
    if (result != SQLITE_OK) return Error(result);
    return Statement(statement);
  }
  // False: there is no next row.
  murmur::Result<bool> Step(sqlite3_stmt* statement) const {
    const int result = sqlite3_step(statement);
    if (result != SQLITE_ROW && result != SQLITE_DONE) return Error(result);
    return result == SQLITE_ROW;
  }

 private:
  static constexpr std::chrono::seconds kLockWaitMax{60};
  static constexpr std::chrono::milliseconds kLockPoll{10};
  static constexpr int kStepsBetweenChecks = 10'000;  // of SQLite's virtual machine: about 1 ms

  static int WaitForLock(void* self, int tries) {
    const bool give_up = IsStopped(self) != 0 || tries * kLockPoll >= kLockWaitMax;
    if (!give_up) std::this_thread::sleep_for(kLockPoll);
    return give_up ? 0 : 1;
  }
  static int IsStopped(void* self) {
    return static_cast<Database*>(self)->stop_.stop_requested() ? 1 : 0;
  }
  murmur::Status Error(int result) const {
    const int error = result & 0xff;  // without the details
    if (stop_.stop_requested() && (error == SQLITE_BUSY || error == SQLITE_INTERRUPT)) {
      return murmur::Status(murmur::Code::kCancelled, "stopped");
    }
    const bool may_pass = error == SQLITE_BUSY || error == SQLITE_LOCKED || error == SQLITE_IOERR;
    const murmur::Code code = may_pass                   ? murmur::Code::kUnavailable
                              : error == SQLITE_CORRUPT  ? murmur::Code::kDataLoss
                              : error == SQLITE_CANTOPEN ? murmur::Code::kPermissionDenied
                                                         : murmur::Code::kInvalidArgument;
    return murmur::Status(code, path_ + ": " + sqlite3_errmsg(handle_));
  }

  const std::string path_;
  std::stop_token stop_;
  sqlite3* handle_ = nullptr;
};

// As a name in SQL.
inline std::string Quoted(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

// A value of the present row, as text.
inline std::string TextOf(sqlite3_stmt* statement, int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  return {text == nullptr ? "" : text,
          static_cast<size_t>(sqlite3_column_bytes(statement, column))};
}

}  // namespace shop
