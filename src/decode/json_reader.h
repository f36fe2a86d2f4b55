// One JSON object → one row of cells.
//
// There are two ways to read a record. Walk() assumes nothing: it takes the object member by member
// and looks each name up. It also learns the shape of the record: the texts between the values,
// with the names. ReadShape() expects a known shape: it compares these texts and looks only into
// the values. It is several times as fast, for several records at once most of all (ReadTogether),
// and leaves anything unexpected to Walk. Both take values through the same functions (JsonScanner,
// ReadValue), so records and errors don't depend on the way.
//
// If a key occurs twice in an object, the last one counts.
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
  // kLine: a newline ends a record. kMessage: a newline is white space.
  enum class Framing { kLine, kMessage };

  JsonReader(const Projection& projection, Framing framing);

  // From now on, rows go to `columns`, one per projected field. Unescaped strings and decimals of
  // earlier rows are gone.
  void BeginBatch(Column* columns);

  // Reads a record if it has a known shape. False: use Walk.
  // REQUIRES: kJsonPadding readable bytes after it, the first one 0 or a newline.
  bool ReadShape(std::string_view record, uint32_t row);

  static constexpr size_t kTogether = 4;
  // Reads kTogether records, as ReadShape has them, into as many rows from `row` on, if they all
  // have the shape that the last record had. False: read each on its own.
  bool ReadTogether(const std::string_view* texts, uint32_t row);

  // Reads the record [begin, end). False: *reason and *detail say why not.
  // REQUIRES: kJsonPadding readable bytes after `end`, the first one 0 or a newline.
  bool Walk(const char* begin, const char* end, uint32_t row, DeadReason* reason,
            std::string* detail);

 private:
  static constexpr size_t kShapesMax = 4;
  static constexpr size_t kShapeFieldsMax = 128;
  static constexpr int kShapeDepthMax = 8;        // of inner objects whose members are in a shape
  static constexpr size_t kLiteralBytesMax = 64;  // between two values, including the name
  static constexpr uint32_t kMissesToRelearn = 256;

  struct Literal {
    alignas(16) char text[kLiteralBytesMax] = {};
    uint32_t size = 0;
    uint32_t mask = 0;  // a bit for each of the first 16 bytes

    // False: it is too long.
    bool Set(const char* from, const char* to) noexcept;
    bool Matches(const char* p) const noexcept;
  };
  static constexpr size_t kColumnsMax = 2;
  struct Segment {
    Literal before;             // ,"page":
    FieldNode* node = nullptr;  // null: the value is not needed
    int depth = 1;              // values that enclose it
    // The columns of the value, if nothing below it is needed and these are all.
    size_t column_count = 0;
    std::array<uint32_t, kColumnsMax> columns{};
  };
  // The values are those of the record's members, or, of a member that is an object, those of its
  // members.
  struct Shape {
    std::vector<Segment> segments;
    Literal tail;                   // }
    std::vector<uint32_t> missing;  // columns that get no value from a record of this shape
    std::string outer;              // the texts between the record's members, whatever is in them
  };
  struct Member {
    const char* value;
    const char* end;
    FieldNode* node;
  };

  template <size_t records>
  bool ReadAs(const Shape& shape, const std::string_view* texts, uint32_t row);
  const char* WalkMembers(const char* p);
  FieldNode* FindMember(const FieldNode& node, std::string_view name, bool escaped);
  void Learn(const char* begin, const char* end);
  bool MakeShape(const char* begin, const char* end, Shape* shape);
  bool AddMembers(const char* begin, const char* end, bool inner, Shape* shape);
  bool AddMember(const Member& member, int depth, bool inner, const char** from, Shape* shape);

  // Each takes a value and returns the position after it, or null if it is not JSON. JSON that does
  // not fit its use goes to overflow_.
  const char* ReadNode(const char* p, FieldNode* node, int depth);
  const char* ReadChildren(const char* p, const FieldNode& node, int depth);
  const char* ReadField(const char* p, uint32_t column, int depth);
  const char* ReadValue(const char* p, const FieldRequest& field, int depth, Cell* cell,
                        SeenBytes* seen);
  const char* ReadOther(const char* p, int depth, Cell* cell);
  const char* ReadString(const char* p, const FieldRequest& field, Cell* cell, SeenBytes* seen);
  const char* ReadNumber(const char* p, const FieldRequest& field, Cell* cell);
  const char* ReadAnyNumber(const char* p, const FieldRequest& field, Cell* cell);

  Projection projection_;
  std::unique_ptr<FieldNode> root_;
  JsonScanner scanner_;
  TimeParser time_parser_;
  TextArena arena_;
  Column* columns_ = nullptr;
  uint32_t row_ = 0;
  uint64_t record_ = 0;                     // counts records, for FieldNode::seen_in
  const FieldRequest* overflow_ = nullptr;  // a field of this record whose number does not fit
  bool duplicates_ = false;                 // this record has a requested key twice

  std::vector<Member> members_;  // of the object that Walk is reading
  std::array<Shape, kShapesMax> shapes_;
  size_t shape_count_ = 0;
  size_t last_shape_ = 0;  // matched last; tried first
  size_t next_victim_ = 0;
  uint32_t misses_ = 0;
};

}  // namespace murmur
