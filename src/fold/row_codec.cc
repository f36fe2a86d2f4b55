#include "fold/row_codec.h"

#include <cstring>

#include "base/decimal.h"
#include "murmur/monoid.h"
#include "state/wire.h"

namespace murmur {
namespace {

template <class Value>
void AppendFixed(const Value& value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Added to the kind: the double is Cell::kRounded.
constexpr uint8_t kRoundedMark = 0x80;

void AppendCell(const Cell& cell, std::string* out) {
  const bool rounded = cell.kind == Kind::kDouble && (cell.flags & Cell::kRounded) != 0;
  out->push_back(static_cast<char>(static_cast<uint8_t>(cell.kind) | (rounded ? kRoundedMark : 0)));
  switch (cell.kind) {
    case Kind::kNull: break;
    case Kind::kBool:
    case Kind::kInt:
    case Kind::kTime: PutSigned(cell.i, out); break;
    case Kind::kDouble: AppendFixed(cell.d, out); break;
    case Kind::kDecimal:
      out->push_back(static_cast<char>(cell.scale));
      AppendFixed(cell.decimal(), out);
      break;
    case Kind::kString:
    case Kind::kJson: PutBytes(cell.text(), out); break;
  }
}

// Takes the `size` bytes of a fixed-size value off the front.
bool GetFixed(std::string_view* in, void* value, size_t size) {
  if (in->size() < size) return false;
  std::memcpy(value, in->data(), size);
  in->remove_prefix(size);
  return true;
}

bool GetDecimal(std::string_view* in, Arena* arena, Cell* cell) {
  if (in->empty()) return false;
  const auto scale = static_cast<uint8_t>(in->front());
  in->remove_prefix(1);
  if (scale > kDecimalDigitsMax) return false;
  auto* const number = static_cast<Int128*>(arena->Allocate(sizeof(Int128)));
  *cell = Cell::Decimal(number, scale);
  return GetFixed(in, number, sizeof(Int128));
}

bool GetCell(std::string_view* in, Arena* arena, Cell* cell) {
  if (in->empty()) return false;
  const auto tag = static_cast<uint8_t>(in->front());
  const auto kind = static_cast<Kind>(tag & ~kRoundedMark);
  const bool rounded = (tag & kRoundedMark) != 0;
  if (rounded && kind != Kind::kDouble) return false;
  in->remove_prefix(1);
  std::string_view text;
  *cell = Cell::Null();
  switch (kind) {
    case Kind::kNull: return true;
    case Kind::kBool:
      cell->kind = kind;
      return GetSigned(in, &cell->i) && (cell->i == 0 || cell->i == 1);
    case Kind::kInt:
    case Kind::kTime: cell->kind = kind; return GetSigned(in, &cell->i);
    case Kind::kDouble:
      cell->kind = kind;
      cell->flags = rounded ? Cell::kRounded : 0;
      return GetFixed(in, &cell->d, sizeof(cell->d));
    case Kind::kDecimal: return GetDecimal(in, arena, cell);
    case Kind::kString:
    case Kind::kJson:
      if (!GetView(in, &text)) return false;
      *cell = kind == Kind::kString ? Cell::String(text) : Cell::Json(text);
      return true;
  }
  return false;
}

}  // namespace

void AppendRow(const RecordBatch& batch, uint32_t row, std::string* out) {
  for (const Column& column : batch.columns) AppendCell(CellAt(column, row), out);
}

bool ReadRow(std::string_view bytes, uint32_t row, std::vector<Column>* columns, Arena* arena) {
  for (Column& column : *columns) {
    if (!GetCell(&bytes, arena, &column.cells[row])) return false;
  }
  return bytes.empty();
}

void StoredRows::Clear(std::string_view object) {
  batch_.Clear();
  batch_.object = object;
  batch_.AsTable();  // rows, not facts
  batch_.numbers.resize(kBatchRows);
  arena_.Reset();
}

bool StoredRows::Add(std::string_view bytes, uint64_t id, uint32_t number) {
  const uint32_t row = batch_.rows++;
  batch_.offsets[row] = id;
  batch_.numbers[row] = number;
  return ReadRow(bytes, row, &batch_.columns, &arena_);
}

RecordBatch* StoredRows::Batch() {
  for (Column& column : batch_.columns) column.SetTypeFromCells(batch_.rows);
  return &batch_;
}

}  // namespace murmur
