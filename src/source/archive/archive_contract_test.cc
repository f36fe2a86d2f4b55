// The contract of every source, over archives as their sinks write them, on the local disk and,
// where MURMUR_S3_ENDPOINT names a server, in a bucket.
#include <arrow/filesystem/s3fs.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include "murmur/run.h"
#include "murmur/testing/snapshot_source_contract.h"
#include "source/archive/archive_source.h"
#include "source/parquet/parquet_testing.h"
#include "source/retry.h"
#include "source/s3/s3_source.h"
#include "source/s3/s3_store.h"
#include "testing/parquet_records.h"
#include "testing/temporary_folder.h"

namespace murmur {
namespace {

using Objects = std::map<std::string, std::string>;  // name → bytes
using Records = std::vector<ContractRecord>;

Records Slice(const Records& records, size_t begin, size_t end) {
  return {records.begin() + static_cast<std::ptrdiff_t>(begin),
          records.begin() + static_cast<std::ptrdiff_t>(std::min(end, records.size()))};
}

std::string Lines(const Records& records, std::string_view between) {
  std::string text;
  for (const ContractRecord& record : records) text += record.ToJson().append(between);
  return text;
}

// JSON values one after the other, without newlines.
Objects Firehose(const Records& records) {
  Objects objects;
  for (size_t hour = 0; hour < 3; ++hour) {
    const Records part = Slice(records, hour * 4000, hour * 4000 + 4000);
    objects[fmt::format(
        "2026/03/01/{:02}/clicks-1-2026-03-01-{:02}-05-00-"
        "0123456{}-89ab-cdef-0123-456789abcdef",
        hour, hour, hour)] = Lines(part, hour == 1 ? "\n" : "");
  }
  objects
      ["processing-failed/2026/03/01/00/clicks-1-2026-03-01-00-06-00-"
       "01234569-89ab-cdef-0123-456789abcdef"] = "{\"rawData\":\"\"}\n";
  return objects;
}

// Partition 0 in objects that overlap: each repeats the first records of the next one.
template <class Encode>
Objects KafkaConnect(const Records& records, std::string_view ending, const Encode& encode) {
  constexpr size_t kEach = 1300;
  constexpr size_t kRepeated = 170;
  Objects objects;
  for (size_t start = 0; start < records.size(); start += kEach) {
    objects[fmt::format("topics/a+b/partition=0/a+b+0+{:010}{}", start, ending)] =
        encode(Slice(records, start, start + kEach + kRepeated));
  }
  objects["topics/a+b/partition=0/a+b+0+0000000000.keys.json"] = "\"k\"\n";
  return objects;
}
Objects KafkaConnectLines(const Records& records) {
  return KafkaConnect(records, ".json", [](const Records& part) { return Lines(part, "\n"); });
}
Objects KafkaConnectParquet(const Records& records) {
  return KafkaConnect(records, ".snappy.parquet",
                      [](const Records& part) { return ParquetOf(part, 400); });
}

std::unique_ptr<SnapshotSource> SourceAt(const std::string& path,
                                         std::map<std::string, std::string> store = {}) {
  Definition definition;
  definition.replay = SourceSpec{"archive", std::move(store)};
  definition.replay->options["path"] = path;
  return MakeArchiveSource(definition, {}).value();
}

class LocalArchive final : public SourceFixture {
 public:
  explicit LocalArchive(const Objects& objects) {
    for (const auto& [name, bytes] : objects) {
      const std::filesystem::path path = folder_.path() + "/" + name;
      std::filesystem::create_directories(path.parent_path());
      std::ofstream(path, std::ios::binary) << bytes;
      changed_ = path;
    }
  }
  std::unique_ptr<SnapshotSource> MakeSource() override { return SourceAt(folder_.path()); }
  bool ChangeAnObject() override {
    std::ofstream(changed_, std::ios::binary | std::ios::app) << "more";
    return true;
  }

 private:
  TemporaryFolder folder_;
  std::filesystem::path changed_;
};

// A bucket of its own on the server that the environment names, which goes with the server.
class Bucket final : public SourceFixture {
 public:
  explicit Bucket(const Objects& objects) {
    static std::atomic<int> number{0};
    name_ = fmt::format("contract-{}-{}", getpid(), number++);
    store_ = OpenS3ForWriting({.kind = "s3", .options = Options()}).value();
    EXPECT_TRUE(store_->CreateDir(name_).ok());
    for (const auto& [name, bytes] : objects) Put(name, bytes);
    changed_ = objects.begin()->first;
  }

  std::unique_ptr<SnapshotSource> MakeSource() override {
    return SourceAt(fmt::format("s3://{}/", name_), Options());
  }
  bool ChangeAnObject() override {
    Put(changed_, "{}\n");
    return true;
  }

 private:
  static std::map<std::string, std::string> Options() {
    return {{"endpoint", std::getenv("MURMUR_S3_ENDPOINT")}};
  }
  // The server now and then takes a request on a connection that is used again for a broken one.
  void Put(const std::string& name, const std::string& bytes) {
    const auto written = Retried([&]() -> arrow::Result<bool> {
      ARROW_ASSIGN_OR_RAISE(const auto out, store_->OpenOutputStream(name_ + "/" + name));
      ARROW_RETURN_NOT_OK(out->Write(bytes.data(), static_cast<int64_t>(bytes.size())));
      ARROW_RETURN_NOT_OK(out->Close());
      return true;
    });
    EXPECT_TRUE(written.ok()) << written.status().ToString();
  }

  std::string name_;
  std::string changed_;
  std::shared_ptr<arrow::fs::FileSystem> store_;
};

template <class Fixture>
std::vector<SourceCase> Cases() {
  const auto made = [](std::string name, Objects (*write)(const Records&)) {
    return SourceCase{
        .name = std::move(name), .make = [write](const Records& records) {
          return std::unique_ptr<SourceFixture>(std::make_unique<Fixture>(write(records)));
        }};
  };
  return {made("firehose", Firehose), made("kafka_connect", KafkaConnectLines),
          made("kafka_connect_parquet", KafkaConnectParquet)};
}

std::vector<SourceCase> S3Cases() {
  return std::getenv("MURMUR_S3_ENDPOINT") == nullptr ? std::vector<SourceCase>() : Cases<Bucket>();
}

class EndOfS3 : public testing::Environment {
 public:
  void TearDown() override { Shutdown(); }
};
const auto* const kEndOfS3 = testing::AddGlobalTestEnvironment(new EndOfS3);

MURMUR_SNAPSHOT_SOURCE_CONTRACT(ArchiveContract);
INSTANTIATE_TEST_SUITE_P(Local, ArchiveContract, testing::ValuesIn(Cases<LocalArchive>()),
                         SourceCaseName);
INSTANTIATE_TEST_SUITE_P(S3, ArchiveContract, testing::ValuesIn(S3Cases()), SourceCaseName);

}  // namespace
}  // namespace murmur
