// Frees the space of expired buckets while RocksDB compacts. Reads hide them in any case, so this
// may be late; but it must never remove a bucket that a snapshot still shows.
// Threads: safe.
#pragma once

#include <rocksdb/compaction_filter.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>

namespace murmur {

// The first bucket that some reader may still see: the least of what is visible now and of what was
// visible to each open snapshot.
class VisibleBuckets {
 public:
  // The first visible bucket of the committed state; it never falls.
  void Advance(int64_t first_visible);
  // Keeps what is visible now readable, until Unpin of the returned bucket.
  int64_t Pin();
  void Unpin(int64_t pinned);
  int64_t FirstReadable() const;

 private:
  mutable std::mutex mutex_;
  int64_t first_visible_ = INT64_MIN;
  std::multiset<int64_t> pinned_;
};

class RetentionFilterFactory final : public rocksdb::CompactionFilterFactory {
 public:
  explicit RetentionFilterFactory(std::shared_ptr<const VisibleBuckets> visible)
      : visible_(std::move(visible)) {}
  std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(
      const rocksdb::CompactionFilter::Context& context) override;
  const char* Name() const override { return "murmur.retention"; }

 private:
  std::shared_ptr<const VisibleBuckets> visible_;
};

}  // namespace murmur
