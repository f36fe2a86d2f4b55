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

uint64_t TakeWord(std::string_view* bytes) {
  const uint64_t word = ReadBigEndian(bytes->data());
  bytes->remove_prefix(sizeof(word));
  return word;
}
uint32_t TakeHalf(std::string_view* bytes) { return static_cast<uint32_t>(TakeWord(bytes)); }

void AppendGtid(const MariaGtid& gtid, std::string* bytes) {
  AppendBigEndian(gtid.domain, bytes);
  AppendBigEndian(gtid.server, bytes);
  AppendBigEndian(gtid.seq, bytes);
}

MariaGtid TakeGtidOf(std::string_view* bytes) {
  const uint32_t domain = TakeHalf(bytes);
  const uint32_t server = TakeHalf(bytes);
  return {.domain = domain, .server = server, .seq = TakeWord(bytes)};
}

void AppendPlace(const BinlogPlace& place, std::string* bytes) {
  AppendBigEndian(place.offset, bytes);
  AppendBigEndian(place.begun, bytes);
  AppendBigEndian(place.server, bytes);
  AppendBigEndian(place.file.size(), bytes);
  *bytes += place.file;
}

BinlogPlace TakePlace(std::string_view* bytes) {
  BinlogPlace place;
  place.offset = TakeWord(bytes);
  place.begun = TakeHalf(bytes);
  place.server = TakeHalf(bytes);
  const size_t size = TakeWord(bytes);
  place.file = bytes->substr(0, size);
  bytes->remove_prefix(size);
  return place;
}

void AppendPoint(const BinlogPoint& point, std::string* bytes) {
  AppendPlace(point.place, bytes);
  AppendBigEndian(point.gtids ? 1 : 0, bytes);
  if (!point.gtids) return;
  AppendBigEndian(point.gtids->all().size(), bytes);
  for (const MariaGtid& gtid : point.gtids->all()) AppendGtid(gtid, bytes);
}

BinlogPoint TakePoint(std::string_view* bytes) {
  BinlogPoint point{.place = TakePlace(bytes)};
  if (TakeWord(bytes) == 0) return point;
  point.gtids.emplace();
  for (uint64_t count = TakeWord(bytes); count > 0; --count) point.gtids->Set(TakeGtidOf(bytes));
  return point;
}

std::string BytesOf(const BinlogReached& reached) {
  std::string bytes;
  AppendPoint(reached, &bytes);
  if (reached.open) AppendPoint(*reached.open, &bytes);
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
  AppendGtid(gtid, &bytes);
  AppendPoint(begin, &bytes);
  AppendPlace(after_gtid, &bytes);
  return bytes;
}

MariaBegin MariaBegin::FromBytes(std::string_view bytes) {
  MariaBegin places;
  places.gtid = TakeGtidOf(&bytes);
  places.begin = TakePoint(&bytes);
  places.after_gtid = TakePlace(&bytes);
  return places;
}

BinlogReached BinlogReachedOf(std::string_view bytes) {
  BinlogReached reached{TakePoint(&bytes)};
  if (!bytes.empty()) reached.open = TakePoint(&bytes);
  return reached;
}

// --- the stream

void MariaFetching::Run() {
  while (!queue_->closed()) {
    Status status = log_ == nullptr ? Start() : Status();
    if (status.ok()) status = Fetch();
    if (status.ok()) continue;
    log_.reset();
    // kAborted: another server answers.
    if (status.code() != Code::kUnavailable && status.code() != Code::kAborted) {
      return queue_->End(std::move(status));
    }
    const auto pause = retries_.Next();
    if (!pause) return queue_->End(std::move(status));
    if (!queue_->Sleep(*pause)) return;
  }
}

Status MariaFetching::Start() {
  group_.reset();
  if (crossing_ || from_.place.file.empty()) return Cross();
  if (!at_ || IsBeforeFrom()) BeginAnew(from_.open ? *from_.open : from_);
  auto log = MariaLog::Open(place_, at_->place);
  if (log.status().code() == Code::kAborted) return Cross();
  MURMUR_ASSIGN(log_, std::move(log));
  return Put(MariaMessage::kAnew);
}

void MariaFetching::BeginAnew(const BinlogPoint& from) {
  at_ = from;
  prepared_.clear();
  lost_.clear();
  oldest_.reset();
}

