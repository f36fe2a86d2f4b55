// A table's groups as a commit wants them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fold/group_table.h"
#include "murmur/state.h"

namespace murmur {

// In ascending order of key. The table must not change meanwhile.
class TableCursor final : public DeltaCursor {
 public:
  explicit TableCursor(GroupTable* table) : table_(table) {
    table->Settle();
    table->Sort(&order_);
  }

  bool Next(std::string_view* key, std::string_view* value) override {
    if (next_ == order_.size()) return false;
    if (next_ + 2 * kAhead < order_.size()) table_->PrefetchGroup(order_[next_ + 2 * kAhead]);
    if (next_ + kAhead < order_.size()) table_->PrefetchStates(order_[next_ + kAhead]);
    const uint32_t group = order_[next_++];
    value_.clear();
    table_->EncodeValue(group, &value_);
    *key = table_->Key(group);
    *value = value_;
    return true;
  }

 private:
  static constexpr size_t kAhead = 20;
  GroupTable* table_;
  std::vector<uint32_t> order_;
  size_t next_ = 0;
  std::string value_;
};

}  // namespace murmur
