// BSON values as bytes that memcmp orders like MongoDB's simple collation, the order of its _id
// index. Values that MongoDB considers equal have equal bytes.
//   key     := type value
//   type    := 08 MinKey | 10 undefined | 18 null | 20 number | 28 string, symbol | 30 document
//            | 38 array | 40 binary | 48 ObjectId | 50 boolean | 58 date | 60 timestamp | 68 regex
//            | 70 DBPointer | 78 code | 80 code with scope | F8 MaxKey
//   number  := 01 NaN | 02 -infinity | 03 ~magnitude | 04 zero | 05 magnitude | 06 infinity
//   magnitude := exponent + 2^15 (2) (1 + two digits)* 00   of 0.digits * 10^exponent; the digits
//            are those of the exact value, without zeros at the end. ~: every bit turned.
//   string  := escaped-bytes 00
//   document := (type name 00 value)* 00
//   array   := key* 00
//   binary  := length (4) subtype bytes
//   date    := ms + 2^63 (8)           timestamp := seconds (4) increment (4)
//   regex   := pattern 00 options 00   DBPointer := length (4) name ObjectId
//   code    := string                  code with scope := string document
//
// Numbers of several bytes are big-endian. escaped-bytes writes 00 as 01 01, and 01 as 01 02.
// Names, patterns and options can't contain 00, and are not escaped.
// Source: the MongoDB server's BSONElement::compareElements and canonicalizeBSONType.
#pragma once

#include <bson/bson.h>

#include <string>
#include <string_view>

#include "murmur/status.h"
#include "source/mongo/bson.h"

namespace murmur {

// Appends the key of `value`, which may have any type. On error *key is unchanged. Errors:
// kUnimplemented (documents nested more than 200 deep), kDataLoss (not BSON).
Status AppendBsonKey(const bson_iter_t* value, std::string* key);

// The key of `document`'s _id. Errors: kDataLoss (no _id), and those of AppendBsonKey.
Status AppendIdKey(const bson_t* document, std::string* key);

// The value as canonical extended JSON, for messages and positions. A few values would not survive
// JSON bit by bit: text that is not UTF-8, the payload of a NaN, a document that looks like
// extended JSON. They become {"$bson": "the bytes of {_id: value} in hex"}.
std::string BsonValueAsJson(const bson_iter_t* value);

// {"_id": value} from the output of BsonValueAsJson, or from any extended JSON. Errors:
// kInvalidArgument.
Result<BsonDocument> BsonValueFromJson(std::string_view json);

}  // namespace murmur
