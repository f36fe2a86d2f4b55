#include "source/parquet/footer_cache.h"

#include <iterator>
#include <utility>

namespace murmur::parquet_source {
namespace {

// A parsed footer takes about this many times its bytes in the file.
constexpr uint64_t kParsedPerByte = 8;

uint64_t BytesInMemory(const std::string& object, const Footer& footer) {
  const uint64_t parsed = footer.metadata == nullptr ? 0 : footer.metadata->size() * kParsedPerByte;
  return sizeof(Footer) + object.size() + footer.damage.size() + parsed;
}

}  // namespace

void FooterCache::AddPlanned(const std::string& object, Footer footer) {
  const uint64_t bytes = BytesInMemory(object, footer);
  const std::lock_guard lock(mutex_);
  if (const auto it = by_object_.find(object); it != by_object_.end()) Erase(it->second);
  if (bytes_ + bytes > bytes_max_) return;
  entries_.push_back({object, std::move(footer), bytes});
  by_object_.emplace(entries_.back().object, std::prev(entries_.end()));
  bytes_ += bytes;
}

void FooterCache::AddOpened(const std::string& object, Footer footer) {
  const uint64_t bytes = BytesInMemory(object, footer);
  const std::lock_guard lock(mutex_);
  if (by_object_.contains(object)) return;
  while (!entries_.empty() && bytes_ + bytes > bytes_max_) Erase(std::prev(entries_.end()));
  entries_.push_front({object, std::move(footer), bytes});
  by_object_.emplace(entries_.front().object, entries_.begin());
  bytes_ += bytes;
}

std::optional<Footer> FooterCache::Find(const std::string& object) {
  const std::lock_guard lock(mutex_);
  const auto it = by_object_.find(object);
  if (it == by_object_.end()) return std::nullopt;
  return it->second->footer;
}

void FooterCache::Erase(std::list<Entry>::iterator entry) {
  bytes_ -= entry->bytes;
  by_object_.erase(entry->object);
  entries_.erase(entry);
}

}  // namespace murmur::parquet_source
