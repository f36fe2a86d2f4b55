// Reports on a run while it is under way.
#pragma once

#include <chrono>
#include <string>

#include "murmur/run.h"
#include "murmur/status.h"
#include "runtime/loop/fold_worker.h"
#include "runtime/loop/ticker.h"

namespace murmur {

inline constexpr std::chrono::milliseconds kProgressEvery{200};

inline RunProgress ProgressOf(const FoldProgress& scan,
                              std::chrono::steady_clock::time_point start) {
  return {
      .bytes = scan.bytes,
      .bytes_total = scan.bytes_total,
      .bytes_this_run = scan.bytes_this_run,
      .records = scan.records,
      .records_this_run = scan.records_this_run,
      .dead_letters = scan.dead,
      .commits_this_run = scan.commits,
      .splits_done = scan.splits_done,
      .splits_total = scan.splits_total,
      .seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
}

// Runs a ScanRunner or a TableRunner and reports its progress and notes, now and then and at the
// end.
template <class Runner>
Status RunReporting(Runner* runner, const RunOptions& options, RunSummary* summary) {
  const auto start = std::chrono::steady_clock::now();
  const auto report = [&] {
    for (const std::string& note : runner->TakeNotes()) {
      if (options.on_note) options.on_note(note);
    }
    if (options.on_progress) options.on_progress(ProgressOf(runner->progress(), start));
  };
  Status status;
  {
    const Ticker ticker(kProgressEvery, report);
    status = runner->Run(options.stop);
  }
  summary->progress = ProgressOf(runner->progress(), start);
  report();
  return status;
}

}  // namespace murmur
