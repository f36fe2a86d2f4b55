// Parquet in a remote store: how many requests it takes, and what becomes of one that fails.
#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/util/io_util.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>

#include "source/object_source.h"
#include "source/parquet/footer_cache.h"
#include "source/parquet/parquet_testing.h"
#include "testing/parquet_records.h"

namespace murmur::parquet_source {
namespace {

using ::testing::HasSubstr;

// What a store was asked, and what it does not give.
struct Requests {
  std::atomic<int> reads{0};
  std::string refused;                 // of this object...
  int64_t refused_before = INT64_MAX;  // ...reads that begin before that byte
};

class CountingFile final : public arrow::io::RandomAccessFile {
 public:
  CountingFile(std::shared_ptr<arrow::io::RandomAccessFile> file, Requests* requests, bool refuse)
      : file_(std::move(file)), requests_(requests), refuse_(refuse) {}

  arrow::Status Close() override { return file_->Close(); }
  bool closed() const override { return file_->closed(); }
  arrow::Result<int64_t> Tell() const override { return file_->Tell(); }
  arrow::Status Seek(int64_t position) override { return file_->Seek(position); }
  arrow::Result<int64_t> GetSize() override { return file_->GetSize(); }
  arrow::Result<int64_t> Read(int64_t bytes, void* out) override { return file_->Read(bytes, out); }
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t bytes) override {
    return file_->Read(bytes);
  }
  arrow::Result<int64_t> ReadAt(int64_t position, int64_t bytes, void* out) override {
    ARROW_RETURN_NOT_OK(Note(position));
    return file_->ReadAt(position, bytes, out);
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t bytes) override {
    ARROW_RETURN_NOT_OK(Note(position));
    return file_->ReadAt(position, bytes);
  }

 private:
  arrow::Status Note(int64_t position) {
    ++requests_->reads;
    if (!refuse_ || position >= requests_->refused_before) return arrow::Status::OK();
    return arrow::internal::IOErrorFromErrno(EACCES, "refused");
  }

  const std::shared_ptr<arrow::io::RandomAccessFile> file_;
  Requests* const requests_;
  const bool refuse_;
};

class CountingStore final : public ObjectStore {
 public:
  explicit CountingStore(Requests* requests) : requests_(requests) {}

  void Put(const std::string& name, const std::string& bytes) {
    SourceObject object{.size = bytes.size(), .mtime_ns = 1, .tag = {}, .cold = {}, .raw_name = {}};
    SetName(name, &object);
    objects_.emplace_back(std::move(object), arrow::Buffer::FromString(bytes));
  }
  Result<std::vector<SourceObject>> List(const std::string& prefix, size_t limit,
                                         const std::stop_token&) const override {
    std::vector<SourceObject> listed;
    for (const auto& [object, bytes] : objects_) {
      if (object.name.starts_with(prefix) && listed.size() < limit) listed.push_back(object);
    }
    return listed;
  }
  Result<std::shared_ptr<arrow::io::RandomAccessFile>> Open(const std::string& name,
                                                            const SourceObject&) const override {
    for (const auto& [object, bytes] : objects_) {
      if (object.name != name) continue;
      return std::shared_ptr<arrow::io::RandomAccessFile>(std::make_shared<CountingFile>(
          std::make_shared<arrow::io::BufferReader>(bytes), requests_, name == requests_->refused));
    }
    return Status(Code::kNotFound, name);
  }

 private:
  Requests* const requests_;
  std::vector<std::pair<SourceObject, std::shared_ptr<arrow::Buffer>>> objects_;
};

class RemoteParquet : public ::testing::Test {
 protected:
  static constexpr int kFiles = 3;
  static constexpr int kGroups = 4;

  void SetUp() override {
    std::vector<ContractRecord> records;
    for (int64_t id = 0; id < 2000 * kGroups; ++id) records.push_back({.id = id, .name = "name"});
    auto store = std::make_shared<CountingStore>(&requests_);
    for (int i = 0; i < kFiles; ++i) {
      store->Put(fmt::format("b/{}.parquet", i), ParquetOf(records, 2000));
    }
    ObjectSourceOptions options;
    options.name = "s3:b";
    options.objects =
        std::make_shared<ObjectSet>(std::vector<std::string>{"s3://b/"}, store, "s3://");
    options.formats.push_back(MakeParquetFormat(options.objects, {}));
    source_ = std::make_unique<ObjectSource>(std::move(options));
  }

  Requests requests_;
  std::unique_ptr<SnapshotSource> source_;
};

TEST_F(RemoteParquet, AFooterIsReadOnceAndARowGroupInOneRequest) {
  const auto read = ReadAll(source_.get(), ProjectionOf({"id", "amount"}));
  ASSERT_TRUE(read.status.ok()) << read.status.ToString();
  EXPECT_TRUE(read.dead_letters.empty());
  EXPECT_EQ(read.records.size(), 2000u * kGroups * kFiles);
  EXPECT_EQ(requests_.reads, kFiles * (1 + kGroups));
}

TEST_F(RemoteParquet, AReadThatFailsIsAnErrorOfItsFileWhenItIsItsTurn) {
  requests_.refused = "b/1.parquet";
  requests_.refused_before = 10000;  // not the footer
  const auto read = ReadAll(source_.get(), ProjectionOf({"id", "amount"}));
  EXPECT_EQ(read.status.code(), Code::kPermissionDenied);
  EXPECT_THAT(read.status.message(), HasSubstr("s3://b/1.parquet"));
  EXPECT_TRUE(read.dead_letters.empty());
  EXPECT_EQ(read.records.size(), 2000u * kGroups);
}

Footer Damaged(size_t bytes) { return {.metadata = nullptr, .damage = std::string(bytes, 'x')}; }

TEST(FooterCache, WhatWasPlannedLastMakesRoomForWhatIsRead) {
  FooterCache cache(5000);
  cache.AddPlanned("a", Damaged(2000));
  cache.AddPlanned("b", Damaged(2000));
  cache.AddPlanned("c", Damaged(2000));  // no room
  EXPECT_TRUE(cache.Find("a") && cache.Find("b") && !cache.Find("c"));
  cache.AddOpened("c", Damaged(2000));
  EXPECT_TRUE(cache.Find("a") && !cache.Find("b") && cache.Find("c"));
  cache.AddOpened("d", Damaged(9000));
  EXPECT_TRUE(!cache.Find("a") && !cache.Find("c") && cache.Find("d"));
  cache.AddPlanned("d", Damaged(10));  // planned again: as it is now
  EXPECT_EQ(cache.Find("d")->damage.size(), 10u);
}

}  // namespace
}  // namespace murmur::parquet_source
