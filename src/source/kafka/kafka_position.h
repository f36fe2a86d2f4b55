// How far a partition has been read, as text: "1500", the offset after the last record that was
// counted; or "1500@1499:9f3c21aa04b1d2e7", which adds that record's offset and hash; or
// "1500@1499:9f3c21aa04b1d2e7:Xh3kTnRrQ1e5m0ZyHcJt5w", which adds the topic's id, if it is known.
// They show that the topic still is the one that was read: offsets mean nothing after a topic was
// deleted and made again under the same name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "murmur/record.h"
#include "murmur/status.h"

namespace murmur {

struct KafkaRecordMark {
  int64_t offset = 0;
  uint64_t hash = 0;  // of timestamp, key and value
  bool operator==(const KafkaRecordMark&) const = default;
};

struct KafkaPosition {
  int64_t next = 0;
  std::optional<KafkaRecordMark> last;  // the last record that was read, at or before next - 1
  std::string topic_id;  // in base64; empty: not known. Text has it only beside `last`
  bool operator==(const KafkaPosition&) const = default;

  Position ToString() const;
};

// Empty: the start of the partition, offset 0. Errors: kInvalidArgument.
Result<KafkaPosition> ParseKafkaPosition(const Position& position);

}  // namespace murmur
