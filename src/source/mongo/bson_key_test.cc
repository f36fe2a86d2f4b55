#include "source/mongo/bson_key.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace murmur {
namespace {

BsonDocument Parse(std::string_view json) {
  auto document = BsonValueFromJson(json);
  EXPECT_TRUE(document.ok()) << document.status().ToString();
  return document.ok() ? std::move(*document) : BsonDocument();
}

bson_iter_t First(const BsonDocument& document) {
  bson_iter_t value;
  EXPECT_TRUE(bson_iter_init(&value, document.get()) && bson_iter_next(&value));
  return value;
}

std::string KeyOf(const BsonDocument& document) {
  const bson_iter_t value = First(document);
  std::string key;
  const Status status = AppendBsonKey(&value, &key);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return key;
}

std::string JsonOf(const BsonDocument& document) {
  const bson_iter_t value = First(document);
  return BsonValueAsJson(&value);
}

int Sign(int64_t v) { return v < 0 ? -1 : v > 0; }
int CompareKeys(const std::string& a, const std::string& b) { return Sign(a.compare(b)); }

// In ascending order; values in one line are one key.
const std::vector<std::vector<std::string>>& SortedValues() {
  static const std::vector<std::vector<std::string>> values = {
      {R"({"$minKey": 1})"},
      {R"({"$undefined": true})"},
      {"null"},
      {R"({"$numberDouble": "NaN"})", R"({"$numberDecimal": "NaN"})"},
      {R"({"$numberDouble": "-Infinity"})", R"({"$numberDecimal": "-Infinity"})"},
      {R"({"$numberDecimal": "-9.999999999999999999999999999999999E+6144"})"},
      {R"({"$numberDecimal": "-1E+309"})"},
      {R"({"$numberDouble": "-1.7976931348623157e308"})"},
      {R"({"$numberDouble": "-9223372036854777856"})"},
      {R"({"$numberDecimal": "-9223372036854775809"})"},
      {R"({"$numberLong": "-9223372036854775808"})", R"({"$numberDouble": "-9223372036854775808"})",
       R"({"$numberDecimal": "-9223372036854775808"})"},
      {R"({"$numberLong": "-9223372036854775807"})"},
      {R"({"$numberInt": "-2147483648"})", R"({"$numberLong": "-2147483648"})"},
      {"-100", R"({"$numberDecimal": "-1E+2"})"},
      {R"({"$numberDecimal": "-99.99999999999999999999999999999999"})"},
      {"-12"},
      {"-11"},
      {"-10"},
      {"-2"},
      {R"({"$numberDouble": "-1.5"})", R"({"$numberDecimal": "-1.50"})"},
      {"-1"},
      {R"({"$numberDecimal": "-0.1"})"},
      {R"({"$numberDouble": "-4.9406564584124654e-324"})"},
      {R"({"$numberDecimal": "-1E-6176"})"},
      {"0", R"({"$numberDouble": "-0.0"})", R"({"$numberDecimal": "-0E+6111"})",
       R"({"$numberLong": "0"})", R"({"$numberDecimal": "0.00"})"},
      {R"({"$numberDecimal": "1E-6176"})"},
      {R"({"$numberDecimal": "4.940656458412465441765687928682213E-324"})"},
      {R"({"$numberDouble": "4.9406564584124654e-324"})"},
      {R"({"$numberDecimal": "4.940656458412465441765687928682214E-324"})"},
      {R"({"$numberDecimal": "0.1"})"},
      {R"({"$numberDouble": "0.1"})"},  // 0.1000000000000000055…
      {R"({"$numberDecimal": "0.10000000000000001"})"},
      {"1", R"({"$numberDouble": "1.0"})", R"({"$numberDecimal": "1.00"})",
       R"({"$numberLong": "1"})"},
      {R"({"$numberDecimal": "1.000000000000000000000000000000001"})"},
      {R"({"$numberDouble": "1.0000000000000002"})"},
      {"2"},
      {"9"},
      {"10", R"({"$numberDecimal": "1E1"})"},
      {R"({"$numberDecimal": "10.01"})"},
      {R"({"$numberDecimal": "10.1"})"},
      {"11"},
      {"99"},
      {"100"},
      {"101"},
      {R"({"$numberLong": "9007199254740992"})", R"({"$numberDouble": "9007199254740992"})"},
      {R"({"$numberLong": "9007199254740993"})"},
      {R"({"$numberLong": "9223372036854775807"})"},
      {R"({"$numberDouble": "9223372036854775808"})",
       R"({"$numberDecimal": "9223372036854775808"})"},
      {R"({"$numberDouble": "1e22"})", R"({"$numberDecimal": "1E+22"})"},
      {R"({"$numberDecimal": "1E+23"})"},
      {R"({"$numberDouble": "1.7976931348623157e308"})"},
      {R"({"$numberDecimal": "1E+6144"})"},
      {R"({"$numberDouble": "Infinity"})", R"({"$numberDecimal": "Infinity"})"},
      {R"("")"},
      {R"("\u0000")"},
      {R"("\u0000\u0000")"},
      {R"("\u0000\u0001")"},
      {R"("\u0001")"},
      {R"("\u0002")"},
      {R"("A")"},
      {R"("a")", R"({"$symbol": "a"})"},
      {R"("a\u0000")"},
      {R"("a\u0000b")"},
      {R"("a\u0001")"},
      {R"("aa")"},
      {R"("b")"},
      {R"("é")"},
      {"{}"},
      {R"({"a": {"$minKey": 1}})"},
      {R"({"z": null})"},
      {R"({"a": 1})", R"({"a": {"$numberDecimal": "1.0"}})"},
      {R"({"a": 1, "b": 1})"},
      {R"({"a": 1, "c": 1})"},
      {R"({"a": 1, "b": "x"})"},
      {R"({"a": 2})"},
      {R"({"aa": 0})"},
      {R"({"b": 0})"},
      {R"({"a": "x"})"},
      {R"({"a": "x\u0000"})"},
      {R"({"a": "x\u0000", "b": 1})"},
      {R"({"a": "xa"})"},
      {R"({"a": {}})"},
      {R"({"a": {"b": 1}})"},
      {R"({"a": {"b": 1}, "b": 1})"},
      {R"({"a": {"b": 1, "c": 1}})"},
      {R"({"a": {"$maxKey": 1}})"},
      {"[]"},
      {"[null]"},
      {"[1]"},
      {"[1, 2]"},
      {"[1, 2, 3]"},
      {"[1, [0]]"},
      {"[2]"},
      {R"({"$binary": {"base64": "", "subType": "00"}})"},
      {R"({"$binary": {"base64": "AA==", "subType": "00"}})"},
      {R"({"$binary": {"base64": "/w==", "subType": "00"}})"},
      {R"({"$binary": {"base64": "AA==", "subType": "05"}})"},
      {R"({"$binary": {"base64": "AA==", "subType": "80"}})"},
      {R"({"$binary": {"base64": "AAA=", "subType": "00"}})"},
      {R"({"$binary": {"base64": "AAAAAAA=", "subType": "00"}})"},
      {R"({"$binary": {"base64": "AA==", "subType": "02"}})"},  // stored as five bytes
      {R"({"$binary": {"base64": "AAAAAAA=", "subType": "03"}})"},
      {R"({"$oid": "000000000000000000000000"})"},
      {R"({"$oid": "65f000000000000000000001"})"},
      {R"({"$oid": "65f000000000000000000002"})"},
      {R"({"$oid": "ffffffffffffffffffffffff"})"},
      {"false"},
      {"true"},
      {R"({"$date": {"$numberLong": "-9223372036854775808"}})"},
      {R"({"$date": {"$numberLong": "-1"}})"},
      {R"({"$date": {"$numberLong": "0"}})"},
      {R"({"$date": {"$numberLong": "9223372036854775807"}})"},
      {R"({"$timestamp": {"t": 1, "i": 4294967295}})"},
      {R"({"$timestamp": {"t": 2, "i": 0}})"},
      {R"({"$timestamp": {"t": 4294967295, "i": 0}})"},
      {R"({"$regularExpression": {"pattern": "", "options": ""}})"},
      {R"({"$regularExpression": {"pattern": "a", "options": ""}})"},
      {R"({"$regularExpression": {"pattern": "a", "options": "i"}})"},
      {R"({"$regularExpression": {"pattern": "ab", "options": ""}})"},
      {R"({"$dbPointer": {"$ref": "b", "$id": {"$oid": "65f000000000000000000001"}}})"},
      {R"({"$dbPointer": {"$ref": "aa", "$id": {"$oid": "65f000000000000000000001"}}})"},
      {R"({"$code": ""})"},
      {R"({"$code": "f;"})"},
      {R"({"$code": "f", "$scope": {}})"},
      {R"({"$code": "f", "$scope": {"a": 1}})"},
      {R"({"$code": "ff", "$scope": {}})"},
      {R"({"$maxKey": 1})"},
  };
  return values;
}

TEST(BsonKeyTest, BytesOrderAsMongoOrders) {
  const auto& values = SortedValues();
  for (size_t i = 0; i < values.size(); ++i) {
    for (const std::string& a : values[i]) {
      const std::string key = KeyOf(Parse(a));
      for (size_t j = 0; j < values.size(); ++j) {
        for (const std::string& b : values[j]) {
          const int expected = i < j ? -1 : i > j;
          EXPECT_EQ(CompareKeys(key, KeyOf(Parse(b))), expected) << a << " and " << b;
        }
      }
    }
  }
}

TEST(BsonKeyTest, KeysHaveTheseBytes) {
  using std::string_literals::operator""s;
  EXPECT_EQ(KeyOf(Parse("0")), "\x20\x04");
  EXPECT_EQ(KeyOf(Parse("1")), "\x20\x05\x80\x01\x0B\0"s);
  EXPECT_EQ(KeyOf(Parse("-123")), "\x20\x03\x7F\xFC\xF2\xE0\xFF");
  EXPECT_EQ(KeyOf(Parse(R"("a\u0000\u0001")")), "\x28\x61\x01\x01\x01\x02\0"s);
  EXPECT_EQ(KeyOf(Parse(R"({"k": true})")), "\x30\x50k\0\x01\0"s);
  EXPECT_EQ(KeyOf(Parse("[false, null]")), "\x38\x50\0\x18\0"s);
  EXPECT_EQ(KeyOf(Parse(R"({"$oid": "0102030405060708090a0b0c"})")),
            "\x48\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C");
  EXPECT_EQ(KeyOf(Parse(R"({"$date": {"$numberLong": "1"}})")), "\x58\x80\0\0\0\0\0\0\x01"s);
}

TEST(BsonKeyTest, NoKeyIsThePrefixOfAnother) {
  std::vector<std::string> keys;
  for (const auto& equal : SortedValues()) keys.push_back(KeyOf(Parse(equal[0])));
  for (size_t i = 0; i + 1 < keys.size(); ++i) {
    EXPECT_FALSE(keys[i + 1].starts_with(keys[i])) << SortedValues()[i][0];
  }
}

TEST(BsonKeyTest, DecimalsThatAreNoCanonicalNumbersAreZero) {
  for (const uint64_t high : {uint64_t{0x6000000000000000}, uint64_t{0x3041FFFFFFFFFFFF}}) {
    bson_decimal128_t decimal;
    decimal.high = high;
    decimal.low = 1;
    BsonDocument document;
    bson_append_decimal128(document.get(), "_id", -1, &decimal);
    EXPECT_EQ(KeyOf(document), KeyOf(Parse("0")));
  }
}

TEST(BsonKeyTest, DamagedAndTooDeepDocumentsHaveNoKey) {
  BsonDocument deep;
  for (int i = 0; i < 202; ++i) {
    BsonDocument outer;
    bson_append_document(outer.get(), "a", 1, deep.get());
    deep = std::move(outer);
  }
  bson_iter_t value = First(deep);
  std::string key = "before";
  EXPECT_EQ(AppendBsonKey(&value, &key).code(), Code::kUnimplemented);
  EXPECT_EQ(key, "before");

  const BsonDocument outer = Parse(R"({"a": 1})");
  std::string bytes(reinterpret_cast<const char*>(outer.data()), outer.size());
  char* inner_type = &bytes[bytes.size() - 9];
  ASSERT_EQ(*inner_type, BSON_TYPE_INT32);
  *inner_type = 0x44;  // there is no such type
  ASSERT_TRUE(bson_iter_init_from_data(&value, reinterpret_cast<const uint8_t*>(bytes.data()),
                                       bytes.size()));
  ASSERT_TRUE(bson_iter_next(&value));
  EXPECT_EQ(AppendBsonKey(&value, &key).code(), Code::kDataLoss);
  EXPECT_EQ(key, "before");
}

// What follows compares values as the server's source says, and shares no code with the keys.

// A natural number, 32 bits a limb, the lowest first.
class Natural {
 public:
  explicit Natural(unsigned __int128 v) {
    for (; v != 0; v >>= 32) limbs_.push_back(static_cast<uint32_t>(v));
  }
  void Multiply(uint32_t factor, int times) {
    for (; times > 0 && !limbs_.empty(); --times) {
      uint64_t carry = 0;
      for (uint32_t& limb : limbs_) {
        carry += uint64_t{limb} * factor;
        limb = static_cast<uint32_t>(carry);
        carry >>= 32;
      }
      if (carry != 0) limbs_.push_back(static_cast<uint32_t>(carry));
    }
  }
  int Compare(const Natural& other) const {
    if (limbs_.size() != other.limbs_.size()) return limbs_.size() < other.limbs_.size() ? -1 : 1;
    for (size_t i = limbs_.size(); i-- > 0;) {
      if (limbs_[i] != other.limbs_[i]) return limbs_[i] < other.limbs_[i] ? -1 : 1;
    }
    return 0;
  }

