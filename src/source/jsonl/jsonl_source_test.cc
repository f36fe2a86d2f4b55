#include "source/jsonl/jsonl_source.h"

#include <arrow/util/compression.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "murmur/testing/snapshot_source_contract.h"
#include "source/source_registry.h"
#include "testing/fake_source.h"

namespace murmur {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::SizeIs;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    static std::atomic<int> count{0};
    path_ = fmt::format("{}murmur_jsonl_{}_{}", testing::TempDir(), getpid(), count++);
    std::filesystem::create_directories(path_);
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }
  void Write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ + "/" + name, std::ios::binary) << bytes;
  }

 private:
  std::string path_;
};

std::string Compress(const std::string& text, arrow::Compression::type type) {
  auto codec = arrow::util::Codec::Create(type).ValueOrDie();
  auto compressor = codec->MakeCompressor().ValueOrDie();
  std::string out(2 * text.size() + (1 << 20), '\0');  // more than any codec asks for
  auto* to = reinterpret_cast<uint8_t*>(out.data());
  const auto* from = reinterpret_cast<const uint8_t*>(text.data());
  int64_t written = 0;
  int64_t read = 0;
  const auto left = [&] { return static_cast<int64_t>(out.size()) - written; };
  while (read < static_cast<int64_t>(text.size())) {
    const auto step =
        compressor
            ->Compress(static_cast<int64_t>(text.size()) - read, from + read, left(), to + written)
            .ValueOrDie();
    read += step.bytes_read;
    written += step.bytes_written;
  }
  const auto end = compressor->End(left(), to + written).ValueOrDie();
  EXPECT_FALSE(end.should_retry);
  out.resize(static_cast<size_t>(written + end.bytes_written));
  return out;
}

// Small reads and splits, so that little data reaches every border.
JsonlOptions SmallOptions() {
  JsonlOptions options;
  options.split_bytes = 5000;
  options.read_bytes = 1000;
  return options;
}

std::unique_ptr<SnapshotSource> SourceOf(const std::string& directory, const std::string& path,
                                         const JsonlOptions& options) {
  ObjectSourceOptions source;
  source.name = "jsonl:" + path;
  source.handoff.streams["kafka"]["0"] = "1500";
  source.objects = std::make_shared<ObjectSet>(std::vector{path}, directory);
  source.formats.push_back(MakeJsonlFormat(source.objects, options));
  return std::make_unique<ObjectSource>(std::move(source));
}

enum class Layout { kOneFile, kManyFiles, kManySplits, kGzip, kGzipMembers, kZstd, kLz4 };

class JsonlFixture final : public SourceFixture {
 public:
  JsonlFixture(Layout layout, const std::vector<ContractRecord>& records) : layout_(layout) {
    const size_t parts = layout == Layout::kManyFiles || layout == Layout::kGzipMembers ? 5 : 1;
    std::string compressed;
    for (size_t part = 0; part < parts; ++part) {
      std::string text;
      for (size_t i = part; i < records.size(); i += parts) text += records[i].ToJson() + "\n";
      if (part == 2) text.pop_back();  // no newline at the end of a file
      if (IsCompressed()) {
        if (!text.ends_with('\n')) text += '\n';
        compressed += Compress(text, Codec());
      } else {
        directory_.Write(fmt::format("part-{}.jsonl", part), text);
      }
    }
    if (IsCompressed()) directory_.Write("part-0.jsonl", compressed);
  }

  std::unique_ptr<SnapshotSource> MakeSource() override {
    JsonlOptions options = SmallOptions();
    if (layout_ == Layout::kOneFile) {
      options.split_bytes = kSplitBytes;
      options.read_bytes = kReadBytes;
    }
    return SourceOf(directory_.path(), "*.jsonl", options);
  }

  bool ChangeAnObject() override {
    std::ofstream(directory_.path() + "/part-0.jsonl", std::ios::app) << "{}\n";
    return true;
  }

 private:
  bool IsCompressed() const { return layout_ >= Layout::kGzip; }
  arrow::Compression::type Codec() const {
    return layout_ == Layout::kZstd  ? arrow::Compression::ZSTD
           : layout_ == Layout::kLz4 ? arrow::Compression::LZ4_FRAME
                                     : arrow::Compression::GZIP;
  }

