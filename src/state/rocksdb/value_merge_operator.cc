#include "state/rocksdb/value_merge_operator.h"

#include <cstdlib>

#include "murmur/key.h"

namespace murmur {
namespace {

std::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

std::vector<std::string_view>& Operands() {
  thread_local std::vector<std::string_view> operands;
  operands.clear();
  return operands;
}

constexpr char kDamageProperty[] = "murmur.damaged-values";

class DamageCounter final : public rocksdb::TablePropertiesCollector {
 public:
  explicit DamageCounter(size_t aggregates) : aggregates_(aggregates) {}

  rocksdb::Status AddUserKey(const rocksdb::Slice& key, const rocksdb::Slice& value,
                             rocksdb::EntryType type, rocksdb::SequenceNumber, uint64_t) override {
    const bool is_value = type == rocksdb::kEntryPut || type == rocksdb::kEntryMerge;
    const bool is_data = !key.empty() && static_cast<unsigned char>(key[0]) < kStoreKeyBase;
    damaged_ += is_value && is_data && IsMalformed(View(value), aggregates_) ? 1 : 0;
    return rocksdb::Status::OK();
  }
  rocksdb::Status Finish(rocksdb::UserCollectedProperties* properties) override {
    if (damaged_ > 0) properties->emplace(kDamageProperty, std::to_string(damaged_));
    return rocksdb::Status::OK();
  }
  rocksdb::UserCollectedProperties GetReadableProperties() const override { return {}; }
  const char* Name() const override { return "murmur.damage"; }

 private:
  const size_t aggregates_;
  uint64_t damaged_ = 0;
};

}  // namespace

rocksdb::TablePropertiesCollector* DamageCounterFactory::CreateTablePropertiesCollector(Context) {
  return new DamageCounter(aggregates_);
}

uint64_t CountStoredDamage(rocksdb::DB* db) {
  rocksdb::TablePropertiesCollection tables;
  db->GetPropertiesOfAllTables(&tables).PermitUncheckedError();
  uint64_t damaged = 0;
  for (const auto& [file, properties] : tables) {
    const auto& counted = properties->user_collected_properties;
    const auto it = counted.find(kDamageProperty);
    if (it != counted.end()) damaged += std::strtoull(it->second.c_str(), nullptr, 10);
  }
  return damaged;
}

ValueMergeOperator::ValueMergeOperator(std::vector<const Monoid*> monoids,
                                       std::shared_ptr<Damage> damage)
    : monoids_(std::move(monoids)), damage_(std::move(damage)) {
  for (const Monoid* monoid : monoids_) name_.append(" ").append(monoid->Name());
}

bool ValueMergeOperator::FullMergeV2(const MergeOperationInput& in,
                                     MergeOperationOutput* out) const {
  if (in.existing_value == nullptr && in.operand_list.size() == 1) {
    out->existing_operand = in.operand_list[0];
    return true;
  }
  auto& values = Operands();
  if (in.existing_value != nullptr) values.push_back(View(*in.existing_value));
  for (const rocksdb::Slice& operand : in.operand_list) values.push_back(View(operand));
  Combine(values, &out->new_value);
  return true;
}

bool ValueMergeOperator::PartialMergeMulti(const rocksdb::Slice&,
                                           const std::deque<rocksdb::Slice>& operands,
                                           std::string* new_value, rocksdb::Logger*) const {
  auto& values = Operands();
  for (const rocksdb::Slice& operand : operands) values.push_back(View(operand));
  Combine(values, new_value);
  return true;
}

void ValueMergeOperator::Combine(const std::vector<std::string_view>& values,
                                 std::string* out) const {
  if (!CombineValues(monoids_, values, out)) damage_->fetch_add(1, std::memory_order_relaxed);
}

}  // namespace murmur
