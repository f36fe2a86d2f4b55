// Finds the group of each row: its key's place in the GroupTable.
//
// The columns of the key are dictionary-encoded (ColumnEncoder), and the group of each combination
// of codes is remembered, so that bytes of a key are made once for each key and not for each row.
// Where columns have too many values for that, the bytes of every row are made.
// Threads: one worker.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "base/attempt_backoff.h"
#include "fold/column_encoder.h"
#include "fold/group_table.h"
#include "fold/key_builder.h"
#include "fold/pipeline.h"

namespace murmur {

class GroupFinder {
 public:
  explicit GroupFinder(const Pipeline& pipeline);

  // Call before the first Find of a batch.
  void StartBatch() noexcept;
  // The groups of all rows, made if they are new. `parts` are the columns of the rollup's key;
  // `buckets`, of each row, is null without windows. All stay the same within a batch.
  void Find(size_t rollup, std::span<const Column* const> parts, const int64_t* buckets,
            uint32_t rows, GroupTable* table, uint32_t* groups);

 private:
  enum class Encoded : uint8_t { kNotYet, kYes, kTooMany };
  // What a part of a key is read from; rollups share it.
  struct Source {
    Operand operand;
    ColumnEncoder encoder;
    Encoded encoded = Encoded::kNotYet;  // in this batch
  };
  // Combination of codes → group, for one rollup.
  struct Memo {
    std::vector<Source*> parts;
    std::vector<uint64_t> generations;  // of the parts' codes
    std::vector<int> bits;              // of the parts' codes in a combination
    uint64_t table = 0;                 // generation
    std::vector<uint32_t> groups;
    AttemptBackoff backoff{1, 2, 4096};  // batches, after there were too many combinations
  };

  Source* SourceOf(const Operand& operand);
  bool EncodeParts(Memo* memo, std::span<const Column* const> parts, const int64_t* buckets,
                   uint32_t rows);
  static bool Encode(Source* source, const Column* column, const int64_t* buckets, uint32_t rows);
  static bool MakeRoom(Memo* memo, uint64_t table_generation);
  const uint32_t* Combine(const Memo& memo, uint32_t rows);
  void FindByBytes(size_t rollup, std::span<const Column* const> parts, const int64_t* buckets,
                   std::span<const uint32_t> rows, GroupTable* table, uint32_t* groups);

  const bool windowed_;
  std::deque<Source> sources_;
  Source buckets_;
  std::vector<Memo> memos_;  // of the rollups
  KeyBuilder keys_;
  std::vector<uint32_t> all_rows_;
  std::vector<uint32_t> combined_;
  std::vector<uint32_t> missing_;  // rows
};

}  // namespace murmur
