#include "fold/group_finder.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace murmur {
namespace {

constexpr int kCombinationBitsMax = 19;

}  // namespace

GroupFinder::GroupFinder(const Pipeline& pipeline)
    : windowed_(pipeline.buckets().windowed()),
      memos_(pipeline.rollups().size()),
      all_rows_(kBatchRows),
      combined_(kBatchRows) {
  std::iota(all_rows_.begin(), all_rows_.end(), 0);
  for (size_t rollup = 0; rollup < memos_.size(); ++rollup) {
    Memo& memo = memos_[rollup];
    for (const Pipeline::KeyColumn& part : pipeline.rollups()[rollup].parts) {
      memo.parts.push_back(SourceOf(part.operand));
    }
    if (windowed_) memo.parts.push_back(&buckets_);
    memo.generations.resize(memo.parts.size());
    memo.bits.resize(memo.parts.size());
  }
}

GroupFinder::Source* GroupFinder::SourceOf(const Operand& operand) {
  for (Source& source : sources_) {
    if (source.operand == operand) return &source;
  }
  Source& added = sources_.emplace_back();
  added.operand = operand;
  return &added;
}

void GroupFinder::StartBatch() noexcept {
  for (Source& source : sources_) source.encoded = Encoded::kNotYet;
  buckets_.encoded = Encoded::kNotYet;
}

void GroupFinder::Find(size_t rollup, std::span<const Column* const> parts, const int64_t* buckets,
                       uint32_t rows, GroupTable* table, uint32_t* groups) {
  Memo& memo = memos_[rollup];
  const std::span<const uint32_t> all(all_rows_.data(), rows);
  if (!EncodeParts(&memo, parts, buckets, rows) || !MakeRoom(&memo, table->generation())) {
    return FindByBytes(rollup, parts, buckets, all, table, groups);
  }
  const uint32_t* combined = Combine(memo, rows);
  bool all_known = true;
  for (uint32_t row = 0; row < rows; ++row) {
    groups[row] = memo.groups[combined[row]];
    all_known &= groups[row] != GroupTable::kNoGroup;
  }
  if (all_known) return;
  missing_.clear();
  for (uint32_t row = 0; row < rows; ++row) {
    if (groups[row] == GroupTable::kNoGroup) missing_.push_back(row);
  }
  FindByBytes(rollup, parts, buckets, missing_, table, groups);
  for (const uint32_t row : missing_) memo.groups[combined[row]] = groups[row];
}

bool GroupFinder::EncodeParts(Memo* memo, std::span<const Column* const> parts,
                              const int64_t* buckets, uint32_t rows) {
  if (!memo->backoff.Try()) return false;
  for (size_t i = 0; i < memo->parts.size(); ++i) {
    if (!Encode(memo->parts[i], i < parts.size() ? parts[i] : nullptr, buckets, rows)) return false;
  }
  return true;
}

bool GroupFinder::Encode(Source* source, const Column* column, const int64_t* buckets,
                         uint32_t rows) {
  if (source->encoded == Encoded::kNotYet) {
    const bool done = column != nullptr ? source->encoder.Encode(*column, rows)
                                        : source->encoder.Encode(buckets, rows);
    source->encoded = done ? Encoded::kYes : Encoded::kTooMany;
  }
  return source->encoded == Encoded::kYes;
}

// Makes memo->groups fit the codes that there are now. False: there are too many combinations.
bool GroupFinder::MakeRoom(Memo* memo, uint64_t table_generation) {
  bool fits = memo->table == table_generation;
  for (size_t i = 0; i < memo->parts.size(); ++i) {
    const ColumnEncoder& encoder = memo->parts[i]->encoder;
    fits = fits && memo->generations[i] == encoder.generation() &&
           encoder.size() <= uint64_t{1} << memo->bits[i];
  }
  if (fits) return true;
  int bits = 0;
  for (size_t i = 0; i < memo->parts.size(); ++i) {
    const ColumnEncoder& encoder = memo->parts[i]->encoder;
    memo->generations[i] = encoder.generation();
    memo->bits[i] = std::bit_width(encoder.size() - 1);
    bits += memo->bits[i];
  }
  memo->table = bits <= kCombinationBitsMax ? table_generation : 0;
  if (memo->table == 0) {
    memo->backoff.Failed();
    return false;
  }
  memo->groups.assign(size_t{1} << bits, GroupTable::kNoGroup);
  return true;
}

// The place in memo.groups of each row.
const uint32_t* GroupFinder::Combine(const Memo& memo, uint32_t rows) {
  if (memo.parts.size() == 1) return memo.parts[0]->encoder.codes();
  std::fill_n(combined_.begin(), rows, 0);
  int shift = 0;
  for (size_t i = 0; i < memo.parts.size(); ++i) {
    const uint32_t* codes = memo.parts[i]->encoder.codes();
    for (uint32_t row = 0; row < rows; ++row) combined_[row] |= codes[row] << shift;
    shift += memo.bits[i];
  }
  return combined_.data();
}

void GroupFinder::FindByBytes(size_t rollup, std::span<const Column* const> parts,
                              const int64_t* buckets, std::span<const uint32_t> rows,
                              GroupTable* table, uint32_t* groups) {
  keys_.Start(static_cast<uint32_t>(rollup), rows);
  for (const Column* column : parts) keys_.AppendColumn(*column);
  if (windowed_) keys_.AppendBuckets(buckets);
  keys_.Finish();
  const auto count = static_cast<uint32_t>(rows.size());
  for (uint32_t i = 0; i < count; ++i) table->PrefetchSlot(keys_.hash(i));
  for (uint32_t i = 0; i < count; ++i) table->PrefetchRecord(keys_.hash(i));
  for (uint32_t i = 0; i < count; ++i) groups[rows[i]] = table->Find(keys_.key(i), keys_.hash(i));
}

}  // namespace murmur
