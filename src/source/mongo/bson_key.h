// BSON values as bytes that memcmp orders as MongoDB orders them under the simple collation: the
// order of its _id index. Values that MongoDB takes for equal have equal bytes.
//
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
// Numbers of several bytes are big-endian. In escaped-bytes 00 is written 01 01, and 01 is written
// 01 02. Names, patterns and options can't hold a 00, and are not escaped.
// Source: the MongoDB server's BSONElement::compareElements and canonicalizeBSONType.
#pragma once

#include <bson/bson.h>

#include <string>
#include <string_view>

#include "murmur/status.h"
#include "source/mongo/bson.h"

namespace murmur {

// Appends the key of `value`; all types have one. On an error *key is as it was.
// Errors: kUnimplemented (documents nested more than 200 deep), kDataLoss (no BSON).
Status AppendBsonKey(const bson_iter_t* value, std::string* key);

// That of the _id of `document`. Errors: kDataLoss (there is none), and those of AppendBsonKey.
Status AppendIdKey(const bson_t* document, std::string* key);

// The value as canonical extended JSON, for messages and positions. The few values that JSON does
// not give back bit by bit (text that is not UTF-8, the payload of a NaN, a document that looks
// like extended JSON) are {"$bson": "the bytes of {_id: value} in hex"}.
std::string BsonValueAsJson(const bson_iter_t* value);

// {"_id": value} of what BsonValueAsJson has written, or of any extended JSON.
// Errors: kInvalidArgument.
Result<BsonDocument> BsonValueFromJson(std::string_view json);

}  // namespace murmur
