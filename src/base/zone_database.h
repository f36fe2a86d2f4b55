// The system's time zones: the files of the IANA Time Zone Database in $TZDIR, or in the usual
// folders.
// Threads: safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/zone.h"
#include "murmur/status.h"
#include "murmur/window.h"  // SystemZone

namespace murmur {

// The rules of the zone of that name, such as "Europe/Berlin"; empty for "UTC". Errors:
// kInvalidArgument (not a zone's name), kNotFound (the system has no database).
Result<std::string> ReadZoneRules(std::string_view name);

// The names of all zones, in any order. Empty: there is no database.
std::vector<std::string> ZoneNames();

}  // namespace murmur