  Layout layout_;
  TemporaryDirectory directory_;
};

SourceCase Case(std::string name, Layout layout) {
  return {.name = std::move(name),
          .make =
              [layout](const std::vector<ContractRecord>& records) {
                return std::make_unique<JsonlFixture>(layout, records);
              },
          .handoff = {{{"kafka", {{"0", "1500"}}}}}};
}

MURMUR_SNAPSHOT_SOURCE_CONTRACT(JsonlContract);
INSTANTIATE_TEST_SUITE_P(Jsonl, JsonlContract,
                         testing::Values(Case("OneFile", Layout::kOneFile),
                                         Case("ManyFiles", Layout::kManyFiles),
                                         Case("ManySplits", Layout::kManySplits),
                                         Case("Gzip", Layout::kGzip),
                                         Case("GzipMembers", Layout::kGzipMembers),
                                         Case("Zstd", Layout::kZstd), Case("Lz4", Layout::kLz4)),
                         SourceCaseName);

class FakeFixture final : public SourceFixture {
 public:
  explicit FakeFixture(const std::vector<ContractRecord>& records) {
    for (const ContractRecord& record : records) table_.Load(record.ToJson());
  }
  std::unique_ptr<SnapshotSource> MakeSource() override {
    return std::make_unique<FakeTableSource>(&table_, &behaviour_);
  }
  std::unique_ptr<Hang> BeginHang() override { return std::make_unique<FakeHang>(&behaviour_); }

 private:
  FakeTable table_{"users"};
  FakeBehaviour behaviour_;
};

// The contract detects a call that ignores its stop.
TEST(StopInsideTest, ADeafCallTakesTooLong) {
  FakeTable table("users");
  FakeBehaviour behaviour;
  FakeTableSource source(&table, &behaviour);
  const ScanPlan plan = *source.Scan({});
  const FakeHang hang(&behaviour);
  const std::jthread answering([&behaviour] {
    std::this_thread::sleep_for(2 * kStopMax);
    behaviour.hangs = false;
  });
  const auto deaf = StopInside([&](std::stop_token) { return source.Resume(plan, {}); });
  EXPECT_TRUE(deaf.was_inside);
  EXPECT_GE(deaf.took, kStopMax);
  EXPECT_NE(deaf.status.code(), Code::kCancelled);
}

MURMUR_SNAPSHOT_SOURCE_CONTRACT(FakeContract);
INSTANTIATE_TEST_SUITE_P(Fake, FakeContract,
                         testing::Values(SourceCase{
                             .name = "Table",
                             .make =
                                 [](const std::vector<ContractRecord>& records) {
                                   return std::make_unique<FakeFixture>(records);
                                 },
                             .handoff = {{{"log", {{"0", "0"}}}}}}),
                         SourceCaseName);

// --- One split, read to its end ---

struct Read {
  std::vector<std::string> raw;
  std::vector<DeadLetter> dead;
  Position after;
  uint64_t bytes = 0;
  Status status;
};

Read ReadAll(SnapshotSource* source, const Split& split, const Position& after = {}) {
  Read read;
  const Projection projection;
  auto stream = source->Open(split, after, projection, {});
  if (!stream.ok()) {
    read.status = stream.status();
    return read;
  }
  RecordBatch batch(projection);
  for (;;) {
    const auto state = (*stream)->Read({}, &batch);
    if (!state.ok()) read.status = state.status();
    if (!state.ok() || *state == ReadState::kEnd) return read;
    for (uint32_t row = 0; row < batch.rows; ++row) read.raw.emplace_back(batch.raw[row]);
    for (DeadLetter& dead : batch.dead_letters) read.dead.push_back(std::move(dead));
    read.after = batch.after;
    read.bytes += batch.bytes;
  }
}

class JsonlSourceTest : public testing::Test {
 protected:
  Read ReadOneFile(const std::string& bytes, uint64_t record_bytes_max = 1 << 20) {
    directory_.Write("a.jsonl", bytes);
    JsonlOptions options = SmallOptions();
    options.split_bytes = kSplitBytes;
    options.record_bytes_max = record_bytes_max;
    source_ = SourceOf(directory_.path(), "a.jsonl", options);
    plan_ = source_->Scan({}).value();
    return ReadAll(source_.get(), plan_.splits.at(0));
  }

