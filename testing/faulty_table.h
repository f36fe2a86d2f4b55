// A state table that is sometimes unavailable: a call does nothing, or does its work but its answer
// never arrives.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "murmur/state.h"

namespace murmur {

// Threads: as `next_fault`, which is called for each call.
class FaultyTable final : public StateTable {
 public:
  enum class Fault { kNone, kBefore, kAfter };
  using NextFault = std::function<Fault()>;

  FaultyTable(StateTable* table, NextFault next_fault)
      : table_(*table), next_fault_(std::move(next_fault)) {}

  uint64_t faults() const { return faults_; }

  Status Apply(const Commit& commit, uint64_t* number = nullptr) override {
    return Do([&] { return table_.Apply(commit, number); });
  }
  Status SetStatus(VersionStatus status, std::string failure) override {
    return Do([&] { return table_.SetStatus(status, failure); });
  }
  Status Complete(const ScanEnd& end) override {
    return Do([&] { return table_.Complete(end); });
  }
  Status DropIds() override {
    return Do([&] { return table_.DropIds(); });
  }
  Status Begin(const HandoffToken& token, const ScanPlan& plan) override {
    return Do([&] { return table_.Begin(token, plan); });
  }
  Result<VersionInfo> Info() const override {
    return Do([&] { return table_.Info(); });
  }
  Result<std::optional<HandoffToken>> Token() const override {
    return Do([&] { return table_.Token(); });
  }
  Result<std::optional<ScanPlan>> Plan() const override {
    return Do([&] { return table_.Plan(); });
  }
  Result<std::unique_ptr<StateSnapshot>> Snapshot() const override {
    return Do([&] { return table_.Snapshot(); });
  }
  Result<std::vector<bool>> HasIds(std::span<const std::string> ids) const override {
    return Do([&] { return table_.HasIds(ids); });
  }
  Result<std::vector<std::optional<std::string>>> LedgerEntries(
      std::span<const std::string_view> keys) const override {
    return Do([&] { return table_.LedgerEntries(keys); });
  }
  CommitLimits Limits() const override { return table_.Limits(); }
  Status Refresh() override {
    return Do([&] { return table_.Refresh(); });
  }
  Status Undamaged() const override { return table_.Undamaged(); }
  Status Close() override { return table_.Close(); }

 private:
  template <class Call>
  auto Do(const Call& call) const -> decltype(call()) {
    const Fault fault = next_fault_();
    if (fault == Fault::kNone) return call();
    ++faults_;
    if (fault == Fault::kAfter) (void)call();
    return Status(Code::kUnavailable, "the store does not answer, as it was told");
  }

  StateTable& table_;
  const NextFault next_fault_;
  mutable std::atomic<uint64_t> faults_{0};
};

}  // namespace murmur
