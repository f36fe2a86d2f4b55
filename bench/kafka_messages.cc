// What the Kafka benchmark sends, and how fast it can be received at all.
//
//   kafka_messages generate OUT.jsonl COUNT        events of 150 to 200 bytes, the same every time
//   kafka_messages produce BROKERS TOPIC PARTITIONS FILE.jsonl [PER_SECOND]
//                                                  one message a line, evenly over the partitions
//   kafka_messages count BROKERS TOPIC PARTITIONS COUNT CLIENTS
//                                                  receives COUNT messages, and only counts them
//
// `produce` and `count` print {"seconds", "events", "bytes"}.
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <initializer_list>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "mapped_file.h"

namespace {

using std::chrono::steady_clock;

using Properties = std::initializer_list<std::pair<const char*, const char*>>;

constexpr uint64_t kStartMs = 1'772'323'200'000;  // 2026-03-01
constexpr uint64_t kSpanMs = 7 * 86'400'000ull;
constexpr uint64_t kGoldenRatio = 2'654'435'761;  // Knuth's multiplicative hash
constexpr size_t kTogether = 64;                  // neighbours that go to one partition
constexpr std::chrono::milliseconds kTick{5};     // of a paced producer
constexpr int kFlushMs = 120'000;
constexpr int kQueueFullMs = 20;
constexpr size_t kBatch = 10'000;
constexpr int kBatchWaitMs = 5;
constexpr std::chrono::seconds kCountAtMost{300};

struct Result {
  double seconds = 0;  // a paced producer's: of sending alone
  uint64_t events = 0;
  uint64_t bytes = 0;
};

[[noreturn]] void Fail(const char* what, const char* why) {
  std::fprintf(stderr, "kafka_messages: %s: %s\n", what, why);
  std::exit(1);
}

double SecondsSince(steady_clock::time_point start) {
  return std::chrono::duration<double>(steady_clock::now() - start).count();
}

using OnDelivery = void (*)(rd_kafka_t*, const rd_kafka_message_t*, void*);

rd_kafka_t* MakeClient(rd_kafka_type_t type, Properties properties, OnDelivery on_delivery) {
  char error[512];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  for (const auto& [name, value] : properties) {
    if (rd_kafka_conf_set(conf, name, value, error, sizeof error)) Fail(name, error);
  }
  if (on_delivery != nullptr) rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  rd_kafka_t* client = rd_kafka_new(type, conf, error, sizeof error);
  if (client == nullptr) Fail("librdkafka", error);
  return client;
}

// --- generate ---

void WriteEvent(std::FILE* out, uint64_t index, uint64_t count) {
  const uint64_t h = index * kGoldenRatio;
  const uint64_t ms = kStartMs + index * kSpanMs / count;
  const auto seconds = static_cast<std::time_t>(ms / 1000);
  char ts[32];
  std::strftime(ts, sizeof ts, "%Y-%m-%dT%H:%M:%S", std::gmtime(&seconds));
  std::fprintf(out,
               "{\"ts\":\"%s.%03uZ\",\"user\":\"user-%05u\",\"country\":\"%c%c\","
               "\"url\":\"/catalog/item/%07u\",\"ms\":%u.%03u,\"bytes\":%u,\"status\":%d,"
               "\"ref\":\"https://ref%03u.example.com/p?q=%08x\"}\n",
               ts, static_cast<unsigned>(ms % 1000), static_cast<unsigned>(h % 50'021),
               static_cast<char>('A' + h % 26), static_cast<char>('A' + h / 26 % 26),
               static_cast<unsigned>(h % 1'000'003), static_cast<unsigned>(h % 977),
               static_cast<unsigned>(h % 1000), static_cast<unsigned>(h % 65'536),
               h % 50 != 0 ? 200 : 500, static_cast<unsigned>(h % 500), static_cast<uint32_t>(h));
}

void Generate(const char* path, uint64_t count) {
  std::FILE* out = std::fopen(path, "w");
  if (out == nullptr) Fail(path, std::strerror(errno));
  std::setvbuf(out, nullptr, _IOFBF, 1 << 20);
  for (uint64_t i = 0; i < count; ++i) WriteEvent(out, i, count);
  if (std::ferror(out) != 0 || std::fclose(out) != 0) Fail(path, std::strerror(errno));
}

// --- produce ---

std::atomic<uint64_t> undelivered{0};

void NoteDelivery(rd_kafka_t* /*client*/, const rd_kafka_message_t* message, void* /*opaque*/) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) ++undelivered;
}

// per_second: 0: as fast as it goes.
Result Produce(const char* brokers, const char* topic, int partitions, std::string_view lines,
               uint64_t per_second) {
  rd_kafka_t* producer = MakeClient(RD_KAFKA_PRODUCER,
                                    {{"bootstrap.servers", brokers},
                                     {"linger.ms", per_second > 0 ? "5" : "50"},
                                     {"batch.num.messages", "10000"},
                                     {"batch.size", "1000000"},
                                     {"queue.buffering.max.messages", "500000"},
                                     {"queue.buffering.max.kbytes", "524288"}},
                                    NoteDelivery);
  rd_kafka_topic_t* to = rd_kafka_topic_new(producer, topic, nullptr);
  const uint64_t per_tick =
      per_second == 0 ? kTogether * 16 : std::max<uint64_t>(1, per_second * kTick.count() / 1000);
  Result result;
  const auto start = steady_clock::now();
  auto next_tick = start;
  while (!lines.empty()) {
    const size_t size = lines.find('\n');
    const auto partition = static_cast<int32_t>(result.events / kTogether) % partitions;
    // It copies, so it takes no const.
    while (rd_kafka_produce(to, partition, RD_KAFKA_MSG_F_COPY, const_cast<char*>(lines.data()),
                            size, nullptr, 0, nullptr) != 0) {
      if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        Fail("produce", rd_kafka_err2str(rd_kafka_last_error()));
      }
      rd_kafka_poll(producer, kQueueFullMs);
    }
    lines.remove_prefix(size + 1);
    result.bytes += size;
    if (++result.events % per_tick != 0) continue;
    rd_kafka_poll(producer, 0);
    if (per_second > 0) std::this_thread::sleep_until(next_tick += kTick);
  }
  result.seconds = SecondsSince(start);
  if (rd_kafka_flush(producer, kFlushMs) != RD_KAFKA_RESP_ERR_NO_ERROR || undelivered > 0) {
    Fail("produce", "the broker has not taken all messages");
  }
  if (per_second == 0) result.seconds = SecondsSince(start);
  rd_kafka_topic_destroy(to);
  rd_kafka_destroy(producer);
  return result;
}

