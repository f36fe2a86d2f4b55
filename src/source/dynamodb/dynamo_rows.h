// Items of a table of DynamoDB → the rows of a batch.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "decode/json_scanner.h"
#include "murmur/record.h"
#include "murmur/status.h"
#include "source/dynamodb/attribute_value.h"
#include "source/dynamodb/dynamo_client.h"
#include "source/table_batch.h"

namespace murmur {

// Belongs to one stream. Threads: one at a time.
class DynamoRows {
 public:
  // A row longer than `row_bytes_max` is a dead letter.
  DynamoRows(const DynamoPlace& place, std::vector<DynamoKeyAttribute> key,
             const Projection& projection, uint64_t row_bytes_max)
      : key_(std::move(key)),
        row_bytes_max_(row_bytes_max),
        decoder_(projection),
        batch_(place.table) {}

  // Starts a batch; views of the last one become invalid. *batch stays until Finish.
  void Begin(RecordBatch* batch);
  // The present content of a row, as JSON from its brace on. If it can't be decoded, it is a dead
  // letter, and the row has no content.
  // REQUIRES of both: the batch is not full; the bytes stay valid until the next Begin, and end as
  // JsonScanner wants it. Errors of both: kDataLoss (it has no key)
  Status Put(std::string_view item);
  // A deleted row; only its key is used.
  Status Delete(std::string_view key);
  void Finish();

  // The key of the last row, as JSON from which a Scan can go on. REQUIRES: there is one
  std::string LastKey() const;

 private:
  using Key = std::vector<AttributeValue>;  // by key_

  bool FindKey(std::string_view item, Key* key);
  Status Add(std::string_view item, RowChange change);
  Status AppendKey(const Key& key);
  bool Decode(std::string_view item, uint32_t row, DeadLetter* dead);
  void Describe(uint32_t row, DeadLetter* letter) const;

  const std::vector<DynamoKeyAttribute> key_;
  const uint64_t row_bytes_max_;
  ItemDecoder decoder_;
  TableBatch batch_;
  JsonScanner scanner_{/*newline_is_space=*/true};
  std::vector<std::string_view> items_;  // by row
  std::vector<Key> keys_;                // by row
};

// The parts of the service's answers that streams read, in the order that the service likes. Views
// point into `json`, which ends as JsonScanner wants it. False: it is not such an answer.
struct ScanPage {
  const char* items = nullptr;  // at the bracket of the list
  std::string_view last_key;    // as JSON; empty: there is no more
  double capacity = 0;          // that it consumed
};
bool ReadScanPage(std::string_view json, ScanPage* page);

}  // namespace murmur
