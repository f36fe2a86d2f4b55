// What is known of the kinds that a definition may name (murmur/registry.h). Threads: all functions
// may be called at once; what they return lives for ever.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "murmur/registry.h"

namespace murmur {

// The kinds of sources of one role; null: no such kind. Murmur's own have no functions here:
// source/source_registry.h knows theirs. `role` may also be "replay".
const SourceKind* FindSourceKind(std::string_view role, std::string_view name);
std::vector<std::string> SourceKindNames(std::string_view role);
// Whether a kind may be a `source:`.
bool IsTableKind(std::string_view name);

const StoreKind* FindStoreKind(std::string_view name);
std::vector<std::string> StoreKindNames();

// The option that a given name means; null: none.
const KindOption* FindOption(const std::vector<KindOption>& options, std::string_view name);

// The option's value, or its default.
std::string StateOption(const StateSpec& state, std::string_view name);

}  // namespace murmur
