#include "serve/proto_rows.h"

#include <utility>

#include "base/decimal.h"
#include "base/shown.h"
#include "base/time_text.h"
#include "monoid/numbers.h"
#include "query/request_text.h"

namespace murmur {
namespace {

// Messages hold UTF-8 only; bytes that are not become U+FFFD.
std::string Utf8(const std::string& text) {
  std::string utf8;
  AppendUtf8(text, &utf8);
  return utf8;
}

KeyValue Worded(Kind kind, std::string text) {
  KeyValue value;
  value.kind = kind;
  value.text = std::move(text);
  return value;
}

KeyValue Whole(Kind kind, int64_t i) {
  KeyValue value;
  value.kind = kind;
  value.i = i;
  return value;
}

Result<KeyValue> KeyValueFromProto(const v1::KeyPart& part) {
  switch (part.kind_case()) {
    case v1::KeyPart::kNull: return Whole(Kind::kNull, 0);
    case v1::KeyPart::kBoolean: return Whole(Kind::kBool, part.boolean() ? 1 : 0);
    case v1::KeyPart::kInteger: return Whole(Kind::kInt, part.integer());
    case v1::KeyPart::kNumber: {
      KeyValue value;
      value.kind = Kind::kDouble;
      value.d = part.number();
      return value;
    }
    case v1::KeyPart::kDecimal: return Worded(Kind::kDecimal, part.decimal());
    case v1::KeyPart::kText: return Worded(Kind::kString, part.text());
    case v1::KeyPart::kTime: {
      const auto micros = ParseEventTime(part.time());
      if (micros) return Whole(Kind::kTime, *micros);
      return Status(Code::kInvalidArgument,
                    "key value " + Shown(part.time()) + " is no time: " + WhyNoTime(part.time()));
    }
    case v1::KeyPart::KIND_NOT_SET: break;
  }
  return Status(Code::kInvalidArgument, "a key's part has no value; `null: true` means null");
}

void ListToProto(const std::vector<Value>& items, v1::ValueList* out) {
  for (const Value& item : items) ToProto(item, out->add_items());
}

void RecordToProto(const Value& record, v1::ValueRecord* out) {
  for (const std::string& name : *record.names) out->add_names(Utf8(name));
  for (const Value& item : record.items) ToProto(item, out->add_values());
}

}  // namespace

void ToProto(const Value& value, v1::Value* out) {
  switch (value.kind) {
    case ValueKind::kAbsent: break;
    case ValueKind::kBool: out->set_boolean(value.i != 0); break;
    case ValueKind::kInteger: out->set_integer(value.i); break;
    case ValueKind::kWideInteger: out->set_wide_integer(value.text); break;
    case ValueKind::kDecimal: out->set_decimal(value.text); break;
    case ValueKind::kDouble: out->set_number(value.d); break;
    case ValueKind::kText: out->set_text(Utf8(value.text)); break;
    case ValueKind::kTime: out->set_time(FormatTime(value.i)); break;
    case ValueKind::kList: ListToProto(value.items, out->mutable_list()); break;
    case ValueKind::kRecord: RecordToProto(value, out->mutable_record()); break;
    case ValueKind::kJson: out->set_json(Utf8(value.text)); break;
  }
  if (value.error_kind == ErrorKind::kRelative) out->set_relative_error(value.error);
  if (value.error_kind == ErrorKind::kStandard) out->set_standard_error(value.error);
}

void ToProto(const KeyValue& value, v1::KeyPart* out) {
  switch (value.kind) {
    case Kind::kNull: return out->set_null(true);
    case Kind::kBool: return out->set_boolean(value.i != 0);
    case Kind::kInt: return out->set_integer(value.i);
    case Kind::kDouble: return out->set_number(value.d);
    case Kind::kTime: return out->set_time(FormatTime(value.i));
    case Kind::kDecimal: return out->set_decimal(value.text);
    case Kind::kString:
    case Kind::kJson: return out->set_text(Utf8(value.text));
  }
}

void ToProto(const AnswerSchema& schema, const Row& row, v1::Row* out) {
  for (const KeyValue& part : row.key) ToProto(part, out->add_key());
  if (row.bucket) {
    out->mutable_window()->set_start(schema.buckets.FormatStart(*row.bucket));
    out->mutable_window()->set_end(schema.buckets.FormatEnd(*row.bucket));
  }
  for (const Value& value : row.values) ToProto(value, out->add_values());
}

void ToProto(const AnswerSchema& schema, const std::string& pipeline, v1::Basis* out) {
  out->set_pipeline(pipeline);
  out->set_version(schema.version);
  out->set_commit(schema.commit);
  out->set_exactness(schema.exactness);
  for (const auto& aggregate : schema.aggregates) out->add_aggregates(aggregate.name);
}

Result<KeyQuery> KeyFromProto(const v1::Key& key) {
  if (key.parts().empty()) return ParseKey(key.text());
  MURMUR_ASSIGN(auto parts, PartsFromProto(key.parts()));
  KeyQuery query;
  for (KeyValue& part : parts) query.parts.push_back({std::move(part)});
  return query;
}

Result<std::vector<KeyValue>> PartsFromProto(
    const google::protobuf::RepeatedPtrField<v1::KeyPart>& parts) {
  std::vector<KeyValue> values;
  for (const v1::KeyPart& part : parts) {
    MURMUR_ASSIGN(values.emplace_back(), KeyValueFromProto(part));
  }
  return values;
}

Result<WindowRange> RangeFromProto(const v1::Range& range) {
  return ParseRange(
      {.last = range.last(), .as_of = range.as_of(), .from = range.from(), .to = range.to()},
      {.last = "range.last", .as_of = "range.as_of", .from = "range.from", .to = "range.to"});
}

}  // namespace murmur
