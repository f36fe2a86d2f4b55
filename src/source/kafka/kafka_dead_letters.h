// Dead letters as messages of a topic: the record's bytes are the value; headers give topic,
// partition, offset, reason, detail and id.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "murmur/definition.h"
#include "murmur/record.h"
#include "murmur/status.h"

namespace murmur {

// Threads: one at a time.
class KafkaDeadLetters {
 public:
  // `spec`: {brokers, dead_letters, config.*} of a live source. Errors: as KafkaClient::Make.
  static Result<std::unique_ptr<KafkaDeadLetters>> Make(const SourceSpec& spec);
  virtual ~KafkaDeadLetters() = default;

  // Returns when brokers have them all. Errors: kUnavailable (some may have arrived), kCancelled.
  virtual Status Publish(const std::vector<DeadLetter>& letters, const std::stop_token& stop) = 0;
};

}  // namespace murmur
