// What the pipelines of a server do, in the text format of Prometheus (call_metrics.h).
#pragma once

#include <string>

#include "murmur/state.h"
#include "serve/pipelines.h"

namespace murmur {

// Of each pipeline, from its status: records, bytes, dead letters by reason, lag, the log that is
// kept for it. One that can't be asked has `murmur_up` 0, and nothing else.
void AppendPipelineMetrics(const Pipelines& pipelines, const ScanLimit& limit, std::string* text);

}  // namespace murmur
