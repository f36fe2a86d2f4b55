// The value under one key: how many records it counts, and the state of every aggregate.
//
//   value := zigzag-varint(records) (varint(length) Monoid::Encode bytes){one per aggregate}
//
// The empty bytes of an aggregate are its identity. Equal states have equal values. A whole value
// with 0 records says that nothing contributes to the key any more: readers see no key.
//
// What is combined with a malformed value is kDamagedValue, which is malformed, for ever: nothing
// that was lost is forgotten by combining, and whoever reads the key is told.
//
// Threads: all functions may be called at once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "murmur/monoid.h"

namespace murmur {

using MonoidSpan = std::span<const Monoid* const>;

// Appends the value of a group. states[a] is the state of monoids[a]; it is not read where
// state_size() is 0.
void AppendValue(int64_t records, MonoidSpan monoids, std::span<const char* const> states,
                 std::string* out);

// parts[a] := the encoded state of aggregate a, a view into `value`. False if `value` does not hold
// exactly parts.size() aggregates.
bool SplitValue(std::string_view value, int64_t* records,
                std::span<std::string_view> parts) noexcept;

// The record count alone; 0 if there is none to read.
int64_t RecordsOfValue(std::string_view value) noexcept;

inline constexpr std::string_view kDamagedValue = "\x80";  // a number that does not end

// Nothing contributes to the key. A malformed value is not known to be that.
bool IsNothing(std::string_view value) noexcept;
// Malformed, as far as its record count tells: kDamagedValue is.
bool IsDamaged(std::string_view value) noexcept;
// Malformed, of a number of aggregates; their bytes are not looked at.
bool IsMalformed(std::string_view value, size_t aggregates) noexcept;

// *out := the combination of `values`, in their order. Never fails: it is kDamagedValue, and false
// is returned, if any is malformed. REQUIRES: *out is not one of `values`.
bool CombineValues(MonoidSpan monoids, std::span<const std::string_view> values, std::string* out);

// *out := what takes `value` away when it is combined with it. False, if `value` is malformed.
// REQUIRES: every monoid is invertible
bool NegateValue(MonoidSpan monoids, std::string_view value, std::string* out);

}  // namespace murmur
