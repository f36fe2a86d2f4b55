// Kafka under the contracts of live sources and of replay, on the broker that MURMUR_KAFKA_BROKERS
// names; without one there are no cases.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>

#include "murmur/decoder.h"
#include "murmur/testing/live_source_contract.h"
#include "murmur/testing/snapshot_source_contract.h"
#include "source/kafka/kafka_client.h"
#include "source/kafka/kafka_live.h"
#include "source/kafka/kafka_replay.h"
#include "testing/hanging_server.h"

namespace murmur {
namespace {

constexpr int kTimeoutMs = 30000;

const char* Brokers() { return std::getenv("MURMUR_KAFKA_BROKERS"); }

// A topic of its own on the broker, with what writes to it.
class TestTopic {
 public:
  explicit TestTopic(int partitions) {
    static std::atomic<int> number{0};
    name_ = fmt::format("contract-{}-{}", getpid(), number++);
    char error[512];
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", Brokers(), error, sizeof error);
    rd_kafka_conf_set(conf, "linger.ms", "1", error, sizeof error);
    client_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
    answers_ = rd_kafka_queue_new(client_);
    rd_kafka_NewTopic_t* topic =
        rd_kafka_NewTopic_new(name_.c_str(), partitions, 1, error, sizeof error);
    rd_kafka_CreateTopics(client_, &topic, 1, nullptr, answers_);
    ExpectAnswer();
    rd_kafka_NewTopic_destroy(topic);
  }
  ~TestTopic() {
    rd_kafka_queue_destroy(answers_);
    rd_kafka_destroy(client_);
  }

  const std::string& name() const { return name_; }

