#include "source/kafka/kafka_dead_letters.h"

#include <librdkafka/rdkafka.h>

#include <chrono>

#include "source/kafka/kafka_client.h"

namespace murmur {
namespace {

constexpr std::chrono::seconds kPatience{10};
constexpr int kTryMs = 200;

struct HeadersDeleter {
  void operator()(rd_kafka_headers_t* headers) const { rd_kafka_headers_destroy(headers); }
};
using Headers = std::unique_ptr<rd_kafka_headers_t, HeadersDeleter>;

Headers HeadersOf(const DeadLetter& letter) {
  Headers headers(rd_kafka_headers_new(6));
  const auto add = [&headers](const char* name, std::string_view value) {
    rd_kafka_header_add(headers.get(), name, -1, value.data(), static_cast<ssize_t>(value.size()));
  };
  const size_t slash = std::min(letter.object.rfind('/'), letter.object.size());
  const std::string_view object = letter.object;
  add("topic", object.substr(0, slash));
  add("partition", object.substr(std::min(slash + 1, object.size())));
  add("offset", std::to_string(letter.offset));
  add("reason", DeadReasonName(letter.reason));
  add("detail", letter.detail);
  if (!letter.id.empty()) add("id", letter.id);
  return headers;
}

bool IsFinal(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED: return true;
    default: return false;
  }
}

class Producer final : public KafkaDeadLetters {
 public:
  explicit Producer(std::string topic) : topic_(std::move(topic)) {}
  ~Producer() override {
    if (client_ == nullptr) return;
    // The next run publishes again what was not delivered.
    rd_kafka_purge(client_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_destroy(client_);
  }

  Status Open(const SourceSpec& spec) {
    MURMUR_ASSIGN(KafkaConf conf, MakeKafkaConf(spec));
    rd_kafka_conf_set_opaque(conf.get(), this);
    rd_kafka_conf_set_dr_msg_cb(conf.get(), &Producer::Delivered);
    rd_kafka_conf_set_log_cb(conf.get(), nullptr);
    char error[512] = "";
    client_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), error, sizeof error);
    if (client_ == nullptr) {
      return Status(Code::kInvalidArgument, std::string("kafka: dead_letters: ") + error);
    }
    (void)conf.release();  // the client owns it now
    return {};
  }

  Status Publish(const std::vector<DeadLetter>& letters, const std::stop_token& stop) override {
    failure_ = RD_KAFKA_RESP_ERR_NO_ERROR;
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    const auto may_wait = [&] {
      return !stop.stop_requested() && std::chrono::steady_clock::now() < give_up;
    };
    for (const DeadLetter& letter : letters) {
      while (!Send(letter)) {
        if (!may_wait()) return Undelivered(stop);
        rd_kafka_poll(client_, kTryMs);
      }
    }
    while (rd_kafka_flush(client_, kTryMs) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (!may_wait()) return Undelivered(stop);
    }
    return failure_ == RD_KAFKA_RESP_ERR_NO_ERROR ? Status() : Undelivered(stop);
  }

 private:
  static void Delivered(rd_kafka_t* /*client*/, const rd_kafka_message_t* message, void* self) {
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      static_cast<Producer*>(self)->failure_ = message->err;
    }
  }

  // False: the queue is full.
  bool Send(const DeadLetter& letter) {
    Headers headers = HeadersOf(letter);
    const auto sent = rd_kafka_producev(
        client_, RD_KAFKA_V_TOPIC(topic_.c_str()), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_VALUE(const_cast<char*>(letter.raw.data()), letter.raw.size()),
        RD_KAFKA_V_HEADERS(headers.get()), RD_KAFKA_V_END);
    if (sent == RD_KAFKA_RESP_ERR_NO_ERROR) (void)headers.release();  // the message owns them now
    if (sent != RD_KAFKA_RESP_ERR_NO_ERROR && sent != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      failure_ = sent;
    }
    return sent != RD_KAFKA_RESP_ERR__QUEUE_FULL;
  }

  Status Undelivered(const std::stop_token& stop) {
    rd_kafka_purge(client_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_poll(client_, 0);
    if (stop.stop_requested()) return Status(Code::kCancelled, "stopped");
    return Status(IsFinal(failure_) ? Code::kFailedPrecondition : Code::kUnavailable,
                  "dead letters don't reach the topic " + topic_ +
                      (failure_ == RD_KAFKA_RESP_ERR_NO_ERROR
                           ? std::string(": no broker answers")
                           : std::string(": ") + rd_kafka_err2str(failure_)));
  }

  const std::string topic_;
  rd_kafka_t* client_ = nullptr;
  rd_kafka_resp_err_t failure_ = RD_KAFKA_RESP_ERR_NO_ERROR;  // of the last Publish
};

}  // namespace

Result<std::unique_ptr<KafkaDeadLetters>> KafkaDeadLetters::Make(const SourceSpec& spec) {
  auto producer = std::make_unique<Producer>(spec.options.at("dead_letters"));
  MURMUR_TRY(producer->Open(spec));
  return std::unique_ptr<KafkaDeadLetters>(std::move(producer));
}

}  // namespace murmur
