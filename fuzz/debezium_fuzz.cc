// Any bytes are read as a message of Debezium, whose key follows a zero byte. The row's change
// views only existing memory, its cells have existing kinds, and a second decoder, or the same one
// again, gives the same result.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "decode/debezium_decoder.h"

namespace {

using murmur::Cell;
using murmur::Column;
using murmur::DecimalMode;
using murmur::DecodedChange;
using murmur::FieldPath;
using murmur::Kind;

const murmur::Projection& Fields() {
  using Steps = std::vector<FieldPath::Step>;
  static const murmur::Projection kFields = {{
      {.path = {Steps{"a"}}},
      {.path = {Steps{"t"}}, .as_time = true, .unit = murmur::TimeUnit::kMicros},
      {.path = {Steps{"d"}}, .exact_decimals = true},
      {.path = {Steps{"p"}},
       .declared = murmur::DeclaredType{.kind = Kind::kDecimal, .precision = 12, .scale = 2}},
      {.path = {Steps{"o", "b"}}},
      {.path = {Steps{"l", uint32_t{1}}}},
  }};
  return kFields;
}

std::string Text(const Cell& cell) {
  const std::string kind(murmur::KindName(cell.kind));
  if (cell.is_unchanged()) return "unchanged";
  if (cell.kind == Kind::kString || cell.kind == Kind::kJson) {
    return kind + ":" + std::string(cell.text());
  }
  if (cell.kind == Kind::kDecimal) {
    return kind + ":" + std::to_string(static_cast<uint64_t>(cell.decimal())) + "," +
           std::to_string(cell.scale);
  }
  return kind + ":" + std::to_string(cell.is_null() ? 0 : cell.i);
}

std::string Decode(murmur::ChangeDecoder* decoder, std::string_view key, std::string_view value) {
  std::vector<Column> columns(Fields().fields.size());
  murmur::DeadLetter dead;
  decoder->BeginBatch();
  const DecodedChange change = decoder->Decode(key, value, 5, &columns, &dead);
  std::string text = std::to_string(static_cast<int>(change.outcome));
  const bool refused = change.outcome == DecodedChange::Outcome::kDead ||
                       change.outcome == DecodedChange::Outcome::kStop;
  if (refused && dead.detail.empty()) std::abort();
  text.append(change.key).append(change.version).append(dead.detail);
  text.append(decoder->RowKey(key));
  if (change.outcome != DecodedChange::Outcome::kRow) return text;
  if (change.key.empty()) std::abort();
  if (change.change == murmur::RowChange::kDelete) return text;
  for (const Column& column : columns) text += " " + Text(column.cells[5]);
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t cut = std::min(input.find('\0'), input.size());
  const std::string_view value = input.substr(0, cut);
  const std::string_view key = cut < size ? input.substr(cut + 1) : R"({"id":1})";
  for (const DecimalMode mode : {DecimalMode::kUnknown, DecimalMode::kPrecise}) {
    const murmur::DebeziumOptions options = {.placeholder = "__x__", .decimals = mode};
    const auto decoder = murmur::MakeDebeziumDecoder(Fields(), options);
    const std::string first = Decode(decoder.get(), key, value);
    if (Decode(decoder.get(), key, value) != first) std::abort();
    if (Decode(murmur::MakeDebeziumDecoder(Fields(), options).get(), key, value) != first) {
      std::abort();
    }
  }
  (void)murmur::LooksLikeDebezium(value);
  return 0;
}