  void Produce(int32_t partition, const std::vector<std::string>& values) {
    for (const std::string& value : values) {
      EXPECT_EQ(rd_kafka_producev(client_, RD_KAFKA_V_TOPIC(name_.c_str()),
                                  RD_KAFKA_V_PARTITION(partition),
                                  RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
                                  RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    EXPECT_EQ(rd_kafka_flush(client_, kTimeoutMs), RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  void SetPartitions(size_t total) {
    char error[512];
    rd_kafka_NewPartitions_t* more =
        rd_kafka_NewPartitions_new(name_.c_str(), total, error, sizeof error);
    rd_kafka_CreatePartitions(client_, &more, 1, nullptr, answers_);
    ExpectAnswer();
    rd_kafka_NewPartitions_destroy(more);
    // A producer learns of them when it asks again.
    for (const rd_kafka_metadata_t* metadata = nullptr; metadata == nullptr;) {
      ASSERT_EQ(rd_kafka_metadata(client_, 1, nullptr, &metadata, kTimeoutMs),
                RD_KAFKA_RESP_ERR_NO_ERROR);
      size_t seen = 0;
      for (int i = 0; i < metadata->topic_cnt; ++i) {
        if (metadata->topics[i].topic == name_) {
          seen = static_cast<size_t>(metadata->topics[i].partition_cnt);
        }
      }
      rd_kafka_metadata_destroy(metadata);
      if (seen < total) metadata = nullptr;
    }
  }
  void DeleteBefore(int32_t partition, int64_t offset) {
    rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, name_.c_str(), partition)->offset = offset;
    rd_kafka_DeleteRecords_t* before = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(client_, &before, 1, nullptr, answers_);
    ExpectAnswer();
    rd_kafka_DeleteRecords_destroy(before);
    rd_kafka_topic_partition_list_destroy(list);
  }

 private:
  void ExpectAnswer() {
    rd_kafka_event_t* event = rd_kafka_queue_poll(answers_, kTimeoutMs);
    ASSERT_NE(event, nullptr);
    EXPECT_EQ(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR)
        << rd_kafka_event_error_string(event);
    rd_kafka_event_destroy(event);
  }

  std::string name_;
  rd_kafka_t* client_ = nullptr;
  rd_kafka_queue_t* answers_ = nullptr;
};

Definition DefinitionOf(const std::string& topic) {
  Definition definition;
  definition.name = "contract";
  definition.live =
      SourceSpec{"kafka", {{"brokers", Brokers()}, {"topic", topic}, {"start", "earliest"}}};
  definition.replay = SourceSpec{"kafka", {{"brokers", Brokers()}, {"topic", topic}}};
  return definition;
}

class KafkaLiveFixture final : public LiveFixture {
 public:
  KafkaLiveFixture() : topic_(static_cast<int>(kSplits)) {}

  std::unique_ptr<LiveSource> MakeSource() override {
    return MakeKafkaLive(DefinitionOf(topic_.name())).value();
  }
  void Append(size_t split, const std::vector<int64_t>& ids) override {
    std::vector<std::string> values;
    for (const int64_t id : ids) values.push_back(fmt::format(R"({{"id":{}}})", id));
    topic_.Produce(static_cast<int32_t>(split), values);
  }
  void AddSplit() override { topic_.SetPartitions(kSplits + 1); }
  void DropOldest(size_t split, size_t count) override {
    topic_.DeleteBefore(static_cast<int32_t>(split), static_cast<int64_t>(count));
  }
  std::unique_ptr<Hang> BeginHang() override { return HangingServer::Of("MURMUR_KAFKA_PID"); }
  std::string SplitId(size_t split) const override {
    return fmt::format("kafka:{}/{}", topic_.name(), split);
  }

 private:
  TestTopic topic_;
};

class KafkaReplayFixture final : public SourceFixture {
 public:
  explicit KafkaReplayFixture(const std::vector<ContractRecord>& records) : topic_(kPartitions) {
    std::vector<std::vector<std::string>> values(kPartitions);
    for (const ContractRecord& record : records) {
      values[static_cast<size_t>(record.id % kPartitions)].push_back(record.ToJson());
    }
    for (int i = 0; i < kPartitions; ++i) topic_.Produce(i, values[static_cast<size_t>(i)]);
  }

  std::unique_ptr<SnapshotSource> MakeSource() override {
    return MakeKafkaReplay(DefinitionOf(topic_.name()), {}).value();
  }
  std::unique_ptr<Hang> BeginHang() override { return HangingServer::Of("MURMUR_KAFKA_PID"); }

 private:
  static constexpr int kPartitions = 3;
  TestTopic topic_;
};

std::vector<LiveCase> LiveCases() {
  if (Brokers() == nullptr) return {};
  return {{.name = "topic", .make = [] { return std::make_unique<KafkaLiveFixture>(); }}};
}
std::vector<SourceCase> ReplayCases() {
  if (Brokers() == nullptr) return {};
  return {{.name = "topic", .make = [](const std::vector<ContractRecord>& records) {
             return std::unique_ptr<SourceFixture>(std::make_unique<KafkaReplayFixture>(records));
           }}};
}

MURMUR_LIVE_SOURCE_CONTRACT(KafkaLiveContract);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(KafkaLiveContract);
INSTANTIATE_TEST_SUITE_P(Kafka, KafkaLiveContract, testing::ValuesIn(LiveCases()), LiveCaseName);

MURMUR_SNAPSHOT_SOURCE_CONTRACT(KafkaReplayContract);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(KafkaReplayContract);
INSTANTIATE_TEST_SUITE_P(Kafka, KafkaReplayContract, testing::ValuesIn(ReplayCases()),
                         SourceCaseName);

class KafkaQueueTest : public testing::TestWithParam<std::string> {};  // the brokers

TEST_P(KafkaQueueTest, AQueueThatWasFullIsSoonFilledAgain) {
  constexpr size_t kBatches = 100;  // each fills it
  constexpr size_t kBatchMessages = 200;
  TestTopic topic(1);
  for (size_t i = 0; i < kBatches; ++i) {
    topic.Produce(0, std::vector<std::string>(kBatchMessages, std::string(100, 'x')));
  }
  const SourceSpec spec{"kafka",
                        {{"brokers", GetParam()}, {"config.fetch.message.max.bytes", "10000"}}};
  const auto client = KafkaClient::Make(spec, "queue", /*queue_bytes=*/40'000).value();
  const auto queue = client->OpenQueue({topic.name(), 0}, {});
  ASSERT_TRUE(queue->Start(0).ok());
  const auto start = std::chrono::steady_clock::now();
  for (size_t taken = 0; taken < kBatches * kBatchMessages;) {
    rd_kafka_message_t* messages[kBatchMessages / 4];
    const size_t some = queue->Take(messages, std::size(messages), /*wait_ms=*/20);
    std::for_each(messages, messages + some, rd_kafka_message_destroy);
    taken += some;
    // A second for each would be long over.
    ASSERT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(kBatches / 3));
  }
}

// Messages of two bytes: a little number, the low byte first.
class TwoBytes final : public RecordDecoder {
 public:
  bool Decode(std::string_view record, uint32_t row, std::vector<Column>* columns,
              DeadLetter* dead) override {
    if (record.size() != 2) {
      dead->detail = "not two bytes";
      return false;
    }
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(record[i]); };
    (*columns)[0].cells[row] = Cell::Int(byte(0) + 256 * byte(1));
    return true;
  }
};

class KafkaFormatTest : public testing::TestWithParam<std::string> {};  // the brokers

TEST_P(KafkaFormatTest, MessagesOfAFormatThatAProgramRegistered) {
  ASSERT_TRUE(RegisterDecoder("two-bytes", [](const Projection& /*projection*/) {
                return Result<std::unique_ptr<RecordDecoder>>(std::make_unique<TwoBytes>());
              }).ok());
  TestTopic topic(1);
  topic.Produce(0, {std::string("\0\1", 2), "long", std::string("\n\0", 2)});
  Definition definition = DefinitionOf(topic.name());
  definition.live->options["format"] = "two-bytes";
  const auto source = MakeKafkaLive(definition).value();
  const auto splits = source->Splits({}).value();
  Projection projection;
  projection.fields.emplace_back().path.steps = {"number"};
  const auto stream = source->Open(splits.at(0), "", projection, [] {}, {}).value();
  RecordBatch batch(projection);
  std::vector<int64_t> numbers;
  std::vector<uint64_t> dead;
  const auto start = std::chrono::steady_clock::now();
  while (numbers.size() < 2) {
    ASSERT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(kTimeoutMs));
    ASSERT_TRUE(stream->Read({}, &batch).ok());
    for (uint32_t row = 0; row < batch.rows; ++row) {
      numbers.push_back(batch.columns[0].cells[row].i);
    }
    for (const DeadLetter& letter : batch.dead_letters) dead.push_back(letter.offset);
  }
  EXPECT_EQ(numbers, (std::vector<int64_t>{256, 10}));
  EXPECT_EQ(dead, std::vector<uint64_t>{1});
}

std::vector<std::string> BrokersIfAny() {
  return Brokers() == nullptr ? std::vector<std::string>() : std::vector<std::string>{Brokers()};
}
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(KafkaQueueTest);
INSTANTIATE_TEST_SUITE_P(Kafka, KafkaQueueTest, testing::ValuesIn(BrokersIfAny()));
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(KafkaFormatTest);
INSTANTIATE_TEST_SUITE_P(Kafka, KafkaFormatTest, testing::ValuesIn(BrokersIfAny()));

}  // namespace
}  // namespace murmur
