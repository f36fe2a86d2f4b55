// Combine as RocksDB's merge operator, so that a commit writes deltas without reading.
//
// It never fails: RocksDB would stop compacting, or refuse reads. Combining with malformed bytes
// gives kDamagedValue and is counted in a Damage; from then on the table returns kDataLoss. Table
// files count the malformed values that they hold, so the table knows of them when it is opened.
// Threads: safe.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/table_properties.h>

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "murmur/state_value.h"

namespace murmur {

// The number of malformed values met.
using Damage = std::atomic<uint64_t>;

// Counts the malformed values of each table file that is written.
class DamageCounterFactory final : public rocksdb::TablePropertiesCollectorFactory {
 public:
  // For values of this many aggregates.
  explicit DamageCounterFactory(size_t aggregates) : aggregates_(aggregates) {}
  rocksdb::TablePropertiesCollector* CreateTablePropertiesCollector(Context context) override;
  const char* Name() const override { return "murmur.damage"; }

 private:
  const size_t aggregates_;
};
// The malformed values in a database's table files; 0 if unknown.
uint64_t CountStoredDamage(rocksdb::DB* db);

class ValueMergeOperator final : public rocksdb::MergeOperator {
 public:
  // `monoids` must outlive the database.
  ValueMergeOperator(std::vector<const Monoid*> monoids, std::shared_ptr<Damage> damage);

  // For a table that nobody reads or writes yet. Keeps the name.
  void SetMonoids(std::vector<const Monoid*> monoids) { monoids_ = std::move(monoids); }

  bool FullMergeV2(const MergeOperationInput& in, MergeOperationOutput* out) const override;
  bool PartialMergeMulti(const rocksdb::Slice& key, const std::deque<rocksdb::Slice>& operands,
                         std::string* new_value, rocksdb::Logger* logger) const override;
  // Contains the monoids' names.
  const char* Name() const override { return name_.c_str(); }

 private:
  void Combine(const std::vector<std::string_view>& values, std::string* out) const;

  std::vector<const Monoid*> monoids_;
  std::shared_ptr<Damage> damage_;
  std::string name_ = "murmur.value.v1";
};

}  // namespace murmur
