#include "state/rocksdb/dead_letter_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/shown.h"
#include "state/rocksdb/writer_lock.h"

namespace murmur {
namespace {

using Json = nlohmann::ordered_json;

// The record's bytes, without a character that the size limit has cut in half.
std::string_view WithoutHalfCharacter(const DeadLetter& letter) {
  const std::string_view raw = letter.raw;
  if (raw.size() < kDeadLetterRawBytes && letter.reason != DeadReason::kTooLong) return raw;
  constexpr size_t kHalfBytesMax = 3;
  for (size_t half = 0; half <= std::min(raw.size(), kHalfBytesMax); ++half) {
    const std::string_view whole = raw.substr(0, raw.size() - half);
    if (IsUtf8(whole)) return whole;
  }
  return raw;
}

}  // namespace

std::string DeadLetterLine(const DeadLetter& letter) {
  Json json;
  json["id"] = letter.id.empty() ? letter.object + "@" + std::to_string(letter.offset) : letter.id;
  json["object"] = letter.object;
  json["offset"] = letter.offset;
  json["reason"] = DeadReasonName(letter.reason);
  json["detail"] = letter.detail;
  const std::string_view raw = WithoutHalfCharacter(letter);
  if (IsUtf8(raw)) {
    json["raw"] = raw;
  } else {
    json["raw_base64"] = ToBase64(letter.raw);
  }
  return JsonText(json) + "\n";
}

Status DeadLetterFile::Rewrite(const std::function<Status(const Visitor&)>& scan) {
  const std::lock_guard lock(mutex_);
  const std::string path = path_();
  const std::string fresh = path + ".new";
  std::ofstream file;
  MURMUR_TRY(scan([&](const DeadLetter& letter) {
    if (!file.is_open()) file.open(fresh, std::ios::binary | std::ios::trunc);
    file << DeadLetterLine(letter);
    return file.good();
  }));
  std::error_code error;
  if (!file.is_open()) {
    std::filesystem::remove(path, error);
  } else {
    file.close();
    if (!file) return SystemError(errno, "writing", fresh);
    std::filesystem::rename(fresh, path, error);
  }
  if (error) return SystemError(error.value(), "replacing", path);
  appended_ = false;
  return Status();
}

Status DeadLetterFile::Append(const std::vector<DeadLetter>& letters) {
  if (letters.empty()) return Status();
  const std::lock_guard lock(mutex_);
  const std::string path = path_();
  std::ofstream file(path, std::ios::binary | std::ios::app);
  for (const DeadLetter& letter : letters) file << DeadLetterLine(letter);
  file.close();
  appended_ = true;
  return file ? Status() : SystemError(errno, "writing", path);
}

bool DeadLetterFile::appended() const {
  const std::lock_guard lock(mutex_);
  return appended_;
}

}  // namespace murmur
