// Combine as RocksDB's merge operator, so that a commit writes deltas without reading.
//
// It never fails: RocksDB would stop compacting, or refuse reads. Malformed bytes are left out of
// the combination and counted in a Damage, which makes the table answer kDataLoss from then on.
// Threads: safe.
#pragma once

#include <rocksdb/merge_operator.h>

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "state/value.h"

namespace murmur {

// How many values could not be combined.
using Damage = std::atomic<uint64_t>;

class ValueMergeOperator final : public rocksdb::MergeOperator {
 public:
  // `monoids` must outlive the database.
  ValueMergeOperator(std::vector<const Monoid*> monoids, std::shared_ptr<Damage> damage);

  bool FullMergeV2(const MergeOperationInput& in, MergeOperationOutput* out) const override;
  bool PartialMergeMulti(const rocksdb::Slice& key, const std::deque<rocksdb::Slice>& operands,
                         std::string* new_value, rocksdb::Logger* logger) const override;
  // Holds the monoids' names.
  const char* Name() const override { return name_.c_str(); }

 private:
  void Combine(const std::vector<std::string_view>& values, std::string* out) const;

  std::vector<const Monoid*> monoids_;
  std::shared_ptr<Damage> damage_;
  std::string name_ = "murmur.value.v1";
};

}  // namespace murmur
