#include "runtime/loop/retrying_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/waiting.h"

namespace murmur {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t kNotesMax = 100;  // if nobody takes them

const Status& StatusOf(const Status& status) { return status; }
template <class T>
const Status& StatusOf(const Result<T>& result) {
  return result.status();
}

}  // namespace

void RetryingTable::Note(std::string note) const {
  const std::lock_guard lock(mutex_);
  if (notes_.size() < kNotesMax) notes_.push_back(std::move(note));
}

std::vector<std::string> RetryingTable::TakeNotes() {
  const std::lock_guard lock(mutex_);
  return std::exchange(notes_, {});
}

// OK: try again.
Status RetryingTable::Pause(std::string_view what, const Status& failed,
                            steady_clock::time_point give_up, milliseconds* pause) const {
  const auto left = std::chrono::duration_cast<milliseconds>(give_up - steady_clock::now());
  if (left <= milliseconds(0)) {
    return failed.Annotated(fmt::format("{}: tried for {} s", what,
                                        std::chrono::duration<double>(pace_.patience).count()));
  }
  if (!SleepUnlessStopped(std::min(*pause, left), stop_)) {
    return Status(Code::kCancelled, fmt::format("stopped while {} was tried again", what));
  }
  *pause = std::min(*pause * 2, pace_.longest_pause);
  return {};
}

template <class Call>
auto RetryingTable::Retry(std::string_view what, const Call& call) const -> decltype(call()) {
  const auto give_up = steady_clock::now() + pace_.patience;
  milliseconds pause = pace_.first_pause;
  for (uint64_t tries = 1;; ++tries) {
    auto result = call();
    const Status& status = StatusOf(result);
    if (status.code() != Code::kUnavailable) {
      if (tries > 1 && status.ok()) Note(fmt::format("{} has succeeded, at try {}", what, tries));
      return result;
    }
    if (tries == 1) Note(fmt::format("{} is tried again: {}", what, status.message()));
    if (Status paused = Pause(what, status, give_up, &pause); !paused.ok()) return paused;
  }
}

Result<bool> RetryingTable::HasLanded(const Commit& commit, uint64_t* number) const {
  MURMUR_ASSIGN(const auto snapshot, table_.Snapshot());
  MURMUR_ASSIGN(const auto progress, snapshot->Progress());
  const auto is_stored = [&progress](const SplitMove& move) {
    const auto it = progress.find(move.split);
    return it != progress.end() && it->second == move.to;
  };
  const auto& moves = commit.moves;
  if (!std::all_of(moves.begin(), moves.end(), is_stored)) return false;
  if (number != nullptr) {
    MURMUR_ASSIGN(*number, snapshot->CommitNumber());
  }
  return true;
}

Status RetryingTable::Apply(const Commit& commit, uint64_t* number) {
  if (feed_ == nullptr) return ApplyOnce(commit, number);
  return feed_->Apply(commit, [&](uint64_t* got) -> Status {
    MURMUR_TRY(ApplyOnce(commit, got));
    if (number != nullptr) *number = *got;
    return {};
  });
}

// The fence still holds on a retry: if somebody else moved a position, the result is kAborted.
Status RetryingTable::ApplyOnce(const Commit& commit, uint64_t* number) {
  bool in_doubt = false;
  return Retry("a commit", [&]() -> Status {
    const bool was_tried = std::exchange(in_doubt, true);
    if (was_tried) {
      MURMUR_ASSIGN(const bool landed, HasLanded(commit, number));
      if (landed) return {};
    }
    if (commit.deltas != nullptr) commit.deltas->Rewind();
    Status status = table_.Apply(commit, number);
    if (!was_tried || status.code() != Code::kAborted) return status;
    // A commit that was still on its way may have arrived meanwhile.
    MURMUR_ASSIGN(const bool landed, HasLanded(commit, number));
    return landed ? Status() : status;
  });
}

Status RetryingTable::Begin(const HandoffToken& token, const ScanPlan& plan) {
  MURMUR_ASSIGN(const auto before, Plan());
  bool in_doubt = false;
  return Retry("storing the plan", [&]() -> Status {
    if (std::exchange(in_doubt, !before)) {
      MURMUR_ASSIGN(const auto stored, table_.Plan());
      if (stored) return {};  // by the earlier attempt: nobody else writes this version
    }
    return table_.Begin(token, plan);
  });
}

Status RetryingTable::SetStatus(VersionStatus status, std::string failure) {
  return Retry("storing the status", [&] { return table_.SetStatus(status, failure); });
}

Status RetryingTable::Complete(const ScanEnd& end) {
  return Retry("completing the version", [&] { return table_.Complete(end); });
}

Status RetryingTable::DropIds() {
  return Retry("dropping ids", [&] { return table_.DropIds(); });
}

Result<VersionInfo> RetryingTable::Info() const {
  return Retry("reading the description", [&] { return table_.Info(); });
}

Result<std::optional<HandoffToken>> RetryingTable::Token() const {
  return Retry("reading the token", [&] { return table_.Token(); });
}

Result<std::optional<ScanPlan>> RetryingTable::Plan() const {
  return Retry("reading the plan", [&] { return table_.Plan(); });
}

Result<std::vector<bool>> RetryingTable::HasIds(std::span<const std::string> ids) const {
  return Retry("looking up ids", [&] { return table_.HasIds(ids); });
}

Result<std::vector<std::optional<std::string>>> RetryingTable::LedgerEntries(
    std::span<const std::string_view> keys) const {
  return Retry("looking up rows", [&] { return table_.LedgerEntries(keys); });
}

Result<std::unique_ptr<StateSnapshot>> RetryingTable::Snapshot() const {
  return Retry("reading the state", [&] { return table_.Snapshot(); });
}

Status RetryingTable::Refresh() {
  return Retry("reading the state", [&] { return table_.Refresh(); });
}

}  // namespace murmur
