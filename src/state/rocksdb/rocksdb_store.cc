#include "state/rocksdb/rocksdb_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <span>
#include <thread>

#include "definition/kinds.h"
#include "state/rocksdb/rocksdb_table.h"
#include "state/rocksdb/scratch.h"
#include "state/rocksdb/writer_lock.h"
#include "state/state_schema.h"
#include "state/store_id.h"

namespace murmur {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCreatingPrefix = "creating-";
constexpr std::string_view kDroppedPrefix = "dropped-";
constexpr std::string_view kDeadLettersPrefix = "dead-letters-v";
constexpr std::string_view kDeadLettersSuffix = ".jsonl";
constexpr size_t kServedMax = 32;  // that the alias remembers
constexpr size_t kAliasBytesMax = 64 << 10;
constexpr std::string_view kRetired = "retired ";
constexpr std::string_view kLetGo = "let-go ";
constexpr std::chrono::seconds kWriterOpensWithin{5};
constexpr std::chrono::milliseconds kLookAgainEvery{20};

// A writer that opens a version replaces files while a reader opens them: what the reader misses at
// that moment is not damage. Looks again while a writer is there, and once after it.
template <class Look>
auto LookBesideWriter(const std::string& path, const Look& look) {
  const auto give_up = std::chrono::steady_clock::now() + kWriterOpensWithin;
  bool was_alone = false;
  for (;;) {
    auto seen = look();
    const Code code = seen.status().code();
    const bool may_pass =
        code == Code::kDataLoss || code == Code::kUnavailable || code == Code::kInternal;
    const bool alone = !WriterLock::IsHeld(path + "/writer");
    if (!may_pass || (alone && was_alone)) return seen;
    if (std::chrono::steady_clock::now() >= give_up) return seen;
    was_alone = alone;
    std::this_thread::sleep_for(kLookAgainEvery);
  }
}

std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) return std::nullopt;
  return number;
}

// The number after `prefix`.
std::optional<uint64_t> ParseNumberAfter(std::string_view prefix, std::string_view text) {
  return text.starts_with(prefix) ? ParseNumber(text.substr(prefix.size())) : std::nullopt;
}

Status SyncPath(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) return SystemError(errno, "opening", path);
  const bool synced = fsync(fd) == 0;
  const int error = errno;
  close(fd);
  return synced ? Status() : SystemError(error, "syncing", path);
}

Status Rename(const std::string& from, const std::string& to) {
  return rename(from.c_str(), to.c_str()) == 0 ? Status() : SystemError(errno, "renaming", from);
}

Status WriteFile(const std::string& path, std::string_view text) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return SystemError(errno, "opening", path);
  const bool written =
      write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(fd) == 0;
  const int error = errno;
  close(fd);
  return written ? Status() : SystemError(error, "writing", path);
}

Result<std::string> ReadFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return SystemError(errno, "opening", path);
  std::string text(kAliasBytesMax, '\0');
  const ssize_t size = read(fd, text.data(), text.size());
  const int error = errno;
  close(fd);
  if (size < 0) return SystemError(error, "reading", path);
  text.resize(static_cast<size_t>(size));
  return text;
}

Result<uint64_t> InodeOf(const std::string& path) {
  struct stat found = {};
  if (stat(path.c_str(), &found) != 0) return SystemError(errno, "looking at", path);
  return uint64_t{found.st_ino};
}

struct IdFile {
  std::string id;
  uint64_t inode;
};

Result<IdFile> ParseIdFile(const std::string& file, std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  const size_t space = std::min(text.find(' '), text.size());
  const auto inode = ParseNumber(text.substr(std::min(space + 1, text.size())));
  if (IsStoreId(text.substr(0, space)) && inode) {
    return IdFile{std::string(text.substr(0, space)), *inode};
  }
  return Status(Code::kDataLoss,
                file +
                    " holds no id of a state: remove the file, and the next run makes another. " +
                    "What the state holds elsewhere under its old id must then be ended there");
}

// The version number of a name in the directory; 0: none.
uint64_t NumberOfName(std::string_view name) {
  for (const std::string_view prefix :
       {std::string_view("v"), kCreatingPrefix, kDroppedPrefix, kDeadLettersPrefix}) {
    if (!name.starts_with(prefix)) continue;
    name.remove_prefix(prefix.size());
    if (name.ends_with(kDeadLettersSuffix)) name.remove_suffix(kDeadLettersSuffix.size());
    return ParseNumber(name).value_or(0);
  }
  return 0;
}

}  // namespace

