#include "monoid/dyadic.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>

#include "monoid/varint.h"

namespace murmur {
namespace {

constexpr int64_t kLimbBits = 64;

int64_t FloorDiv(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

void NegateLimbs(std::vector<uint64_t>* limbs) {
  bool carry = true;
  for (uint64_t& limb : *limbs) {
    limb = ~limb + (carry ? 1 : 0);
    carry = carry && limb == 0;
  }
}

// Limbs of the absolute value.
std::vector<uint64_t> Magnitude(std::vector<uint64_t> limbs) {
  if (!limbs.empty() && limbs.back() >> 63 != 0) NegateLimbs(&limbs);
  return limbs;
}

// Divides in place and returns the remainder.
uint64_t DivideBy(uint64_t divisor, std::vector<uint64_t>* limbs) {
  UInt128 rest = 0;
  for (size_t i = limbs->size(); i-- > 0;) {
    rest = rest << 64 | (*limbs)[i];
    (*limbs)[i] = static_cast<uint64_t>(rest / divisor);
    rest %= divisor;
  }
  return static_cast<uint64_t>(rest);
}

bool IsZero(const std::vector<uint64_t>& limbs) {
  return std::all_of(limbs.begin(), limbs.end(), [](uint64_t limb) { return limb == 0; });
}

}  // namespace

bool Dyadic::zero() const { return IsZero(limbs_); }

void Dyadic::Cover(int64_t low, int64_t high) {
  if (limbs_.empty()) low_ = low;
  if (low < low_) {
    limbs_.insert(limbs_.begin(), static_cast<size_t>(low_ - low), 0);
    low_ = low;
  }
  const auto size = static_cast<size_t>(high - low_);
  if (size > limbs_.size()) limbs_.resize(size, negative() ? ~uint64_t{0} : 0);
}

void Dyadic::AddLimbs(const uint64_t* limbs, size_t count, int64_t low, bool negative_addend) {
  Cover(low, low + static_cast<int64_t>(count));
  const bool was_negative = negative();
  const uint64_t sign = negative_addend ? ~uint64_t{0} : 0;
  const auto first = static_cast<size_t>(low - low_);
  uint64_t carry = 0;
  for (size_t i = first; i < limbs_.size(); ++i) {
    const uint64_t addend = i - first < count ? limbs[i - first] : sign;
    const UInt128 sum = UInt128{limbs_[i]} + addend + carry;
    limbs_[i] = static_cast<uint64_t>(sum);
    carry = static_cast<uint64_t>(sum >> 64);
    if (i - first >= count && carry == (negative_addend ? 1u : 0u)) return;  // sign + carry is 0
  }
  if (was_negative == negative_addend && negative() != was_negative) limbs_.push_back(sign);
}

void Dyadic::AddScaled(UInt128 magnitude, int64_t shift, bool negative_addend) {
  if (magnitude == 0) return;
  const int64_t low = FloorDiv(shift, kLimbBits);
  const auto bit = static_cast<unsigned>(shift - low * kLimbBits);
  const auto bottom = static_cast<uint64_t>(magnitude);
  const auto top = static_cast<uint64_t>(magnitude >> 64);
  std::vector<uint64_t> limbs = {bottom << bit, top << bit, 0, 0};
  if (bit != 0) {
    limbs[1] |= bottom >> (kLimbBits - bit);
    limbs[2] = top >> (kLimbBits - bit);
  }
  if (negative_addend) NegateLimbs(&limbs);
  AddLimbs(limbs.data(), limbs.size(), low, negative_addend);
}

void Dyadic::AddBytes(std::string_view bytes, int64_t position) {
  if (bytes.empty()) return;
  const int64_t low = FloorDiv(position, 8);
  const auto offset = static_cast<size_t>(position - low * 8);
  const bool negative_addend = static_cast<signed char>(bytes.back()) < 0;
  std::vector<uint64_t> limbs((offset + bytes.size() + 7) / 8, 0);
  auto* target = reinterpret_cast<char*>(limbs.data());
  if (negative_addend) std::memset(target, 0xFF, limbs.size() * 8);
  std::memset(target, 0, offset);
  std::memcpy(target + offset, bytes.data(), bytes.size());
  AddLimbs(limbs.data(), limbs.size(), low, negative_addend);
}

void Dyadic::Add(const Dyadic& other, int64_t shift) {
  if (other.limbs_.empty()) return;
  const int64_t limbs = FloorDiv(shift, kLimbBits);
  const auto bit = static_cast<unsigned>(shift - limbs * kLimbBits);
  std::vector<uint64_t> addend = other.limbs_;
  if (bit != 0) {
    addend.push_back(other.negative() ? ~uint64_t{0} : 0);
    for (size_t i = addend.size(); i-- > 1;) {
      addend[i] = addend[i] << bit | addend[i - 1] >> (kLimbBits - bit);
    }
    addend[0] <<= bit;
  }
  AddLimbs(addend.data(), addend.size(), other.low_ + limbs, other.negative());
}

void Dyadic::Negate() {
  if (limbs_.empty()) return;
  // The lowest number of a width has no opposite in it.
  Cover(low_, low_ + static_cast<int64_t>(limbs_.size()) + 1);
  NegateLimbs(&limbs_);
  const uint64_t sign = negative() ? ~uint64_t{0} : 0;
  while (limbs_.size() > 1 && limbs_.back() == sign &&
         (limbs_[limbs_.size() - 2] >> 63 != 0) == (sign != 0)) {
    limbs_.pop_back();
  }
}

Dyadic Dyadic::Product(const Dyadic& a, const Dyadic& b) {
  const std::vector<uint64_t> left = Magnitude(a.limbs_);
  const std::vector<uint64_t> right = Magnitude(b.limbs_);
  Dyadic out;
  if (left.empty() || right.empty()) return out;
  out.low_ = a.low_ + b.low_;
  out.limbs_.assign(left.size() + right.size() + 1, 0);
  for (size_t i = 0; i < left.size(); ++i) {
    uint64_t carry = 0;
    for (size_t k = 0; k < right.size(); ++k) {
      const UInt128 sum = UInt128{left[i]} * right[k] + out.limbs_[i + k] + carry;
      out.limbs_[i + k] = static_cast<uint64_t>(sum);
      carry = static_cast<uint64_t>(sum >> 64);
    }
    out.limbs_[i + right.size()] = carry;
  }
  if (a.negative() != b.negative()) NegateLimbs(&out.limbs_);
  return out;
}

double Dyadic::ToDouble() const {
  constexpr int64_t kLowestExponent = -1074;
  const std::vector<uint64_t> limbs = Magnitude(limbs_);
  int64_t length = static_cast<int64_t>(limbs.size()) * kLimbBits;
  for (size_t i = limbs.size(); i-- > 0 && limbs[i] == 0;) length -= kLimbBits;
  if (length == 0) return 0;
  length -= std::countl_zero(limbs[static_cast<size_t>(length / kLimbBits - 1)]);
  const int64_t exponent = low_ * kLimbBits + length - 1;  // 2^exponent <= |value|
  const double sign = negative() ? -1 : 1;
  if (exponent > 1023) return sign * std::numeric_limits<double>::infinity();
  const int64_t precision = std::min<int64_t>(53, exponent - kLowestExponent + 1);
  if (precision < 0) return sign * 0.0;

  const auto bit = [&limbs](int64_t i) {
    return i < 0 ? 0 : limbs[static_cast<size_t>(i / kLimbBits)] >> (i % kLimbBits) & 1;
  };
  uint64_t digits = 0;
  int64_t i = length - 1;
  for (; i >= length - precision; --i) digits = digits << 1 | bit(i);
  const bool half = bit(i) != 0;
  bool sticky = false;
  for (--i; i >= 0 && !sticky; --i) sticky = bit(i) != 0;
  if (half && (sticky || (digits & 1) != 0)) ++digits;
  const double magnitude =
      std::ldexp(static_cast<double>(digits), static_cast<int>(exponent - precision + 1));
  return sign * magnitude;
}

std::string Dyadic::IntegerText() const {
  constexpr uint64_t kChunk = 10'000'000'000'000'000'000u;
  constexpr size_t kChunkDigits = 19;
  std::vector<uint64_t> limbs = Magnitude(limbs_);
  if (low_ > 0) limbs.insert(limbs.begin(), static_cast<size_t>(low_), 0);
  const auto fraction = std::min(static_cast<size_t>(std::max<int64_t>(0, -low_)), limbs.size());
  limbs.erase(limbs.begin(), limbs.begin() + static_cast<std::ptrdiff_t>(fraction));
  std::string text;
  while (!IsZero(limbs)) {
    std::string chunk = std::to_string(DivideBy(kChunk, &limbs));
    if (!IsZero(limbs)) chunk.insert(0, kChunkDigits - chunk.size(), '0');
    text.insert(0, chunk);
  }
  if (text.empty()) return "0";
  return negative() ? "-" + text : text;
}

void AppendScaledInteger(std::string_view bytes, int64_t position, std::string* out) {
  const size_t skip = bytes.find_first_not_of('\0');
  if (skip == std::string_view::npos) {
    out->push_back('\0');
    return;
  }
  // Sums of what is read have positions that can be read again.
  const int64_t most = std::max<int64_t>(0, kDyadicPositionMax - position);
  const auto skipped = std::min(static_cast<int64_t>(skip), most);
  bytes.remove_prefix(static_cast<size_t>(skipped));
  position += skipped;
  const char sign = static_cast<signed char>(bytes.back()) < 0 ? '\xFF' : '\0';
  while (bytes.size() > 1 && bytes.back() == sign &&
         (static_cast<signed char>(bytes[bytes.size() - 2]) < 0) == (sign != '\0')) {
    bytes.remove_suffix(1);
  }
  AppendVarint(bytes.size(), out);
  AppendSigned(position, out);
  out->append(bytes);
}

void AppendDyadic(const Dyadic& number, std::string* out) {
  const auto* bytes = reinterpret_cast<const char*>(number.limbs_.data());
  AppendScaledInteger({bytes, number.limbs_.size() * 8}, number.low_ * 8, out);
}

bool ReadScaledInteger(std::string_view* in, std::string_view* bytes, int64_t* position) {
  uint64_t size;
  *bytes = {};
  *position = 0;
  if (!ReadVarint(in, &size)) return false;
  if (size == 0) return true;
  if (!ReadSigned(in, position) || *position > kDyadicPositionMax ||
      *position < -kDyadicPositionMax || size > in->size()) {
    return false;
  }
  *bytes = in->substr(0, size);
  in->remove_prefix(size);
  if (bytes->front() == '\0' && *position != kDyadicPositionMax) return false;
  if (size == 1) return true;
  const char top = bytes->back();
  const bool below_is_negative = static_cast<signed char>((*bytes)[size - 2]) < 0;
  return !(top == '\0' && !below_is_negative) && !(top == '\xFF' && below_is_negative);
}

}  // namespace murmur
