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
      root_(BuildFieldTree(projection_)),
      scanner_(framing == Framing::kMessage) {}

void JsonReader::BeginBatch(Column* columns) {
  columns_ = columns;
  arena_.Reset();
}

bool JsonReader::ReadShape(std::string_view record, uint32_t row) {
  for (size_t i = 0; i < shape_count_; ++i) {
    const size_t at = i == 0 ? last_shape_ : i - (i <= last_shape_ ? 1 : 0);
    if (!ReadAs<1>(shapes_[at], &record, row)) continue;
    last_shape_ = at;
    misses_ = 0;
    return true;
  }
  return false;
}

bool JsonReader::ReadTogether(const std::string_view* texts, uint32_t row) {
  return shape_count_ > 0 && ReadAs<kTogether>(shapes_[last_shape_], texts, row);
}

// A record is one chain of dependent steps, as each value's end is the next one's begin. The chains
// of several records run at the same time.
template <size_t records>
bool JsonReader::ReadAs(const Shape& shape, const std::string_view* texts, uint32_t row) {
  overflow_ = nullptr;
  duplicates_ = false;
  scanner_.ForgetSeen();
  SeenBytes seen;
  const uint64_t first_record = record_ + 1;
  record_ += records;
  std::array<const char*, records> at;
  for (size_t i = 0; i < records; ++i) at[i] = texts[i].data();
  for (const Segment& segment : shape.segments) {
    for (size_t i = 0; i < records; ++i) {
      if (!segment.before.Matches(at[i])) return false;
      at[i] += segment.before.size;
    }
    if (segment.column_count > 0) {
      for (size_t c = 1; c < segment.column_count; ++c) {
        for (size_t i = 0; i < records; ++i) {
          row_ = row + static_cast<uint32_t>(i);
          if (ReadField(at[i], segment.columns[c], segment.depth) == nullptr) return false;
        }
      }
      const FieldRequest& field = projection_.fields[segment.columns[0]];
      Cell* const cells = columns_[segment.columns[0]].cells.data() + row;
      for (size_t i = 0; i < records; ++i) {
        at[i] = ReadValue(at[i], field, segment.depth, &cells[i], &seen);
      }
    } else if (segment.node == nullptr) {
      for (size_t i = 0; i < records; ++i) at[i] = scanner_.SkipValue(at[i], segment.depth, &seen);
    } else {
      for (size_t i = 0; i < records; ++i) {
        row_ = row + static_cast<uint32_t>(i);
        record_ = first_record + i;
        at[i] = ReadNode(at[i], segment.node, segment.depth);
      }
    }
    for (size_t i = 0; i < records; ++i) {
      if (at[i] == nullptr) [[unlikely]]
        return false;
    }
  }
  for (size_t i = 0; i < records; ++i) {
    const char* const end = texts[i].data() + texts[i].size();
    if (!shape.tail.Matches(at[i]) || at[i] + shape.tail.size != end) return false;
  }
  if (overflow_ != nullptr) return false;
  if (!seen.ascii() || !scanner_.seen_ascii()) {
    for (size_t i = 0; i < records; ++i) {
      if (!simdjson::validate_utf8(texts[i])) return false;
    }
  }
  for (const uint32_t column : shape.missing) {
    std::fill_n(columns_[column].cells.begin() + row, records, Cell::Null());
  }
  return true;
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
                                                                 Cell* cell, SeenBytes* seen) {
  bool escaped = false;
  const char* end = JsonScanner::SkipString(p, &escaped, seen);
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

[[gnu::always_inline]] inline const char* JsonReader::ReadValue(const char* p,
                                                                const FieldRequest& field,
                                                                int depth, Cell* cell,
                                                                SeenBytes* seen) {
  if (*p == '"') return ReadString(p, field, cell, seen);
  if (*p == '-' || IsJsonDigit(*p)) return ReadNumber(p, field, cell);
  return ReadOther(p, depth, cell);
}

const char* JsonReader::ReadField(const char* p, uint32_t column, int depth) {
  SeenBytes seen;
  const char* end =
      ReadValue(p, projection_.fields[column], depth, &columns_[column].cells[row_], &seen);
  if (!seen.ascii()) scanner_.AddSeen(seen);
  return end;
}

// What is neither a string nor a number.
const char* JsonReader::ReadOther(const char* p, int depth, Cell* cell) {
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
// members, or too long names. Where a shape is known that differs in an inner object only, the
// members of objects are no part of the new one: they vary.
bool JsonReader::MakeShape(const char* begin, const char* end, Shape* shape) {
  if (duplicates_ || members_.empty() || members_.size() > kShapeFieldsMax) return false;
  const char* from = begin;
  for (const Member& member : members_) {
    shape->outer.append(from, member.value).push_back('\0');
    from = member.end;
  }
  const bool inner =
      std::none_of(shapes_.begin(), shapes_.begin() + static_cast<ptrdiff_t>(shape_count_),
                   [shape](const Shape& known) { return known.outer == shape->outer; });
  const bool added =
      (inner && AddMembers(begin, end, true, shape)) || AddMembers(begin, end, false, shape);
  if (!added) return false;
  std::vector<bool> present(projection_.fields.size());
  for (const Segment& segment : shape->segments) {
    if (segment.node == nullptr) continue;
    segment.node->ForEachColumn([&present](uint32_t column) { present[column] = true; });
  }
  for (uint32_t column = 0; column < present.size(); ++column) {
    if (!present[column]) shape->missing.push_back(column);
  }
  return true;
}

// Adds all segments; false: a text between two values is too long, or there are too many.
bool JsonReader::AddMembers(const char* begin, const char* end, bool inner, Shape* shape) {
  shape->segments.clear();
  for (const Member& member : members_) {
    if (!AddMember(member, 1, inner, &begin, shape)) return false;
  }
  return shape->tail.Set(begin, end);
}

// Adds the segments of a member's value; `inner`: of the values in it, if it is an object. *from:
// where the text before the next value begins.
bool JsonReader::AddMember(const Member& member, int depth, bool inner, const char** from,
                           Shape* shape) {
  FieldNode* const node = member.node;
  const bool as_text = node != nullptr && (!node->columns.empty() || !node->elements.empty());
  if (inner && depth <= kShapeDepthMax && *member.value == '{' && !as_text) {
    bool fits = true;
    bool any = false;
    scanner_.WalkObject(
        member.value, [&](std::string_view name, bool escaped, const char* value) -> const char* {
          any = true;
          FieldNode* child = node == nullptr ? nullptr : FindMember(*node, name, escaped);
          const char* value_end = scanner_.SkipValue(value, depth + 1);
          fits = fits && AddMember({value, value_end, child}, depth + 1, inner, from, shape);
          return value_end;
        });
    if (any) return fits;
  }
  if (shape->segments.size() == kShapeFieldsMax) return false;
  Segment& segment = shape->segments.emplace_back();
  segment.node = node;
  segment.depth = depth;
  if (node != nullptr && node->is_leaf() && node->columns.size() <= kColumnsMax) {
    segment.column_count = node->columns.size();
    std::copy(node->columns.begin(), node->columns.end(), segment.columns.begin());
  }
  if (!segment.before.Set(*from, member.value)) return false;
  *from = member.end;
  return true;
}

bool JsonReader::Literal::Set(const char* from, const char* to) noexcept {
  if (to - from > static_cast<ptrdiff_t>(kLiteralBytesMax)) return false;
  size = static_cast<uint32_t>(to - from);
  mask = (1u << std::min<uint32_t>(size, 16)) - 1;
  std::memcpy(text, from, size);
  return true;
}

}  // namespace murmur
