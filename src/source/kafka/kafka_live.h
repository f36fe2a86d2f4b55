// A Kafka topic from a position on, without end: `live: {kafka: {brokers: …, topic: …}}`.
#pragma once

#include <memory>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "murmur/status.h"

namespace murmur {

// Errors: kInvalidArgument (an option), kNotFound (an environment variable).
Result<std::unique_ptr<LiveSource>> MakeKafkaLive(const Definition& definition);

}  // namespace murmur
