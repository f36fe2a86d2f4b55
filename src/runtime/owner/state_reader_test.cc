// A reader that stays open beside a state's writer.
#include "runtime/owner/state_reader.h"

#include <gtest/gtest.h>

#include <fstream>

#include "murmur/run.h"
#include "runtime/versions/state_access.h"
#include "testing/temporary_folder.h"

namespace murmur {
namespace {

struct Counts {
  uint64_t version = 0;
  int64_t records = 0;
};

class CountingSink final : public RowSink {
 public:
  Status Begin(const AnswerSchema& schema) override {
    counts.version = schema.version;
    return {};
  }
  Status Add(const Row& row) override {
    counts.records += row.values[0].i;
    return {};
  }
  Status End() override { return {}; }

  Counts counts;
};

class StateReaderTest : public testing::Test {
 protected:
  StateReaderTest() {
    auto definition = DefinitionBuilder("reader")
                          .Key({"page"})
                          .Aggregate("n", "count")
                          .Bootstrap("jsonl", {{"path", folder_.path() + "/events.jsonl"}})
                          .StatePath(folder_.path() + "/state")
                          .Build();
    EXPECT_TRUE(definition.ok()) << definition.status().ToString();
    definition_ = *std::move(definition);
    WriteEvents(10);
    Build(/*fresh=*/false);
    store_ = std::move(OpenStateForReading(definition_)).value();
    reader_ = std::make_unique<StateReader>(&definition_, store_.get());
  }

  void WriteEvents(int count) {
    std::ofstream file(folder_.path() + "/events.jsonl");
    for (int i = 0; i < count; ++i) file << "{\"page\": \"/" << i % 3 << "\"}\n";
  }
  void Build(bool fresh) {
    BootstrapOptions options;
    options.fresh = fresh;
    RunSummary summary;
    const Status status = Bootstrap(definition_, options, &summary);
    ASSERT_TRUE(status.ok()) << status.ToString();
  }
  Counts Ask() {
    CountingSink sink;
    const ReadService service([this] { return reader_->Serving(); });
    const Status status = service.Dump({}, &sink);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return sink.counts;
  }

  // Commits what is stored once more, as a writer of the serving version.
  void CommitMore(StateTable* table) {
    class Cursor final : public DeltaCursor {
     public:
      explicit Cursor(std::map<std::string, std::string> deltas) : deltas_(std::move(deltas)) {}
      bool Next(std::string_view* key, std::string_view* value) override {
        if (next_ == deltas_.end()) return false;
        *key = next_->first;
        *value = next_->second;
        ++next_;
        return true;
      }
      void Rewind() override { next_ = deltas_.begin(); }

     private:
      const std::map<std::string, std::string> deltas_;
      std::map<std::string, std::string>::const_iterator next_ = deltas_.begin();
    };
    std::map<std::string, std::string> deltas;
    ASSERT_EQ((*table->Snapshot())
                  ->Scan("", "",
                         [&](auto key, auto value) {
                           deltas.emplace(key, value);
                           return true;
                         }),
              Status());
    Cursor cursor(deltas);
    Commit commit;
    SplitProgress to;
    to.position = std::to_string(++commits_);
    commit.moves = {{.split = "more",
                     .from = commits_ == 1 ? "" : std::to_string(commits_ - 1),
                     .to = std::move(to)}};
    commit.deltas = &cursor;
    commit.delta_count = deltas.size();
    ASSERT_EQ(table->Apply(commit), Status());
  }

  TemporaryFolder folder_;
  Definition definition_;
  std::unique_ptr<StateStore> store_;
  std::unique_ptr<StateReader> reader_;
  int commits_ = 0;
};

TEST_F(StateReaderTest, EachQuestionSeesWhatIsCommittedUntilThen) {
  EXPECT_EQ(Ask().records, 10);
  const auto writer = OpenVersion(definition_, *store_, 1, Access::kWrite);
  ASSERT_TRUE(writer.ok()) << writer.status().ToString();
  int64_t records = 10;
  for (int n = 0; n < 10; ++n) {
    CommitMore(writer->table.get());
    records *= 2;
    EXPECT_EQ(Ask().records, records);
  }
}

TEST_F(StateReaderTest, TheVersionStaysOpenFromOneQuestionToTheNext) {
  const auto first = *reader_->Serving();
  const auto second = *reader_->Serving();
  EXPECT_EQ(first.table, second.table);
}

TEST_F(StateReaderTest, ItFollowsTheAlias) {
  EXPECT_EQ(Ask().version, 1u);
  const auto held = *reader_->Serving();
  WriteEvents(25);
  Build(/*fresh=*/true);
  const Counts counts = Ask();
  EXPECT_EQ(counts.version, 2u);
  EXPECT_EQ(counts.records, 25);
  EXPECT_EQ(held.table->Info()->number, 1u) << "a call under way keeps the old version";
}

TEST_F(StateReaderTest, AVersionThatIsGoneIsOpenedNoMore) {
  EXPECT_EQ(Ask().version, 1u);
  WriteEvents(25);
  Build(/*fresh=*/true);
  const auto writing = std::move(OpenStore(definition_, Access::kWrite)).value();
  (void)writing->DropVersion(1);
  EXPECT_EQ(Ask().version, 2u);
  EXPECT_EQ(Ask().records, 25);
}

TEST_F(StateReaderTest, AnAnswerUnderWayDoesNotHoldUpTheNext) {
  const auto held = *reader_->Serving();
  const auto snapshot = *held.table->Snapshot();
  const auto writer = OpenVersion(definition_, *store_, 1, Access::kWrite);
  ASSERT_TRUE(writer.ok()) << writer.status().ToString();
  CommitMore(writer->table.get());
  EXPECT_EQ(Ask().records, 20);
  size_t keys = 0;
  EXPECT_EQ(snapshot->Scan("", "", [&keys](auto, auto) { return ++keys > 0; }), Status());
  EXPECT_EQ(keys, 3u);
}

}  // namespace
}  // namespace murmur
