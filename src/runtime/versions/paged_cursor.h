#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <utility>

#include "murmur/state.h"
#include "murmur/status.h"

namespace murmur {

// The data keys of a snapshot in order, a page at a time.
class PagedCursor {
 public:
  explicit PagedCursor(const StateSnapshot* snapshot) : snapshot_(snapshot) {}

  // Null at the end.
  Result<const std::pair<std::string, std::string>*> Peek() {
    if (page_.empty() && !end_) MURMUR_TRY(Fill());
    return page_.empty() ? nullptr : &page_.front();
  }
  void Pop() { page_.pop_front(); }

 private:
  static constexpr size_t kPageKeys = 4096;

  Status Fill() {
    const std::string until(1, static_cast<char>(kStoreKeyBase));
    MURMUR_TRY(snapshot_->Scan(from_, until, [this](std::string_view key, std::string_view value) {
      page_.emplace_back(key, value);
      return page_.size() < kPageKeys;
    }));
    end_ = page_.size() < kPageKeys;
    if (!page_.empty()) from_ = page_.back().first + '\0';
    return {};
  }

  const StateSnapshot* snapshot_;
  std::deque<std::pair<std::string, std::string>> page_;
  std::string from_;
  bool end_ = false;
};

}  // namespace murmur
