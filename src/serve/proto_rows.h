// Rows and their parts as messages, and keys and ranges from messages.
#pragma once

#include <string>
#include <vector>

#include "murmur/query.h"
#include "murmur/status.h"
#include "murmur/v1/query.pb.h"
#include "query/answer.h"

namespace murmur {

void ToProto(const Value& value, v1::Value* out);
void ToProto(const KeyValue& value, v1::KeyPart* out);
void ToProto(const AnswerSchema& schema, const Row& row, v1::Row* out);
void ToProto(const AnswerSchema& schema, const std::string& pipeline, v1::Basis* out);

// Errors of all: kInvalidArgument.
Result<KeyQuery> KeyFromProto(const v1::Key& key);
Result<std::vector<KeyValue>> PartsFromProto(
    const google::protobuf::RepeatedPtrField<v1::KeyPart>& parts);
Result<WindowRange> RangeFromProto(const v1::Range& range);

}  // namespace murmur
