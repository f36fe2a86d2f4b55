// Typed answers: what the rows of an answer hold, and who takes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "murmur/key.h"
#include "murmur/monoid.h"
#include "murmur/status.h"
#include "murmur/value.h"
#include "murmur/window.h"

namespace murmur {

// What holds for every row of an answer.
struct AnswerSchema {
  struct Aggregate {
    std::string name;
    OutputType type = OutputType::kJson;
  };
  // The version that answers, and the number of the last commit that it shows: together they name
  // what is answered from, and change whenever it does.
  uint64_t version = 0;
  uint64_t commit = 0;
  std::vector<std::vector<std::string>> rollups;  // the names of each rollup's key parts
  std::vector<Aggregate> aggregates;
  BucketRule buckets;     // when a row's bucket begins and ends, and how its times are written
  std::string exactness;  // "exact", "converging", "approximate (…)"
};

// One (key, window) with its aggregates.
struct Row {
  size_t rollup = 0;              // in AnswerSchema::rollups
  std::vector<KeyValue> key;      // one for each part of the rollup
  std::optional<int64_t> bucket;  // empty: there are no windows, or several are combined
  std::vector<Value> values;      // one for each aggregate
  size_t asked = 0;               // which of the request's keys it answers
};

// Takes the rows of one answer, in order: Begin, any number of Add, End. Without End the answer is
// not whole. If a call returns an error, reading ends with it.
// Threads: one.
class RowSink {
 public:
  RowSink() = default;
  RowSink(const RowSink&) = delete;
  RowSink& operator=(const RowSink&) = delete;
  virtual ~RowSink() = default;

  // `schema` lives as long as the call that reads.
  virtual Status Begin(const AnswerSchema& schema) = 0;
  virtual Status Add(const Row& row) = 0;
  virtual Status End() = 0;
};

}  // namespace murmur
