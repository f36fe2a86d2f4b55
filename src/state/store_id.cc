#include "state/store_id.h"

#include <fmt/format.h>

#include <random>

#include "murmur/state_store.h"

namespace murmur {

std::string NewStoreId() {
  std::random_device random;
  const uint64_t number = uint64_t{random()} << 32 | random();
  return fmt::format("{:016x}", number).substr(0, kStoreIdBytes);
}

bool IsStoreId(std::string_view text) noexcept {
  return text.size() == kStoreIdBytes &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace murmur
