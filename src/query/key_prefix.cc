#include "query/key_prefix.h"

#include <algorithm>
#include <utility>

#include "base/shown.h"
#include "query/json_format.h"

namespace murmur {
namespace {

// Of one key that is asked for.
constexpr size_t kMeaningsMax = size_t{1} << 20;

std::string PartNames(const Pipeline::Rollup& rollup) {
  std::string names;
  for (const auto& part : rollup.parts) names += (names.empty() ? "" : ",") + part.name;
  return names.empty() ? "(no parts)" : names;
}

std::string AllRollups(const Pipeline& pipeline) {
  std::string known;
  for (const auto& rollup : pipeline.rollups()) {
    known += (known.empty() ? "" : "; ") + PartNames(rollup);
  }
  return known;
}

bool IsNamed(const Pipeline::Rollup& rollup, std::span<const std::string> names) {
  return std::equal(rollup.parts.begin(), rollup.parts.end(), names.begin(), names.end(),
                    [](const auto& part, const auto& name) { return part.name == name; });
}

Result<size_t> RollupOfKey(const Pipeline& pipeline, std::span<const std::string> names,
                           size_t values) {
  if (!names.empty()) return FindRollup(pipeline, names);
  for (size_t i = 0; i < pipeline.rollups().size(); ++i) {
    if (pipeline.rollups()[i].parts.size() == values) return i;
  }
  return Status(Code::kInvalidArgument,
                "the key has " + Counted(values, "value") + ", but the definition's keys are: " +
                    AllRollups(pipeline) + " (join values by commas, quote a value that has one)");
}

Status AppendPart(const KeyValue& value, std::string* key) {
  if (AppendKeyPart(value, key)) return {};
  return Status(Code::kInvalidArgument,
                "key value " + value.text + " is no decimal of at most 38 digits");
}

std::string Start(size_t rollup) { return {static_cast<char>(kKeyBase + rollup)}; }

}  // namespace

std::string ShownKey(const KeyQuery& key) {
  if (!key.text.empty()) return key.text;
  std::string text;
  for (const auto& part : key.parts) {
    if (!text.empty()) text += ',';
    if (!part.empty()) AppendKeyJson(part.front(), &text);
  }
  return text;
}

Result<size_t> FindRollup(const Pipeline& pipeline, std::span<const std::string> names) {
  const auto& rollups = pipeline.rollups();
  if (names.empty()) return size_t{0};
  const auto found = std::find_if(rollups.begin(), rollups.end(),
                                  [&](const auto& rollup) { return IsNamed(rollup, names); });
  if (found == rollups.end()) {
    return Status(Code::kInvalidArgument,
                  "no such rollup; the definition has: " + AllRollups(pipeline));
  }
  return static_cast<size_t>(found - rollups.begin());
}

Result<std::vector<std::string>> PrefixesOf(const Pipeline& pipeline,
                                            std::span<const std::string> names,
                                            const KeyQuery& key) {
  MURMUR_ASSIGN(const size_t rollup, RollupOfKey(pipeline, names, key.parts.size()));
  if (pipeline.rollups()[rollup].parts.size() != key.parts.size()) {
    return Status(Code::kInvalidArgument, "key '" + ShownKey(key) + "' has " +
                                              Counted(key.parts.size(), "value") + "; expected " +
                                              PartNames(pipeline.rollups()[rollup]));
  }
  std::vector<std::string> prefixes = {Start(rollup)};
  for (const auto& meanings : key.parts) {
    if (prefixes.size() * meanings.size() > kMeaningsMax) {
      return Status(Code::kInvalidArgument, "key '" + ShownKey(key) + "' may mean too many keys");
    }
    std::vector<std::string> longer;
    longer.reserve(prefixes.size() * meanings.size());
    for (const std::string& prefix : prefixes) {
      for (const KeyValue& meaning : meanings) {
        MURMUR_TRY(AppendPart(meaning, &longer.emplace_back(prefix)));
      }
    }
    prefixes = std::move(longer);
  }
  std::sort(prefixes.begin(), prefixes.end());
  prefixes.erase(std::unique(prefixes.begin(), prefixes.end()), prefixes.end());
  return prefixes;
}

Result<std::string> PrefixOf(const Pipeline& pipeline, size_t rollup,
                             std::span<const KeyValue> parts) {
  if (parts.size() > pipeline.rollups()[rollup].parts.size()) {
    return Status(Code::kInvalidArgument,
                  Counted(parts.size(), "value") +
                      " of a key; its parts are: " + PartNames(pipeline.rollups()[rollup]));
  }
  std::string prefix = Start(rollup);
  for (const KeyValue& part : parts) MURMUR_TRY(AppendPart(part, &prefix));
  return prefix;
}

}  // namespace murmur
