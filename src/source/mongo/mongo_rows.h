// Documents of a collection → the rows of a batch.
#pragma once

#include <string>
#include <vector>

#include "murmur/record.h"
#include "murmur/status.h"
#include "source/mongo/bson.h"
#include "source/mongo/bson_decoder.h"
#include "source/table_batch.h"

namespace murmur {

// Belongs to one stream. Threads: one at a time.
class MongoRows {
 public:
  // `ns`, "shop.orders", is the rows' object. A row longer than `row_bytes_max` is a dead letter,
  // unless the projection is that of the cut method.
  MongoRows(std::string ns, const Projection& projection, uint64_t row_bytes_max)
      : row_bytes_max_(projection.before ? UINT64_MAX : row_bytes_max),
        decoder_(projection),
        batch_(std::move(ns)) {}

  // Starts a batch; views of the last one become invalid. *batch stays until Finish.
  void Begin(RecordBatch* batch);
  // The present content of a row. If it can't be decoded, it is a dead letter, and the row has no
  // content.
  // REQUIRES of all: the batch is not full; the bytes stay valid until the next Begin.
  // Errors of all: kDataLoss (no _id), kUnimplemented (an _id that has no key).
  Status Put(BsonBytes document);
  // A deleted row; only the _id of `document` is used.
  Status Delete(BsonBytes document);
  // The content of a row before the change that is told next. If it can't be decoded, it never
  // counted, and the row is treated as deleted.
  Status Retract(BsonBytes document);
  // Sets the place in the change log of the rows since the last call.
  void SetPlace(const std::string& place) { batch_.SetPlace(place); }
  void Finish();

  // The _id of the last row, as BsonValueAsJson. REQUIRES: there is one
  std::string LastId() const { return IdOf(documents_.back()); }

 private:
  Status Add(BsonBytes document, RowChange change);
  // False: there is no content, and *dead says why.
  bool Decode(BsonBytes document, uint32_t row, DeadLetter* dead);
  static std::string IdOf(BsonBytes document);
  void Describe(uint32_t row, DeadLetter* letter) const;

  const uint64_t row_bytes_max_;
  BsonDecoder decoder_;
  TableBatch batch_;
  std::vector<BsonBytes> documents_;  // by row
};

}  // namespace murmur
