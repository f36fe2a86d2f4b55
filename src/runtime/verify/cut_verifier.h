// Verifies a table's state that is kept by cuts and therefore stores nothing about rows. Builds a
// shadow state from the table, also by cuts, as of exactly the position of the state, and compares
// the two key by key. Every difference is an error, however much changes meanwhile.
//
// The shadow is a scratch table of the state's store, and is removed with the verifier. If
// a crash leaves one, the next verifier removes it.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "murmur/run.h"
#include "murmur/source.h"
#include "murmur/status.h"
#include "murmur/verify.h"
#include "runtime/table/table_runner.h"
#include "runtime/verify/key_findings.h"
#include "runtime/verify/verifier.h"
#include "runtime/versions/state_access.h"

namespace murmur {

struct CutVerifierOptions {
  StateStore* shadow_store = nullptr;  // where the shadow lies; outlives the verifier
  FoldOptions scan, live;
  uint64_t repair_bytes = 64ull << 20;  // limit of a repair's changes
  uint64_t findings_max = 100;          // reported one by one
  // Reports now and then how much has been read; one thread calls it.
  std::function<void(uint64_t rows, uint64_t bytes, uint64_t bytes_total)> on_progress;
};

class CutVerifier {
 public:
  // All outlive it.
  CutVerifier(SnapshotSource* rows, LiveSource* changes, Verifier::OpenState open,
              CutVerifierOptions options);

  // Call it once. Errors: as Verify; kFailedPrecondition (another process verifies).
  Status Run(std::stop_token stop, VerifySummary* summary);

  // Corrects the keys that Run found, in one commit to the version that Run opened, which must be
  // open for writing. Errors: kResourceExhausted (more than one commit should hold), those of
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
  std::unique_ptr<ScratchTable> shadow_;
};

}  // namespace murmur
