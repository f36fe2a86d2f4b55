// Joins the parts of changes that the server has cut: with $changeStreamSplitLargeEvent, a change
// larger than a document may be arrives as several events, each with some of its fields.
#pragma once

#include <cstdint>

#include "murmur/status.h"
#include "source/mongo/bson.h"

namespace murmur {

class MongoFragments {
 public:
  // Sets *change to the change that `event` is or completes, valid until the next call; or to null
  // if more parts follow. Its _id is the resume token of its last event. Errors: kDataLoss (not the
  // expected event).
  Status Add(const bson_t* event, const bson_t** change);
  // Whether some parts of a change have come, but not the last.
  bool pending() const noexcept { return count_ > 0; }
  // Forgets the pending parts: they come again from the first event on.
  void Clear() { count_ = 0; }

 private:
  BsonDocument whole_;
  int64_t count_ = 0;  // number of events in it
};

}  // namespace murmur
