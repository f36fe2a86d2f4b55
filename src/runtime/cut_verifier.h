// Verification of a table's state that is kept by cuts, which know nothing of rows: a shadow of it
// is built from the table, by cuts too, as of the very position that the state is at, and the two
// are compared key by key. However much changes meanwhile, what differs is wrong.
//
// The shadow is a state of its own on disk, below the state's directory, and goes with the
// verifier; what a crash leaves of one, the next removes.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "murmur/run.h"
#include "murmur/source.h"
#include "murmur/status.h"
#include "murmur/verify.h"
#include "runtime/key_findings.h"
#include "runtime/shadow_table.h"
#include "runtime/state_access.h"
#include "runtime/table_runner.h"
#include "runtime/verifier.h"

namespace murmur {

struct CutVerifierOptions {
  std::string shadow_path;  // nothing else is there
  StateOptions store;       // of the shadow
  FoldOptions scan, live;
  uint64_t repair_bytes = 64ull << 20;  // of what a repair changes
  uint64_t findings_max = 100;          // told one by one
  // Told what has been read, now and then, by one thread.
  std::function<void(uint64_t rows, uint64_t bytes, uint64_t bytes_total)> on_progress;
};

class CutVerifier {
 public:
  // All outlive it.
  CutVerifier(SnapshotSource* rows, LiveSource* changes, Verifier::OpenState open,
              CutVerifierOptions options);

  // Errors: as of Verify; kFailedPrecondition (another process verifies). Once.
  Status Run(std::stop_token stop, VerifySummary* summary);

  // Brings the keys that Run found to the truth: one commit to the version that Run opened, which
  // must be open for writing. Errors: kResourceExhausted (more than a commit should hold), those of
  // Apply.
  Status Repair();

 private:
  Status Open(std::stop_token stop);
  Status BuildShadow(std::stop_token stop, VerifySummary* summary);
  Status Compare(const std::stop_token& stop, const VisitKeyDifference& visit,
                 uint64_t* keys) const;

  SnapshotSource* const rows_;
  LiveSource* const changes_;
  const Verifier::OpenState open_;
  const CutVerifierOptions options_;
  OpenedVersion opened_;
  std::unique_ptr<StateSnapshot> snapshot_;
  LiveSource::PositionMap positions_;  // of the snapshot
  std::unique_ptr<ShadowTable> shadow_;
};

}  // namespace murmur
