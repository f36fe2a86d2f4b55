#include "source/parquet/page_reader.h"

#include <parquet/column_page.h>
#include <parquet/exception.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "source/parquet/snappy.h"

namespace murmur::parquet_source {
namespace {

using parquet::ColumnChunkMetaData;
using parquet::Encoding;
using parquet::Page;

// Memory for one page, used again for the next one.
class PageMemory {
 public:
  // Valid until the next call.
  uint8_t* Reserve(size_t bytes) {
    if (bytes > size_) {
      size_ = 0;
      memory_ = std::make_unique_for_overwrite<uint8_t[]>(bytes);
      size_ = bytes;
    }
    return memory_.get();
  }

 private:
  std::unique_ptr<uint8_t[]> memory_;
  size_t size_ = 0;
};

// Decompresses the pages of a reader that gives them as they are stored.
class SnappyPageReader final : public parquet::PageReader {
 public:
  explicit SnappyPageReader(std::unique_ptr<parquet::PageReader> stored)
      : stored_(std::move(stored)) {}

  std::shared_ptr<Page> NextPage() override;
  void set_max_page_header_size(uint32_t size) override { stored_->set_max_page_header_size(size); }

 private:
  std::shared_ptr<Page> Dictionary(const parquet::DictionaryPage& page);
  std::shared_ptr<Page> Data(const parquet::DataPageV1& page);
  std::shared_ptr<Page> Data(const std::shared_ptr<Page>& stored, const parquet::DataPageV2& page);
  static std::shared_ptr<arrow::Buffer> Decompress(const Page& page, uint32_t plain_bytes,
                                                   int64_t size, PageMemory* memory);

