// Documents on their way from the fetching thread to the decoding thread.
#pragma once

#include "source/mongo/bson.h"
#include "source/mongo/mongo_client.h"
#include "source/mongo/mongo_position.h"
#include "source/page_queue.h"

namespace murmur {

// A page is of one snapshot, by its cluster time.
using MongoPage = Page<ClusterTime>;
using MongoQueue = PageQueue<ClusterTime, MongoPosition>;

inline std::string_view BytesOf(const bson_t* document) {
  return {reinterpret_cast<const char*>(bson_get_data(document)), document->len};
}
inline BsonBytes DocumentIn(std::string_view bytes) {
  return {.data = reinterpret_cast<const uint8_t*>(bytes.data()),
          .size = static_cast<uint32_t>(bytes.size())};
}

}  // namespace murmur