 private:
  std::vector<uint32_t> limbs_;
};

// ±digits * 2^two * 10^ten; class_: NaN -2, -infinity -1, finite 0, infinity 1.
struct Number {
  int class_ = 0;
  bool negative = false;
  unsigned __int128 digits = 0;
  int two = 0;
  int ten = 0;
};

Number NumberFromText(const char* text) {
  Number number;
  if (std::strcmp(text, "NaN") == 0) return {.class_ = -2};
  number.negative = *text == '-';
  if (number.negative) ++text;
  if (std::strcmp(text, "Infinity") == 0) return {.class_ = number.negative ? -1 : 1};
  bool point = false;
  for (; *text != '\0' && *text != 'E'; ++text) {
    if (*text == '.') {
      point = true;
    } else {
      number.digits = number.digits * 10 + static_cast<unsigned>(*text - '0');
      number.ten -= point ? 1 : 0;
    }
  }
  if (*text == 'E') number.ten += std::atoi(text + 1);
  return number;
}

Number NumberOf(const bson_iter_t* value) {
  Number number;
  if (BSON_ITER_HOLDS_DECIMAL128(value)) {
    bson_decimal128_t decimal;
    bson_iter_decimal128(value, &decimal);
    char text[BSON_DECIMAL128_STRING];
    bson_decimal128_to_string(&decimal, text);
    return NumberFromText(text);
  }
  if (BSON_ITER_HOLDS_DOUBLE(value)) {
    const double d = bson_iter_double(value);
    if (std::isnan(d)) return {.class_ = -2};
    if (std::isinf(d)) return {.class_ = d < 0 ? -1 : 1};
    number.negative = d < 0;
    number.digits = static_cast<uint64_t>(std::ldexp(std::frexp(std::fabs(d), &number.two), 53));
    number.two -= 53;
    return number;
  }
  const int64_t v = bson_iter_as_int64(value);
  number.negative = v < 0;
  const auto wide = static_cast<__int128>(v);
  number.digits = static_cast<unsigned __int128>(v < 0 ? -wide : wide);
  return number;
}

int CompareNumbers(const Number& a, const Number& b) {
  if (a.class_ != b.class_ || a.class_ != 0) return Sign(a.class_ - b.class_);
  const int sign_a = a.digits == 0 ? 0 : a.negative ? -1 : 1;
  const int sign_b = b.digits == 0 ? 0 : b.negative ? -1 : 1;
  if (sign_a != sign_b) return Sign(sign_a - sign_b);
  Natural left(a.digits);
  Natural right(b.digits);
  left.Multiply(2, a.two - b.two);
  right.Multiply(2, b.two - a.two);
  left.Multiply(10, a.ten - b.ten);
  right.Multiply(10, b.ten - a.ten);
  return sign_a * left.Compare(right);
}

bool IsNumber(const bson_iter_t* value) {
  return BSON_ITER_HOLDS_NUMBER(value) || BSON_ITER_HOLDS_DECIMAL128(value);
}

int TypeRank(const bson_iter_t* value) {
  if (IsNumber(value)) return 10;
  switch (bson_iter_type(value)) {
    case BSON_TYPE_MINKEY: return -1;
    case BSON_TYPE_NULL: return 5;
    case BSON_TYPE_UTF8: return 15;
    case BSON_TYPE_DOCUMENT: return 20;
    case BSON_TYPE_ARRAY: return 25;
    case BSON_TYPE_OID: return 35;
    case BSON_TYPE_BOOL: return 40;
    case BSON_TYPE_DATE_TIME: return 45;
    case BSON_TYPE_MAXKEY: return 127;
    default: ADD_FAILURE(); return 0;
  }
}

int CompareValues(const bson_iter_t* a, const bson_iter_t* b, bool names) {
  if (TypeRank(a) != TypeRank(b)) return Sign(TypeRank(a) - TypeRank(b));
  if (names) {
    if (const int order = std::strcmp(bson_iter_key(a), bson_iter_key(b))) return Sign(order);
  }
  if (IsNumber(a)) return CompareNumbers(NumberOf(a), NumberOf(b));
  switch (bson_iter_type(a)) {
    case BSON_TYPE_UTF8: {
      uint32_t size_a;
      uint32_t size_b;
      const char* text_a = bson_iter_utf8(a, &size_a);
      const char* text_b = bson_iter_utf8(b, &size_b);
      const int order = std::memcmp(text_a, text_b, std::min(size_a, size_b));
      return order != 0 ? Sign(order) : Sign(int64_t{size_a} - size_b);
    }
    case BSON_TYPE_OID: return Sign(bson_oid_compare(bson_iter_oid(a), bson_iter_oid(b)));
    case BSON_TYPE_BOOL: return bson_iter_bool(a) - bson_iter_bool(b);
    case BSON_TYPE_DATE_TIME:
      return bson_iter_date_time(a) < bson_iter_date_time(b)
                 ? -1
                 : bson_iter_date_time(a) > bson_iter_date_time(b);
    default: break;
  }
  if (!BSON_ITER_HOLDS_DOCUMENT(a) && !BSON_ITER_HOLDS_ARRAY(a)) return 0;
  bson_iter_t in_a;
  bson_iter_t in_b;
  EXPECT_TRUE(bson_iter_recurse(a, &in_a) && bson_iter_recurse(b, &in_b));
  for (;;) {
    const bool more_a = bson_iter_next(&in_a);
    const bool more_b = bson_iter_next(&in_b);
    if (!more_a || !more_b) return more_a - more_b;
    if (const int order = CompareValues(&in_a, &in_b, true)) return order;
  }
}

// Draws values that are often near each other, or equal in another type.
class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  void Append(bson_t* out, const std::string& name, int depth) {
    const auto size = static_cast<int>(name.size());
    switch (Below(depth > 0 ? 18 : 15)) {
      case 0: bson_append_minkey(out, name.c_str(), size); break;
      case 1: bson_append_maxkey(out, name.c_str(), size); break;
      case 2: bson_append_null(out, name.c_str(), size); break;
      case 3: bson_append_bool(out, name.c_str(), size, Below(2) != 0); break;
      case 4: bson_append_date_time(out, name.c_str(), size, Integer()); break;
      case 5: AppendOid(out, name); break;
      case 6:
      case 7: {
        const std::string text = Text();
        bson_append_utf8(out, name.c_str(), size, text.data(), static_cast<int>(text.size()));
        break;
      }
      case 15:
      case 16: AppendDocument(out, name, depth); break;
      case 17: AppendArray(out, name, depth); break;
      default: AppendNumber(out, name);
    }
  }
  void AppendNumber(bson_t* out, const std::string& name) {
    const auto size = static_cast<int>(name.size());
    switch (Below(4)) {
      case 0:
        bson_append_int32(out, name.c_str(), size, static_cast<int32_t>(Integer() % 1000000));
        break;
      case 1: bson_append_int64(out, name.c_str(), size, Integer()); break;
      case 2: bson_append_double(out, name.c_str(), size, Double()); break;
      default: AppendDecimal(out, name);
    }
  }

