#include "state/rocksdb/retention_filter.h"

#include <algorithm>

#include "murmur/key.h"

namespace murmur {
namespace {

class RetentionFilter final : public rocksdb::CompactionFilter {
 public:
  explicit RetentionFilter(int64_t first_readable) : first_readable_(first_readable) {}

  Decision FilterV2(int, const rocksdb::Slice& key, ValueType, const rocksdb::Slice&, std::string*,
                    std::string*) const override {
    const std::string_view view(key.data(), key.size());
    if (view.size() <= kBucketBytes || static_cast<unsigned char>(view[0]) >= kStoreKeyBase) {
      return Decision::kKeep;
    }
    return BucketOfKey(view) < first_readable_ ? Decision::kRemove : Decision::kKeep;
  }
  const char* Name() const override { return "murmur.retention"; }

 private:
  const int64_t first_readable_;
};

}  // namespace

void VisibleBuckets::Advance(int64_t first_visible) {
  const std::lock_guard lock(mutex_);
  first_visible_ = std::max(first_visible_, first_visible);
}

int64_t VisibleBuckets::Pin() {
  const std::lock_guard lock(mutex_);
  pinned_.insert(first_visible_);
  return first_visible_;
}

void VisibleBuckets::Unpin(int64_t pinned) {
  const std::lock_guard lock(mutex_);
  pinned_.erase(pinned_.find(pinned));
}

int64_t VisibleBuckets::FirstReadable() const {
  const std::lock_guard lock(mutex_);
  return pinned_.empty() ? first_visible_ : std::min(first_visible_, *pinned_.begin());
}

std::unique_ptr<rocksdb::CompactionFilter> RetentionFilterFactory::CreateCompactionFilter(
    const rocksdb::CompactionFilter::Context&) {
  const int64_t first_readable = visible_->FirstReadable();
  if (first_readable == INT64_MIN) return nullptr;
  return std::make_unique<RetentionFilter>(first_readable);
}

}  // namespace murmur
