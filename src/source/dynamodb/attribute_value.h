// Attribute values of DynamoDB in its JSON, {"N": "12.5"}, and items of them → one row of cells.
//
//   S            string            N         integer, or exact decimal
//   B            string, base64    BOOL      boolean
//   NULL         null              M, L      JSON text
//   SS, NS, BS   JSON text: a list in ascending order
//
// Numbers have up to 38 digits. One that no decimal of 38 digits before and after the point holds,
// such as 1E+100 or 1E-100, becomes the nearest double. JSON text is canonical
// (decode/json_canonical.h): items that are equal have equal texts.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time_text.h"
#include "decode/field_tree.h"
#include "decode/json_scanner.h"
#include "decode/text_arena.h"
#include "murmur/record.h"

namespace murmur {

// One attribute value; views point into the JSON.
struct AttributeValue {
  enum class Is : uint8_t { kString, kNumber, kBinary, kBool, kNull, kMap, kList, kSet };
  Is is = Is::kNull;
  Is of = Is::kString;          // the elements of a set
  std::string_view text;        // kString, kNumber, kBinary: between the quotes
  bool escaped = false;         // the text has a backslash
  bool truth = false;           // kBool
  const char* inner = nullptr;  // kMap, kList, kSet: at its bracket
};

// Takes a value, `p` at its brace. Null: it is none.
const char* TakeAttributeValue(JsonScanner* scanner, const char* p, AttributeValue* value);

// What stands between the quotes of a string of JSON, as it is meant.
std::string Unescaped(std::string_view text, bool escaped);

// A number's one form: "-12.50" and "-1.25E+1" are "-125E-1", and 0 is "0". False: it is no number.
// REQUIRES: as for JsonScanner
bool AppendCanonicalNumber(std::string_view text, std::string* out);

// Belongs to one stream. Threads: one at a time.
class ItemDecoder {
 public:
  explicit ItemDecoder(const Projection& projection);

  // Starts a new batch; the cells of the last batch are not read any more.
  void BeginBatch() { arena_.Reset(); }
  // Writes the item's value of each projected field to (*columns)[field].cells[row], or null if it
  // has none. `item` is at its brace; strings are views of it, other values live until BeginBatch.
  // False: refused; `dead` has reason and detail. The caller sets Column::kinds.
  bool Decode(const char* item, uint32_t row, std::vector<Column>* columns, DeadLetter* dead);

 private:
  const char* WalkMap(const char* p, const FieldNode& node);
  const char* WalkList(const char* p, const FieldNode& node);
  const char* ReadNode(const char* p, const FieldNode& node);
  bool ReadField(const AttributeValue& value, uint32_t column);
  bool ReadValue(const AttributeValue& value, const FieldRequest& field, Cell* cell);
  bool ReadText(const AttributeValue& value, const FieldRequest& field, Cell* cell);
  bool ReadJson(const AttributeValue& value, const FieldRequest& field, Cell* cell);
  bool Refuse(DeadReason reason, const FieldRequest& field, std::string_view what);

  const Projection projection_;
  const std::unique_ptr<FieldNode> root_;
  JsonScanner scanner_{/*newline_is_space=*/true};
  TimeParser time_parser_;
  TextArena arena_;
  std::string json_, canonical_;

  // For the present item.
  Column* columns_ = nullptr;
  uint32_t row_ = 0;
  DeadLetter* dead_ = nullptr;
  bool refused_ = false;
};

// What a Scan must ask for, so that the decoder finds the fields and the key: an expression of
// placeholders, and the names that stand for them as a JSON object.
struct ScanProjection {
  std::string expression;
  std::string names;
};
ScanProjection ScanProjectionOf(const Projection& projection, const std::vector<std::string>& key);

}  // namespace murmur
