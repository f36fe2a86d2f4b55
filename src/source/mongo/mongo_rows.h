// Documents of a collection → the rows of a batch.
#pragma once

#include <string>
#include <vector>

#include "murmur/record.h"
#include "murmur/status.h"
#include "source/mongo/bson.h"
#include "source/mongo/bson_decoder.h"

namespace murmur {

// Belongs to one stream. Threads: one at a time.
class MongoRows {
 public:
  // `ns`, "shop.orders", is the rows' object. A row of more than `row_bytes_max` is a dead letter,
  // unless the projection is one of cuts.
  MongoRows(std::string ns, const Projection& projection, uint64_t row_bytes_max)
      : ns_(std::move(ns)),
        row_bytes_max_(projection.before ? UINT64_MAX : row_bytes_max),
        decoder_(projection) {}

  // Views of the batch before are no more from here on. *batch stays until Finish.
  void Begin(RecordBatch* batch);
  // What a row holds now. What can't be decoded is a dead letter, and the row holds nothing.
  // REQUIRES of all: the batch is not full; the bytes stay where they are until the next Begin
  // Errors of all: kDataLoss (no _id), kUnimplemented (an _id that has no key).
  Status Put(BsonBytes document);
  // A row that is gone; of `document` only the _id counts.
  Status Delete(BsonBytes document);
  // What a row held before the change that is told next. What can't be decoded never counted, and
  // is as if it were gone.
  Status Retract(BsonBytes document);
  // Of the rows since the last call: where in the change log their change stands.
  void SetPlace(const std::string& place) { batch_->places.resize(batch_->rows, place); }
  void Finish();

  // Of the row that came last, as BsonValueAsJson. REQUIRES: there was one
  std::string LastId() const { return IdOf(documents_.back()); }

 private:
  Status Add(BsonBytes document, RowChange change);
  // False: it holds nothing, and *dead says why.
  bool Decode(BsonBytes document, uint32_t row, DeadLetter* dead);
  static std::string IdOf(BsonBytes document);
  void Describe(uint32_t row, DeadLetter* letter) const;

  const std::string ns_;
  const uint64_t row_bytes_max_;
  BsonDecoder decoder_;
  RecordBatch* batch_ = nullptr;
  std::vector<BsonBytes> documents_;  // by row
  std::string keys_;                  // of all rows
  std::vector<size_t> key_ends_;
};

}  // namespace murmur
