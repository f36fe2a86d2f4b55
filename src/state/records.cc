#include "state/records.h"

#include "base/big_endian.h"
#include "murmur/key.h"
#include "state/progress.h"
#include "state/wire.h"

namespace murmur {
namespace {

// The first byte of every record; another value means another program wrote it.
constexpr char kRecordVersion = 1;

std::string NewRecord() { return std::string(1, kRecordVersion); }

bool GetRecordVersion(std::string_view* in) {
  if (in->empty() || in->front() != kRecordVersion) return false;
  in->remove_prefix(1);
  return true;
}

bool GetBool(std::string_view* in, bool* v) {
  uint64_t number;
  if (!GetVarint(in, &number) || number > 1) return false;
  *v = number == 1;
  return true;
}

// A count of items that take at least a byte each, so that damaged bytes can't ask for memory.
bool GetCount(std::string_view* in, uint64_t* count) {
  return GetVarint(in, count) && *count <= in->size();
}

Status Damaged(std::string_view what) {
  return Status(Code::kDataLoss,
                std::string("the stored ")
                    .append(what)
                    .append(" is damaged, or written by a later version of Murmur"));
}

bool GetPositions(std::string_view* in, std::map<std::string, std::string>* positions) {
  uint64_t count;
  if (!GetCount(in, &count)) return false;
  for (; count > 0; --count) {
    std::string name, position;
    if (!GetBytes(in, &name) || !GetBytes(in, &position)) return false;
    (*positions)[name] = position;
  }
  return true;
}

bool GetInfo(std::string_view in, VersionInfo* info) {
  uint64_t status, count;
  if (!GetRecordVersion(&in) || !GetVarint(&in, &info->number) || !GetVarint(&in, &status) ||
      status > static_cast<uint64_t>(VersionStatus::kFailed) || !GetBytes(&in, &info->failure) ||
      !GetBytes(&in, &info->mode) || !GetBytes(&in, &info->source) ||
      !GetBytes(&in, &info->range) || !GetBytes(&in, &info->inexact) ||
      !GetBool(&in, &info->swap_when_complete) || !GetSigned(&in, &info->created) ||
      !GetBytes(&in, &info->identity) || !GetBytes(&in, &info->definition) ||
      !GetCount(&in, &count)) {
    return false;
  }
  info->status = static_cast<VersionStatus>(status);
  info->monoids.resize(count);
  for (std::string& name : info->monoids) {
    if (!GetBytes(&in, &name)) return false;
  }
  if (!in.empty() && !GetBytes(&in, &info->log_hold)) return false;  // written if there is one
  if (!in.empty() && !GetPositions(&in, &info->assumed_ends)) return false;  // likewise
  return in.empty();
}

bool GetToken(std::string_view in, HandoffToken* token) {
  uint64_t streams;
  if (!GetRecordVersion(&in) || !GetCount(&in, &streams)) return false;
  for (; streams > 0; --streams) {
    std::string stream;
    if (!GetBytes(&in, &stream) || !GetPositions(&in, &token->streams[stream])) return false;
  }
  return in.empty();
}

bool GetPlan(std::string_view in, ScanPlan* plan) {
  uint64_t count;
  if (!GetRecordVersion(&in) || !GetBytes(&in, &plan->source) || !GetBytes(&in, &plan->payload) ||
      !GetBytes(&in, &plan->inexact) || !GetBool(&in, &plan->deduplicate) ||
      !GetCount(&in, &count)) {
    return false;
  }
  plan->splits.resize(count);
  for (Split& split : plan->splits) {
    if (!GetBytes(&in, &split.id) || !GetVarint(&in, &split.bytes) ||
        !GetBytes(&in, &split.payload)) {
      return false;
    }
  }
  uint64_t method = 0;  // written where it is another
  if (!in.empty() && !GetVarint(&in, &method)) return false;
  if (method > static_cast<uint64_t>(TableMethod::kCut)) return false;
  plan->method = static_cast<TableMethod>(method);
  return in.empty();
}

// Records of earlier releases say nothing about fields: none counts as absent then.
bool GetAbsent(std::string_view in, SplitProgress* progress) {
  if (in.empty()) {
    if (LookedAt(*progress) > 0) progress->absent.emplace();
    return true;
  }
  uint64_t count;
  if (!GetCount(&in, &count)) return false;
  progress->absent.emplace(count);
  for (AbsentField& field : *progress->absent) {
    if (!GetBytes(&in, &field.name) || !GetBytes(&in, &field.like)) return false;
  }
  if (in.empty()) return true;
  uint64_t role;
  if (!GetVarint(&in, &role) || role > static_cast<uint64_t>(SplitRole::kMark)) return false;
  progress->role = static_cast<SplitRole>(role);
  if (count == 0 && LookedAt(*progress) == 0) progress->absent.reset();
  return in.empty();
}

bool GetProgress(std::string_view in, SplitProgress* progress) {
  uint64_t reasons;
  if (!GetRecordVersion(&in) || !GetBytes(&in, &progress->position) ||
      !GetBool(&in, &progress->done) || !GetVarint(&in, &progress->bytes) ||
      !GetVarint(&in, &progress->records) || !GetVarint(&in, &progress->filtered) ||
      !GetVarint(&in, &progress->expired) || !GetVarint(&in, &progress->duplicates) ||
      !GetSigned(&in, &progress->newest_time) || !GetVarint(&in, &reasons) ||
      reasons > kDeadReasonCount) {
    return false;
  }
  for (uint64_t reason = 0; reason < reasons; ++reason) {
    if (!GetVarint(&in, &progress->dead[reason])) return false;
  }
  return GetAbsent(in, progress);
}

bool GetDeadLetter(std::string_view in, DeadLetter* letter) {
  uint64_t reason;
  if (!GetRecordVersion(&in) || !GetBytes(&in, &letter->object) ||
      !GetVarint(&in, &letter->offset) || !GetVarint(&in, &reason) || reason >= kDeadReasonCount ||
      !GetBytes(&in, &letter->detail) || !GetBytes(&in, &letter->id) ||
      !GetBytes(&in, &letter->raw)) {
    return false;
  }
  letter->reason = static_cast<DeadReason>(reason);
  return in.empty();
}

constexpr int64_t kKeepForEver = -1;

// The calendar part of a record stands at its end, and only if there is one.
bool GetRetention(std::string_view in, RetentionRecord* record) {
  BucketRule& rule = record->rule;
  int64_t keep = 0;
  uint64_t unit = 0;
  int64_t keep_months = 0;
  if (!GetRecordVersion(&in) || !GetSigned(&in, &rule.every) || !GetSigned(&in, &rule.offset) ||
      !GetSigned(&in, &keep) || !GetSigned(&in, &record->floor)) {
    return false;
  }
  if (!in.empty() && (!GetVarint(&in, &unit) || !GetSigned(&in, &keep_months))) return false;
  if (!in.empty() || unit > static_cast<uint64_t>(CalendarUnit::kYear)) return false;
  rule.unit = static_cast<CalendarUnit>(unit);
  if (keep != kKeepForEver) rule.keep = {keep_months, std::chrono::seconds(keep)};
  return true;
}

}  // namespace

std::string ProgressKey(std::string_view split) {
  return std::string(kProgressPrefix).append(split);
}

std::string IdKey(std::string_view id) { return std::string(kIdPrefix).append(id); }

std::string LedgerKey(std::string_view row) { return std::string(kLedgerPrefix).append(row); }

std::string HeldKey(std::string_view key) { return std::string(kHeldPrefix).append(key); }

std::string DeadLetterKey(const DeadLetter& letter) {
  std::string key(kDeadLetterPrefix);
  AppendKeyPart(Cell::String(letter.object), &key);
  AppendBigEndian(letter.offset, &key);
  return key;
}

std::string EncodeInfo(const VersionInfo& info) {
  std::string out = NewRecord();
  PutVarint(info.number, &out);
  PutVarint(static_cast<uint64_t>(info.status), &out);
  PutBytes(info.failure, &out);
  PutBytes(info.mode, &out);
  PutBytes(info.source, &out);
  PutBytes(info.range, &out);
  PutBytes(info.inexact, &out);
  PutVarint(info.swap_when_complete ? 1 : 0, &out);
  PutSigned(info.created, &out);
  PutBytes(info.identity, &out);
  PutBytes(info.definition, &out);
  PutVarint(info.monoids.size(), &out);
  for (const std::string& name : info.monoids) PutBytes(name, &out);
  if (info.log_hold.empty() && info.assumed_ends.empty()) return out;
  PutBytes(info.log_hold, &out);
  if (info.assumed_ends.empty()) return out;
  PutVarint(info.assumed_ends.size(), &out);
  for (const auto& [split, position] : info.assumed_ends) {
    PutBytes(split, &out);
    PutBytes(position, &out);
  }
  return out;
}

std::string EncodeRetention(const RetentionRecord& record) {
  std::string out = NewRecord();
  PutSigned(record.rule.every, &out);
  PutSigned(record.rule.offset, &out);
  const auto& keep = record.rule.keep;
  PutSigned(keep ? keep->rest.count() : kKeepForEver, &out);
  PutSigned(record.floor, &out);
  const int64_t keep_months = keep ? keep->months : 0;
  if (record.rule.calendar() || keep_months != 0) {
    PutVarint(static_cast<uint64_t>(record.rule.unit), &out);
    PutSigned(keep_months, &out);
  }
  return out;
}

std::string EncodeToken(const HandoffToken& token) {
  std::string out = NewRecord();
  PutVarint(token.streams.size(), &out);
  for (const auto& [stream, positions] : token.streams) {
    PutBytes(stream, &out);
    PutVarint(positions.size(), &out);
    for (const auto& [partition, position] : positions) {
      PutBytes(partition, &out);
      PutBytes(position, &out);
    }
  }
  return out;
}

std::string EncodePlan(const ScanPlan& plan) {
  std::string out = NewRecord();
  PutBytes(plan.source, &out);
  PutBytes(plan.payload, &out);
  PutBytes(plan.inexact, &out);
  PutVarint(plan.deduplicate ? 1 : 0, &out);
  PutVarint(plan.splits.size(), &out);
  for (const Split& split : plan.splits) {
    PutBytes(split.id, &out);
    PutVarint(split.bytes, &out);
    PutBytes(split.payload, &out);
  }
  if (plan.method != TableMethod::kLedger) PutVarint(static_cast<uint64_t>(plan.method), &out);
  return out;
}

std::string EncodeProgress(const SplitProgress& progress) {
  std::string out = NewRecord();
  PutBytes(progress.position, &out);
  PutVarint(progress.done ? 1 : 0, &out);
  PutVarint(progress.bytes, &out);
  PutVarint(progress.records, &out);
  PutVarint(progress.filtered, &out);
  PutVarint(progress.expired, &out);
  PutVarint(progress.duplicates, &out);
  PutSigned(progress.newest_time, &out);
  PutVarint(progress.dead.size(), &out);
  for (const uint64_t count : progress.dead) PutVarint(count, &out);
  const bool has_role = progress.role != SplitRole::kUnknown;
  if (!progress.absent && !has_role) return out;
  const std::vector<AbsentField> none;
  const std::vector<AbsentField>& absent = progress.absent ? *progress.absent : none;
  PutVarint(absent.size(), &out);
  for (const AbsentField& field : absent) {
    PutBytes(field.name, &out);
    PutBytes(field.like, &out);
  }
  if (has_role) PutVarint(static_cast<uint64_t>(progress.role), &out);
  return out;
}

std::string EncodeCount(uint64_t count) {
  std::string out = NewRecord();
  PutVarint(count, &out);
  return out;
}

std::string EncodeDeadLetter(const DeadLetter& letter) {
  std::string out = NewRecord();
  PutBytes(letter.object, &out);
  PutVarint(letter.offset, &out);
  PutVarint(static_cast<uint64_t>(letter.reason), &out);
  PutBytes(letter.detail, &out);
  PutBytes(letter.id, &out);
  PutBytes(letter.raw, &out);
  return out;
}

namespace {

template <class T, class Get>
Result<T> Decode(std::string_view bytes, std::string_view what, Get get) {
  T out{};
  if (!get(bytes, &out)) return Damaged(what);
  return out;
}

}  // namespace

Result<VersionInfo> DecodeInfo(std::string_view bytes) {
  return Decode<VersionInfo>(bytes, "description of the version", GetInfo);
}
Result<RetentionRecord> DecodeRetention(std::string_view bytes) {
  return Decode<RetentionRecord>(bytes, "retention rule", GetRetention);
}
Result<HandoffToken> DecodeToken(std::string_view bytes) {
  return Decode<HandoffToken>(bytes, "hand-off token", GetToken);
}
Result<ScanPlan> DecodePlan(std::string_view bytes) {
  return Decode<ScanPlan>(bytes, "scan plan", GetPlan);
}
Result<SplitProgress> DecodeProgress(std::string_view bytes) {
  return Decode<SplitProgress>(bytes, "position of a split", GetProgress);
}
Result<uint64_t> DecodeCount(std::string_view bytes) {
  return Decode<uint64_t>(bytes, "count", [](std::string_view in, uint64_t* count) {
    return GetRecordVersion(&in) && GetVarint(&in, count) && in.empty();
  });
}
Result<DeadLetter> DecodeDeadLetter(std::string_view bytes) {
  return Decode<DeadLetter>(bytes, "dead letter", GetDeadLetter);
}

}  // namespace murmur
