// One JSON object → one row of cells.
//
// Two ways lead through a record. Walk() knows nothing beforehand: it takes the object member by
// member and looks each name up. It also learns the shape of what it has seen: the texts between
// the values, names and all. ReadShape() expects such a shape: it compares these texts, and only
// looks into the values. It is some times as fast; whatever it does not expect, it leaves to Walk.
// Both take values through the same functions (JsonScanner, ReadField), so that records and errors
// don't depend on the way.
//
// Of a key that occurs twice in an object, the last one counts.
// Threads: one.
#pragma once

#include <array>
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

class JsonReader {
 public:
  // kLine: a newline ends a record. kMessage: it is white space.
  enum class Framing { kLine, kMessage };

  JsonReader(const Projection& projection, Framing framing);

  // Rows go to `columns` from now on, one per field of the projection; unescaped strings and
  // decimals of the rows before are gone.
  void BeginBatch(Column* columns);

  // Reads the record at `begin` if it has a shape learned before, and returns its end: a newline,
  // or `limit`. Null: use Walk. REQUIRES: kJsonPadding bytes behind `limit`, the first 0.
  const char* ReadShape(const char* begin, const char* limit, uint32_t row);

  // Reads the record [begin, end). False: *reason and *detail say why not.
  // REQUIRES: kJsonPadding bytes behind `end`, the first 0 or a newline.
  bool Walk(const char* begin, const char* end, uint32_t row, DeadReason* reason,
            std::string* detail);

 private:
  static constexpr size_t kShapesMax = 4;
  static constexpr size_t kShapeFieldsMax = 128;
  static constexpr size_t kLiteralBytesMax = 64;  // between two values, name and all
  static constexpr uint32_t kMissesToRelearn = 256;

  struct Literal {
    alignas(16) char text[kLiteralBytesMax] = {};
    uint32_t size = 0;
    uint32_t mask = 0;  // a bit for each of the first 16 bytes

    bool Matches(const char* p) const noexcept;
  };
  struct Segment {
    Literal before;             // ,"page":
    FieldNode* node = nullptr;  // null: nobody wants the value
    int64_t column = -1;        // the one that wants the value, where it is one and no more
  };
  struct Shape {
    std::vector<Segment> segments;
    Literal tail;                   // }
    std::vector<uint32_t> missing;  // columns that get no value from a record of this shape
  };
  struct Member {
    const char* value;
    const char* end;
    FieldNode* node;
  };

  const char* ReadAs(const Shape& shape, const char* p, const char* limit);
  const char* WalkMembers(const char* p);
  FieldNode* FindMember(const FieldNode& node, std::string_view name, bool escaped);
  void Learn(const char* begin, const char* end);
  bool MakeShape(const char* begin, const char* end, Shape* shape) const;

  // These take a value and return the position behind it, or null where it is not JSON. What is
  // JSON but does not fit its use goes to overflow_.
  const char* ReadNode(const char* p, FieldNode* node, int depth);
  const char* ReadChildren(const char* p, const FieldNode& node, int depth);
  const char* ReadField(const char* p, uint32_t column, int depth);
  const char* ReadString(const char* p, const FieldRequest& field, Cell* cell);
  const char* ReadNumber(const char* p, const FieldRequest& field, Cell* cell);
  const char* ReadAnyNumber(const char* p, const FieldRequest& field, Cell* cell);

  Projection projection_;
  Framing framing_;
  std::unique_ptr<FieldNode> root_;
  JsonScanner scanner_;
  TimeParser time_parser_;
  TextArena arena_;
  Column* columns_ = nullptr;
  uint32_t row_ = 0;
  uint64_t record_ = 0;                     // counts records, for FieldNode::seen_in
  const FieldRequest* overflow_ = nullptr;  // a field of this record whose number has no room
  bool duplicates_ = false;                 // this record has a requested key twice

  std::vector<Member> members_;  // of the object that Walk is in
  std::array<Shape, kShapesMax> shapes_;
  size_t shape_count_ = 0;
  size_t last_shape_ = 0;  // matched last; tried first
  size_t next_victim_ = 0;
  uint32_t misses_ = 0;
};

}  // namespace murmur