  static std::string ManyLines(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += fmt::format("{{\"n\":{}}}\n", i * 7919);
    return text;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<SnapshotSource> source_;
  ScanPlan plan_;
};

TEST_F(JsonlSourceTest, LinesBelongToTheSplitTheyBeginInWhereverTheBordersAre) {
  const std::string text =
      "{\"a\":1}\n\n{\"bcd\":22}\n{\"e\":\"" + std::string(40, 'x') + "\"}\n{}";
  directory_.Write("a.jsonl", text);
  for (uint64_t split_bytes = 1; split_bytes <= text.size() + 1; ++split_bytes) {
    for (const size_t read_bytes : {1, 2, 7, 1000}) {
      JsonlOptions options = SmallOptions();
      options.split_bytes = split_bytes;
      options.read_bytes = read_bytes;
      const auto source = SourceOf(directory_.path(), "a.jsonl", options);
      std::vector<std::string> raw;
      const ScanPlan plan = source->Scan({}).value();
      for (const Split& split : plan.splits) {
        const Read read = ReadAll(source.get(), split);
        EXPECT_TRUE(read.status.ok() && read.dead.empty());
        raw.insert(raw.end(), read.raw.begin(), read.raw.end());
      }
      ASSERT_THAT(raw, ElementsAre("{\"a\":1}", "{\"bcd\":22}", HasSubstr("xxx"), "{}"))
          << split_bytes << " " << read_bytes;
    }
  }
}

TEST_F(JsonlSourceTest, ALongLineIsOneDeadLetterAndItsBytesAreNotKept) {
  const std::string line = "{\"x\":\"" + std::string(300000, 'y') + "\"}";
  const Read read = ReadOneFile("{\"a\":1}\n" + line + "\n{\"b\":2}\n", 2000);
  EXPECT_TRUE(read.status.ok());
  EXPECT_THAT(read.raw, ElementsAre("{\"a\":1}", "{\"b\":2}"));
  ASSERT_THAT(read.dead, SizeIs(1));
  EXPECT_EQ(read.dead[0].reason, DeadReason::kTooLong);
  EXPECT_EQ(read.dead[0].offset, 8u);
  EXPECT_LE(read.dead[0].raw.size(), kDeadLetterRawBytes);
  EXPECT_THAT(read.dead[0].raw, testing::StartsWith("{\"x\":\"yyy"));
}

TEST_F(JsonlSourceTest, ReadingGoesOnBehindEveryPositionAlsoThatOfALineThatIsTooLong) {
  const std::string line = "{\"x\":\"" + std::string(5000, 'y') + "\"}\n";
  const Read whole =
      ReadOneFile("{\"a\":1}\n" + line + "{\"b\":2}\n" + line + line + "{\"c\":3}\n", 2000);
  ASSERT_THAT(whole.raw, ElementsAre("{\"a\":1}", "{\"b\":2}", "{\"c\":3}"));
  ASSERT_THAT(whole.dead, SizeIs(3));
  const Projection projection;
  const auto stream = std::move(source_->Open(plan_.splits[0], "", projection, {})).value();
  RecordBatch batch(projection);
  size_t rows = 0;
  size_t dead = 0;
  for (;;) {
    const auto state = stream->Read({}, &batch);
    ASSERT_TRUE(state.ok());
    if (*state == ReadState::kEnd) break;
    rows += batch.rows;
    dead += batch.dead_letters.size();
    const Read rest = ReadAll(source_.get(), plan_.splits[0], batch.after);
    EXPECT_THAT(rest.raw,
                ElementsAreArray(whole.raw.begin() + static_cast<ptrdiff_t>(rows), whole.raw.end()))
        << batch.after;
    EXPECT_THAT(rest.dead, SizeIs(whole.dead.size() - dead)) << batch.after;
  }
  EXPECT_EQ(rows, whole.raw.size());
}

TEST_F(JsonlSourceTest, ALineCutOffAtTheEndIsTruncated) {
  const Read read = ReadOneFile("{\"a\":1}\n{\"b\":");
  EXPECT_THAT(read.raw, ElementsAre("{\"a\":1}"));
  ASSERT_THAT(read.dead, SizeIs(1));
  EXPECT_EQ(read.dead[0].reason, DeadReason::kTruncated);
  EXPECT_EQ(read.dead[0].raw, "{\"b\":");
}

TEST_F(JsonlSourceTest, BadBytesElsewhereAreUndecodable) {
  const Read read = ReadOneFile("{\"a\":1}\n{\"b\":\n{\"c\":3}");
  EXPECT_THAT(read.raw, ElementsAre("{\"a\":1}", "{\"c\":3}"));
  ASSERT_THAT(read.dead, SizeIs(1));
  EXPECT_EQ(read.dead[0].reason, DeadReason::kUndecodable);
  EXPECT_EQ(read.dead[0].object, "a.jsonl");
}

TEST_F(JsonlSourceTest, ATruncatedStreamKeepsItsLinesAndIsToldOnce) {
  const std::string text = ManyLines(5000);
  for (const auto codec :
       {arrow::Compression::GZIP, arrow::Compression::ZSTD, arrow::Compression::LZ4_FRAME}) {
    const std::string whole = Compress(text, codec);
    for (const size_t cut : {whole.size() - 1, whole.size() / 2, size_t{20}}) {
      const Read read = ReadOneFile(whole.substr(0, cut));
      EXPECT_TRUE(read.status.ok()) << read.status.ToString();
      ASSERT_THAT(read.dead, SizeIs(1));
      EXPECT_EQ(read.dead[0].reason, DeadReason::kTruncated);
      EXPECT_THAT(read.dead[0].detail, HasSubstr(fmt::format("stream after {} bytes", cut)));
      std::string joined;
      for (const std::string& raw : read.raw) joined += raw + "\n";
      EXPECT_EQ(joined, text.substr(0, joined.size()));
      EXPECT_EQ(read.dead[0].offset, joined.size());
      // Nothing comes after it, not even the dead letter again.
      const Read again = ReadAll(source_.get(), plan_.splits[0], read.after);
      EXPECT_TRUE(again.status.ok() && again.raw.empty() && again.dead.empty());
    }
  }
}

TEST_F(JsonlSourceTest, DamageInACompressedStreamIsCorrupt) {
  std::string bytes = Compress(ManyLines(5000), arrow::Compression::GZIP);
  bytes[bytes.size() - 6] ^= 0x55;  // the checksum
  const Read read = ReadOneFile(bytes);
  EXPECT_TRUE(read.status.ok());
  // What one step of the decompressor wrote before it met the damage is lost with it.
  EXPECT_GT(read.raw.size(), 4700u);
  ASSERT_THAT(read.dead, SizeIs(1));
  EXPECT_EQ(read.dead[0].reason, DeadReason::kCorrupt);
  const Read garbage = ReadOneFile(Compress(ManyLines(5), arrow::Compression::GZIP) + "garbage");
  EXPECT_THAT(garbage.raw, SizeIs(5));
  ASSERT_THAT(garbage.dead, SizeIs(1));
  EXPECT_EQ(garbage.dead[0].reason, DeadReason::kCorrupt);
}

TEST_F(JsonlSourceTest, ProgressCountsTheBytesOfTheFile) {
  const std::string text = ManyLines(5000);
  EXPECT_EQ(ReadOneFile(text).bytes, text.size());
  const std::string compressed = Compress(text, arrow::Compression::ZSTD);
  EXPECT_EQ(ReadOneFile(compressed).bytes, compressed.size());
}

TEST_F(JsonlSourceTest, AFileThatShrinksWhileItIsReadIsDataLoss) {
  directory_.Write("a.jsonl", ManyLines(5000));
  const auto source = SourceOf(directory_.path(), "a.jsonl", SmallOptions());
  const ScanPlan plan = source->Scan({}).value();
  std::filesystem::resize_file(directory_.path() + "/a.jsonl", 100);
  const Read read = ReadAll(source.get(), plan.splits[0]);
  EXPECT_EQ(read.status.code(), Code::kDataLoss);
  EXPECT_THAT(read.status.message(), HasSubstr("a.jsonl ended at byte 100"));
}

TEST_F(JsonlSourceTest, AFileThatGrowsIsReadAsItWas) {
  directory_.Write("a.jsonl", "{\"a\":1}\n");
  const auto source = SourceOf(directory_.path(), "a.jsonl", SmallOptions());
  const ScanPlan plan = source->Scan({}).value();
  directory_.Write("a.jsonl", "{\"a\":1}\n{\"b\":2}\n");
  EXPECT_THAT(ReadAll(source.get(), plan.splits[0]).raw, ElementsAre("{\"a\":1}"));
}

TEST_F(JsonlSourceTest, AReaderIsReadOnceAndCanNotBeResumed) {
  const std::string text = ManyLines(5000);
  for (const std::string& bytes : {text, Compress(text, arrow::Compression::GZIP)}) {
    JsonlOptions options;
    options.read_bytes = 100;
    const auto source =
        MakeReaderSource("pipe", std::make_unique<std::istringstream>(bytes), {}, options);
    const ScanPlan plan = source->Scan({}).value();
    ASSERT_THAT(plan.splits, SizeIs(1));
    const Read read = ReadAll(source.get(), plan.splits[0]);
    EXPECT_THAT(read.raw, SizeIs(5000));
    EXPECT_EQ(read.bytes, bytes.size());
    EXPECT_EQ(source->Resume(plan, {}).code(), Code::kUnimplemented);
    EXPECT_EQ(ReadAll(source.get(), plan.splits[0]).status.code(), Code::kUnimplemented);
  }
}

TEST_F(JsonlSourceTest, StandardInputThatSaysNothingStops) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const int saved = dup(STDIN_FILENO);
  ASSERT_EQ(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
  const auto source = MakeStandardInputSource({}, {});
  const Projection projection;
  const ScanPlan plan = source->Scan({}).value();
  const auto stream = source->Open(plan.splits[0], {}, projection, {}).value();
  RecordBatch batch(projection);
  ASSERT_EQ(write(ends[1], "{\"a\":1}\n", 8), 8);
  ASSERT_TRUE(stream->Read({}, &batch).ok());
  EXPECT_EQ(batch.rows, 1u);
  std::stop_source stop;
  std::jthread stopper([&stop] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop.request_stop();
  });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(stream->Read(stop.get_token(), &batch).status().code(), Code::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
  dup2(saved, STDIN_FILENO);
  for (const int fd : {saved, ends[0], ends[1]}) close(fd);
}

Definition Bootstrap(std::string kind, std::map<std::string, std::string> options) {
  Definition definition;
  definition.bootstrap = SourceSpec{std::move(kind), std::move(options)};
  return definition;
}

TEST(MakeSnapshotSource, MakesWhatTheDefinitionNames) {
  const auto source = MakeSnapshotSource(Bootstrap("jsonl", {{"path.0", "a"},
                                                             {"path.1", "b"},
                                                             {"handoff.kafka.0", "1500"},
                                                             {"handoff.kafka.1", "1480"}}));
  ASSERT_TRUE(source.ok()) << source.status().ToString();
  EXPECT_EQ((*source)->Name(), "jsonl:a,b");
  const auto token = (*source)->HandoffNow({});
  ASSERT_TRUE(token.ok());
  EXPECT_EQ(token->streams.at("kafka").at("1"), "1480");
}

TEST(MakeSnapshotSource, SaysWhatItCanNotMake) {
  const auto code = [](const Definition& definition) {
    return MakeSnapshotSource(definition).status().code();
  };
  EXPECT_EQ(code(Definition()), Code::kInvalidArgument);
  EXPECT_EQ(code(Bootstrap("csv", {})), Code::kInvalidArgument);
  EXPECT_EQ(code(Bootstrap("jsonl", {})), Code::kInvalidArgument);
  EXPECT_EQ(code(Bootstrap("jsonl", {{"path", "a"}, {"format", "xml"}})), Code::kNotFound);
  EXPECT_EQ(code(Bootstrap("jsonl", {{"path", "a"}, {"handoff", "live"}})), Code::kOk);
}

}  // namespace
}  // namespace murmur
