#include "source/mariadb/maria_reach.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/take_text.h"
#include "source/mariadb/maria_log.h"

namespace murmur {
namespace {

constexpr std::string_view kDoing = "to see how much of its log is kept";
constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kDay = 86'400;      // in seconds
constexpr uint64_t kFirstOffset = 4;  // of a file's first event

// The log's files, the oldest first.
Result<std::vector<std::string>> Files(MariaConnection& connection, const std::stop_token& stop) {
  MURMUR_ASSIGN(const MariaRowSet rows, connection.Ask("SHOW BINARY LOGS", kDoing, stop));
  std::vector<std::string> files;
  for (int row = 0; row < rows.size(); ++row) files.emplace_back(rows.at(row, 0));
  return files;
}

// After how many seconds the server removes a file, and the setting that says so; 0: never.
struct Expiry {
  int64_t seconds = 0;
  std::string setting;  // "binlog_expire_logs_seconds"

  std::string Remedy() const {
    if (seconds == 0) return "Let murmur run keep up, and do not purge what it has not read";
    const int64_t longer = std::max(kDay, 2 * seconds);
    return fmt::format("Let murmur run keep up, or keep more of the log: SET GLOBAL {} = {}",
                       setting, setting == "expire_logs_days" ? longer / kDay : longer);
  }
};
Result<Expiry> ExpiryOf(MariaConnection& connection, const std::stop_token& stop) {
  // Both are there from MariaDB 10.6 on, and are one; before, only that of days.
  MURMUR_ASSIGN(const MariaRowSet rows,
                connection.Ask("SHOW GLOBAL VARIABLES WHERE Variable_name IN "
                               "('binlog_expire_logs_seconds', 'expire_logs_days')",
                               kDoing, stop));
  Expiry expiry;
  for (int row = 0; row < rows.size(); ++row) {
    const bool is_days = rows.at(row, 0) == "expire_logs_days";
    if (is_days && !expiry.setting.empty()) continue;  // which may have a fraction
    expiry.setting = rows.at(row, 0);
    std::string_view text = rows.at(row, 1);
    (void)TakeNumber(&text, &expiry.seconds);
    if (is_days) expiry.seconds *= kDay;
  }
  return expiry;
}

}  // namespace

Result<uint32_t> MariaReach::Begun(const std::string& file) {
  if (const auto known = begun_.find(file); known != begun_.end()) return known->second;
  MURMUR_ASSIGN(const auto log, MariaLog::Open(place_, {.file = file, .offset = kFirstOffset}));
  while (log->place().begun == 0) MURMUR_TRY(log->Next().status());
  return begun_[file] = log->place().begun;
}

// A file is removed when it has not been written for some time: what the reader needs is there as
// long as the file in which it lies, which was written until the next one was begun.
Result<LogReach> MariaReach::Ask(MariaConnection& connection, const BinlogPlace& oldest,
                                 const std::stop_token& stop) {
  MURMUR_ASSIGN(const auto files, Files(connection, stop));
  MURMUR_ASSIGN(const Expiry expiry, ExpiryOf(connection, stop));
  MURMUR_ASSIGN(const MariaRowSet now, connection.Ask("SELECT UNIX_TIMESTAMP()", kDoing, stop));
  if (files.empty()) return Status(Code::kUnavailable, place_->text + ": it has no log");
  if (server_ != connection.server()) begun_.clear();
  server_ = connection.server();
  std::erase_if(begun_, [&](const auto& known) {
    return std::find(files.begin(), files.end(), known.first) == files.end();
  });
  LogReach reach{.times = LogReach::Times{}};
  std::string_view seconds = now.at(0, 0);
  (void)TakeNumber(&seconds, &reach.times->now);
  MURMUR_ASSIGN(reach.times->oldest, Begun(files.front()));
  reach.times->read_up_to = reach.times->oldest;
  const auto needed = std::find(files.begin(), files.end(), oldest.file);
  if (needed != files.end() && needed + 1 == files.end()) {
    reach.times->read_up_to = reach.times->now;
  } else if (needed != files.end()) {
    MURMUR_ASSIGN(reach.times->read_up_to, Begun(*(needed + 1)));
  }
  for (int64_t* const time : {&reach.times->now, &reach.times->oldest, &reach.times->read_up_to}) {
    *time *= kMicrosPerSecond;
  }
  reach.remedy = expiry.Remedy();
  return reach;
}

std::string WhatMariaLogHas(const std::shared_ptr<const MariaPlace>& place) {
  const auto ask = [](MariaConnection& connection) -> Result<std::string> {
    MURMUR_ASSIGN(const auto files, Files(connection, {}));
    MURMUR_ASSIGN(const Expiry expiry, ExpiryOf(connection, {}));
    if (files.empty()) return std::string();
    return fmt::format("The oldest file that it has is {}; {} is {}", files.front(), expiry.setting,
                       expiry.seconds);
  };
  auto has = AskMaria(place, {}, ask);
  return has.ok() ? *std::move(has) : std::string();
}

}  // namespace murmur
