// Any bytes that a state may hold are refused, or are a record: written again and read again it is
// the same. Values combine whatever they are, and what is damaged stays so.
//
// Input: one byte that says which record the rest is.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fold/row_codec.h"
#include "murmur/monoid.h"
#include "murmur/state_value.h"
#include "runtime/table/ledger/ledger_entry.h"
#include "source/kafka/kafka_position.h"
#include "state/records.h"

namespace {

template <class T>
void CheckRecord(std::string_view bytes, murmur::Result<T> (*decode)(std::string_view),
                 std::string (*encode)(const T&)) {
  const auto record = decode(bytes);
  if (!record.ok()) {
    if (record.status().code() != murmur::Code::kDataLoss) std::abort();
    return;
  }
  const std::string written = encode(*record);
  const auto again = decode(written);
  if (!again.ok() || encode(*again) != written) std::abort();
}

murmur::Projection Fields() {
  murmur::Projection projection;
  for (const char* name : {"a", "b", "c"}) {
    projection.fields.emplace_back().path.steps.emplace_back(name);
  }
  return projection;
}

std::string WrittenRow(murmur::RecordBatch* batch) {
  std::string bytes;
  murmur::AppendRow(*batch, 0, &bytes);
  return bytes;
}

void CheckRow(std::string_view bytes) {
  static murmur::RecordBatch batch(Fields());
  static murmur::Arena arena;
  batch.Clear();
  arena.Reset();
  if (!murmur::ReadRow(bytes, 0, &batch.columns, &arena)) return;
  const std::string written = WrittenRow(&batch);
  if (!murmur::ReadRow(written, 0, &batch.columns, &arena)) std::abort();
  if (WrittenRow(&batch) != written) std::abort();
}

void CheckEntry(std::string_view entry) {
  if (!murmur::IsWellFormed(entry)) return;
  const std::string_view version = murmur::VersionOf(entry);
  const std::string_view cells = murmur::CellsOf(entry);
  if (cells.size() + version.size() >= entry.size()) std::abort();
  if (murmur::HasCells(entry)) CheckRow(cells);
}

void CheckValue(std::string_view bytes) {
  static const auto kCount = *murmur::FindMonoid("count")->make({});
  static const auto kSum = *murmur::FindMonoid("sum")->make({});
  static const murmur::Monoid* const kMonoids[] = {kCount.get(), kSum.get()};
  const size_t half = bytes.size() / 2;
  const std::string_view parts[] = {bytes.substr(0, half), bytes.substr(half)};
  for (const std::string_view value : {bytes, parts[0], parts[1]}) {
    int64_t records = 0;
    std::string_view aggregates[2];
    const bool whole = murmur::SplitValue(value, &records, aggregates);
    if (whole == murmur::IsMalformed(value, 2)) std::abort();
    if (whole && murmur::IsNothing(value) != (records == 0)) std::abort();
    if (murmur::IsDamaged(value) && (whole || murmur::IsNothing(value))) std::abort();
  }
  std::string combined, more;
  const bool good = murmur::CombineValues(kMonoids, parts, &combined);
  if (good != (combined != murmur::kDamagedValue)) std::abort();
  if (good == murmur::IsMalformed(combined, 2)) std::abort();
  const std::string_view with_more[] = {combined, combined};
  // A lone state is looked into when it is combined only.
  if (murmur::CombineValues(kMonoids, with_more, &more) && !good) std::abort();
}

void CheckPosition(std::string_view bytes) {
  const auto position = murmur::ParseKafkaPosition(std::string(bytes));
  if (!position.ok()) return;
  const std::string written = position->ToString();
  const auto again = murmur::ParseKafkaPosition(written);
  if (!again.ok() || again->ToString() != written) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  using namespace murmur;
  switch (data[0] % 10) {
    case 0: CheckRecord<VersionInfo>(bytes, DecodeInfo, EncodeInfo); break;
    case 1: CheckRecord<RetentionRecord>(bytes, DecodeRetention, EncodeRetention); break;
    case 2: CheckRecord<HandoffToken>(bytes, DecodeToken, EncodeToken); break;
    case 3: CheckRecord<ScanPlan>(bytes, DecodePlan, EncodePlan); break;
    case 4: CheckRecord<SplitProgress>(bytes, DecodeProgress, EncodeProgress); break;
    case 5: CheckRecord<DeadLetter>(bytes, DecodeDeadLetter, EncodeDeadLetter); break;
    case 6: CheckRow(bytes); break;
    case 7: CheckEntry(bytes); break;
    case 8: CheckValue(bytes); break;
    case 9: CheckPosition(bytes); break;
    default: break;
  }
  return 0;
}
