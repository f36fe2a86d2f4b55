#include "source/kafka/kafka_identity.h"

#include <memory>

namespace murmur {

bool KafkaTellsIdentity() { return MURMUR_KAFKA_TELLS_IDENTITY; }

#if MURMUR_KAFKA_TELLS_IDENTITY

namespace {

// What a broker answers that knows no ids.
constexpr char kNoId[] = "AAAAAAAAAAAAAAAAAAAAAA";

bool IsNotTold(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE ||
         error == RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION ||
         error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
}

}  // namespace

int32_t LeaderEpochOf(const rd_kafka_message_t& message) {
  return message.err == RD_KAFKA_RESP_ERR_NO_ERROR ? rd_kafka_message_leader_epoch(&message)
                                                   : kNoEpoch;
}

rd_kafka_resp_err_t AskTopicId(rd_kafka_t* client, rd_kafka_queue_t* answers,
                               const std::string& topic, int timeout_ms, std::string* id) {
  id->clear();
  const char* name = topic.c_str();
  rd_kafka_TopicCollection_t* topics = rd_kafka_TopicCollection_of_topic_names(&name, 1);
  rd_kafka_DescribeTopics(client, topics, nullptr, answers);
  rd_kafka_TopicCollection_destroy(topics);
  const std::unique_ptr<rd_kafka_event_t, void (*)(rd_kafka_event_t*)> event(
      rd_kafka_queue_poll(answers, timeout_ms), rd_kafka_event_destroy);
  if (!event) return RD_KAFKA_RESP_ERR__TIMED_OUT;
  if (const auto error = rd_kafka_event_error(event.get())) {
    return IsNotTold(error) ? RD_KAFKA_RESP_ERR_NO_ERROR : error;
  }
  size_t count = 0;
  const auto* const* found = rd_kafka_DescribeTopics_result_topics(
      rd_kafka_event_DescribeTopics_result(event.get()), &count);
  if (count != 1) return RD_KAFKA_RESP_ERR__FAIL;
  const auto error = rd_kafka_error_code(rd_kafka_TopicDescription_error(found[0]));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return IsNotTold(error) ? RD_KAFKA_RESP_ERR_NO_ERROR : error;
  }
  const char* text = rd_kafka_Uuid_base64str(rd_kafka_TopicDescription_topic_id(found[0]));
  if (text != nullptr && std::string_view(text) != kNoId) *id = text;
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

#else

int32_t LeaderEpochOf(const rd_kafka_message_t& /*message*/) { return kNoEpoch; }

rd_kafka_resp_err_t AskTopicId(rd_kafka_t* /*client*/, rd_kafka_queue_t* /*answers*/,
                               const std::string& /*topic*/, int /*timeout_ms*/, std::string* id) {
  id->clear();
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

#endif

}  // namespace murmur
