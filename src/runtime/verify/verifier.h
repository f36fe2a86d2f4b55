// Verifies a table's state: its keys against its ledger, its ledger against the rows.
//
// Rows may change meanwhile without false alarms. A row's ledger entry and the row itself are read
// at two moments; they are compared only if no change of the row lies between the earlier moment
// and the end of the scan. So changes are followed from a position that the ledger has reached and
// that lies before the scan's start, until after the end of the scan. Rows that change meanwhile
// and seem to differ are checked again in one or two more passes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "murmur/source.h"
#include "murmur/verify.h"
#include "runtime/table/ledger/ledger_fold.h"
#include "runtime/verify/change_follower.h"
#include "runtime/verify/key_findings.h"
#include "runtime/verify/row_check.h"
#include "runtime/versions/state_access.h"

namespace murmur {

struct VerifierOptions {
  RowCheckOptions rows;
  uint64_t table_bytes = 64ull << 20;   // memory for the keys folded at a time
  size_t changed_rows_max = 1'000'000;  // limit of the changed rows
  uint64_t repair_bytes = 64ull << 20;  // limit of a repair's changes
  uint64_t findings_max = 100;          // reported one by one
};

class Verifier {
 public:
  // Opens the state once its live positions have reached `reached`, while nobody writes what was
  // opened. The state that it opened before has been closed.
  using OpenState = std::function<Result<OpenedVersion>(const LiveSource::PositionMap& reached,
                                                        std::stop_token stop)>;

  // All outlive it. `rows` and `changes` of a table may be null: then only keys are verified.
  Verifier(SnapshotSource* rows, LiveSource* changes, OpenState open, VerifierOptions options);
  ~Verifier();

  // Call it once. Errors: as Verify.
  Status Run(std::stop_token stop, VerifySummary* summary);

  // Corrects the rows that Run found, and all keys, in one commit to the version that Run opened
  // last, which must be open for writing. Rows that have changed since are left to live. Errors:
  // kResourceExhausted (more than one commit should hold), kDataLoss, those of Apply.
  Status Repair(std::stop_token stop);

 private:
  struct Found {
    RowDifference difference;
    uint32_t pass;
  };

  Status CheckRows(std::stop_token stop, VerifySummary* summary);
  Status CheckRowsOnce(uint32_t pass, std::stop_token stop, VerifySummary* summary);
  Status Begin(std::stop_token stop);
  Status Open(std::stop_token stop);
  Status CheckKeys(std::stop_token stop, VerifySummary* summary);
  Status TellOfRows(VerifySummary* summary) const;
  Result<LedgerChanges> Corrections() const;
  Status FindValues(const LedgerChanges& changes, std::stop_token stop, KeyRepair* repair) const;
  Status AddContributors(LedgerChanges* changes) const;

  SnapshotSource* const source_;
  LiveSource* const changes_;
  const OpenState open_;
  const VerifierOptions options_;
  std::vector<Split> splits_;
  LiveSource::PositionMap reached_;
  OpenedVersion opened_;
  std::unique_ptr<StateSnapshot> snapshot_;
  std::unique_ptr<ChangeFollower> follower_;
  std::map<std::string, Found, std::less<>> found_;  // by row key
  RowDifferences unsure_;                            // changed while they were checked
};

}  // namespace murmur
