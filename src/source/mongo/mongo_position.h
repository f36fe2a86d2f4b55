// How far a collection's changes have been read, as text: "1700000000.5", a cluster time as seconds
// and increment: all up to it is counted. Or "1700000000.5@8265…" with the resume token that a
// change stream goes on behind; where the token is that of a change, those of the same time that
// follow it are not counted yet, and the time is the one before.
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
  std::string token;  // its _data, or all of it as JSON; empty: none
  bool operator==(const MongoPosition&) const = default;

  Position ToString() const;
};

// Errors: kInvalidArgument.
Result<MongoPosition> ParseMongoPosition(const Position& position);

// A resume token as a position has it, and back. Errors: kInvalidArgument.
std::string ResumeTokenText(const bson_t* token);
Result<BsonDocument> ParseResumeToken(std::string_view text);
// The cluster time that a resume token begins with. Errors: kInvalidArgument.
Result<ClusterTime> ResumeTokenTime(const bson_t* token);

// A cluster time as a place that orders by its bytes (RecordBatch::places).
std::string PlaceOf(ClusterTime time);

// What a hand-off token says of a collection at `time`, and back; null: nothing.
HandoffToken MongoHandoff(const MongoPlace& place, ClusterTime time);
const Position* MongoHandoffPosition(const MongoPlace& place, const HandoffToken& token);

}  // namespace murmur
