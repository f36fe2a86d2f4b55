#include "murmur/key.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "base/civil_time.h"
#include "base/decimal.h"
#include "base/key_number.h"

namespace murmur {
namespace {

constexpr uint64_t kSignBit = uint64_t{1} << 63;
constexpr char kEnd = '\0';
constexpr int kResidualText = 0x8000;

void AppendBigEndian(uint64_t v, size_t bytes, std::string* out) {
  for (size_t i = bytes; i-- > 0;) out->push_back(static_cast<char>(v >> (8 * i)));
}

uint64_t ReadBigEndian(const char* p, size_t bytes) {
  uint64_t v = 0;
  for (size_t i = 0; i < bytes; ++i) v = v << 8 | static_cast<unsigned char>(p[i]);
  return v;
}

double FromOrderedBits(uint64_t ordered) {
  return std::bit_cast<double>(ordered & kSignBit ? ordered & ~kSignBit : ~ordered);
}

void AppendEscaped(std::string_view text, std::string* out) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= 1) {
      out->push_back('\1');
      out->push_back(static_cast<char>(c + 1));
    } else {
      out->push_back(c);
    }
  }
  out->push_back(kEnd);
}

bool ReadEscaped(std::string_view* in, std::string* out) {
  size_t i = 0;
  for (; i < in->size() && (*in)[i] != kEnd; ++i) {
    char c = (*in)[i];
    if (c == '\1') {
      if (++i == in->size()) return false;
      c = static_cast<char>((*in)[i] - 1);
    }
    out->push_back(c);
  }
  if (i == in->size()) return false;
  in->remove_prefix(i + 1);
  return true;
}

void AppendNumber(double nearest, int residual, std::string* out) {
  std::array<char, kKeyNumberBytes> bytes;
  WriteKeyNumber(nearest, residual, bytes.data());
  out->append(bytes.data(), bytes.size());
}

void AppendInt(int64_t v, std::string* out) {
  std::array<char, kKeyNumberBytes> bytes;
  WriteKeyInt(v, bytes.data());
  out->append(bytes.data(), bytes.size());
}

void AppendDouble(double v, std::string* out) {
  // An integral double is the integer's key; -0.0 is 0.
  if (v == std::trunc(v) && std::fabs(v) < 0x1p63) return AppendInt(static_cast<int64_t>(v), out);
  AppendNumber(v, kResidualZero, out);
}

void AppendDecimal(const Cell& cell, std::string* out) {
  Int128 unscaled = cell.decimal();
  int scale = cell.scale;
  StripTrailingZeros(&unscaled, &scale);
  if (scale == 0 && FitsInt64(unscaled)) {
    return AppendInt(static_cast<int64_t>(unscaled), out);
  }
  const double nearest = NearestDouble(unscaled, scale);
  if (DecimalEqualsDouble(unscaled, scale, nearest)) return AppendDouble(nearest, out);
  AppendNumber(nearest, kResidualText, out);
  out->append(FormatDecimal(unscaled, scale));  // has no bytes to escape
  out->push_back(kEnd);
}

bool ReadNumber(std::string_view* in, KeyValue* value) {
  if (in->size() < 10) return false;
  const double nearest = FromOrderedBits(ReadBigEndian(in->data(), 8));
  const int residual = static_cast<int>(ReadBigEndian(in->data() + 8, 2));
  in->remove_prefix(10);
  if (residual == kResidualText) {
    value->kind = Kind::kDecimal;
    return ReadEscaped(in, &value->text);
  }
  if (nearest == std::trunc(nearest) && std::fabs(nearest) <= 0x1p63) {
    const Int128 exact = static_cast<Int128>(nearest) + (residual - kResidualZero);
    if (FitsInt64(exact)) {
      value->kind = Kind::kInt;
      value->i = static_cast<int64_t>(exact);
      return true;
    }
  }
  value->kind = Kind::kDouble;
  value->d = nearest;
  return residual == kResidualZero;
}

