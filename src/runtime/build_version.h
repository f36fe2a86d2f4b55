// Building a version from a scan: the first one, one that goes on, or one beside the serving one,
// whose place it then takes.
#pragma once

#include <memory>
#include <string>

#include "fold/pipeline.h"
#include "murmur/definition.h"
#include "murmur/run.h"
#include "murmur/source.h"
#include "murmur/state.h"
#include "murmur/status.h"
#include "runtime/scan_runner.h"

namespace murmur {

// What a build reads and how it becomes the serving version.
struct Build {
  std::string mode;
  std::string range;  // as text; part of what makes two builds the same
  TimeSpan times;
  bool beside = false;                      // a new version beside the serving one, if there is one
  bool swap = true;                         // when it is complete
  bool replace = true;                      // also if another version serves
  ScanRunner::CaptureHandoff capture = {};  // where the live source is asked
  LiveSource* changes = nullptr;            // of a table: what happens to its rows meanwhile
};

// Errors: kFailedPrecondition: the version counts something else; names the differences.
Status CheckIdentity(const Definition& definition, const VersionInfo& info);

// Reads `source` into the version that the build means, to its end; where the definition has a live
// source, lets a version that is to serve catch up with it; swaps. Errors: as Bootstrap and Replay.
Status BuildVersion(const std::shared_ptr<const Pipeline>& pipeline, const RunOptions& options,
                    const Build& build, SnapshotSource* source, RunSummary* summary);

}  // namespace murmur
