// The value under one key: how many records it counts, and the state of every aggregate. A state
// store combines values, and needs CombineValues and IsNothing for that; the rest is for those who
// make and read them.
//   value := zigzag-varint(records) (varint(length) Monoid::Encode bytes){one per aggregate}
// A varint has 7 bits in each byte, the lowest first; zigzag(n) is 2n for n >= 0, else -2n - 1.
// The empty bytes of an aggregate are its identity. Equal states have equal values. A whole value
// with 0 records says that nothing contributes to the key any more: readers see no key.
//
// Anything combined with a malformed value becomes kDamagedValue, which stays malformed: damage is
// never hidden by combining, and readers of the key are told.
// Threads: all functions may be called at once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "murmur/monoid.h"

namespace murmur {

using MonoidSpan = std::span<const Monoid* const>;

// Appends the value of a group. states[a] is the state of monoids[a]; it is not read if
// state_size() is 0.
void AppendValue(int64_t records, MonoidSpan monoids, std::span<const char* const> states,
                 std::string* out);

// parts[a] := the encoded state of aggregate a, a view into `value`. False if `value` does not hold
// exactly parts.size() aggregates.
bool SplitValue(std::string_view value, int64_t* records,
                std::span<std::string_view> parts) noexcept;

// The record count alone; 0 if there is none to read.
int64_t RecordsOfValue(std::string_view value) noexcept;

inline constexpr std::string_view kDamagedValue = "\x80";  // a varint that does not end

// Whether nothing contributes to the key. A malformed value returns false.
bool IsNothing(std::string_view value) noexcept;
// Whether the value is malformed, by its record count; true for kDamagedValue.
bool IsDamaged(std::string_view value) noexcept;
// Whether the value is malformed for this number of aggregates; their bytes are not checked.
bool IsMalformed(std::string_view value, size_t aggregates) noexcept;

// Sets *out to the combination of `values`, in order. Never fails: if any value is malformed, *out
// is kDamagedValue and it returns false. REQUIRES: *out is not one of `values`.
bool CombineValues(MonoidSpan monoids, std::span<const std::string_view> values, std::string* out);

// Sets *out to the inverse of `value`, which cancels it when combined. False if `value` is
// malformed.
// REQUIRES: every monoid is invertible
bool NegateValue(MonoidSpan monoids, std::string_view value, std::string* out);

}  // namespace murmur