// --- count ---

struct Counted {
  std::atomic<uint64_t> events{0};
  std::atomic<uint64_t> bytes{0};
};

// Every `clients`-th partition from the `first` on, by a client of its own.
void CountSome(const char* brokers, const char* topic, int partitions, int first, int clients,
               uint64_t count, Counted* all) {
  rd_kafka_t* consumer = MakeClient(RD_KAFKA_CONSUMER,
                                    {{"bootstrap.servers", brokers},
                                     {"group.id", "murmur-bench"},
                                     {"enable.auto.commit", "false"},
                                     {"enable.auto.offset.store", "false"},
                                     {"auto.offset.reset", "error"},
                                     {"queued.min.messages", "1000000"},
                                     {"queued.max.messages.kbytes", "131072"}},
                                    nullptr);
  rd_kafka_poll_set_consumer(consumer);
  rd_kafka_topic_partition_list_t* mine = rd_kafka_topic_partition_list_new(partitions);
  for (int p = first; p < partitions; p += clients) {
    rd_kafka_topic_partition_list_add(mine, topic, p)->offset = 0;
  }
  rd_kafka_assign(consumer, mine);
  rd_kafka_topic_partition_list_destroy(mine);
  rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(consumer);
  std::vector<rd_kafka_message_t*> batch(kBatch);
  const auto give_up = steady_clock::now() + kCountAtMost;
  while (all->events < count && steady_clock::now() < give_up) {
    const ssize_t taken =
        rd_kafka_consume_batch_queue(queue, kBatchWaitMs, batch.data(), batch.size());
    uint64_t events = 0;
    uint64_t bytes = 0;
    for (ssize_t i = 0; i < taken; ++i) {
      rd_kafka_message_t* message = batch[static_cast<size_t>(i)];
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        ++events;
        bytes += message->len;
      }
      rd_kafka_message_destroy(message);
    }
    all->events += events;
    all->bytes += bytes;
  }
  rd_kafka_queue_destroy(queue);
  rd_kafka_consumer_close(consumer);
  rd_kafka_destroy(consumer);
}

Result Count(const char* brokers, const char* topic, int partitions, uint64_t count, int clients) {
  Counted counted;
  Result result;
  const auto start = steady_clock::now();
  std::vector<std::jthread> threads;
  for (int i = 0; i < clients; ++i) {
    threads.emplace_back(CountSome, brokers, topic, partitions, i, clients, count, &counted);
  }
  // Closing the clients is not counted.
  while (counted.events < count && SecondsSince(start) < kCountAtMost.count()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  result.seconds = SecondsSince(start);
  threads.clear();
  result.events = counted.events;
  result.bytes = counted.bytes;
  return result;
}

int Usage() {
  std::fprintf(stderr,
               "usage: kafka_messages generate OUT.jsonl COUNT\n"
               "       kafka_messages produce BROKERS TOPIC PARTITIONS FILE.jsonl [PER_SECOND]\n"
               "       kafka_messages count BROKERS TOPIC PARTITIONS COUNT CLIENTS\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  Result result;
  if (verb == "generate" && argc == 4) {
    Generate(argv[2], std::strtoull(argv[3], nullptr, 10));
    return 0;
  }
  if (verb == "produce" && (argc == 6 || argc == 7)) {
    const murmur_bench::MappedFile file(argv[5]);
    if (file.text().empty()) Fail(argv[5], std::strerror(errno));
    result = Produce(argv[2], argv[3], std::atoi(argv[4]), file.text(),
                     argc == 7 ? std::strtoull(argv[6], nullptr, 10) : 0);
  } else if (verb == "count" && argc == 7) {
    result = Count(argv[2], argv[3], std::atoi(argv[4]), std::strtoull(argv[5], nullptr, 10),
                   std::atoi(argv[6]));
  } else {
    return Usage();
  }
  std::printf("{\"seconds\": %.6f, \"events\": %llu, \"bytes\": %llu}\n", result.seconds,
              static_cast<unsigned long long>(result.events),
              static_cast<unsigned long long>(result.bytes));
  return 0;
}