Result<std::unique_ptr<RocksDbStore>> RocksDbStore::Open(std::string path, Access access,
                                                         RocksDbStoreOptions options) {
  std::error_code error;
  if (access == Access::kWrite) {
    fs::create_directories(path, error);
    if (error) return SystemError(error.value(), "making the state directory", path);
    if (::access(path.c_str(), W_OK) != 0) {
      return SystemError(errno, "writing to the state directory", path);
    }
  } else if (!fs::is_directory(path, error)) {
    return Status(Code::kNotFound, "there is no state at " + path);
  }
  return std::unique_ptr<RocksDbStore>(
      new RocksDbStore(std::move(path), access, std::move(options)));
}

Result<std::string> RocksDbStore::Id() const {
  if (access_ == Access::kWrite) MURMUR_TRY(MakeId());
  auto text = ReadFile(path_ + "/id");
  if (!text.ok() && text.status().code() == Code::kNotFound) {
    return Status(Code::kNotFound, path_ + " has no id yet: who writes makes it");
  }
  MURMUR_TRY(text);
  MURMUR_ASSIGN(const IdFile id, ParseIdFile(path_ + "/id", *text));
  return id.id;
}

// A copy of a state is another state: what the original holds elsewhere is not the copy's to end.
// The number of the file's inode tells them apart: a copy has another, a renamed folder the same.
// Durable on return.
Status RocksDbStore::MakeId() const {
  const std::string file = path_ + "/id";
  const auto has_own = [&file]() -> Result<bool> {
    auto text = ReadFile(file);
    if (!text.ok() && text.status().code() == Code::kNotFound) return false;
    MURMUR_TRY(text);
    const auto id = ParseIdFile(file, *text);
    if (!id.ok()) return true;  // Id tells
    MURMUR_ASSIGN(const uint64_t inode, InodeOf(file));
    return id->inode == inode;
  };
  MURMUR_ASSIGN(bool is_made, has_own());
  if (is_made) return {};
  MURMUR_ASSIGN(const auto lock, WriterLock::Wait(path_ + "/lock"));
  MURMUR_ASSIGN(is_made, has_own());
  if (is_made) return {};
  MURMUR_TRY(WriteFile(file + ".new", ""));
  MURMUR_ASSIGN(const uint64_t inode, InodeOf(file + ".new"));
  MURMUR_TRY(WriteFile(file + ".new", NewStoreId() + " " + std::to_string(inode) + "\n"));
  MURMUR_TRY(Rename(file + ".new", file));
  Status synced = SyncFolder();
  if (!synced.ok()) unlink(file.c_str());
  return synced;
}

std::string RocksDbStore::VersionPath(uint64_t number) const {
  return path_ + "/v" + std::to_string(number);
}

std::string RocksDbStore::DeadLetterPath(uint64_t number, std::optional<uint64_t> current) const {
  if (current.value_or(number) == number) return path_ + "/dead-letters.jsonl";
  return path_ + "/" + std::string(kDeadLettersPrefix) + std::to_string(number) +
         std::string(kDeadLettersSuffix);
}

