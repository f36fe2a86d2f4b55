// A StateTable in memory: the fake for fast tests, and the model to compare the stored one with.
// Plain maps; a snapshot is a copy of them.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "murmur/state.h"
#include "state/state_schema.h"

namespace murmur {

// What outlives a table: another table on the same store finds what was committed.
struct MemoryStore {
  // Held while the members below are used and a table is open. A copy shares it.
  std::shared_ptr<std::mutex> mutex = std::make_shared<std::mutex>();
  VersionInfo info;
  RetentionRecord retention;
  std::optional<HandoffToken> token;
  std::optional<ScanPlan> plan;
  std::map<std::string, std::string> values;
  std::map<std::string, SplitProgress> progress;
  std::map<std::string, DeadLetter> dead_letters;  // by DeadLetterKey
  std::set<std::string> ids;
  std::map<std::string, std::string, std::less<>> ledger, held;
  uint64_t commits = 0;
  uint64_t epoch = 0;
  // Tables that are open for writing. A copy shares it.
  std::shared_ptr<std::atomic<int>> writers = std::make_shared<std::atomic<int>>(0);
};

// A new version. info.monoids is filled in.
std::shared_ptr<MemoryStore> MakeMemoryStore(VersionInfo info, const StateSchema& schema);

// kWrite begins a new epoch. kRead shows what was committed when it was opened, or refreshed last.
// Errors: kFailedPrecondition (other monoids or windows).
Result<std::unique_ptr<StateTable>> OpenMemoryTable(std::shared_ptr<MemoryStore> store,
                                                    const StateSchema& schema,
                                                    Access access = Access::kWrite);

}  // namespace murmur
