// A table's groups as the deltas of a commit.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
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
  void Rewind() override { next_ = 0; }

 private:
  static constexpr size_t kAhead = 20;
  GroupTable* table_;
  std::vector<uint32_t> order_;
  size_t next_ = 0;
  std::string value_;
};

// Values by key: added to the keys' values, or replacing them.
class ValuesCursor final : public DeltaCursor {
 public:
  ValuesCursor(const std::map<std::string, std::string>& values, bool replaces)
      : begin_(values.begin()), next_(begin_), end_(values.end()), replaces_(replaces) {}
  bool Next(std::string_view* key, std::string_view* value) override {
    if (next_ == end_) return false;
    *key = next_->first;
    *value = next_->second;
    ++next_;
    return true;
  }
  void Rewind() override { next_ = begin_; }
  bool Replaces() const override { return replaces_; }

 private:
  const std::map<std::string, std::string>::const_iterator begin_;
  std::map<std::string, std::string>::const_iterator next_, end_;
  const bool replaces_;
};

// The groups of a table, with values that replace those of some keys.
class ReplacingCursor final : public DeltaCursor {
 public:
  ReplacingCursor(GroupTable* table, const std::map<std::string, std::string>* replaced)
      : groups_(table), replaced_(*replaced), next_(replaced_.begin()) {
    has_group_ = groups_.Next(&group_key_, &group_value_);
  }

  bool Next(std::string_view* key, std::string_view* value) override {
    if (!has_group_) has_group_ = groups_.Next(&group_key_, &group_value_);
    replaces_ = next_ != replaced_.end() && (!has_group_ || next_->first <= group_key_);
    if (!replaces_) {
      *key = group_key_;
      *value = group_value_;
      return std::exchange(has_group_, false);
    }
    *key = next_->first;
    *value = next_->second;
    if (has_group_ && group_key_ == next_->first) has_group_ = false;
    ++next_;
    return true;
  }
  void Rewind() override {
    groups_.Rewind();
    next_ = replaced_.begin();
    has_group_ = groups_.Next(&group_key_, &group_value_);
  }
  bool Replaces() const override { return replaces_; }

 private:
  TableCursor groups_;
  const std::map<std::string, std::string>& replaced_;
  std::map<std::string, std::string>::const_iterator next_;
  std::string_view group_key_, group_value_;
  bool has_group_ = false;
  bool replaces_ = false;
};

}  // namespace murmur