  const std::unique_ptr<parquet::PageReader> stored_;
  PageMemory dictionary_;  // stays while data pages follow
  PageMemory data_;
};

std::shared_ptr<Page> SnappyPageReader::NextPage() {
  std::shared_ptr<Page> page = stored_->NextPage();
  if (page == nullptr) return nullptr;
  switch (page->type()) {
    case parquet::PageType::DICTIONARY_PAGE:
      return Dictionary(static_cast<const parquet::DictionaryPage&>(*page));
    case parquet::PageType::DATA_PAGE: return Data(static_cast<const parquet::DataPageV1&>(*page));
    case parquet::PageType::DATA_PAGE_V2:
      return Data(page, static_cast<const parquet::DataPageV2&>(*page));
    default: return page;
  }
}

std::shared_ptr<Page> SnappyPageReader::Dictionary(const parquet::DictionaryPage& page) {
  const int64_t size = SnappySize(page.data(), static_cast<size_t>(page.size()));
  return std::make_shared<parquet::DictionaryPage>(Decompress(page, 0, size, &dictionary_),
                                                   page.num_values(), page.encoding(),
                                                   page.is_sorted());
}

std::shared_ptr<Page> SnappyPageReader::Data(const parquet::DataPageV1& page) {
  return std::make_shared<parquet::DataPageV1>(
      Decompress(page, 0, page.uncompressed_size(), &data_), page.num_values(), page.encoding(),
      page.definition_level_encoding(), page.repetition_level_encoding(), page.uncompressed_size(),
      page.statistics(), page.first_row_index(), page.size_statistics());
}

// Its levels are not compressed.
std::shared_ptr<Page> SnappyPageReader::Data(const std::shared_ptr<Page>& stored,
                                             const parquet::DataPageV2& page) {
  const int64_t levels =
      int64_t{page.definition_levels_byte_length()} + page.repetition_levels_byte_length();
  if (!page.is_compressed()) return stored;
  if (page.definition_levels_byte_length() < 0 || page.repetition_levels_byte_length() < 0 ||
      levels > page.size()) {
    throw parquet::ParquetException("a page's levels are longer than the page");
  }
  return std::make_shared<parquet::DataPageV2>(
      Decompress(page, static_cast<uint32_t>(levels), page.uncompressed_size(), &data_),
      page.num_values(), page.num_nulls(), page.num_rows(), page.encoding(),
      page.definition_levels_byte_length(), page.repetition_levels_byte_length(),
      page.uncompressed_size(), /*is_compressed=*/false, page.statistics(), page.first_row_index(),
      page.size_statistics());
}

// A page of `size` bytes, of which the first `plain_bytes` are stored as they are.
std::shared_ptr<arrow::Buffer> SnappyPageReader::Decompress(const Page& page, uint32_t plain_bytes,
                                                            int64_t size, PageMemory* memory) {
  const uint8_t* stored = page.data() + plain_bytes;
  const size_t stored_size = static_cast<size_t>(page.size()) - plain_bytes;
  const int64_t out_size = size - plain_bytes;
  uint8_t* bytes = nullptr;
  // Nothing is reserved on the word of a damaged header alone.
  bool good = out_size >= 0 && SnappySize(stored, stored_size) == out_size;
  if (good) {
    bytes = memory->Reserve(static_cast<size_t>(size) + kSnappySlopBytes);
    std::memcpy(bytes, page.data(), plain_bytes);
    good =
        SnappyDecompress(stored, stored_size, bytes + plain_bytes, static_cast<size_t>(out_size));
  }
  // A page without values may be stored as no bytes at all.
  if (!good && !(stored_size == 0 && out_size == 0)) {
    throw parquet::ParquetException("a page's Snappy data are damaged");
  }
  return std::make_shared<arrow::Buffer>(bytes, size);
}

bool IsDictionary(Encoding::type encoding) {
  return encoding == Encoding::PLAIN_DICTIONARY || encoding == Encoding::RLE_DICTIONARY;
}

// Whether all data pages use the dictionary: as the statistics of pages say, or, where a writer
// leaves them out, the list of encodings. PLAIN in that list tells nothing: the dictionary may be
// what is plain.
bool HasDictionaryOnly(const ColumnChunkMetaData& chunk) {
  if (!chunk.has_dictionary_page()) return false;
  const auto& pages = chunk.encoding_stats();
  if (!pages.empty()) {
    return std::all_of(pages.begin(), pages.end(), [](const parquet::PageEncodingStats& page) {
      const bool of_data = page.page_type == parquet::PageType::DATA_PAGE ||
                           page.page_type == parquet::PageType::DATA_PAGE_V2;
      return !of_data || page.count <= 0 || IsDictionary(page.encoding);
    });
  }
  const auto& encodings = chunk.encodings();
  return std::any_of(encodings.begin(), encodings.end(), IsDictionary) &&
         std::all_of(encodings.begin(), encodings.end(), [](Encoding::type encoding) {
           return IsDictionary(encoding) || encoding == Encoding::RLE ||
                  encoding == Encoding::BIT_PACKED;  // of the levels
         });
}

// Arrow lets a derived class set this.
struct ExposingReader : parquet::ColumnReader {
  static void ExposeDictionary(parquet::ColumnReader* reader) {
    (reader->*&ExposingReader::SetExposedEncoding)(parquet::ExposedEncoding::DICTIONARY);
  }
};

// Files of old writers need Arrow's knowledge of their faults: sizes that leave out the header of
// the dictionary, and pages that don't say that they are compressed.
bool IsOldWriter(const parquet::FileMetaData& metadata) {
  const parquet::ApplicationVersion& writer = metadata.writer_version();
  return writer.VersionLt(parquet::ApplicationVersion::PARQUET_816_FIXED_VERSION()) ||
         writer.VersionLt(parquet::ApplicationVersion::PARQUET_CPP_10353_FIXED_VERSION());
}

std::unique_ptr<parquet::PageReader> OpenPages(const RowGroup& group, int column,
                                               const ColumnChunkMetaData& chunk) {
  if (chunk.compression() != parquet::Compression::SNAPPY || chunk.crypto_metadata() != nullptr ||
      IsOldWriter(*group.metadata)) {
    return group.rows->GetColumnPageReader(column);
  }
  int64_t start = chunk.data_page_offset();
  if (chunk.has_dictionary_page() && chunk.dictionary_page_offset() > 0) {
    start = std::min(start, chunk.dictionary_page_offset());
  }
  PARQUET_ASSIGN_OR_THROW(const int64_t file_size, group.file->GetSize());
  const int64_t size = chunk.total_compressed_size();
  if (start < 0 || size < 0 || start > file_size || size > file_size - start) {
    throw parquet::ParquetException("a column chunk lies outside the file");
  }
  auto properties = group.properties;
  return std::make_unique<SnappyPageReader>(parquet::PageReader::Open(
      properties.GetStream(group.file, start, size), chunk.num_values(),
      parquet::Compression::UNCOMPRESSED, properties, *group.metadata->schema()->Column(column)));
}

}  // namespace

std::shared_ptr<parquet::ColumnReader> OpenColumn(const RowGroup& group, int column,
                                                  bool expose_dictionary) {
  const auto chunk = group.metadata->RowGroup(group.index)->ColumnChunk(column);
  auto reader = parquet::ColumnReader::Make(group.metadata->schema()->Column(column),
                                            OpenPages(group, column, *chunk));
  if (expose_dictionary && HasDictionaryOnly(*chunk)) {
    ExposingReader::ExposeDictionary(reader.get());
  }
  return reader;
}

}  // namespace murmur::parquet_source