bool ReadPart(std::string_view* in, KeyValue* value) {
  const char tag = in->front();
  in->remove_prefix(1);
  switch (tag) {
    case '\1': value->kind = Kind::kNull; return true;
    case '\2':
    case '\3':
      value->kind = Kind::kBool;
      value->i = tag - '\2';
      return true;
    case '\4': return ReadNumber(in, value);
    case '\5':
      if (in->size() < 8) return false;
      value->kind = Kind::kTime;
      value->i = static_cast<int64_t>(ReadBigEndian(in->data(), 8) ^ kSignBit);
      in->remove_prefix(8);
      return true;
    case '\6': value->kind = Kind::kString; return ReadEscaped(in, &value->text);
    default: return false;
  }
}

}  // namespace

void AppendKeyPart(const Cell& cell, std::string* key) {
  switch (cell.kind) {
    case Kind::kNull: key->push_back('\1'); return;
    case Kind::kBool: key->push_back(static_cast<char>('\2' + cell.i)); return;
    case Kind::kInt: return AppendInt(cell.i, key);
    case Kind::kDouble: return AppendDouble(cell.d, key);
    case Kind::kDecimal: return AppendDecimal(cell, key);
    case Kind::kTime:
      key->push_back('\5');
      AppendBigEndian(static_cast<uint64_t>(cell.i) ^ kSignBit, 8, key);
      return;
    case Kind::kString:
    case Kind::kJson:
      key->push_back('\6');
      AppendEscaped(cell.text(), key);
      return;
  }
}

bool AppendKeyPart(const KeyValue& value, std::string* key) {
  Int128 unscaled = 0;
  int scale = 0;
  switch (value.kind) {
    case Kind::kNull: AppendKeyPart(Cell::Null(), key); return true;
    case Kind::kBool: AppendKeyPart(Cell::Bool(value.i != 0), key); return true;
    case Kind::kInt: AppendInt(value.i, key); return true;
    case Kind::kDouble: AppendDouble(value.d, key); return true;
    case Kind::kTime: AppendKeyPart(Cell::Time(value.i), key); return true;
    case Kind::kString:
    case Kind::kJson: AppendKeyPart(Cell::String(value.text), key); return true;
    case Kind::kDecimal:
      if (!ParseDecimal(value.text, &unscaled, &scale)) return false;
      AppendKeyPart(Cell::Decimal(&unscaled, static_cast<uint8_t>(scale)), key);
      return true;
  }
  return false;
}

void AppendBucket(int64_t bucket, std::string* key) {
  AppendBigEndian(static_cast<uint64_t>(bucket + kBucketBias), kBucketBytes, key);
}

int64_t BucketOfKey(std::string_view key) noexcept {
  return static_cast<int64_t>(ReadBigEndian(key.data() + key.size() - kBucketBytes, kBucketBytes)) -
         kBucketBias;
}

Result<DecodedKey> DecodeKey(std::string_view key, bool windowed) {
  const Status damaged(Code::kDataLoss, "a state key is damaged");
  if (key.empty() || static_cast<unsigned char>(key[0]) < kKeyBase) return damaged;
  DecodedKey out;
  out.rollup = static_cast<unsigned char>(key[0]) - kKeyBase;
  if (out.rollup >= kRollupsMax) return damaged;
  if (windowed) {
    if (key.size() < 1 + kBucketBytes) return damaged;
    out.bucket = BucketOfKey(key);
    key.remove_suffix(kBucketBytes);
  }
  key.remove_prefix(1);
  while (!key.empty()) {
    if (!ReadPart(&key, &out.parts.emplace_back())) return damaged;
  }
  return out;
}

std::string FormatTime(int64_t micros) {
  if (micros == kTimeInfinity) return "infinity";
  if (micros == kTimeMinusInfinity) return "-infinity";
  const CivilDate date = DateOf(micros);
  std::string out = fmt::format("{}{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", date.year < 0 ? "-" : "",
                                std::abs(date.year), date.month, date.day, HourOf(micros),
                                MinuteOf(micros), SecondOf(micros));
  if (const int64_t fraction = MicrosOfDay(micros) % kMicrosPerSecond; fraction != 0) {
    out += fmt::format(".{:06}", fraction);
    while (out.back() == '0') out.pop_back();
  }
  return out += 'Z';
}

}  // namespace murmur
