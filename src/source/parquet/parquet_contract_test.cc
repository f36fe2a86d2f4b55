// The contract of every snapshot source, over Parquet in memory and in files.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "murmur/testing/snapshot_source_contract.h"
#include "source/parquet/parquet_testing.h"
#include "testing/parquet_records.h"
#include "testing/temporary_folder.h"

namespace murmur {
namespace {

class MemoryFixture final : public SourceFixture {
 public:
  explicit MemoryFixture(std::string bytes) : bytes_(std::move(bytes)) {}
  std::unique_ptr<SnapshotSource> MakeSource() override { return parquet_source::SourceOf(bytes_); }
  bool ChangeAnObject() override {
    bytes_[bytes_.size() / 2] ^= 1;
    return true;
  }

 private:
  std::string bytes_;
};

class FilesFixture final : public SourceFixture {
 public:
  FilesFixture(const std::vector<ContractRecord>& records, size_t files) {
    const size_t each = records.size() / files + 1;
    for (size_t i = 0; i * each < records.size(); ++i) {
      const auto begin = records.begin() + static_cast<std::ptrdiff_t>(i * each);
      const size_t size = std::min(each, records.size() - i * each);
      const std::vector<ContractRecord> part(begin, begin + static_cast<std::ptrdiff_t>(size));
      std::ofstream(PathOf(i), std::ios::binary) << ParquetOf(part, 1000);
    }
  }
  std::unique_ptr<SnapshotSource> MakeSource() override {
    Definition definition;
    definition.base_directory = folder_.path();
    definition.bootstrap =
        SourceSpec{"parquet", {{"path", "*.parquet"}, {"handoff.kafka.0", "1500"}}};
    return MakeParquetSource(definition).value();
  }
  bool ChangeAnObject() override {
    std::ofstream(PathOf(0), std::ios::binary | std::ios::app) << "more";
    return true;
  }

 private:
  std::filesystem::path PathOf(size_t file) const {
    return std::filesystem::path(folder_.path()) / fmt::format("{}.parquet", file);
  }
  TemporaryFolder folder_;
};

MURMUR_SNAPSHOT_SOURCE_CONTRACT(ParquetContract);
INSTANTIATE_TEST_SUITE_P(
    Parquet, ParquetContract,
    testing::Values(SourceCase{"memory",
                               [](const auto& records) -> std::unique_ptr<SourceFixture> {
                                 return std::make_unique<MemoryFixture>(ParquetOf(records, 3500));
                               }},
                    SourceCase{"one_file",
                               [](const auto& records) -> std::unique_ptr<SourceFixture> {
                                 return std::make_unique<FilesFixture>(records, 1);
                               },
                               {{{"kafka", {{"0", "1500"}}}}}},
                    SourceCase{"many_files",
                               [](const auto& records) -> std::unique_ptr<SourceFixture> {
                                 return std::make_unique<FilesFixture>(records, 7);
                               },
                               {{{"kafka", {{"0", "1500"}}}}}}),
    SourceCaseName);

}  // namespace
}  // namespace murmur
