// Any bytes read as a file of JSON lines: each record that is counted is an object to an
// independent parser too, and neither records nor dead letters depend on where the reader's blocks
// end.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "source/jsonl/jsonl_source.h"

namespace {

using murmur::Cell;
using murmur::FieldPath;
using murmur::Kind;
using murmur::RecordBatch;

const murmur::Projection& Fields() {
  using Steps = std::vector<FieldPath::Step>;
  static const murmur::Projection kFields = {{
      {.path = {Steps{"ts"}}, .as_time = true},
      {.path = {Steps{"a"}}},
      {.path = {Steps{"n"}}, .exact_decimals = true},
      {.path = {Steps{"o", "b"}}},
      {.path = {Steps{"l", uint32_t{1}}}},
  }};
  return kFields;
}

std::string Text(const Cell& cell) {
  const std::string kind(murmur::KindName(cell.kind));
  if (cell.kind == Kind::kString || cell.kind == Kind::kJson) {
    return kind + ":" + std::string(cell.text());
  }
  if (cell.kind == Kind::kDecimal) {
    return kind + ":" + std::to_string(static_cast<uint64_t>(cell.decimal())) + "," +
           std::to_string(cell.scale);
  }
  return kind + ":" + std::to_string(cell.is_null() ? 0 : cell.i);
}

// nlohmann's grammar. It gives up at a number that a double can't hold; an unused field may have
// one.
class Grammar : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& error) override {
    constexpr int kNumberOutOfRange = 406;
    gave_up_ = error.id == kNumberOutOfRange;
    return false;
  }
  bool gave_up() const { return gave_up_; }

 private:
  bool gave_up_ = false;
};

void CheckIndependently(std::string_view line) {
  Grammar grammar;
  if (!nlohmann::json::sax_parse(line, &grammar) && !grammar.gave_up()) std::abort();
  const size_t first = line.find_first_not_of(" \t\r");
  if (first == std::string_view::npos || line[first] != '{') std::abort();
}

// One text a record or dead letter, in ascending order.
std::vector<std::string> ReadAll(const std::string& bytes, size_t block_bytes) {
  const auto source =
      murmur::MakeReaderSource("fuzz", std::make_unique<std::istringstream>(bytes), {},
                               {.record_bytes_max = 1000, .read_bytes = block_bytes});
  const auto plan = source->Scan({});
  if (!plan.ok() || plan->splits.size() != 1) std::abort();
  const auto stream = source->Open(plan->splits[0], "", Fields(), {});
  if (!stream.ok()) std::abort();
  static RecordBatch batch(Fields());
  std::vector<std::string> seen;
  for (;;) {
    const auto state = (*stream)->Read({}, &batch);
    if (!state.ok()) std::abort();
    if (*state == murmur::ReadState::kEnd) break;
    for (uint32_t row = 0; row < batch.rows; ++row) {
      CheckIndependently(batch.raw[row]);
      std::string& record = seen.emplace_back(std::to_string(batch.offsets[row]));
      for (const murmur::Column& column : batch.columns) record += " " + Text(column.cells[row]);
    }
    for (const murmur::DeadLetter& letter : batch.dead_letters) {
      seen.push_back(std::to_string(letter.offset) + " " +
                     std::string(murmur::DeadReasonName(letter.reason)) + " " + letter.raw);
    }
  }
  std::sort(seen.begin(), seen.end());
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Empty lines in front: no magic number makes this a compressed file, or text in UTF-16.
  const std::string bytes = "\n\n\n\n" + std::string(reinterpret_cast<const char*>(data), size);
  if (ReadAll(bytes, 64) != ReadAll(bytes, 64 << 10)) std::abort();
  return 0;
}
