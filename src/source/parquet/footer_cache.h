// Footers of files, kept from the planning of a scan until their row groups are read. Internal.
#pragma once

#include <parquet/metadata.h>

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace murmur::parquet_source {

// A file's footer, or why it can't be read.
struct Footer {
  std::shared_ptr<parquet::FileMetaData> metadata;  // null: damaged
  std::string damage;
};

inline constexpr uint64_t kCachedFooterBytesMax = 64 << 20;  // in memory

// Threads: any.
class FooterCache {
 public:
  explicit FooterCache(uint64_t bytes_max = kCachedFooterBytesMax) : bytes_max_(bytes_max) {}

  // The footer of a file that will be read in the order of planning; not kept if there is no room.
  // Replaces the file's earlier one.
  void AddPlanned(const std::string& object, Footer footer);
  // The footer of a file that is being read. To make room it removes the last planned footers
  // first, then those opened first. The newest is kept whatever its size.
  void AddOpened(const std::string& object, Footer footer);
  std::optional<Footer> Find(const std::string& object);

 private:
  struct Entry {
    std::string object;
    Footer footer;
    uint64_t bytes;
  };

  void Erase(std::list<Entry>::iterator entry);

  const uint64_t bytes_max_;
  std::mutex mutex_;          // of all below
  std::list<Entry> entries_;  // newest opened first, then the planned ones in order
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_object_;
  uint64_t bytes_ = 0;
};

}  // namespace murmur::parquet_source
