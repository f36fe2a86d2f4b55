#include "decode/json_reader.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "decode/json_number.h"

namespace murmur {

bool JsonReader::Literal::Matches(const char* p) const noexcept {
#ifdef __SSE2__
  const __m128i read = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i wanted = _mm_load_si128(reinterpret_cast<const __m128i*>(text));
  const auto equal = static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(read, wanted)));
  if ((equal & mask) != mask) return false;
  return size <= 16 || std::memcmp(p + 16, text + 16, size - 16) == 0;
#else
  return std::memcmp(p, text, size) == 0;
#endif
}

JsonReader::JsonReader(const Projection& projection, Framing framing)
    : projection_(projection),
      framing_(framing),
      root_(BuildFieldTree(projection_)),
      scanner_(framing == Framing::kMessage) {}

void JsonReader::BeginBatch(Column* columns) {
  columns_ = columns;
  arena_.Reset();
}

const char* JsonReader::ReadShape(const char* begin, const char* limit, uint32_t row) {
  row_ = row;
  for (size_t i = 0; i < shape_count_; ++i) {
    const size_t at = i == 0 ? last_shape_ : i - (i <= last_shape_ ? 1 : 0);
    const char* end = ReadAs(shapes_[at], begin, limit);
    if (end == nullptr) continue;
    last_shape_ = at;
    misses_ = 0;
    return end;
  }
  return nullptr;
}

const char* JsonReader::ReadAs(const Shape& shape, const char* p, const char* limit) {
  const char* begin = p;
  ++record_;
  overflow_ = nullptr;
  duplicates_ = false;
  scanner_.ForgetSeen();
  for (const Segment& segment : shape.segments) {
    if (!segment.before.Matches(p)) return nullptr;
    p += segment.before.size;
    if (segment.column >= 0) {
      p = ReadField(p, static_cast<uint32_t>(segment.column), 1);
    } else {
      p = segment.node == nullptr ? scanner_.SkipValue(p, 1) : ReadNode(p, segment.node, 1);
    }
    if (p == nullptr) [[unlikely]]
      return nullptr;
  }
  if (!shape.tail.Matches(p)) return nullptr;
  p += shape.tail.size;
  if (p != limit && (*p != '\n' || framing_ == Framing::kMessage)) return nullptr;
  if (overflow_ != nullptr) return nullptr;
  if (!scanner_.seen_ascii() && !simdjson::validate_utf8(begin, static_cast<size_t>(p - begin))) {
    return nullptr;
  }
  for (const uint32_t column : shape.missing) columns_[column].cells[row_] = Cell::Null();
  return p;
}

bool JsonReader::Walk(const char* begin, const char* end, uint32_t row, DeadReason* reason,
                      std::string* detail) {
  row_ = row;
  ++record_;
  overflow_ = nullptr;
  duplicates_ = false;
  if (!simdjson::validate_utf8(begin, static_cast<size_t>(end - begin))) {
    *reason = DeadReason::kInvalidUtf8;
    *detail = "the record is not UTF-8";
    return false;
  }
  for (size_t i = 0; i < projection_.fields.size(); ++i) columns_[i].cells[row] = Cell::Null();
  const char* p = scanner_.SkipSpace(begin);
  const bool is_object = *p == '{';
  p = is_object ? WalkMembers(p) : scanner_.SkipValue(p, 0);
  if (p != nullptr) p = scanner_.SkipSpace(p);
  if (p != end || !is_object) {
    *reason = DeadReason::kUndecodable;
    *detail = p == nullptr ? "the record is not JSON"
              : p != end   ? fmt::format("something follows the value's end at byte {}", p - begin)
                           : "the record is JSON, but not an object";
    return false;
  }
  if (overflow_ != nullptr) {
    *reason = DeadReason::kNumberOverflow;
    *detail = fmt::format("{}: a number outside the range of 64-bit integers or doubles",
                          overflow_->path.ToString());
    return false;
  }
  if (shape_count_ < kShapesMax || ++misses_ >= kMissesToRelearn) Learn(begin, end);
  return true;
}

const char* JsonReader::WalkMembers(const char* p) {
  members_.clear();
  return scanner_.WalkObject(
      p, [this](std::string_view name, bool escaped, const char* value) -> const char* {
        FieldNode* node = FindMember(*root_, name, escaped);
        const char* end = node == nullptr ? scanner_.SkipValue(value, 1) : ReadNode(value, node, 1);
        if (end != nullptr && members_.size() <= kShapeFieldsMax) {
          members_.push_back({value, end, node});
        }
        return end;
      });
}

FieldNode* JsonReader::FindMember(const FieldNode& node, std::string_view name, bool escaped) {
  if (!escaped) return node.Find(name);
  std::string plain(name.size(), '\0');
  plain.resize(static_cast<size_t>(UnescapeJson(name, plain.data()) - plain.data()));
  return node.Find(plain);
}

const char* JsonReader::ReadNode(const char* p, FieldNode* node, int depth) {
  if (node->is_leaf() && node->columns.size() == 1 && node->seen_in != record_) [[likely]] {
    node->seen_in = record_;
    return ReadField(p, node->columns[0], depth);
  }
  if (node->seen_in == record_) duplicates_ = true;
  node->seen_in = record_;
  node->ForEachColumn([this](uint32_t column) { columns_[column].cells[row_] = Cell::Null(); });
  const char* end = node->is_leaf() ? p : ReadChildren(p, *node, depth);
  for (const uint32_t column : node->columns) {
    if (end == nullptr) break;
    end = ReadField(p, column, depth);
  }
  return end;
}

