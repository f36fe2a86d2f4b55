// StateStore::Id.
#pragma once

#include <string>
#include <string_view>

namespace murmur {

// An id that no other store has.
std::string NewStoreId();
bool IsStoreId(std::string_view text) noexcept;

}  // namespace murmur