Status MariaFetching::Cross() {
  if (at_ && !IsBeforeFrom()) from_ = Reached();
  crossing_.reset();
  at_.reset();
  const BinlogPoint& begin = from_.open ? *from_.open : from_;
  if (!from_.gtids || !begin.gtids) {
    return Status(
        Code::kFailedPrecondition,
        fmt::format("{}: another server answers than the one (server_id {}) whose log was read, "
                    "and which transactions these were is not known. Let that one answer, or begin "
                    "anew: murmur bootstrap FILE --fresh",
                    place_->text, from_.place.server));
  }
  MURMUR_ASSIGN(BinlogPlace end, CheckOther(*from_.gtids));
  MURMUR_ASSIGN(log_, MariaLog::Open(place_, *begin.gtids));
  if (log_->place().server != end.server) {
    return Status(Code::kUnavailable, place_->text + ": several servers answer");
  }
  Crossing crossing{.left = *from_.gtids, .until = std::move(end)};
  for (const MariaGtid& one : begin.gtids->all()) {
    const MariaGtid* const last = crossing.left.Find(one.domain);
    if (last != nullptr && *last == one) crossing.left.Erase(one.domain);
  }
  BeginAnew({.place = {.server = log_->place().server}, .gtids = begin.gtids});
  crossing_ = std::move(crossing);
  return Put(MariaMessage::kAnew);
}

Result<BinlogPlace> MariaFetching::CheckOther(const MariaGtids& read) {
  MariaGtids needed = read;
  if (part_) needed.Set(*part_);
  const auto ask = [&](MariaConnection& connection) -> Result<BinlogPlace> {
    MURMUR_ASSIGN(const std::string lacks, WhatLogLacks(connection, needed, {}));
    if (lacks.empty()) return EndOfBinlog(connection, {});
    return Status(
        Code::kOutOfRange,
        fmt::format("{}: another server answers (server_id {}) than the one whose log was read "
                    "(server_id {}), and does not have all that was: {}. Let a server answer that "
                    "has it; if there is none, begin anew: murmur bootstrap FILE --fresh",
                    place_->text, connection.server(), from_.place.server, lacks));
  };
  return AskMaria(place_, {}, ask);
}

// The log is read beyond all that was read of the other server's.
void MariaFetching::EndCrossing() {
  for (const MariaGtid& one : crossing_->left.all()) at_->gtids->Set(one);
  crossing_.reset();
  from_ = Reached();
}

BinlogReached MariaFetching::Reached() const {
  BinlogReached reached{*at_};
  reached.open = oldest_;
  if (!crossing_) return reached;
  for (const MariaGtid& one : crossing_->left.all()) reached.gtids->Set(one);
  reached.place = {.server = at_->place.server};
  if (reached.open) reached.open->place = reached.place;
  return reached;
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
  if (IsBeforeFrom() && next.status().code() == Code::kOutOfRange) {
    return next.status().Annotated("an XA transaction that was prepared there has not ended");
  }
  MURMUR_ASSIGN(const BinlogEvent event, next);
  retries_.Progress(kForEver);
  // What begins a file comes before the server looks at the place in it.
  if (!MariaLog::IsOfFiles(event.is)) is_accepted_ = true;
  MURMUR_TRY(TakeEvent(event));
  if (!group_) Reach();
  return {};
}

void MariaFetching::Reach() {
  at_->place = log_->place();
  if (crossing_ && !at_->place.IsBefore(crossing_->until)) EndCrossing();
  if (!lost_.empty() && !at_->place.IsBefore(lost_at_)) ForgetLost();
  // The first one, which wakes the reader, tells him that his position is accepted, too.
  if (is_accepted_ && !crossing_ && !IsBeforeFrom()) queue_->PutMark(Reached());
}

Status MariaFetching::TakeEvent(const BinlogEvent& event) {
  if (MariaLog::IsOfFiles(event.is)) {
    MURMUR_TRY(CheckGroupIsWhole());
    const bool is_start =
        event.is == BinlogIs::kFormatDescription && ReadBinlogFormat(event.body)->is_of_start;
    return is_start && !prepared_.empty() ? LookForLost() : Status();
  }
  if (event.is == BinlogIs::kGtid) return TakeGtid(event);
  if (event.is == BinlogIs::kGtidList && !at_->gtids) at_->gtids = ReadBinlogGtidList(event.body);
  if (event.is == BinlogIs::kXid || event.is == BinlogIs::kXaPrepare) return EndGroup();
  if (event.is == BinlogIs::kIncident) {
    return Status(Code::kDataLoss,
                  fmt::format("{}: the server's log says that it lost events after {}. Begin anew: "
                              "murmur bootstrap FILE --fresh",
                              place_->text, at_->place.ToString()));
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
    if (it != prepared_.end() && it->second.place == begin.place) prepared_.erase(it);
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
                            place_->text, at_->place.ToString()));
}

