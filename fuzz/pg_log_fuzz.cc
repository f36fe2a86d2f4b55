// Any bytes taken for messages of pgoutput, values of a type, positions or snapshots of PostgreSQL
// are refused, or give values that view nothing but what is there; positions survive as text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "murmur/key.h"
#include "source/postgres/pg_output.h"
#include "source/postgres/pg_position.h"
#include "source/postgres/pg_value.h"

namespace {

using namespace murmur;

void Touch(std::string_view text) {
  static volatile unsigned char seen = 0;
  for (const char c : text) seen = seen ^ static_cast<unsigned char>(c);  // readable
}
void Touch(const PgTuple& tuple) {
  for (const TextValue& value : tuple) Touch(value.text);
}

void CheckMessage(std::string_view message) {
  if (message.empty()) return;
  switch (static_cast<PgMessageIs>(message[0])) {
    case PgMessageIs::kBegin: (void)ReadPgBegin(message); break;
    case PgMessageIs::kCommit: (void)ReadPgCommit(message); break;
    case PgMessageIs::kRelation:
      if (const auto relation = ReadPgRelation(message)) {
        Touch(relation->schema + relation->table);
        for (const auto& column : relation->columns) Touch(column.name);
      }
      break;
    case PgMessageIs::kInsert:
    case PgMessageIs::kUpdate:
    case PgMessageIs::kDelete:
      if (const auto change = ReadPgRowChange(message)) {
        Touch(change->before);
        if (change->after) Touch(*change->after);
      }
      break;
    case PgMessageIs::kTruncate: (void)ReadPgTruncate(message); break;
  }
}

// Types by their numbers in every server's catalog.
constexpr PgType kTypes[] = {{.oid = 16},
                             {.oid = 17},
                             {.oid = 20},
                             {.oid = 21},
                             {.oid = 23},
                             {.oid = 25},
                             {.oid = 26},
                             {.oid = 114},
                             {.oid = 700},
                             {.oid = 701},
                             {.oid = 1082},
                             {.oid = 1083},
                             {.oid = 1114},
                             {.oid = 1184},
                             {.oid = 1186},
                             {.oid = 1700},
                             {.oid = 2950},
                             {.oid = 3802},
                             {.oid = 1007, .element = 23},
                             {.oid = 1009, .element = 25},
                             {.oid = 1231, .element = 1700}};

void CheckValue(const PgType& type, std::string_view text) {
  if (type.element != 0) {
    std::string json;
    if (AppendPgArrayAsJson(text, type.element, &json)) Touch(json);
    return;
  }
  TextArena arena;
  Cell cell;
  if (!ReadPgScalar(type, text, &arena, &cell)) return;
  if (cell.kind == Kind::kString || cell.kind == Kind::kJson) Touch(cell.text());
  std::string key(1, static_cast<char>(kKeyBase));
  if (!AppendPgKeyPart(type, text, &arena, &key)) return;
  if (!DecodeKey(key, /*windowed=*/false).ok()) std::abort();
}

void CheckPosition(std::string_view text) {
  const auto position = ParsePgPosition(text);
  if (!position.ok()) return;
  const auto again = ParsePgPosition(position->ToString());
  if (!again.ok() || *again != *position) std::abort();
}

void CheckSnapshot(std::string_view read_point) {
  const std::string place = PgPlaceOf(1000);
  const bool saw = kPgReadPoints.Saw(read_point, place);
  std::string passed;
  kPgReadPoints.Pass(place, &passed);
  // A read that did not see the one change that was passed does not cover it.
  if (kPgReadPoints.Covers(read_point, passed) && !saw) std::abort();
  (void)kPgReadPoints.IsPassed(read_point, PgWatermark(1000));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const uint8_t what = data[0];
  // Of its own, so that a read beyond it is seen.
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (what % 4) {
    case 0: CheckMessage(bytes); break;
    case 1: CheckValue(kTypes[what / 4 % std::size(kTypes)], bytes); break;
    case 2: CheckPosition(bytes); break;
    case 3:
      CheckSnapshot(bytes);
      (void)PgEndOfTimeline(bytes, 1);
      break;
  }
  return 0;
}
