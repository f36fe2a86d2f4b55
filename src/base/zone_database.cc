#include "base/zone_database.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace murmur {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDirectories[] = {"/usr/share/zoneinfo", "/usr/lib/zoneinfo",
                                        "/usr/share/lib/zoneinfo"};
constexpr size_t kNameBytesMax = 100;
constexpr size_t kRulesBytesMax = 64 << 10;  // the longest have 4 KiB

// Empty: there is none.
fs::path Directory() {
  std::error_code ignored;
  if (const char* set = std::getenv("TZDIR"); set != nullptr && *set != '\0') return set;
  for (const char* path : kDirectories) {
    if (fs::is_directory(path, ignored)) return path;
  }
  return {};
}

// Zones that count leap seconds, and copies of the others, have their own folders. "localtime" is a
// different zone on each machine.
bool IsZoneName(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
           c == '_' || c == '-' || c == '+';
  };
  return !name.empty() && name.size() <= kNameBytesMax && name.front() != '/' &&
         name.back() != '/' && name.find("//") == name.npos &&
         std::all_of(name.begin(), name.end(), allowed) && !name.starts_with("right/") &&
         !name.starts_with("posix/") && name != "localtime" && name != "posixrules";
}

// Empty: it is not a file of rules.
std::string ReadRules(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error || size > kRulesBytesMax) return {};
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return bytes.starts_with("TZif") ? bytes : std::string();
}

}  // namespace

Result<std::string> ReadZoneRules(std::string_view name) {
  if (name == kUtcName) return std::string();
  if (!IsZoneName(name)) {
    return Status(Code::kInvalidArgument,
                  "is no name of a time zone; expected one such as Europe/Berlin or UTC");
  }
  const fs::path directory = Directory();
  if (directory.empty()) {
    return Status(Code::kNotFound,
                  "the system has no time zones: install the package tzdata, or let TZDIR name the "
                  "folder that has them");
  }
  std::string rules = ReadRules(directory / name);
  if (!rules.empty()) return rules;
  return Status(Code::kInvalidArgument,
                fmt::format("there is no such time zone in {}", directory.string()));
}

Result<std::shared_ptr<const Zone>> SystemZone(std::string_view name) {
  MURMUR_ASSIGN(std::string rules, ReadZoneRules(name));
  return Zone::Make(std::string(name), std::move(rules));
}

std::vector<std::string> ZoneNames() {
  std::vector<std::string> names;
  const fs::path directory = Directory();
  std::error_code error;
  for (fs::recursive_directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    const std::string name = it->path().lexically_relative(directory).string();
    if (!it->is_regular_file(ignored) || !IsZoneName(name) || ReadRules(it->path()).empty()) {
      continue;
    }
    names.push_back(name);
  }
  if (!names.empty()) names.emplace_back(kUtcName);
  return names;
}

}  // namespace murmur