 private:
  uint32_t Below(uint32_t limit) { return static_cast<uint32_t>(random_() % limit); }

  int64_t Integer() {
    switch (Below(5)) {
      case 0: return static_cast<int64_t>(random_());
      case 1: return (int64_t{1} << Below(63)) + Below(3) - 1;
      case 2: return -(int64_t{1} << Below(63)) + Below(3) - 1;
      default: return static_cast<int64_t>(Below(25)) - 12;
    }
  }
  double Double() {
    switch (Below(6)) {
      case 0: {
        const uint64_t bits = random_();
        double d;
        std::memcpy(&d, &bits, sizeof d);
        return d;
      }
      case 1: return static_cast<double>(Integer());
      case 2: return std::nextafter(static_cast<double>(Integer()), Below(2) != 0 ? 1e300 : -1e300);
      case 3: return std::numeric_limits<double>::infinity() * (Below(2) != 0 ? 1 : -1);
      case 4: return std::ldexp(1.0, static_cast<int>(Below(2100)) - 1074);
      default: return static_cast<double>(Integer() % 1000) / 8;
    }
  }
  void AppendDecimal(bson_t* out, const std::string& name) {
    std::string text;
    if (Below(3) == 0) {  // near a double
      char digits[64];
      std::snprintf(digits, sizeof digits, "%.*e", static_cast<int>(Below(34)), Double());
      text = digits;
    } else {
      text = std::to_string(Integer());
      if (Below(2) != 0) text += "." + std::to_string(Below(100));
      if (Below(2) != 0) text += "E" + std::to_string(static_cast<int>(Below(41)) - 20);
      if (Below(20) == 0) text = "1E" + std::to_string(static_cast<int>(Below(12000)) - 6000);
    }
    bson_decimal128_t decimal;
    if (!bson_decimal128_from_string(text.c_str(), &decimal)) {
      bson_decimal128_from_string("NaN", &decimal);
    }
    bson_append_decimal128(out, name.c_str(), static_cast<int>(name.size()), &decimal);
  }
  void AppendOid(bson_t* out, const std::string& name) {
    bson_oid_t oid = {};
    for (const size_t at : {size_t{0}, size_t{11}})
      oid.bytes[at] = static_cast<uint8_t>(Below(3) * 127);
    bson_append_oid(out, name.c_str(), static_cast<int>(name.size()), &oid);
  }
  std::string Text() {
    constexpr std::string_view kLetters(
        "\x00\x01\x02"
        "a\xFF",
        5);
    std::string text;
    for (uint32_t left = Below(4); left > 0; --left) {
      text += kLetters[Below(static_cast<uint32_t>(kLetters.size()))];
    }
    return text;
  }
  void AppendDocument(bson_t* out, const std::string& name, int depth) {
    BsonDocument document;
    for (uint32_t left = Below(4); left > 0; --left) {
      Append(document.get(), std::string(1 + Below(2), static_cast<char>('a' + Below(2))),
             depth - 1);
    }
    bson_append_document(out, name.c_str(), static_cast<int>(name.size()), document.get());
  }
  void AppendArray(bson_t* out, const std::string& name, int depth) {
    BsonDocument array;
    const uint32_t elements = Below(4);
    for (uint32_t i = 0; i < elements; ++i) Append(array.get(), std::to_string(i), depth - 1);
    bson_append_array(out, name.c_str(), static_cast<int>(name.size()), array.get());
  }

