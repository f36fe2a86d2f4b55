// What shows that a topic is still the one that was read, besides its records: the epoch of the
// leader that wrote a record, and the topic's id. librdkafka 2.3 and later tell both; built with an
// earlier one, nothing is known, and records are compared more often instead. The CMake file says
// which, as MURMUR_KAFKA_TELLS_IDENTITY. For this folder.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <string>

namespace murmur {

bool KafkaTellsIdentity();

// Every record that takes the place of another was written by a leader of a later epoch; in a topic
// of the same name, of any epoch. kNoEpoch: not known, or no record.
inline constexpr int32_t kNoEpoch = -1;
int32_t LeaderEpochOf(const rd_kafka_message_t& message);

// Asks for the id of a topic, which it has in common with no other, even of the same name. Sets it
// to empty if neither librdkafka nor the broker tells ids. `answers` is a queue of the client.
rd_kafka_resp_err_t AskTopicId(rd_kafka_t* client, rd_kafka_queue_t* answers,
                               const std::string& topic, int timeout_ms, std::string* id);

}  // namespace murmur
