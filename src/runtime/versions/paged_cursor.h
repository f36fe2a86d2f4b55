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

// Goes through the keys of both in order. `visit` gets the key's entries, null where a side has
// none, and returns a Status; the first error ends it.
template <class Visit>
Status VisitBoth(PagedCursor* a, PagedCursor* b, const Visit& visit) {
  for (;;) {
    MURMUR_ASSIGN(const auto* of_a, a->Peek());
    MURMUR_ASSIGN(const auto* of_b, b->Peek());
    if (of_a == nullptr && of_b == nullptr) return {};
    const bool in_a = of_a != nullptr && (of_b == nullptr || of_a->first <= of_b->first);
    const bool in_b = of_b != nullptr && (of_a == nullptr || of_b->first <= of_a->first);
    MURMUR_TRY(visit(in_a ? of_a : nullptr, in_b ? of_b : nullptr));
    if (in_a) a->Pop();
    if (in_b) b->Pop();
  }
}

}  // namespace murmur
