// Any bytes handed over as a BSON document are refused with a reason, or give cells that view
// nothing but what is there; those of its _id have a key, which survives the way through JSON.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "source/client_library.h"
#include "source/mongo/bson.h"
#include "source/mongo/bson_decoder.h"
#include "source/mongo/bson_key.h"

namespace {

using murmur::Cell;
using murmur::Column;
using murmur::FieldRequest;
using murmur::Kind;

FieldRequest Field(std::vector<murmur::FieldPath::Step> steps) {
  FieldRequest field;
  field.path.steps = std::move(steps);
  return field;
}

murmur::Projection Fields() {
  murmur::Projection projection;
  for (const char* name : {"_id", "a", "b"}) projection.fields.push_back(Field({name}));
  projection.fields.push_back(Field({"a", "b"}));
  projection.fields.push_back(Field({"b", 0u}));
  FieldRequest time = Field({"t"});
  time.as_time = true;
  projection.fields.push_back(time);
  time.unit = murmur::TimeUnit::kMillis;
  projection.fields.push_back(time);
  return projection;
}

void CheckCells(const std::vector<Column>& columns) {
  static volatile unsigned char seen = 0;
  for (const Column& column : columns) {
    const Cell& cell = column.cells[0];
    if (cell.kind != Kind::kString && cell.kind != Kind::kJson) continue;
    for (const char c : cell.text()) seen = seen ^ static_cast<unsigned char>(c);  // readable
  }
}

void CheckKey(const uint8_t* data, size_t size) {
  bson_t document;
  if (!bson_init_static(&document, data, size)) return;
  std::string key = "before";
  const murmur::Status status = murmur::AppendIdKey(&document, &key);
  if (!status.ok()) {
    if (key != "before") std::abort();
    return;
  }
  bson_iter_t id;
  if (!bson_iter_init_find(&id, &document, "_id")) std::abort();
  const auto again = murmur::BsonValueFromJson(murmur::BsonValueAsJson(&id));
  std::string same = "before";
  if (!again.ok() || !murmur::AppendIdKey(again->get(), &same).ok() || same != key) std::abort();
}

}  // namespace

// What decodes BSON calls libbson, which is loaded with the client library.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  return murmur::LoadMongoc().ok() ? 0 : -1;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static murmur::BsonDecoder decoder(Fields());
  static std::vector<Column> columns(Fields().fields.size());
  decoder.BeginBatch();
  murmur::DeadLetter dead;
  if (decoder.Decode(data, size, 0, &columns, &dead)) {
    CheckCells(columns);
  } else if (dead.detail.empty()) {
    std::abort();
  }
  CheckKey(data, size);
  return 0;
}