  std::mt19937_64 random_;
};

template <class Draw>
void ExpectOrderOfPairs(int pairs, const Draw& draw) {
  for (int i = 0; i < pairs && !testing::Test::HasFailure(); ++i) {
    BsonDocument a;
    BsonDocument b;
    draw(a.get());
    draw(b.get());
    const bson_iter_t value_a = First(a);
    const bson_iter_t value_b = First(b);
    EXPECT_EQ(CompareKeys(KeyOf(a), KeyOf(b)), CompareValues(&value_a, &value_b, false))
        << JsonOf(a) << " and " << JsonOf(b);
  }
}

TEST(BsonKeyTest, RandomNumbersOrderByTheirExactValues) {
  constexpr uint32_t kSeed = 7;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  Generator generator(kSeed);
  ExpectOrderOfPairs(20000, [&](bson_t* out) { generator.AppendNumber(out, "_id"); });
}

TEST(BsonKeyTest, RandomValuesOrderAsTheServersSourceSays) {
  constexpr uint32_t kSeed = 11;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  Generator generator(kSeed);
  ExpectOrderOfPairs(30000, [&](bson_t* out) { generator.Append(out, "_id", 3); });
}

TEST(BsonKeyTest, JsonGivesEveryValueBack) {
  for (const auto& equal : SortedValues()) {
    for (const std::string& text : equal) {
      const BsonDocument document = Parse(text);
      const BsonDocument again = Parse(JsonOf(document));
      EXPECT_TRUE(bson_equal(document.get(), again.get())) << text << " came as " << JsonOf(again);
    }
  }
  constexpr uint32_t kSeed = 13;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  Generator generator(kSeed);
  for (int i = 0; i < 3000; ++i) {
    BsonDocument document;
    generator.Append(document.get(), "_id", 3);
    ASSERT_TRUE(bson_equal(document.get(), Parse(JsonOf(document)).get())) << JsonOf(document);
  }
}

