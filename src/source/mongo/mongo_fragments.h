// Changes that the server has cut, put together again: by $changeStreamSplitLargeEvent one that is
// larger than a document may be comes as several events, each with some of its fields.
#pragma once

#include <cstdint>

#include "murmur/status.h"
#include "source/mongo/bson.h"

namespace murmur {

class MongoFragments {
 public:
  // *change: what `event` is or completes, until the next call; null: more of it comes. Its _id is
  // the resume token of its last event. Errors: kDataLoss (not the event that was to come).
  Status Add(const bson_t* event, const bson_t** change);
  // There are events of a change whose last has not come.
  bool pending() const noexcept { return count_ > 0; }
  // What is pending comes again from its first event on.
  void Clear() { count_ = 0; }

 private:
  BsonDocument whole_;
  int64_t count_ = 0;  // of the events in it
};

}  // namespace murmur
