// What a version says about itself: how far it is, and what it counted.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "fold/pipeline.h"
#include "murmur/state.h"
#include "murmur/status.h"

namespace murmur {

struct VersionReport {
  VersionInfo info;
  std::optional<ScanPlan> plan;
  std::optional<HandoffToken> token;
  std::map<std::string, SplitProgress> progress;  // by split
  Status undamaged;
  // The zones whose rules in the version differ from the system's, and how.
  std::map<std::string, std::string> changed_zones;
};

// Errors: those of the table.
Result<VersionReport> ReadReport(const Pipeline& pipeline, const StateTable& table);

// Version, status, mode, progress, records, dead letters by reason, newest event time.
nlohmann::ordered_json ReportAsJson(const VersionReport& report);

}  // namespace murmur