Result<std::vector<uint64_t>> RocksDbStore::Versions() const {
  std::vector<uint64_t> numbers;
  std::error_code error;
  for (fs::directory_iterator it(path_, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename();
    if (name.front() != 'v') continue;
    const auto number = ParseNumber(std::string_view(name).substr(1));
    if (number && Exists(*number)) numbers.push_back(*number);
  }
  if (error) return SystemError(error.value(), "reading the state directory", path_);
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

bool RocksDbStore::ParseAliasLine(std::string_view line, Alias* alias) {
  if (const auto number = ParseNumber(line)) {
    alias->numbers.push_back(*number);
    return true;
  }
  if (const auto number = ParseNumberAfter(kLetGo, line))
    return alias->let_go.insert(*number).second;
  const size_t last = std::min(line.rfind(' '), line.size());
  const auto number = ParseNumberAfter(kRetired, line.substr(0, last));
  const auto at = ParseNumberAfter(" ", line.substr(last));
  return number && at && alias->retired.emplace(*number, *at).second;
}

// Empty: the alias was never set.
Result<RocksDbStore::Alias> RocksDbStore::ReadAlias() const {
  const std::string file = path_ + "/current";
  auto text = ReadFile(file);
  Alias alias;
  if (!text.ok() && text.status().code() == Code::kNotFound) return alias;
  MURMUR_TRY(text);
  for (std::string_view rest = *text; !rest.empty();) {
    const std::string_view line = rest.substr(0, std::min(rest.find('\n'), rest.size()));
    if (!ParseAliasLine(line, &alias)) break;
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  }
  if (alias.numbers.empty()) return Status(Code::kDataLoss, file + " holds no version number");
  return alias;
}

bool RocksDbStore::Exists(uint64_t number) const {
  std::error_code error;
  return fs::is_directory(VersionPath(number), error) && !fs::exists(CreatingPath(number), error);
}

Status RocksDbStore::SyncFolder() const {
  if (options_.sync_folder) return options_.sync_folder(path_);
  return SyncPath(path_, O_RDONLY | O_DIRECTORY);
}

// 0: no version was made yet, or only by releases that did not store it.
Result<uint64_t> RocksDbStore::ReadLastNumber() const {
  const std::string file = path_ + "/last-version";
  auto text = ReadFile(file);
  if (!text.ok() && text.status().code() == Code::kNotFound) return uint64_t{0};
  MURMUR_TRY(text);
  if (text->ends_with('\n')) text->pop_back();
  if (const auto number = ParseNumber(*text)) return *number;
  return Status(Code::kDataLoss,
                file +
                    " holds no number: write the highest one that a version of this state ever " +
                    "had into it");
}

// The highest number that a version has, or is known to have had.
Result<uint64_t> RocksDbStore::LastNumber() const {
  MURMUR_ASSIGN(uint64_t last, ReadLastNumber());
  MURMUR_ASSIGN(const Alias alias, ReadAlias());
  for (const uint64_t number : alias.numbers) last = std::max(last, number);
  std::error_code error;
  for (fs::directory_iterator it(path_, error), end; !error && it != end; it.increment(error)) {
    last = std::max(last, NumberOfName(it->path().filename().string()));
  }
  if (error) return SystemError(error.value(), "reading the state directory", path_);
  return last;
}

// Durable on return.
Status RocksDbStore::StoreLastNumber(uint64_t number) const {
  MURMUR_ASSIGN(const uint64_t stored, ReadLastNumber());
  if (stored >= number) return {};
  const std::string file = path_ + "/last-version";
  MURMUR_TRY(WriteFile(file + ".new", std::to_string(number) + "\n"));
  MURMUR_TRY(Rename(file + ".new", file));
  return SyncFolder();
}

Result<std::optional<uint64_t>> RocksDbStore::Current() const {
  MURMUR_ASSIGN(const Alias alias, ReadAlias());
  return alias.numbers.empty() ? std::optional<uint64_t>() : alias.numbers.front();
}

Result<std::vector<uint64_t>> RocksDbStore::Served() const {
  MURMUR_ASSIGN(Alias alias, ReadAlias());
  std::erase_if(alias.numbers, [this](uint64_t number) { return !Exists(number); });
  return std::move(alias.numbers);
}

Result<std::optional<int64_t>> RocksDbStore::RetiredAt(uint64_t number) const {
  MURMUR_ASSIGN(const Alias alias, ReadAlias());
  const auto found = alias.retired.find(number);
  return found == alias.retired.end() ? std::optional<int64_t>() : found->second;
}

Result<std::vector<uint64_t>> RocksDbStore::LetGo() const {
  MURMUR_ASSIGN(const Alias alias, ReadAlias());
  std::vector<uint64_t> let_go(alias.let_go.begin(), alias.let_go.end());
  std::erase_if(let_go, [this](uint64_t number) { return !Exists(number); });
  return let_go;
}

Status RocksDbStore::LetGoOfLog(uint64_t number) {
  MURMUR_ASSIGN(const auto lock, WriterLock::Wait(path_ + "/lock"));
  MURMUR_ASSIGN(Alias alias, ReadAlias());
  const auto found = std::find(alias.numbers.begin(), alias.numbers.end(), number);
  if (found == alias.numbers.end() || !Exists(number)) {
    return Status(Code::kNotFound,
                  path_ + " has no version " + std::to_string(number) + " that served");
  }
  if (found == alias.numbers.begin()) {
    return Status(Code::kFailedPrecondition, "version " + std::to_string(number) + " serves");
  }
  alias.let_go.insert(number);
  MURMUR_TRY(WriteAlias(alias));
  return SyncFolder();
}

Result<std::optional<uint64_t>> RocksDbStore::SettledCurrent() const {
  MURMUR_ASSIGN(const auto lock, WriterLock::Wait(path_ + "/lock"));
  return Current();
}

// Readers see it on return; durable after SyncFolder.
Status RocksDbStore::WriteAlias(const Alias& alias) const {
  std::string lines;
  for (const uint64_t number : alias.numbers) lines += fmt::format("{}\n", number);
  for (const uint64_t number : std::span(alias.numbers).subspan(1)) {
    const auto at = alias.retired.find(number);
    if (at != alias.retired.end()) lines += fmt::format("{}{} {}\n", kRetired, number, at->second);
  }
  for (const uint64_t number : alias.let_go) {
    if (Exists(number)) lines += fmt::format("{}{}\n", kLetGo, number);
  }
  const std::string file = path_ + "/current";
  MURMUR_TRY(WriteFile(file + ".new", lines));
  return Rename(file + ".new", file);
}

Status RocksDbStore::SetCurrent(uint64_t number, bool beside_writer, Status* undurable) {
  MURMUR_ASSIGN(const auto lock, WriterLock::Wait(path_ + "/lock"));
  if (!Exists(number)) {
    return Status(Code::kNotFound, path_ + " has no version " + std::to_string(number));
  }
  MURMUR_ASSIGN(Alias alias, ReadAlias());
  if (alias.let_go.contains(number)) return LogIsLetGo(number);
  auto& served = alias.numbers;
  const auto before = served.empty() ? std::optional<uint64_t>() : served.front();
  if (before && before != number && !beside_writer && HasOwner(*before)) {
    return Status(Code::kFailedPrecondition,
                  VersionPath(*before) + ", which serves, is in use by a process that does not " +
                      "answer; end it, or try again");
  }
  std::erase_if(served, [&](uint64_t one) { return one == number || !Exists(one); });
  served.insert(served.begin(), number);
  served.resize(std::min(served.size(), kServedMax));
  const int64_t now = options_.clock->WallMicros();
  for (const uint64_t one : std::span(served).subspan(1)) {
    const int64_t at = alias.retired.try_emplace(one, now).first->second;
    alias.retired[one] = one == before ? now : at;
  }
  MURMUR_TRY(WriteAlias(alias));
  // Readers see it: from here on nothing may report a failure.
  if (Status synced = SyncFolder(); !synced.ok() && undurable != nullptr) {
    *undurable = std::move(synced);
  }
  if (before.value_or(number) == number) return Status();
  // A projection: opening either version for writing makes it again.
  std::error_code error;
  fs::remove(DeadLetterPath(number, number), error);
  fs::rename(DeadLetterPath(number, before), DeadLetterPath(number, number), error);
  return Status();
}

Result<VersionInfo> RocksDbStore::ReadInfo(uint64_t number) const {
  if (!Exists(number)) {
    return Status(Code::kNotFound, path_ + " has no version " + std::to_string(number));
  }
  auto info = LookBesideWriter(
      VersionPath(number), [&] { return RocksDbTable::ReadInfo({.path = VersionPath(number)}); });
  if (!Exists(number)) {
    return Status(Code::kNotFound,
                  path_ + " has no version " + std::to_string(number) + " any more");
  }
  return info;
}

std::string RocksDbStore::CreatingPath(uint64_t number) const {
  return path_ + "/" + std::string(kCreatingPrefix) + std::to_string(number);
}

// Removes what a crash left while versions were made or dropped. REQUIRES: the directory's lock
Status RocksDbStore::RemoveLeftovers() const {
  std::error_code error;
  std::vector<fs::path> leftovers;
  for (fs::directory_iterator it(path_, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename();
    const bool creating = name.starts_with(kCreatingPrefix);
    if (creating) fs::remove_all(VersionPath(NumberOfName(name)), error);
    if (creating || name.starts_with(kDroppedPrefix)) leftovers.push_back(it->path());
  }
  // No version may outlive the file that says that it is none.
  if (!leftovers.empty()) MURMUR_TRY(SyncFolder());
  for (const fs::path& leftover : leftovers) fs::remove_all(leftover, error);
  return {};
}

Result<std::unique_ptr<StateTable>> RocksDbStore::CreateVersion(VersionInfo info,
                                                                const StateSchema& schema) {
  MURMUR_ASSIGN(const auto lock, WriterLock::Wait(path_ + "/lock"));
  MURMUR_ASSIGN(const uint64_t last, LastNumber());
  info.number = last + 1;
  MURMUR_TRY(StoreLastNumber(info.number));
  MURMUR_TRY(RemoveLeftovers());
  MURMUR_TRY(WriteFile(CreatingPath(info.number), ""));
  MURMUR_TRY(SyncFolder());
  MURMUR_ASSIGN(auto table,
                RocksDbTable::Create(TableOptions(info.number, Access::kWrite), info, schema));
  if (unlink(CreatingPath(info.number).c_str()) != 0) {
    return SystemError(errno, "removing", CreatingPath(info.number));
  }
  MURMUR_TRY(SyncFolder());
  return std::unique_ptr<StateTable>(std::move(table));
}

RocksDbTableOptions RocksDbStore::TableOptions(uint64_t number, Access access) const {
  // The table may outlive this object.
  const std::shared_ptr<const RocksDbStore> store(new RocksDbStore(path_, access_, options_));
  const auto dead_letter_path = [store, number] {
    const auto current = store->Current();
    return store->DeadLetterPath(number, current.ok() ? *current : std::nullopt);
  };
  return {.path = VersionPath(number),
          .access = access,
          .resources = options_.resources,
          .dead_letter_path = dead_letter_path};
}

Result<std::unique_ptr<StateTable>> RocksDbStore::OpenVersion(uint64_t number, Access access,
                                                              const SchemaFor& schema_for) const {
  if (!Exists(number)) {
    return Status(Code::kNotFound, path_ + " has no version " + std::to_string(number));
  }
  const auto open = [&] { return RocksDbTable::Open(TableOptions(number, access), schema_for); };
  auto opened = access == Access::kWrite ? open() : LookBesideWriter(VersionPath(number), open);
  // Dropping renames the folder before it deletes anything. A reader that opens files while they
  // are deleted would believe that its writer has compacted the missing ones away, and would see
  // less.
  if (!Exists(number)) {
    return Status(Code::kNotFound,
                  path_ + " has no version " + std::to_string(number) + " any more");
  }
  MURMUR_TRY(opened.status());
  return std::unique_ptr<StateTable>(std::move(opened).value());
}

Status RocksDbStore::DropVersion(uint64_t number) {
  MURMUR_ASSIGN(const auto lock, WriterLock::Wait(path_ + "/lock"));
  MURMUR_ASSIGN(const auto current, Current());
  if (current == number) {
    return Status(Code::kFailedPrecondition, "version " + std::to_string(number) +
                                                 " is the current one; switch to another first");
  }
  const std::string version = VersionPath(number);
  std::error_code error;
  if (!Exists(number)) {
    return Status(Code::kNotFound, path_ + " has no version " + std::to_string(number));
  }
  const std::string dropped = path_ + "/" + std::string(kDroppedPrefix) + std::to_string(number);
  {
    MURMUR_ASSIGN(const auto unused, WriterLock::Acquire(version + "/writer", version));
    MURMUR_ASSIGN(const uint64_t last, LastNumber());
    MURMUR_TRY(StoreLastNumber(last));
    MURMUR_TRY(Rename(version, dropped));
  }
  Status freed = SyncFolder();
  fs::remove(DeadLetterPath(number, current), error);
  if (freed.ok()) {
    fs::remove_all(dropped, error);
    if (error) freed = SystemError(error.value(), "removing", dropped);
  }
  return freed.ok() ? freed
                    : freed.Annotated("version " + std::to_string(number) +
                                      " is dropped, but its space is not free before the next "
                                      "version is made");
}

bool RocksDbStore::HasOwner(uint64_t number) const {
  return WriterLock::IsHeld(VersionPath(number) + "/writer");
}

std::string RocksDbStore::OwnerAddress(uint64_t number) const {
  return "unix:" + VersionPath(number) + "/socket";
}

Result<std::unique_ptr<ScratchTable>> RocksDbStore::MakeScratch(const StateSchema& schema) {
  return MakeRocksDbScratch(path_ + "/verify", options_, schema);
}

Result<std::unique_ptr<StateStore>> OpenRocksDbStore(const StateStoreRequest& request) {
  const fs::path path(StateOption(request.definition->state, "path"));
  const fs::path whole = path.is_absolute() ? path : request.definition->base_directory / path;
  const RocksDbResources resources{.cache_bytes = request.cache_bytes,
                                   .write_buffer_bytes = request.write_buffer_bytes};
  MURMUR_ASSIGN(auto store,
                RocksDbStore::Open(whole.string(), request.access, {.resources = resources}));
  return std::unique_ptr<StateStore>(std::move(store));
}

}  // namespace murmur
