#include "state/memory/memory_state_store.h"

#include <algorithm>
#include <utility>

#include "state/state_schema.h"

namespace murmur {
namespace {

class MemoryScratch final : public ScratchTable {
 public:
  explicit MemoryScratch(std::unique_ptr<StateTable> table) : table_(std::move(table)) {}
  StateTable* table() const noexcept override { return table_.get(); }

 private:
  const std::unique_ptr<StateTable> table_;
};

}  // namespace

// REQUIRES: mutex_ is held
Result<std::shared_ptr<MemoryStore>> MemoryStateStore::Find(uint64_t number) const {
  const auto found = versions_.find(number);
  if (found != versions_.end()) return found->second;
  return Status(Code::kNotFound, "there is no version " + std::to_string(number));
}

Result<std::vector<uint64_t>> MemoryStateStore::Versions() const {
  const std::lock_guard lock(mutex_);
  std::vector<uint64_t> numbers;
  for (const auto& [number, version] : versions_) numbers.push_back(number);
  return numbers;
}

Result<std::optional<uint64_t>> MemoryStateStore::Current() const {
  const std::lock_guard lock(mutex_);
  return served_.empty() ? std::optional<uint64_t>() : served_.front();
}

Result<std::vector<uint64_t>> MemoryStateStore::Served() const {
  const std::lock_guard lock(mutex_);
  return served_;
}

Result<std::optional<int64_t>> MemoryStateStore::RetiredAt(uint64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto found = retired_.find(number);
  return found == retired_.end() ? std::optional<int64_t>() : found->second;
}

Result<std::vector<uint64_t>> MemoryStateStore::LetGo() const {
  const std::lock_guard lock(mutex_);
  return std::vector<uint64_t>(let_go_.begin(), let_go_.end());
}

Status MemoryStateStore::LetGoOfLog(uint64_t number) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find(served_.begin(), served_.end(), number);
  if (found == served_.end()) return Status(Code::kNotFound, "it never served");
  if (found == served_.begin()) return Status(Code::kFailedPrecondition, "it serves");
  let_go_.insert(number);
  return {};
}

Status MemoryStateStore::SetCurrent(uint64_t number, bool beside_writer, Status* /*undurable*/) {
  const std::lock_guard lock(mutex_);
  MURMUR_TRY(Find(number));
  if (let_go_.contains(number)) return LogIsLetGo(number);
  const bool replaces = !served_.empty() && served_.front() != number;
  if (replaces && !beside_writer && versions_.at(served_.front())->writers->load() > 0) {
    return Status(Code::kFailedPrecondition, "the version that serves has an owner");
  }
  if (replaces) retired_[served_.front()] = clock_.WallMicros();
  retired_.erase(number);
  std::erase(served_, number);
  served_.insert(served_.begin(), number);
  return {};
}

Result<VersionInfo> MemoryStateStore::ReadInfo(uint64_t number) const {
  const std::lock_guard lock(mutex_);
  MURMUR_ASSIGN(const auto version, Find(number));
  const std::lock_guard version_lock(*version->mutex);
  return version->info;
}

Result<std::unique_ptr<StateTable>> MemoryStateStore::CreateVersion(VersionInfo info,
                                                                    const StateSchema& schema) {
  const std::lock_guard lock(mutex_);
  info.number = ++last_number_;
  const auto version = MakeMemoryStore(std::move(info), schema);
  versions_[last_number_] = version;
  return OpenMemoryTable(version, schema, Access::kWrite);
}

Result<std::unique_ptr<StateTable>> MemoryStateStore::OpenVersion(
    uint64_t number, Access access, const SchemaFor& schema_for) const {
  MURMUR_ASSIGN(const VersionInfo info, ReadInfo(number));
  MURMUR_ASSIGN(const StateSchema schema, schema_for(info));
  const std::lock_guard lock(mutex_);
  MURMUR_ASSIGN(const auto version, Find(number));
  return OpenMemoryTable(version, schema, access);
}

Status MemoryStateStore::DropVersion(uint64_t number) {
  const std::lock_guard lock(mutex_);
  MURMUR_ASSIGN(const auto version, Find(number));
  if (!served_.empty() && served_.front() == number) {
    return Status(Code::kFailedPrecondition, "it is the current one; switch to another first");
  }
  if (version->writers->load() > 0) return Status(Code::kFailedPrecondition, "it has an owner");
  versions_.erase(number);
  retired_.erase(number);
  let_go_.erase(number);
  std::erase(served_, number);
  return {};
}

bool MemoryStateStore::HasOwner(uint64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto version = Find(number);
  return version.ok() && (*version)->writers->load() > 0;
}

Result<std::unique_ptr<ScratchTable>> MemoryStateStore::MakeScratch(const StateSchema& schema) {
  MURMUR_ASSIGN(auto table, OpenMemoryTable(MakeMemoryStore({}, schema), schema));
  return std::unique_ptr<ScratchTable>(std::make_unique<MemoryScratch>(std::move(table)));
}

}  // namespace murmur
