// Builds a version from a scan: the first version, one that an earlier run began, or a new one
// beside the serving version, which it then replaces.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "fold/pipeline.h"
#include "murmur/run.h"
#include "murmur/source.h"
#include "murmur/state.h"
#include "murmur/status.h"

namespace murmur {

// What a build reads and how it becomes the serving version.
struct Build {
  std::string mode;
  std::string range;  // as text; builds with different ranges are different
  TimeSpan times;
  bool beside = false;  // a new version beside the serving one, if there is one
  bool swap = true;     // when it is complete
  bool replace = true;  // also if another version serves
  // Asks the live source, through the version's hold of the log, if that is not empty.
  std::function<Result<HandoffToken>(const std::string& hold, std::stop_token stop)> capture = {};
  LiveSource* live = nullptr;     // if the build needs it: a new version has its hold of the log
  LiveSource* changes = nullptr;  // for a table: the changes of its rows meanwhile
};

// RunOptions::on_note; one that nobody listens to, if it is empty.
std::function<void(const std::string&)> NoteOf(const RunOptions& options);

// Reads `source` to its end, into the version that `build` describes. If that version is to serve
// and the definition has a live source, lets it catch up. Then swaps. Errors: as Bootstrap and
// Replay.
Status BuildVersion(const std::shared_ptr<const Pipeline>& pipeline, const RunOptions& options,
                    const Build& build, SnapshotSource* source, RunSummary* summary);

}  // namespace murmur
