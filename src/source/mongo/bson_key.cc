#include "source/mongo/bson_key.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/hex.h"

namespace murmur {
namespace {

constexpr int kDepthMax = 200;  // the server's limit
constexpr std::string_view kIdName = "_id";
constexpr const char* kBytesName = "$bson";

// Steps of 8 leave room for types in between. 0 ends a document, and is below them all.
uint8_t OrderOf(bson_type_t type) {
  switch (type) {
    case BSON_TYPE_MINKEY: return 0x08;
    case BSON_TYPE_UNDEFINED: return 0x10;
    case BSON_TYPE_NULL: return 0x18;
    case BSON_TYPE_DOUBLE:
    case BSON_TYPE_INT32:
    case BSON_TYPE_INT64:
    case BSON_TYPE_DECIMAL128: return 0x20;
    case BSON_TYPE_UTF8:
    case BSON_TYPE_SYMBOL: return 0x28;
    case BSON_TYPE_DOCUMENT: return 0x30;
    case BSON_TYPE_ARRAY: return 0x38;
    case BSON_TYPE_BINARY: return 0x40;
    case BSON_TYPE_OID: return 0x48;
    case BSON_TYPE_BOOL: return 0x50;
    case BSON_TYPE_DATE_TIME: return 0x58;
    case BSON_TYPE_TIMESTAMP: return 0x60;
    case BSON_TYPE_REGEX: return 0x68;
    case BSON_TYPE_DBPOINTER: return 0x70;
    case BSON_TYPE_CODE: return 0x78;
    case BSON_TYPE_CODEWSCOPE: return 0x80;
    case BSON_TYPE_MAXKEY: return 0xF8;
    case BSON_TYPE_EOD: break;
  }
  return 0;
}

enum NumberClass : char {
  kNaN = 1,
  kMinusInfinity = 2,
  kNegative = 3,
  kZero = 4,
  kPositive = 5,
  kPlusInfinity = 6,
};

template <class Unsigned>
void AppendBigEndian(Unsigned value, std::string* key) {
  for (size_t shift = 8 * sizeof(value); shift > 0; shift -= 8) {
    key->push_back(static_cast<char>(value >> (shift - 8) & 0xFF));
  }
}

void AppendTerminated(std::string_view text, std::string* key) {
  key->append(text);
  key->push_back('\0');
}

void AppendString(std::string_view text, std::string* key) {
  constexpr std::string_view kEscaped("\x00\x01", 2);
  for (;;) {
    const size_t plain = std::min(text.find_first_of(kEscaped), text.size());
    key->append(text.substr(0, plain));
    if (plain == text.size()) break;
    key->push_back('\x01');
    key->push_back(text[plain] == '\0' ? '\x01' : '\x02');
    text.remove_prefix(plain + 1);
  }
  key->push_back('\0');
}

// 0.digits * 10^exponent. REQUIRES: the first digit is not 0
void AppendMagnitude(bool negative, std::string_view digits, int exponent, std::string* key) {
  constexpr int kExponentBias = 1 << 15;
  digits = digits.substr(0, digits.find_last_not_of('0') + 1);
  key->push_back(negative ? kNegative : kPositive);
  const size_t begin = key->size();
  AppendBigEndian(static_cast<uint16_t>(exponent + kExponentBias), key);
  for (size_t i = 0; i < digits.size(); i += 2) {
    const int second = i + 1 < digits.size() ? digits[i + 1] - '0' : 0;
    key->push_back(static_cast<char>((digits[i] - '0') * 10 + second + 1));
  }
  key->push_back('\0');
  if (!negative) return;
  for (size_t i = begin; i < key->size(); ++i) (*key)[i] = static_cast<char>(~(*key)[i]);
}

void AppendInteger(int64_t value, std::string* key) {
  if (value == 0) {
    key->push_back(kZero);
    return;
  }
  const auto bits = static_cast<uint64_t>(value);
  char digits[20];
  const char* end =
      std::to_chars(digits, digits + sizeof digits, value < 0 ? uint64_t{0} - bits : bits).ptr;
  const auto size = static_cast<size_t>(end - digits);
  AppendMagnitude(value < 0, {digits, size}, static_cast<int>(size), key);
}

void AppendDouble(double value, std::string* key) {
  constexpr double kTwoTo63 = 9223372036854775808.0;
  if (std::isnan(value)) {
    key->push_back(kNaN);
  } else if (std::isinf(value)) {
    key->push_back(value < 0 ? kMinusInfinity : kPlusInfinity);
  } else if (std::fabs(value) < kTwoTo63 && std::trunc(value) == value) {
    AppendInteger(static_cast<int64_t>(value), key);
  } else {
    // No double has more than 767 digits, so these are all: "d.ddd…e-05".
    constexpr int kDecimals = 766;
    char text[kDecimals + 16];
    const char* end = std::to_chars(text, text + sizeof text, std::fabs(value),
                                    std::chars_format::scientific, kDecimals)
                          .ptr;
    const char* e = text + 2 + kDecimals;
    int exponent = 0;
    std::from_chars(e[1] == '+' ? e + 2 : e + 1, end, exponent);
    text[1] = text[0];  // closes the gap of the point
    AppendMagnitude(value < 0, {text + 1, 1 + kDecimals}, exponent + 1, key);
  }
}

void AppendDecimal(const bson_decimal128_t& value, std::string* key) {
  const DecimalParts parts = SplitDecimal(value);
  if (parts.form == DecimalParts::Form::kNaN) {
    key->push_back(kNaN);
  } else if (parts.form == DecimalParts::Form::kInfinite) {
    key->push_back(parts.negative ? kMinusInfinity : kPlusInfinity);
  } else if (parts.digits == 0) {
    key->push_back(kZero);
  } else {
    char digits[40];
    char* const end = digits + sizeof digits;
    char* begin = end;
    for (Int128 rest = parts.digits; rest != 0; rest /= 10) {
      *--begin = static_cast<char>('0' + static_cast<int>(rest % 10));
    }
    const auto size = static_cast<size_t>(end - begin);
    AppendMagnitude(parts.negative, {begin, size}, static_cast<int>(size) + parts.exponent, key);
  }
}

void AppendNumber(const bson_iter_t* value, std::string* key) {
  switch (bson_iter_type(value)) {
    case BSON_TYPE_INT32: return AppendInteger(bson_iter_int32(value), key);
    case BSON_TYPE_INT64: return AppendInteger(bson_iter_int64(value), key);
    case BSON_TYPE_DOUBLE: return AppendDouble(bson_iter_double(value), key);
    default: break;
  }
  bson_decimal128_t decimal;
  bson_iter_decimal128(value, &decimal);
  AppendDecimal(decimal, key);
}

void AppendBinary(const bson_iter_t* value, std::string* key) {
  bson_subtype_t subtype;
  uint32_t size = 0;
  const uint8_t* data = nullptr;
  bson_iter_binary(value, &subtype, &size, &data);
  // The deprecated binary subtype repeats its length before the bytes. The server counts it;
  // libbson has removed it.
  const uint32_t stored = size + (subtype == BSON_SUBTYPE_BINARY_DEPRECATED ? 4 : 0);
  AppendBigEndian(stored, key);
  key->push_back(static_cast<char>(subtype));
  key->append(reinterpret_cast<const char*>(data), size);
}

void AppendOid(const bson_oid_t* oid, std::string* key) {
  key->append(reinterpret_cast<const char*>(oid->bytes), sizeof oid->bytes);
}

void AppendDbPointer(const bson_iter_t* value, std::string* key) {
  uint32_t size = 0;
  const char* name = nullptr;
  const bson_oid_t* oid = nullptr;
  bson_iter_dbpointer(value, &size, &name, &oid);
  AppendBigEndian(size, key);
  key->append(name, size);
  AppendOid(oid, key);
}

void AppendTimestamp(const bson_iter_t* value, std::string* key) {
  uint32_t seconds = 0;
  uint32_t increment = 0;
  bson_iter_timestamp(value, &seconds, &increment);
  AppendBigEndian(seconds, key);
  AppendBigEndian(increment, key);
}

void AppendRegex(const bson_iter_t* value, std::string* key) {
  const char* options = nullptr;
  const char* pattern = bson_iter_regex(value, &options);
  AppendTerminated(pattern, key);
  AppendTerminated(options, key);
}

// A string, symbol or code.
std::string_view TextOf(const bson_iter_t* value) {
  uint32_t size = 0;
  const char* text = nullptr;
  switch (bson_iter_type(value)) {
    case BSON_TYPE_SYMBOL: text = bson_iter_symbol(value, &size); break;
    case BSON_TYPE_CODE: text = bson_iter_code(value, &size); break;
    default: text = bson_iter_utf8(value, &size); break;
  }
  return {text, size};
}

Status AppendValue(const bson_iter_t* value, int depth, std::string* key);

// The elements of a document, `named`, or of an array.
Status AppendElements(BsonBytes bytes, bool named, int depth, std::string* key) {
  if (depth >= kDepthMax) {
    return Status(Code::kUnimplemented,
                  fmt::format("a key of documents nested more than {} deep", kDepthMax));
  }
  bool valid = true;
  Status status;
  ForEachBsonElement(bytes.data, bytes.size, &valid, [&](const bson_iter_t* element) {
    key->push_back(static_cast<char>(OrderOf(bson_iter_type(element))));
    if (named) AppendTerminated(bson_iter_key(element), key);
    status = AppendValue(element, depth + 1, key);
    return status.ok();
  });
  if (!valid) return Status(Code::kDataLoss, "a key that is no valid BSON");
  key->push_back('\0');
  return status;
}

Status AppendCodeWithScope(const bson_iter_t* value, int depth, std::string* key) {
  uint32_t size = 0;
  BsonBytes scope;
  const char* code = bson_iter_codewscope(value, &size, &scope.size, &scope.data);
  AppendString({code, size}, key);
  return AppendElements(scope, true, depth, key);
}

// The bytes after the type.
Status AppendValue(const bson_iter_t* value, int depth, std::string* key) {
  switch (bson_iter_type(value)) {
    case BSON_TYPE_DOUBLE:
    case BSON_TYPE_INT32:
    case BSON_TYPE_INT64:
    case BSON_TYPE_DECIMAL128: AppendNumber(value, key); break;
    case BSON_TYPE_UTF8:
    case BSON_TYPE_SYMBOL:
    case BSON_TYPE_CODE: AppendString(TextOf(value), key); break;
    case BSON_TYPE_DOCUMENT: return AppendElements(EmbeddedBson(value), true, depth, key);
    case BSON_TYPE_ARRAY: return AppendElements(EmbeddedBson(value), false, depth, key);
    case BSON_TYPE_BINARY: AppendBinary(value, key); break;
    case BSON_TYPE_OID: AppendOid(bson_iter_oid(value), key); break;
    case BSON_TYPE_BOOL: key->push_back(bson_iter_bool(value) ? '\1' : '\0'); break;
    case BSON_TYPE_DATE_TIME:
      AppendBigEndian(static_cast<uint64_t>(bson_iter_date_time(value)) ^ (uint64_t{1} << 63), key);
      break;
    case BSON_TYPE_TIMESTAMP: AppendTimestamp(value, key); break;
    case BSON_TYPE_REGEX: AppendRegex(value, key); break;
    case BSON_TYPE_DBPOINTER: AppendDbPointer(value, key); break;
    case BSON_TYPE_CODEWSCOPE: return AppendCodeWithScope(value, depth, key);
    case BSON_TYPE_MINKEY:
    case BSON_TYPE_UNDEFINED:
    case BSON_TYPE_NULL:
    case BSON_TYPE_MAXKEY:
    case BSON_TYPE_EOD: break;
  }
  return Status();
}

std::string BytesAsJson(const BsonDocument& document) {
  const std::string_view bytes(reinterpret_cast<const char*>(document.data()), document.size());
  return fmt::format(R"({{ "{}" : "{}" }})", kBytesName, ToHex(bytes));
}

Status NotAValue(std::string_view json, std::string_view why) {
  return Status(Code::kInvalidArgument, fmt::format("'{}' is no value of BSON: {}", json, why));
}

// {"_id": value}, bit by bit: libbson's own copy sorts the options of a regex, drops unknown ones,
// and ends code at a NUL.
BsonDocument IdDocument(const bson_iter_t* value) {
  const char* const name = bson_iter_key(value);
  const auto* const begin = reinterpret_cast<const uint8_t*>(name) + std::strlen(name) + 1;
  const uint8_t* const end = value->raw + value->next_off;
  std::string bytes(sizeof(int32_t), '\0');
  bytes.push_back(static_cast<char>(bson_iter_type(value)));
  bytes.append(kIdName).push_back('\0');
  bytes.append(reinterpret_cast<const char*>(begin), static_cast<size_t>(end - begin));
  bytes.push_back('\0');
  for (size_t i = 0; i < sizeof(int32_t); ++i) {
    bytes[i] = static_cast<char>(bytes.size() >> (8 * i));
  }
  bson_t* const copy =
      bson_new_from_data(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  return copy == nullptr ? BsonDocument() : BsonDocument(copy);
}

// Whether `document` is only {"_id": …}; sets *value to the _id.
bool FindOnlyId(const BsonDocument& document, bson_iter_t* value) {
  return bson_count_keys(document.get()) == 1 &&
         bson_iter_init_find(value, document.get(), kIdName.data());
}

// The hex of {"$bson": hex}, or null.
const char* HexOf(const bson_iter_t* value, uint32_t* size) {
  bson_iter_t bytes;
  if (!BSON_ITER_HOLDS_DOCUMENT(value) || !bson_iter_recurse(value, &bytes)) return nullptr;
  if (!bson_iter_next(&bytes) || !BSON_ITER_HOLDS_UTF8(&bytes)) return nullptr;
  if (std::strcmp(bson_iter_key(&bytes), kBytesName) != 0) return nullptr;
  const char* hex = bson_iter_utf8(&bytes, size);
  return bson_iter_next(&bytes) ? nullptr : hex;
}

Result<BsonDocument> BytesFromHex(std::string_view json, std::string_view hex) {
  std::string bytes;
  if (!FromHex(hex, &bytes)) return NotAValue(json, "damaged hex digits");
  bson_t* parsed = bson_new_from_data(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (parsed == nullptr) return NotAValue(json, "damaged bytes");
  BsonDocument document(parsed);
  bson_iter_t value;
  if (!FindOnlyId(document, &value)) return NotAValue(json, "damaged bytes");
  return document;
}

}  // namespace

Status AppendBsonKey(const bson_iter_t* value, std::string* key) {
  const size_t begin = key->size();
  key->push_back(static_cast<char>(OrderOf(bson_iter_type(value))));
  Status status = AppendValue(value, 0, key);
  if (!status.ok()) key->resize(begin);
  return status;
}

Status AppendIdKey(const bson_t* document, std::string* key) {
  bson_iter_t id;
  if (!bson_iter_init_find(&id, document, "_id")) {
    return Status(Code::kDataLoss, "a document without _id");
  }
  return AppendBsonKey(&id, key);
}

std::string BsonValueAsJson(const bson_iter_t* value) {
  constexpr std::string_view kBegin = "{ \"_id\" : ";
  constexpr std::string_view kEnd = " }";
  const BsonDocument document = IdDocument(value);
  size_t size = 0;
  const BsonText text(bson_as_canonical_extended_json(document.get(), &size));
  if (text != nullptr && size >= kBegin.size() + kEnd.size()) {
    const std::string_view json(text.get() + kBegin.size(), size - kBegin.size() - kEnd.size());
    const auto again = BsonValueFromJson(json);
    if (again.ok() && bson_equal(again->get(), document.get())) return std::string(json);
  }
  return BytesAsJson(document);
}

Result<BsonDocument> BsonValueFromJson(std::string_view json) {
  const std::string text = fmt::format("{{\"{}\":{}}}", kIdName, json);
  bson_error_t error;
  bson_t* parsed = bson_new_from_json(reinterpret_cast<const uint8_t*>(text.data()),
                                      static_cast<ssize_t>(text.size()), &error);
  if (parsed == nullptr) return NotAValue(json, error.message);
  BsonDocument document(parsed);
  bson_iter_t value;
  if (!FindOnlyId(document, &value)) return NotAValue(json, "more than one value");
  uint32_t size = 0;
  if (const char* hex = HexOf(&value, &size)) return BytesFromHex(json, {hex, size});
  return document;
}

}  // namespace murmur
