#include "state/rocksdb/value_merge_operator.h"

namespace murmur {
namespace {

std::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

std::vector<std::string_view>& Operands() {
  thread_local std::vector<std::string_view> operands;
  operands.clear();
  return operands;
}

}  // namespace

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
