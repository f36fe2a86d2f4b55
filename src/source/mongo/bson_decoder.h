// One BSON document → one row of cells.
//
//   double, int32, int64    float, integer      Decimal128     decimal; NaN, infinities: float
//   string, symbol, code    string              boolean        boolean
//   date, timestamp         timestamp           ObjectId       string, 24 hex digits
//   UUID                    string              other binary   string, base64
//   document, array         JSON text           null, undefined, missing: null
//   others                  JSON text
//
// JSON text is relaxed extended JSON. If a name occurs twice in a document, the last counts.
#pragma once

#include <bson/bson.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/time_text.h"
#include "decode/field_tree.h"
#include "decode/text_arena.h"
#include "murmur/record.h"

namespace murmur {

// Belongs to one stream. Threads: one at a time.
class BsonDecoder {
 public:
  explicit BsonDecoder(const Projection& projection);

  // Starts a new batch; the cells of the last batch are not read any more.
  void BeginBatch();

  // Writes the document's value of each projected field to (*columns)[field].cells[row], or null if
  // it has none. Strings are views of `data`, other values live until BeginBatch. False: refused;
  // `dead` has reason and detail. The caller sets Column::kinds.
  bool Decode(const uint8_t* data, size_t size, uint32_t row, std::vector<Column>* columns,
              DeadLetter* dead);

 private:
  // False: refused, and *dead_ says why.
  bool WalkElements(const uint8_t* data, size_t size, const FieldNode& node, bool list);
  bool ReadNode(const bson_iter_t* value, const FieldNode& node);
  bool ReadField(const bson_iter_t* value, uint32_t column);
  bool ReadValue(const bson_iter_t* value, const FieldRequest& field, Cell* cell);
  bool ReadString(std::string_view text, const FieldRequest& field, Cell* cell);
  bool ReadDecimal(const bson_iter_t* value, const FieldRequest& field, Cell* cell);
  bool ReadJson(const bson_iter_t* value, const FieldRequest& field, Cell* cell);
  void ReadOid(const bson_oid_t& oid, const FieldRequest& field, Cell* cell);
  void ReadBinary(const bson_iter_t* value, Cell* cell);

  bool Refuse(DeadReason reason, const FieldRequest& field, std::string_view what);
  bool RefuseDocument();

  Projection projection_;
  std::unique_ptr<FieldNode> root_;
  TimeParser time_parser_;
  TextArena arena_;

  // For the present document.
  Column* columns_ = nullptr;
  uint32_t row_ = 0;
  DeadLetter* dead_ = nullptr;
};

// Appends a server-side projection that includes what the decoder needs and little else: {_id: 1,
// "user.name": 1}. Appends nothing if the server must send whole documents, because the projection
// can't express a requested name: one with a '.' in it, or a '$' before it.
void AppendServerProjection(const Projection& projection, bson_t* out);

}  // namespace murmur
