#include "runtime/versions/log_holds.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "definition/units.h"
#include "runtime/versions/state_access.h"
#include "source/source_registry.h"

namespace murmur {
namespace {

constexpr std::string_view kBegin = "murmur_";
constexpr size_t kRandomDigits = 10;
// What is left for the definition's name, between two underscores and the id.
constexpr size_t kNamePartMax =
    kHoldNameBytesMax - kBegin.size() - 1 - kStoreIdBytes - 1 - kRandomDigits;

using Note = std::function<void(const std::string&)>;

struct RecordedHolds {
  std::set<std::string> needed;
  std::set<std::string> let_go;  // by versions that are still there
};

// Errors: a version can't be read, so that its hold is not known.
Result<RecordedHolds> ReadHolds(const StateStore& store) {
  RecordedHolds holds;
  MURMUR_ASSIGN(const auto versions, store.Versions());
  for (const uint64_t number : versions) {
    const auto info = store.ReadInfo(number);
    if (!info.ok()) {
      MURMUR_ASSIGN(const auto left, store.Versions());
      if (std::find(left.begin(), left.end(), number) == left.end()) continue;  // just dropped
      return info.status();
    }
    if (info->log_hold.empty()) continue;
    MURMUR_ASSIGN(const bool is_let_go, HasLetGo(store, number));
    (is_let_go ? holds.let_go : holds.needed).insert(info->log_hold);
  }
  return holds;
}

// One that can't be ended does not keep the others.
Status EndOrphans(const StateStore& store, LiveSource* live, const std::stop_token& stop,
                  const Note& note) {
  MURMUR_ASSIGN(const std::string id, store.Id());
  // In this order: another process may be recording a hold now, which it then makes.
  MURMUR_ASSIGN(const auto made, live->Holds(std::string(kBegin), stop));
  MURMUR_ASSIGN(const RecordedHolds recorded, ReadHolds(store));
  Status failed;
  const auto end = [&](const std::string& hold) {
    const Status ended = live->LetGo(hold, stop);
    if (!ended.ok() && failed.ok()) failed = ended.Annotated(hold);
    return ended.ok();
  };
  for (const std::string& hold : made) {
    if (!IsHoldOf(id, hold) || recorded.needed.contains(hold) || !end(hold)) continue;
    note(fmt::format(
        "ended the hold {} of the log: {}", hold,
        recorded.let_go.contains(hold) ? "its version has let go of it" : "its version is gone"));
  }
  // The names don't tell whose they are if the state was moved to another disk, or if an earlier
  // release gave them.
  for (const std::string& hold : recorded.let_go) {
    if (!IsHoldOf(id, hold)) (void)end(hold);
  }
  return failed;
}

bool IsOver(const Definition& definition, int64_t retired, int64_t now) {
  return now - retired >= std::chrono::microseconds(definition.rollback_for).count();
}

Status RecordRetired(const Definition& definition, StateStore* store, int64_t now,
                     const Note& note) {
  MURMUR_ASSIGN(const auto served, store->Served());
  for (const uint64_t number : served) {
    MURMUR_ASSIGN(const auto retired, store->RetiredAt(number));
    if (!retired || !IsOver(definition, *retired, now)) continue;
    MURMUR_ASSIGN(const bool is_let_go, HasLetGo(*store, number));
    if (is_let_go || store->HasOwner(number)) continue;  // perhaps it catches up, to serve again
    const auto info = store->ReadInfo(number);
    if (!info.ok() || info->log_hold.empty()) continue;
    const Status recorded = store->LetGoOfLog(number);
    // It serves again, or is dropped.
    const bool has_changed =
        recorded.code() == Code::kFailedPrecondition || recorded.code() == Code::kNotFound;
    if (has_changed) continue;
    MURMUR_TRY(recorded);
    note(
        fmt::format("version {} serves no more for longer than rollback_for ({}): it lets go of "
                    "its log, and can't serve again",
                    number, FormatDuration(definition.rollback_for)));
  }
  return {};
}

Status Tidy(const Definition& definition, StateStore* store, LiveSource* live, int64_t now,
            const std::stop_token& stop, const Note& note) {
  const Status retired = RecordRetired(definition, store, now, note);
  MURMUR_TRY(EndOrphans(*store, live, stop, note));
  return retired;
}

}  // namespace

Result<std::string> NewHoldName(const Definition& definition, const StateStore& store) {
  MURMUR_ASSIGN(const std::string id, store.Id());
  std::random_device random;
  const uint64_t number = uint64_t{random()} << 32 | random();
  return fmt::format("{}{}_{}_{}", kBegin, definition.name.substr(0, kNamePartMax), id,
                     fmt::format("{:016x}", number).substr(0, kRandomDigits));
}

Result<std::string> HoldNameFor(const Definition& definition, const StateStore& store,
                                const LiveSource& live) {
  std::string given = live.GivenHold();
  if (given.empty()) return NewHoldName(definition, store);
  MURMUR_ASSIGN(const RecordedHolds recorded, ReadHolds(store));
  if (recorded.needed.contains(given) || recorded.let_go.contains(given)) {
    return NewHoldName(definition, store);
  }
  return given;
}

bool IsHoldOf(std::string_view store_id, std::string_view hold) noexcept {
  if (!hold.starts_with(kBegin) || hold.size() <= kRandomDigits) return false;
  hold.remove_suffix(kRandomDigits);
  if (!hold.ends_with('_')) return false;
  hold.remove_suffix(1);
  if (!hold.ends_with(store_id)) return false;
  hold.remove_suffix(store_id.size());
  return hold.ends_with('_');
}

Status EndHold(const Definition& definition, const std::string& hold, std::stop_token stop) {
  MURMUR_ASSIGN(const auto live, MakeLiveSource(definition));
  const Status ended = live->LetGo(hold, std::move(stop));
  MURMUR_TRY(live->Close());
  return ended;
}

void TidyHolds(const Definition& definition, StateStore* store, LiveSource* live, int64_t now,
               const std::stop_token& stop, const std::function<void(const std::string&)>& note) {
  const auto tidy_through = [&](LiveSource* source) -> Status {
    return source->NeedsHold() ? Tidy(definition, store, source, now, stop, note) : Status();
  };
  const auto tidy = [&]() -> Status {
    if (live != nullptr) return tidy_through(live);
    MURMUR_ASSIGN(const auto own, MakeLiveSource(definition));
    const Status tidied = tidy_through(own.get());
    MURMUR_TRY(own->Close());
    return tidied;
  };
  const Status tidied = HasLive(definition) ? tidy() : Status();
  if (tidied.ok() || tidied.code() == Code::kCancelled) return;
  note("WARNING: holds of the log that no version needs may be left for now: " +
       std::string(tidied.message()));
}

}  // namespace murmur
