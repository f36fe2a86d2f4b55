// Names that hold a topic, a partition and a start offset.
#include <algorithm>

#include "source/archive/names.h"

namespace murmur::archive {
namespace {

constexpr size_t kAivenPartitionDigits = 10;  // {{partition:padding=true}}
constexpr size_t kAivenOffsetDigits = 20;     // {{start_offset:padding=true}}
constexpr size_t kConnectOffsetDigits = 10;   // filename.offset.zero.pad.width
constexpr size_t kMskSequenceDigits = 6;
constexpr size_t kMskUniqueDigitsMin = 4;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool IsWord(char c) { return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string_view TakeWhile(std::string_view* text, bool (*takes)(char)) {
  const auto end = std::find_if_not(text->begin(), text->end(), takes);
  const std::string_view taken = text->substr(0, static_cast<size_t>(end - text->begin()));
  text->remove_prefix(taken.size());
  return taken;
}

// (\.[A-Za-z0-9]+)*
bool IsExtensions(std::string_view text) {
  while (!text.empty()) {
    if (text.front() != '.') return false;
    text.remove_prefix(1);
    if (TakeWhile(&text, IsWord).empty()) return false;
  }
  return true;
}

// "keys" or "headers" of ".keys.avro"; otherwise empty.
std::string_view SiblingOf(std::string_view text) {
  for (const std::string_view view : {".keys", ".headers"}) {
    if (!text.starts_with(view)) continue;
    if (text.size() == view.size() || text[view.size()] == '.') return view.substr(1);
  }
  return {};
}

// -nnnnnn-<hex><extensions>
bool IsMskSuffix(std::string_view text) {
  if (!text.starts_with('-')) return false;
  text.remove_prefix(1);
  if (TakeWhile(&text, IsDigit).size() < kMskSequenceDigits || !text.starts_with('-')) return false;
  text.remove_prefix(1);
  return TakeWhile(&text, IsHex).size() >= kMskUniqueDigitsMin && IsExtensions(text);
}

// Below the directory in the place of the partition's; a topic may have the same name.
bool IsTombstone(const PathParts& path, std::string_view topic) {
  constexpr std::string_view kDirectory = "tombstone";
  if (path.directories.empty() || path.directories.back() != kDirectory) return false;
  const auto count = std::count(path.directories.begin(), path.directories.end(), kDirectory);
  return topic != kDirectory || count > 1;
}

struct Numbered {
  std::string_view topic;
  std::string_view partition;
  std::string_view offset;
  std::string_view rest;
};

// "<topic><d><partition><d><offset><rest>" with the longest topic that leaves a rest of the form.
std::optional<Numbered> SplitNumbered(std::string_view file, std::string_view delimiter,
                                      bool (*takes_rest)(std::string_view)) {
  for (size_t at = file.rfind(delimiter); at != file.npos && at > 0;
       at = file.rfind(delimiter, at - 1)) {
    Numbered parts;
    parts.rest = file.substr(at + delimiter.size());
    parts.offset = TakeWhile(&parts.rest, IsDigit);
    if (parts.offset.empty() || !takes_rest(parts.rest)) continue;
    const std::string_view head = file.substr(0, at);
    const size_t before = head.rfind(delimiter);
    if (before == head.npos || before == 0) continue;
    parts.topic = head.substr(0, before);
    parts.partition = head.substr(before + delimiter.size());
    if (IsDigits(parts.partition)) return parts;
  }
  return std::nullopt;
}

std::optional<ParsedName> Parse(const std::optional<Numbered>& parts) {
  ParsedName name;
  if (!parts || !ParseOffset(parts->partition, &name.partition) || name.partition > INT32_MAX ||
      !ParseOffset(parts->offset, &name.start_offset)) {
    return std::nullopt;
  }
  name.topic = parts->topic;
  return name;
}

bool IsPadded(std::string_view digits) { return digits.size() > 1 && digits.front() == '0'; }

// "events-2026-10-11", or with more after it: month and day where Aiven has its numbers.
bool MayBeDate(const Numbered& parts) {
  const std::string_view topic = parts.topic;
  int64_t year;
  int64_t month;
  int64_t day;
  const std::string_view tail = topic.substr(topic.size() < 4 ? 0 : topic.size() - 4);
  return ParseOffset(tail, &year) && year >= 1970 && year < 2100 &&
         ParseOffset(parts.partition, &month) && month >= 1 && month <= 12 &&
         ParseOffset(parts.offset, &day) && day >= 1 && day <= 31;
}

}  // namespace

std::optional<ParsedName> ParseKafkaConnectName(const PathParts& path, std::string_view delimiter) {
  // A sibling's ending also consists of extensions.
  const auto parts = SplitNumbered(path.file, delimiter, IsExtensions);
  auto name = Parse(parts);
  if (!name) return std::nullopt;
  const std::string_view sibling = SiblingOf(parts->rest);
  if (!sibling.empty()) {
    name->no_records = sibling == "keys" ? "keys of another object" : "headers of another object";
  }
  if (IsTombstone(path, name->topic)) name->no_records = kTombstones;
  return name;
}

std::optional<ParsedName> ParseMskName(const PathParts& path, Certainty certainty) {
  if (auto name = Parse(SplitNumbered(path.file, "+", IsMskSuffix))) return name;
  if (certainty == Certainty::kSure) return std::nullopt;
  for (size_t at = path.file.find('-', 1); at != path.file.npos; at = path.file.find('-', at + 1)) {
    if (IsMskSuffix(path.file.substr(at))) return ParsedName();
  }
  return std::nullopt;
}

std::optional<ParsedName> ParseAivenName(const PathParts& path, Certainty certainty) {
  const auto parts = SplitNumbered(path.file, "-", IsExtensions);
  if (certainty == Certainty::kSure && parts) {
    if (IsPadded(parts->partition) && parts->partition.size() != kAivenPartitionDigits) return {};
    if (IsPadded(parts->offset) && parts->offset.size() != kAivenOffsetDigits) return {};
    if (MayBeDate(*parts)) return {};
  }
  return Parse(parts);
}

std::string_view GuessDelimiter(std::string_view file) {
  for (const std::string_view delimiter : {"_", "-", ".", "=", "~", "#", "@", ",", ":"}) {
    const auto parts = SplitNumbered(file, delimiter, IsExtensions);
    if (parts && IsPadded(parts->offset) && parts->offset.size() == kConnectOffsetDigits) {
      return delimiter;
    }
  }
  return {};
}

}  // namespace murmur::archive