Status MariaFetching::TakeGtid(const BinlogEvent& event) {
  MURMUR_TRY(CheckGroupIsWhole());
  auto gtid = ReadBinlogGtid(event);
  if (!gtid) return DamagedBinlog(*place_, at_->place);
  if (crossing_) FindBeyond(gtid->id);
  const bool is_put = !gtid->is_prepared && !IsKnown(gtid->id);
  // Not at_: before it, this server's log may have what it does not send after the other's.
  BinlogPlace begin = log_->place();
  begin.offset -= event.size;
  group_ = Group{.gtid = *std::move(gtid),
                 .begin = {.place = std::move(begin), .gtids = at_->gtids},
                 .after_gtid = log_->place(),
                 .is_put = is_put};
  return {};
}

Status MariaFetching::TellGroup() {
  group_->is_of_table = true;
  if (group_->is_told || !group_->is_put) return {};
  group_->is_told = true;
  part_ = group_->gtid.id;
  return Put(
      MariaMessage::kBegin,
      MariaBegin{.gtid = *part_, .begin = Reached(), .after_gtid = group_->after_gtid}.ToBytes());
}

Status MariaFetching::EndGroup() {
  if (!group_) return {};
  const Group group = *std::exchange(group_, std::nullopt);
  if (group.gtid.is_completed && prepared_.erase(group.gtid.xid) > 0) FindOldest();
  if (group.gtid.is_prepared && group.is_of_table) {
    prepared_.insert_or_assign(group.gtid.xid, group.begin);
    FindOldest();
  }
  NoteRead(group);
  if (!group.is_told) return {};
  part_.reset();
  return Put(MariaMessage::kCommit, BytesOf(Reached()));
}

// Of an XA transaction without rows neither the one nor the other of its parts: a replica's log
// does not have them.
void MariaFetching::NoteRead(const Group& group) {
  at_->place = log_->place();
  const bool is_empty = group.gtid.is_prepared && !group.has_rows;
  if (is_empty) empty_.insert(group.gtid.xid);
  if (is_empty || (group.gtid.is_completed && empty_.erase(group.gtid.xid) > 0)) return;
  if (at_->gtids) at_->gtids->Set(group.gtid.id);
}

// Not by the last transaction itself, which a replica may have left out.
void MariaFetching::FindBeyond(const MariaGtid& gtid) {
  const MariaGtid* const last = crossing_->left.Find(gtid.domain);
  if (last == nullptr || gtid.seq <= last->seq) return;
  at_->gtids->Set(*last);
  crossing_->left.Erase(gtid.domain);
}

void MariaFetching::FindOldest() {
  const auto oldest = std::min_element(
      prepared_.begin(), prepared_.end(),
      [](const auto& a, const auto& b) { return a.second.place.IsBefore(b.second.place); });
  oldest_ = oldest == prepared_.end() ? std::nullopt : std::optional(oldest->second);
}

Status MariaFetching::TakeTableMap(const BinlogEvent& event) {
  const auto map = ReadBinlogTableName(event.body);
  if (!map || !group_) return DamagedBinlog(*place_, at_->place);
  group_->has_rows = true;
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
  if (!table || !group_) return DamagedBinlog(*place_, at_->place);
  if (!group_->is_put || !group_->ids.contains(*table)) return {};
  return Put(MariaMessage::kRows, static_cast<char>(event.is), event.body);
}

Status MariaFetching::TakeQuery(const BinlogEvent& event) {
  const auto query = ReadBinlogQuery(event.is, event.body, &statement_);
  if (!query) return DamagedBinlog(*place_, at_->place);
  if (group_ && group_->gtid.is_completed) {
    const auto prepared = prepared_.find(group_->gtid.xid);
    // What is not known was prepared before the scan began, which waited for its end.
    if (prepared != prepared_.end() && query->statement.starts_with("XA COMMIT")) {
      MURMUR_TRY(PutPrepared(prepared->second.place));
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
  if (!group_) return DamagedBinlog(*place_, at_->place);
  MURMUR_TRY(TellGroup());
  return group_->is_put ? Put(MariaMessage::kStatement, static_cast<char>(does)) : Status();
}

Status MariaFetching::PutPrepared(const BinlogPlace& begin) {
  if (!group_->is_put) return {};
  const auto unread = [&](const Status& status) {
    return status.Annotated(
        fmt::format("the changes of the XA transaction {}, which is committed "
                    "after {}",
                    group_->gtid.xid, at_->place.ToString()));
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
    const auto gtid = ReadBinlogGtid(event);
    const bool is_it = gtid && gtid->is_prepared && gtid->xid == group_->gtid.xid;
    return is_it ? Status() : DamagedBinlog(*place_, at_->place);
  }
  if (event.is == BinlogIs::kQuery || event.is == BinlogIs::kQueryCompressed ||
      event.is == BinlogIs::kExecuteLoadQuery) {
    const auto query = ReadBinlogQuery(event.is, event.body, &statement_);
    return query ? TakeStatement(*query) : DamagedBinlog(*place_, at_->place);
  }
  return TakeContent(event);
}

}  // namespace murmur
