#include "query/format.h"

#include <utility>

namespace murmur {

std::unique_ptr<RowSink> MakeFormatter(RowFormat format, WriteText write) {
  switch (format) {
    case RowFormat::kJsonLines: return MakeJsonFormatter(/*with_tag=*/false, std::move(write));
    case RowFormat::kJsonWithTag: return MakeJsonFormatter(/*with_tag=*/true, std::move(write));
    case RowFormat::kTable: return MakeTableFormatter(std::move(write));
    case RowFormat::kCsv: return MakeCsvFormatter(std::move(write));
    case RowFormat::kParquet: return MakeParquetFormatter(std::move(write));
    case RowFormat::kArrowStream: return MakeArrowFormatter(std::move(write));
  }
  return nullptr;
}

}  // namespace murmur
