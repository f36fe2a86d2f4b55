#include "source/text_rows.h"

namespace murmur {
namespace {

constexpr char kWrapped[] = "v";  // the field that a column's JSON is put into

}  // namespace

TextFieldReader TextFieldReader::OfScalars(const FieldRequest& request, Scalar scalar) {
  TextFieldReader reader;
  reader.is_part_ = request.path.steps.size() > 1;
  reader.as_time_ = request.as_time;
  reader.unit_ = request.unit;
  reader.scalar_ = std::move(scalar);
  return reader;
}

Result<TextFieldReader> TextFieldReader::OfJson(const FieldRequest& request, AsJson as_json,
                                                std::string why_not) {
  TextFieldReader reader;
  reader.as_json_ = std::move(as_json);
  reader.why_not_ = std::move(why_not);
  Projection projection;
  projection.fields.push_back(request);
  projection.fields[0].path.steps[0] = std::string(kWrapped);
  MURMUR_ASSIGN(reader.json_, MakeDecoder("json", projection));
  reader.one_.resize(1);
  return reader;
}

void TextFieldReader::BeginBatch() {
  if (json_ != nullptr) json_->BeginBatch();
}

bool TextFieldReader::Read(std::string_view text, TextArena* arena, Cell* cell, DeadLetter* dead) {
  if (json_ != nullptr) return ReadJson(text, arena, cell, dead);
  if (is_part_) {
    *cell = Cell::Null();  // a single value has no parts
    return true;
  }
  if (!scalar_(text, arena, cell)) {
    dead->reason = DeadReason::kUndecodable;
    dead->detail = "a value is not written as its type is";
    return false;
  }
  if (cell->kind == Kind::kString) *cell = Cell::String(arena->Store(text));
  if (as_time_) ConvertToTime(unit_, cell);
  return true;
}

bool TextFieldReader::ReadJson(std::string_view text, TextArena* arena, Cell* cell,
                               DeadLetter* dead) {
  std::string record = "{\"v\":";
  if (!as_json_(text, &record)) {
    dead->reason = DeadReason::kUndecodable;
    dead->detail = why_not_;
    return false;
  }
  record += '}';
  if (!json_->Decode(arena->Store(record), 0, &one_, dead)) return false;
  *cell = one_[0].cells[0];
  return true;
}

}  // namespace murmur
