// Fields in directory names: "dt=2026-03-01/country=DE/a.parquet" has dt and country, as Hive,
// Spark and sinks write partitions.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "murmur/source.h"

namespace murmur {

// The key=value directories of an object's name, decoded (%2F is '/'). If a key occurs twice, the
// innermost counts. Hive's name for null and values that are not UTF-8 are left out.
std::map<std::string, std::string> HiveFieldsOf(std::string_view name);

// The records of `inner`; fields that a record lacks get their value from `fields`, as text (the
// field under `time`: as a time). Threads: as RecordStream.
std::unique_ptr<RecordStream> AddHiveFields(std::map<std::string, std::string> fields,
                                            Projection projection,
                                            std::unique_ptr<RecordStream> inner);

}  // namespace murmur
