// Fields that directories say: "dt=2026-03-01/country=DE/a.parquet" has dt and country, as Hive,
// Spark and sinks write partitions.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "murmur/source.h"

namespace murmur {

// The key=value directories of an object's name, decoded (%2F is '/'). Of a key that occurs twice
// the innermost counts. Hive's name for null, and what is not UTF-8, are no value.
std::map<std::string, std::string> HiveFieldsOf(std::string_view name);

// The records of `inner`, where a field that one lacks has the value that `fields` gives it, as
// text (the field under `time`: as a time). Threads: as RecordStream.
std::unique_ptr<RecordStream> AddHiveFields(std::map<std::string, std::string> fields,
                                            Projection projection,
                                            std::unique_ptr<RecordStream> inner);

}  // namespace murmur
