// Progress of a run on standard error: on a terminal, one line that is rewritten; else a plain line
// every few seconds.
#pragma once

#include <chrono>
#include <string>

#include "murmur/run.h"

namespace murmur::cli {

class ProgressLine {
 public:
  // `label`: "bootstrap page_views".
  ProgressLine(std::string label, bool quiet);

  void Show(const RunProgress& progress);
  // Clears the line on a terminal.
  void Finish();

 private:
  std::string Text(const RunProgress& progress) const;

  const std::string label_;
  const bool quiet_;
  const bool terminal_;
  bool shown_ = false;
  double next_plain_seconds_;
};

}  // namespace murmur::cli
