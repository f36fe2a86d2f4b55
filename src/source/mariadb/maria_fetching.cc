#include "source/mariadb/maria_fetching.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/big_endian.h"
#include "source/mariadb/maria_xa.h"

namespace murmur {
namespace {

constexpr std::chrono::hours kForEver{24 * 365 * 10};

// --- places as bytes

void AppendPlace(const BinlogPlace& place, std::string* bytes) {
  AppendBigEndian(place.offset, bytes);
  AppendBigEndian(place.begun, bytes);
  AppendBigEndian(place.file.size(), bytes);
  *bytes += place.file;
}

BinlogPlace TakePlace(std::string_view* bytes) {
  constexpr size_t kWord = sizeof(uint64_t);
  BinlogPlace place{.file = {},
                    .offset = ReadBigEndian(bytes->data()),
                    .begun = static_cast<uint32_t>(ReadBigEndian(bytes->data() + kWord))};
  const size_t size = ReadBigEndian(bytes->data() + 2 * kWord);
  place.file = bytes->substr(3 * kWord, size);
  bytes->remove_prefix(3 * kWord + size);
  return place;
}

std::string BytesOf(const BinlogReached& reached) {
  std::string bytes;
  AppendPlace(reached.place, &bytes);
  if (reached.open) AppendPlace(*reached.open, &bytes);
  return bytes;
}

// Events between those that matter, and those that belong to statements.
bool IsIgnored(BinlogIs is) {
  switch (is) {
    case BinlogIs::kStop:
    case BinlogIs::kIntvar:
    case BinlogIs::kRand:
    case BinlogIs::kUserVar:
    case BinlogIs::kBeginLoadQuery:
    case BinlogIs::kHeartbeat:
    case BinlogIs::kAnnotateRows:
    case BinlogIs::kBinlogCheckpoint:
    case BinlogIs::kGtidList:
    case BinlogIs::kStartEncryption: return true;
    default: return false;
  }
}

}  // namespace

std::string MariaBegin::ToBytes() const {
  std::string bytes;
  AppendPlace(begin, &bytes);
  AppendPlace(after_gtid, &bytes);
  return bytes;
}

MariaBegin MariaBegin::FromBytes(std::string_view bytes) {
  MariaBegin places;
  places.begin = TakePlace(&bytes);
  places.after_gtid = TakePlace(&bytes);
  return places;
}

BinlogReached BinlogReachedOf(std::string_view bytes) {
  BinlogReached reached{.place = TakePlace(&bytes)};
  if (!bytes.empty()) reached.open = TakePlace(&bytes);
  return reached;
}

// --- the stream

void MariaFetching::Run() {
  while (!queue_->closed()) {
    Status status = log_ == nullptr ? Start() : Status();
    if (status.ok()) status = Fetch();
    if (status.ok()) continue;
    log_.reset();
    if (status.code() != Code::kUnavailable) return queue_->End(std::move(status));
    const auto pause = retries_.Next();
    if (!pause) return queue_->End(std::move(status));
    if (!queue_->Sleep(*pause)) return;
  }
}

Status MariaFetching::Start() {
  if (!at_ || at_->IsBefore(from_.place)) {
    at_ = from_.open ? *from_.open : from_.place;
    prepared_.clear();
    lost_.clear();
    oldest_.reset();
  }
  MURMUR_ASSIGN(log_, MariaLog::Open(place_, *at_));
  group_.reset();
  return Put(MariaMessage::kAnew);
}

Status MariaFetching::Put(MariaMessage message, std::string_view rest) {
  std::string bytes(1, static_cast<char>(message));
  bytes += rest;
  if (queue_->Put(bytes)) return {};
  return Status(Code::kCancelled, place_->text);
}

Status MariaFetching::Put(MariaMessage message, char first, std::string_view rest) {
  std::string bytes(1, first);
  bytes += rest;
  return Put(message, bytes);
}

Status MariaFetching::Fetch() {
  const auto next = log_->Next();
  if (at_->IsBefore(from_.place) && next.status().code() == Code::kOutOfRange) {
    return next.status().Annotated("an XA transaction that was prepared there has not ended");
  }
  MURMUR_ASSIGN(const BinlogEvent event, next);
  retries_.Progress(kForEver);
  // What begins a file comes before the server looks at the place in it.
  if (!MariaLog::IsOfFiles(event.is)) is_accepted_ = true;
  MURMUR_TRY(TakeEvent(event));
  if (!group_) Reach(log_->place());
  return {};
}

void MariaFetching::Reach(const BinlogPlace& place) {
  at_ = place;
  if (!lost_.empty() && !at_->IsBefore(lost_at_)) ForgetLost();
  if (!at_->IsBefore(from_.place)) queue_->PutMark({.place = place, .open = oldest_});
}

Status MariaFetching::TakeEvent(const BinlogEvent& event) {
  if (MariaLog::IsOfFiles(event.is)) {
    MURMUR_TRY(CheckGroupIsWhole());
    const bool is_start =
        event.is == BinlogIs::kFormatDescription && ReadBinlogFormat(event.body)->is_of_start;
    return is_start && !prepared_.empty() ? LookForLost() : Status();
  }
  if (event.is == BinlogIs::kGtid) return TakeGtid(event);
  if (event.is == BinlogIs::kXid || event.is == BinlogIs::kXaPrepare) return EndGroup();
  if (event.is == BinlogIs::kIncident) {
    return Status(Code::kDataLoss,
                  fmt::format("{}: the server's log says that it lost events after {}. Begin anew: "
                              "murmur bootstrap FILE --fresh",
                              place_->text, at_->ToString()));
  }
  return TakeContent(event);
}

// What the server does not list has ended, as the log says up to its present end, or is lost.
Status MariaFetching::LookForLost() {
  const auto ask = [this](MariaConnection& connection) -> Status {
    MURMUR_ASSIGN(const auto listed, PreparedXa(connection, {}));
    MURMUR_ASSIGN(lost_at_, EndOfBinlog(connection, {}));
    lost_ = prepared_;
    std::erase_if(lost_, [&](const auto& one) { return listed.contains(one.first); });
    return {};
  };
  return AskMaria(place_, {}, ask);
}

void MariaFetching::ForgetLost() {
  for (const auto& [xid, begin] : std::exchange(lost_, {})) {
    const auto it = prepared_.find(xid);
    if (it != prepared_.end() && it->second == begin) prepared_.erase(it);
  }
  FindOldest();
}

Status MariaFetching::TakeContent(const BinlogEvent& event) {
  switch (event.is) {
    case BinlogIs::kTableMap: return TakeTableMap(event);
    case BinlogIs::kQuery:
    case BinlogIs::kQueryCompressed:
    case BinlogIs::kExecuteLoadQuery: return TakeQuery(event);
    default: break;
  }
  if (BinlogRowsOf(event.is) != BinlogRowsAre::kNone) return TakeRows(event);
  if (IsIgnored(event.is) || (event.flags & BinlogEvent::kIgnorable) != 0) return {};
  return Status(Code::kUnimplemented,
                fmt::format("{}: its log has an event of kind {}, which is not known", place_->text,
                            static_cast<int>(event.is)));
}

Status MariaFetching::CheckGroupIsWhole() {
  const bool was_told = group_ && group_->is_told;
  group_.reset();
  if (!was_told) return {};
  return Status(Code::kDataLoss,
                fmt::format("{}: the transaction after {} of its log is not whole, as the server "
                            "failed while it wrote it. Begin anew: murmur bootstrap FILE --fresh",
                            place_->text, at_->ToString()));
}

Status MariaFetching::TakeGtid(const BinlogEvent& event) {
  MURMUR_TRY(CheckGroupIsWhole());
  auto gtid = ReadBinlogGtid(event.body);
  if (!gtid) return DamagedBinlog(*place_, *at_);
  const bool is_put = !gtid->is_prepared && !at_->IsBefore(from_.place);
  group_ = Group{.gtid = *std::move(gtid),
                 .places = {.begin = *at_, .after_gtid = log_->place()},
                 .is_put = is_put};
  return {};
}

Status MariaFetching::TellGroup() {
  group_->is_of_table = true;
  if (group_->is_told || !group_->is_put) return {};
  group_->is_told = true;
  return Put(MariaMessage::kBegin, group_->places.ToBytes());
}

Status MariaFetching::EndGroup() {
  if (!group_) return {};
  const Group group = *std::exchange(group_, std::nullopt);
  if (group.gtid.is_completed && prepared_.erase(group.gtid.xid) > 0) FindOldest();
  if (group.gtid.is_prepared && group.is_of_table) {
    prepared_.insert_or_assign(group.gtid.xid, group.places.begin);
    FindOldest();
  }
  if (!group.is_told) return {};
  return Put(MariaMessage::kCommit, BytesOf({.place = log_->place(), .open = oldest_}));
}

void MariaFetching::FindOldest() {
  const auto oldest =
      std::min_element(prepared_.begin(), prepared_.end(),
                       [](const auto& a, const auto& b) { return a.second.IsBefore(b.second); });
  oldest_ = oldest == prepared_.end() ? std::nullopt : std::optional(oldest->second);
}

Status MariaFetching::TakeTableMap(const BinlogEvent& event) {
  const auto map = ReadBinlogTableName(event.body);
  if (!map || !group_) return DamagedBinlog(*place_, *at_);
  if (map->database != watched_.database || map->table != watched_.table) {
    group_->ids.erase(map->id);
    return {};
  }
  group_->ids.insert(map->id);
  MURMUR_TRY(TellGroup());
  return group_->is_put ? Put(MariaMessage::kMap, event.body) : Status();
}

Status MariaFetching::TakeRows(const BinlogEvent& event) {
  const auto table = ReadBinlogRowsTable(event.body);
  if (!table || !group_) return DamagedBinlog(*place_, *at_);
  if (!group_->is_put || !group_->ids.contains(*table)) return {};
  return Put(MariaMessage::kRows, static_cast<char>(event.is), event.body);
}

Status MariaFetching::TakeQuery(const BinlogEvent& event) {
  const auto query = ReadBinlogQuery(event.is, event.body, &statement_);
  if (!query) return DamagedBinlog(*place_, *at_);
  if (group_ && group_->gtid.is_completed) {
    const auto prepared = prepared_.find(group_->gtid.xid);
    // What is not known was prepared before the scan began, which waited for its end.
    if (prepared != prepared_.end() && query->statement.starts_with("XA COMMIT")) {
      MURMUR_TRY(PutPrepared(prepared->second));
    }
    return EndGroup();
  }
  MURMUR_TRY(TakeStatement(*query));
  const bool is_end = !group_ || group_->gtid.is_standalone || query->statement == "COMMIT" ||
                      query->statement == "ROLLBACK";
  return is_end ? EndGroup() : Status();
}

Status MariaFetching::TakeStatement(const BinlogQuery& query) {
  const StatementDoes does = WhatStatementDoes(query.statement, query.database, watched_);
  if (does == StatementDoes::kNothing) return {};
  if (!group_) return DamagedBinlog(*place_, *at_);
  MURMUR_TRY(TellGroup());
  return group_->is_put ? Put(MariaMessage::kStatement, static_cast<char>(does)) : Status();
}

Status MariaFetching::PutPrepared(const BinlogPlace& begin) {
  if (!group_->is_put) return {};
  const auto unread = [&](const Status& status) {
    return status.Annotated(
        fmt::format("the changes of the XA transaction {}, which is committed "
                    "after {}",
                    group_->gtid.xid, at_->ToString()));
  };
  auto log = MariaLog::Open(place_, begin);
  if (!log.ok()) return unread(log.status());
  for (;;) {
    const auto event = (*log)->Next();
    if (!event.ok()) return unread(event.status());
    if (event->is == BinlogIs::kXaPrepare) return {};
    MURMUR_TRY(TakePreparedEvent(*event));
    if (queue_->closed()) return Status(Code::kCancelled, place_->text);
  }
}

Status MariaFetching::TakePreparedEvent(const BinlogEvent& event) {
  if (MariaLog::IsOfFiles(event.is)) return {};
  if (event.is == BinlogIs::kGtid) {
    const auto gtid = ReadBinlogGtid(event.body);
    const bool is_it = gtid && gtid->is_prepared && gtid->xid == group_->gtid.xid;
    return is_it ? Status() : DamagedBinlog(*place_, *at_);
  }
  if (event.is == BinlogIs::kQuery || event.is == BinlogIs::kQueryCompressed ||
      event.is == BinlogIs::kExecuteLoadQuery) {
    const auto query = ReadBinlogQuery(event.is, event.body, &statement_);
    return query ? TakeStatement(*query) : DamagedBinlog(*place_, *at_);
  }
  return TakeContent(event);
}

}  // namespace murmur
