// A range of an object's records, counted from its first: for archives whose objects overlap.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "murmur/source.h"

namespace murmur {

struct RecordSlice {
  uint64_t begin = 0;
  uint64_t end = UINT64_MAX;
  bool operator==(const RecordSlice&) const = default;
};

// Identifies a record: a hash of its bytes, or of its cells if the source has no bytes at hand.
// Equal records have equal marks. Empty: it could be any record.
using RecordMark = std::optional<uint64_t>;
RecordMark MarkOfRow(const RecordBatch& batch, uint32_t row);
// The mark of the batch's first record, dead or not. REQUIRES: it has one
RecordMark FirstMark(const RecordBatch& batch);

// The content of a SliceStream's position: "<count>/<position of inner>". If a record was found
// that could be the wanted one: "<count>@<number>/…"; if there are several: "<count>@<number>+/…".
struct SlicePosition {
  uint64_t count = 0;             // records so far
  std::optional<uint64_t> found;  // number of the first that could be the wanted one
  bool found_more = false;
  Position inner;
};
// Empty: the start. Errors: kInvalidArgument.
Result<SlicePosition> ParseSlicePosition(const Position& position);

// The records of `inner` whose number lies in `slice`. Dead letters have numbers too. All records
// are read and counted. `by_offset`: numbers are the records' offsets (rows of a Parquet file).
// Otherwise they are counted, and `inner` begins with the object's first record. `wanted`, if
// given, is searched for among all records.
class SliceStream final : public RecordStream {
 public:
  SliceStream(std::unique_ptr<RecordStream> inner, const RecordSlice& slice, bool by_offset,
              const SlicePosition& position = {}, std::optional<RecordMark> wanted = {})
      : inner_(std::move(inner)),
        slice_(slice),
        by_offset_(by_offset),
        wanted_(wanted),
        position_(position) {}

  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override;

 private:
  void Number(const RecordBatch& batch);
  void Look(const RecordMark& mark, uint64_t number);
  void Keep(RecordBatch* batch) const;

  std::unique_ptr<RecordStream> inner_;
  const RecordSlice slice_;
  const bool by_offset_;
  const std::optional<RecordMark> wanted_;
  SlicePosition position_;
  std::vector<uint64_t> row_numbers_;
  std::vector<uint64_t> dead_numbers_;
};

}  // namespace murmur