TEST(BsonKeyTest, JsonIsCanonicalExtendedJson) {
  EXPECT_EQ(JsonOf(Parse("7")), R"({ "$numberInt" : "7" })");
  EXPECT_EQ(JsonOf(Parse(R"("a\"b")")), R"("a\"b")");
  EXPECT_EQ(JsonOf(Parse(R"({"$oid": "65f000000000000000000001"})")),
            R"({ "$oid" : "65f000000000000000000001" })");
}

TEST(BsonKeyTest, ValuesThatJsonCanNotSayAreHex) {
  BsonDocument not_utf8;
  bson_append_utf8(not_utf8.get(), "_id", 3, "\xFF", 1);
  EXPECT_EQ(JsonOf(not_utf8), R"({ "$bson" : "10000000025f69640002000000ff0000" })");
  BsonDocument looks_like_an_oid;
  BsonDocument inner;
  bson_append_utf8(inner.get(), "$oid", 4, "65f000000000000000000001", 24);
  bson_append_document(looks_like_an_oid.get(), "_id", 3, inner.get());
  BsonDocument looks_like_hex;
  BsonDocument hex;
  bson_append_utf8(hex.get(), "$bson", 5, "00", 2);
  bson_append_document(looks_like_hex.get(), "_id", 3, hex.get());
  BsonDocument odd_options = Parse(R"({"$bson": "100000000b5f6964006d780052690000"})");  // /mx/Ri
  BsonDocument code_with_nul =
      Parse(R"({"$bson": "120000000d5f696400040000006100620000"})");  // a, NUL, b
  for (const BsonDocument* document :
       {&not_utf8, &looks_like_an_oid, &looks_like_hex, &odd_options, &code_with_nul}) {
    EXPECT_THAT(JsonOf(*document), testing::StartsWith(R"({ "$bson" : ")"));
    EXPECT_TRUE(bson_equal(document->get(), Parse(JsonOf(*document)).get()));
  }
}

TEST(BsonKeyTest, TextThatIsNoValueIsRefused) {
  for (const std::string_view text :
       {"", "{", "nul", R"(1, "x": 2)", R"({"$oid": "12"})", R"({"$bson": "0"})",
        R"({"$bson": "zz"})", R"({"$bson": "0500000000"})", R"({"$bson": "ffffff7f00"})"}) {
    const auto document = BsonValueFromJson(text);
    EXPECT_EQ(document.status().code(), Code::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace murmur
