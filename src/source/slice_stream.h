// A stretch of an object's records, counted from its first: for archives whose objects overlap.
#pragma once

#include <cstdint>
#include <memory>

#include "murmur/source.h"

namespace murmur {

struct RecordSlice {
  uint64_t begin = 0;
  uint64_t end = UINT64_MAX;
  bool operator==(const RecordSlice&) const = default;
};

// The records of `inner` whose number lies in `slice`. Dead letters have numbers too. All records
// are read, and counted: positions are "<count>/<position of inner>".
// `by_offset`: numbers are the records' offsets (rows of a Parquet file); else they are counted,
// and `inner` begins with the object's first record.
class SliceStream final : public RecordStream {
 public:
  SliceStream(std::unique_ptr<RecordStream> inner, const RecordSlice& slice, bool by_offset,
              uint64_t count)
      : inner_(std::move(inner)), slice_(slice), by_offset_(by_offset), count_(count) {}

  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override;

 private:
  void Number(const RecordBatch& batch);
  void Keep(RecordBatch* batch) const;

  std::unique_ptr<RecordStream> inner_;
  const RecordSlice slice_;
  const bool by_offset_;
  uint64_t count_;  // records so far
  std::vector<uint64_t> row_numbers_;
  std::vector<uint64_t> dead_numbers_;
};

// What a position of a SliceStream says.
struct SlicePosition {
  uint64_t count = 0;
  Position inner;
};
// Empty: the start. Errors: kInvalidArgument.
Result<SlicePosition> ParseSlicePosition(const Position& position);

}  // namespace murmur
