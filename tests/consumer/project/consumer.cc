// A program outside Murmur's tree: a monoid and a decoder of its own, a pipeline made in C++, run
// and read. Exits 0 if the answers are right.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "murmur/decoder.h"
#include "murmur/definition.h"
#include "murmur/run.h"
#include "murmur/simple_monoid.h"

namespace {

using murmur::Cell;
using murmur::Column;
using murmur::Kind;
using murmur::Result;
using murmur::Status;

// bit_or(x): which flags were ever set.
struct BitOr {
  struct State {
    uint64_t bits = 0;
  };
  void Add(State& state, const Cell& cell) const { state.bits |= static_cast<uint64_t>(cell.i); }
  void Combine(State& state, const State& other) const { state.bits |= other.bits; }
  void Encode(const State& state, std::string* out) const {
    for (uint64_t rest = state.bits; rest != 0; rest >>= 8) {
      *out += static_cast<char>(rest & 0xff);
    }
  }
  bool Decode(std::string_view bytes, State* state) const {
    if (bytes.size() > sizeof state->bits || (!bytes.empty() && bytes.back() == 0)) return false;
    state->bits = 0;
    for (size_t i = 0; i < bytes.size(); ++i) {
      state->bits |= uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    }
    return true;
  }
  murmur::Value ValueOf(const State& state) const { return murmur::Value::Integer(state.bits); }
};

Status RegisterBitOr() {
  return murmur::RegisterMonoid(
      {.name = "bit_or",
       .parameters = {},
       .usage = "bit_or(x)",
       .description = "The bits set in any value of x.",
       .make = [](const murmur::MonoidParams&) -> Result<std::unique_ptr<murmur::Monoid>> {
         return std::make_unique<murmur::SimpleMonoid<BitOr>>(
             murmur::MonoidInfo{.name = "bit_or.v1",
                                .traits = {.idempotent = true},
                                .output = murmur::OutputType::kInteger,
                                .accepts = murmur::KindBit(Kind::kInt)},
             BitOr());
       }});
}

// "key=value;key=value": values are integers where they look like one, else strings.
class PairsDecoder : public murmur::RecordDecoder {
 public:
  explicit PairsDecoder(const murmur::Projection& projection) : projection_(projection) {}

  bool Decode(std::string_view record, uint32_t row, std::vector<Column>* columns,
              murmur::DeadLetter* dead) override {
    for (size_t field = 0; field < columns->size(); ++field) {
      (*columns)[field].cells[row] = Cell::Null();
    }
    while (!record.empty()) {
      const std::string_view pair = record.substr(0, record.find(';'));
      record.remove_prefix(std::min(record.size(), pair.size() + 1));
      const size_t equals = pair.find('=');
      if (equals == std::string_view::npos) {
        dead->reason = murmur::DeadReason::kUndecodable;
        dead->detail = "'" + std::string(pair) + "' is not key=value";
        return false;
      }
      Store(pair.substr(0, equals), pair.substr(equals + 1), row, columns);
    }
    return true;
  }

 private:
  void Store(std::string_view name, std::string_view value, uint32_t row,
             std::vector<Column>* columns) const {
    for (size_t field = 0; field < columns->size(); ++field) {
      if (projection_.fields[field].path.ToString() != name) continue;
      int64_t number = 0;
      const char* const end = value.data() + value.size();
      const auto read = std::from_chars(value.data(), end, number);
      const bool is_number = read.ec == std::errc() && read.ptr == end;
      (*columns)[field].cells[row] = is_number ? Cell::Int(number) : Cell::String(value);
    }
  }

  const murmur::Projection projection_;
};

Status RegisterPairs() {
  return murmur::RegisterDecoder(
      "pairs",
      [](const murmur::Projection& projection) -> Result<std::unique_ptr<murmur::RecordDecoder>> {
        return std::make_unique<PairsDecoder>(projection);
      });
}

Result<std::string> CountFlags(const std::filesystem::path& directory) {
  MURMUR_TRY(RegisterBitOr());
  MURMUR_TRY(RegisterPairs());
  std::ofstream(directory / "events.txt") << "host=a;flags=1\nhost=b;flags=2\nhost=a;flags=4\n"
                                          << "no pair\nhost=a;flags=5\n";
  MURMUR_ASSIGN(
      const auto definition,
      murmur::DefinitionBuilder("flags")
          .Key({"host"})
          .Aggregate("events", "count")
          .Aggregate("flags", "bit_or(flags)")
          .Bootstrap("jsonl", {{"path", (directory / "events.txt").string()}, {"format", "pairs"}})
          .StatePath((directory / "state").string())
          .MaxErrors(1)
          .Build());
  murmur::RunSummary summary;
  MURMUR_TRY(murmur::Bootstrap(definition, {}, &summary));
  if (summary.progress.dead_letters != 1) {
    return Status(murmur::Code::kInternal, "the line without a pair was not refused");
  }
  std::string dump;
  MURMUR_TRY(
      murmur::Dump(definition, murmur::RowFormat::kJsonLines, [&dump](std::string_view text) {
        dump += text;
        return Status();
      }));
  return dump;
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path directory = argc > 1 ? argv[1] : "consumer-data";
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  const Result<std::string> dump = CountFlags(directory);
  if (!dump.ok()) {
    std::cerr << dump.status().ToString() << '\n';
    return 1;
  }
  std::cout << *dump;
  const std::string expected =
      "{\"key\": {\"host\": \"a\"}, \"window\": null, \"events\": 3, \"flags\": 5}\n"
      "{\"key\": {\"host\": \"b\"}, \"window\": null, \"events\": 1, \"flags\": 2}\n";
  if (*dump != expected) {
    std::cerr << "expected:\n" << expected;
    return 1;
  }
  return 0;
}
