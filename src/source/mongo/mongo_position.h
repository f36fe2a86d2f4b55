// How far a collection's changes have been read, as text: "1700000000.5" is a cluster time as
// seconds and increment; everything up to it is counted. "1700000000.5@8265…" adds the resume token
// after which a change stream goes on. If the token is that of a change, later changes of the same
// time are not counted yet, and the time in the position is the one before.
#pragma once

#include <bson/bson.h>

#include <string>
#include <string_view>

#include "murmur/record.h"
#include "murmur/source.h"
#include "murmur/status.h"
#include "source/mongo/mongo_client.h"

namespace murmur {

struct MongoPosition {
  ClusterTime through = 0;
  std::string token;  // its _data, or the whole token as JSON; empty: none
  bool operator==(const MongoPosition&) const = default;

  Position ToString() const;
};

// Errors: kInvalidArgument.
Result<MongoPosition> ParseMongoPosition(const Position& position);

// A resume token in the form of a position, and back. Errors: kInvalidArgument.
std::string ResumeTokenText(const bson_t* token);
Result<BsonDocument> ParseResumeToken(std::string_view text);
// The cluster time that a resume token begins with. Errors: kInvalidArgument.
Result<ClusterTime> ResumeTokenTime(const bson_t* token);

// A cluster time as a place, ordered by its bytes (RecordBatch::places).
std::string PlaceOf(ClusterTime time);

// The handoff token for a collection at `time`.
HandoffToken MongoHandoff(const MongoPlace& place, ClusterTime time);

}  // namespace murmur