const char* JsonReader::ReadChildren(const char* p, const FieldNode& node, int depth) {
  if (*p == '{') {
    return scanner_.WalkObject(p, [&](std::string_view name, bool escaped, const char* value) {
      FieldNode* child = FindMember(node, name, escaped);
      return child == nullptr ? scanner_.SkipValue(value, depth + 1)
                              : ReadNode(value, child, depth + 1);
    });
  }
  if (*p == '[') {
    return scanner_.WalkList(p, [&](uint32_t index, const char* value) {
      FieldNode* child = node.Find(index);
      return child == nullptr ? scanner_.SkipValue(value, depth + 1)
                              : ReadNode(value, child, depth + 1);
    });
  }
  return scanner_.SkipValue(p, depth);
}

[[gnu::always_inline]] inline const char* JsonReader::ReadString(const char* p,
                                                                 const FieldRequest& field,
                                                                 Cell* cell) {
  bool escaped = false;
  const char* end = scanner_.SkipString(p, &escaped);
  if (end == nullptr) return nullptr;
  std::string_view text(p + 1, static_cast<size_t>(end - p - 2));
  if (escaped) [[unlikely]] {
    char* plain = arena_.Allocate(text.size());
    text = {plain, static_cast<size_t>(UnescapeJson(text, plain) - plain)};
  }
  int64_t micros;
  if (field.as_time && time_parser_.Parse(text, &micros)) {
    *cell = Cell::Time(micros);
  } else {
    *cell = Cell::String(text);
  }
  return end;
}

[[gnu::always_inline]] inline const char* JsonReader::ReadNumber(const char* p,
                                                                 const FieldRequest& field,
                                                                 Cell* cell) {
  if (!field.as_time) [[likely]] {
    const char* end = ReadShortNumber(p, field.exact_decimals, cell);
    if (end != nullptr) [[likely]]
      return end;
  }
  return ReadAnyNumber(p, field, cell);
}

const char* JsonReader::ReadAnyNumber(const char* p, const FieldRequest& field, Cell* cell) {
  const char* end = JsonScanner::SkipNumber(p);
  if (end == nullptr) return nullptr;
  const std::string_view text(p, static_cast<size_t>(end - p));
  // A time is cut to the microsecond from its written digits, not from the nearest double.
  const bool time = field.as_time && field.unit != TimeUnit::kNone;
  if (time && ConvertNumberToTime(text, field.unit, cell)) return end;
  if (!ParseJsonNumber(text, field.exact_decimals, &arena_, cell)) overflow_ = &field;
  return end;
}

const char* JsonReader::ReadField(const char* p, uint32_t column, int depth) {
  const FieldRequest& field = projection_.fields[column];
  Cell* cell = &columns_[column].cells[row_];
  if (*p == '"') return ReadString(p, field, cell);
  if (*p == '-' || IsJsonDigit(*p)) return ReadNumber(p, field, cell);
  const char* end = scanner_.SkipValue(p, depth);
  if (end == nullptr) return nullptr;
  switch (*p) {
    case 't': *cell = Cell::Bool(true); break;
    case 'f': *cell = Cell::Bool(false); break;
    case 'n': *cell = Cell::Null(); break;
    default: *cell = Cell::Json({p, static_cast<size_t>(end - p)});
  }
  return end;
}

void JsonReader::Learn(const char* begin, const char* end) {
  misses_ = 0;
  Shape shape;
  if (!MakeShape(begin, end, &shape)) return;
  const size_t slot = shape_count_ < kShapesMax ? shape_count_++ : next_victim_++ % kShapesMax;
  shapes_[slot] = std::move(shape);
  last_shape_ = slot;
}

// The shape of the record that Walk has just read. False if it has none: duplicate keys, too many
// members, or too long names.
bool JsonReader::MakeShape(const char* begin, const char* end, Shape* shape) const {
  if (duplicates_ || members_.empty() || members_.size() > kShapeFieldsMax) return false;
  const auto set_literal = [](const char* from, const char* to, Literal* literal) {
    if (to - from > static_cast<ptrdiff_t>(kLiteralBytesMax)) return false;
    literal->size = static_cast<uint32_t>(to - from);
    literal->mask = (1u << std::min<uint32_t>(literal->size, 16)) - 1;
    std::memcpy(literal->text, from, literal->size);
    return true;
  };
  std::vector<bool> present(projection_.fields.size());
  const char* from = begin;
  for (const Member& member : members_) {
    Segment& segment = shape->segments.emplace_back();
    segment.node = member.node;
    if (member.node != nullptr && member.node->is_leaf() && member.node->columns.size() == 1) {
      segment.column = member.node->columns[0];
    }
    if (!set_literal(from, member.value, &segment.before)) return false;
    if (member.node != nullptr) {
      member.node->ForEachColumn([&present](uint32_t column) { present[column] = true; });
    }
    from = member.end;
  }
  for (uint32_t column = 0; column < present.size(); ++column) {
    if (!present[column]) shape->missing.push_back(column);
  }
  return set_literal(from, end, &shape->tail);
}

}  // namespace murmur
