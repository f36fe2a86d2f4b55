// The store's own records: keys from kStoreKeyBase on, after all data keys, and their bytes.
// docs/state_format.md is the reference. Decoders check every byte and fail with kDataLoss.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "murmur/state.h"
#include "murmur/window.h"

namespace murmur {

inline constexpr std::string_view kInfoKey = "\xF0\x01";
inline constexpr std::string_view kRetentionKey = "\xF0\x02";
inline constexpr std::string_view kTokenKey = "\xF0\x03";
inline constexpr std::string_view kPlanKey = "\xF0\x04";
inline constexpr std::string_view kProgressPrefix = "\xF1";
inline constexpr std::string_view kDeadLetterPrefix = "\xF2";
inline constexpr std::string_view kDeadLettersEnd = "\xF3";
inline constexpr std::string_view kIdPrefix = "\xF3";
inline constexpr std::string_view kIdsEnd = "\xF4";
// After all other records, in this order: a large commit writes them last.
inline constexpr std::string_view kLedgerPrefix = "\xF4";
inline constexpr std::string_view kLedgerEnd = "\xF5";
inline constexpr std::string_view kHeldPrefix = "\xF5";
inline constexpr std::string_view kHeldEnd = "\xF6";
inline constexpr std::string_view kCommitNumberKey = "\xF6";

// The buckets of a version, as last opened. The zone is not here; it comes from the version's
// definition. `floor`: no bucket below it is ever shown again, even if `keep` grows.
struct RetentionRecord {
  BucketRule rule;
  int64_t floor = INT64_MIN;
  bool operator==(const RetentionRecord&) const = default;
};

std::string ProgressKey(std::string_view split);
std::string IdKey(std::string_view id);
std::string LedgerKey(std::string_view row);
std::string HeldKey(std::string_view key);
std::string DeadLetterKey(const DeadLetter& letter);

std::string EncodeInfo(const VersionInfo& info);
std::string EncodeRetention(const RetentionRecord& record);
std::string EncodeToken(const HandoffToken& token);
std::string EncodePlan(const ScanPlan& plan);
std::string EncodeProgress(const SplitProgress& progress);
std::string EncodeDeadLetter(const DeadLetter& letter);
std::string EncodeCount(uint64_t count);

Result<VersionInfo> DecodeInfo(std::string_view bytes);
Result<RetentionRecord> DecodeRetention(std::string_view bytes);
Result<HandoffToken> DecodeToken(std::string_view bytes);
Result<ScanPlan> DecodePlan(std::string_view bytes);
Result<SplitProgress> DecodeProgress(std::string_view bytes);
Result<DeadLetter> DecodeDeadLetter(std::string_view bytes);
Result<uint64_t> DecodeCount(std::string_view bytes);

}  // namespace murmur
