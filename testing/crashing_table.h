// A state table that crashes where it is told.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "murmur/state.h"

namespace murmur {

// Passes calls to the store, and crashes where it is told: an Apply fails either before it does
// anything, or after everything is stored, like a process that dies before the answer arrives.
class CrashingTable final : public StateTable {
 public:
  enum class When { kBefore, kAfter };
  CrashingTable(StateTable* table, int crash_at, When when)
      : table_(table), crash_at_(crash_at), when_(when) {}

  Status Apply(const Commit& commit, uint64_t* number = nullptr) override {
    const std::lock_guard lock(mutex_);  // after a crash nothing is stored any more
    if (crashed_) return Crash();
    crashed_ = applies_++ == crash_at_;
    if (crashed_ && when_ == When::kBefore) return Crash();
    std::this_thread::sleep_for(delay_);
    MURMUR_TRY(table_->Apply(commit, number));
    return crashed_ ? Crash() : Status();
  }
  // The least time that an Apply takes.
  void set_delay(std::chrono::microseconds delay) { delay_ = delay; }
  Result<VersionInfo> Info() const override { return table_->Info(); }
  Status SetStatus(VersionStatus status, std::string failure) override {
    return crashed_ ? Crash() : table_->SetStatus(status, std::move(failure));
  }
  Status Complete(const ScanEnd& end) override {
    return crashed_ ? Crash() : table_->Complete(end);
  }
  Status DropIds() override { return table_->DropIds(); }
  Status Begin(const HandoffToken& token, const ScanPlan& plan) override {
    return table_->Begin(token, plan);
  }
  Result<std::optional<HandoffToken>> Token() const override { return table_->Token(); }
  Result<std::optional<ScanPlan>> Plan() const override { return table_->Plan(); }
  Result<std::unique_ptr<StateSnapshot>> Snapshot() const override { return table_->Snapshot(); }
  Result<std::vector<bool>> HasIds(std::span<const std::string> ids) const override {
    return table_->HasIds(ids);
  }
  Result<std::vector<std::optional<std::string>>> LedgerEntries(
      std::span<const std::string_view> keys) const override {
    return table_->LedgerEntries(keys);
  }
  CommitLimits Limits() const override { return table_->Limits(); }
  Status Refresh() override { return table_->Refresh(); }
  Status Undamaged() const override { return table_->Undamaged(); }
  Status Close() override { return table_->Close(); }

  bool crashed() const { return crashed_; }

 private:
  static Status Crash() { return Status(Code::kInternal, "crashed"); }

  StateTable* const table_;
  const int crash_at_;
  const When when_;
  std::mutex mutex_;
  int applies_ = 0;
  std::chrono::microseconds delay_{0};
  std::atomic<bool> crashed_{false};
};

}  // namespace murmur
