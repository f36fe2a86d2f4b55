// Any bytes read as Snappy, beside the library in Arrow: the same bytes, or damage for both.
#include <arrow/util/compression.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "source/parquet/snappy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace parquet_source = murmur::parquet_source;
  static const auto library = arrow::util::Codec::Create(arrow::Compression::SNAPPY).ValueOrDie();
  const int64_t out_size = parquet_source::SnappySize(data, size);
  if (out_size < 0) return 0;
  std::vector<uint8_t> ours(static_cast<size_t>(out_size) + parquet_source::kSnappySlopBytes);
  std::vector<uint8_t> theirs(static_cast<size_t>(out_size) + 1);
  const bool good =
      parquet_source::SnappyDecompress(data, size, ours.data(), static_cast<size_t>(out_size));
  const auto got = library->Decompress(static_cast<int64_t>(size), data, out_size, theirs.data());
  if (good != (got.ok() && *got == out_size)) std::abort();
  if (good && std::memcmp(ours.data(), theirs.data(), static_cast<size_t>(out_size)) != 0) {
    std::abort();
  }
  return 0;
}
