// The keys in which a verification found differences: reported, and gathered for a repair.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fold/pipeline.h"
#include "murmur/state.h"
#include "murmur/status.h"
#include "murmur/verify.h"
#include "runtime/table/ledger/ledger_fold.h"

namespace murmur {

// Key → value.
using KeyValues = std::map<std::string, std::string>;

// Each as `murmur dump` writes it. Errors: kDataLoss.
Result<std::vector<std::string>> ShowValues(const Pipeline& pipeline, const KeyValues& values);

// Counts the differences in *summary, and reports the first ones one by one.
class KeyFindings {
 public:
  // All outlive it.
  KeyFindings(const Pipeline& pipeline, uint64_t findings_max, VerifySummary* summary)
      : pipeline_(pipeline), findings_max_(findings_max), summary_(*summary) {}
  Status Add(const KeyDifference& difference);

 private:
  const Pipeline& pipeline_;
  const uint64_t findings_max_;
  VerifySummary& summary_;
  uint64_t told_ = 0;
};

// New values for keys; an empty value removes the key.
class KeyRepair {
 public:
  explicit KeyRepair(uint64_t bytes_max) : bytes_max_(bytes_max) {}
  // Errors: kResourceExhausted: more than `bytes_max`.
  Status Add(const KeyDifference& difference);
  // One commit, together with these rows of the ledger. Errors: those of Apply.
  Status Apply(std::vector<LedgerRow> ledger, StateTable* table) const;

 private:
  const uint64_t bytes_max_;
  KeyValues values_;
  uint64_t bytes_ = 0;
};

}  // namespace murmur
