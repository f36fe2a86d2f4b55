#include "source/listing.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/shown.h"

namespace murmur {
namespace {

constexpr size_t kExamples = 3;

}  // namespace

void SetName(std::string bytes, SourceObject* object) {
  object->raw_name.clear();
  if (IsUtf8(bytes)) {
    object->name = std::move(bytes);
    return;
  }
  object->name.clear();
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      object->name += c;
    } else {
      object->name += fmt::format("\\x{:02X}", byte);
    }
  }
  object->raw_name = std::move(bytes);
}

const std::string& RawName(const SourceObject& object) {
  return object.raw_name.empty() ? object.name : object.raw_name;
}

std::string Examples(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kExamples); ++i) {
    text += (i == 0 ? "" : ", ") + names[i];
  }
  if (names.size() > kExamples) text += fmt::format(" and {} more", names.size() - kExamples);
  return text;
}

Status SortByName(Listing* listing) {
  auto& entries = listing->entries;
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.object.name < b.object.name; });
  std::vector<std::string> odd;
  for (size_t i = 0; i < entries.size(); ++i) {
    const SourceObject& object = entries[i].object;
    if (!object.raw_name.empty()) odd.push_back(object.name);
    if (i == 0 || entries[i - 1].object.name != object.name) continue;
    return Status(Code::kFailedPrecondition,
                  fmt::format("two names look like '{}', since one of them is not UTF-8: rename it",
                              object.name));
  }
  if (!odd.empty()) {
    listing->notes.push_back(fmt::format("{} not UTF-8, and read as any other: {}",
                                         Counted(odd.size(), "name is", "names are"),
                                         Examples(odd)));
  }
  return {};
}

}  // namespace murmur
