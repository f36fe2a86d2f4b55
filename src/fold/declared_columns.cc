#include "fold/declared_columns.h"

#include <fmt/format.h>

#include "base/decimal.h"
#include "base/shown.h"

namespace murmur {
namespace {

bool IsNumber(const Cell& cell) { return (KindBit(cell.kind) & kNumberKinds) != 0; }

// Reads a cell that is a number, or the text of one.
bool ReadNumber(const Cell& cell, Decimal* value) {
  if (cell.kind != Kind::kString) return IsNumber(cell) && ToDecimal(cell, value);
  std::string_view text = cell.text();
  if (text.starts_with('+')) text.remove_prefix(1);
  return ParseDecimal(text, &value->unscaled, &value->scale);
}

bool ReadDecimal(const DeclaredType& type, Int128 limit, Cell* cell, Int128* decimal) {
  Decimal value;
  if (!ReadNumber(*cell, &value) ||
      !Rescale(value.unscaled, value.scale, type.scale, &value.unscaled) ||
      value.unscaled >= limit || value.unscaled <= -limit) {
    return false;
  }
  *decimal = value.unscaled;
  *cell = Cell::Decimal(decimal, static_cast<uint8_t>(type.scale));
  return true;
}

std::string TypeName(const DeclaredType& type) {
  if (type.kind == Kind::kTime) return "time";
  return fmt::format("decimal({},{})", type.precision, type.scale);
}

std::string Describe(const FieldRequest& field, const Cell& cell) {
  return fmt::format("{}: {}; `columns` says that it is {}{}", field.path.ToString(), Shown(cell),
                     TypeName(*field.declared),
                     IsNumber(cell) && field.declared->kind == Kind::kTime &&
                             field.declared->unit == TimeUnit::kNone
                         ? "; a number needs a unit: {time: ms}"
                         : "");
}

}  // namespace

DeclaredColumns::DeclaredColumns(const Projection& projection) : projection_(projection) {
  for (size_t i = 0; i < projection.fields.size(); ++i) {
    const FieldRequest& field = projection.fields[i];
    if (!field.declared || field.as_time) continue;
    Target& target = targets_.emplace_back(Target{.column = i});
    if (field.declared->kind != Kind::kDecimal) continue;
    target.decimals.resize(kBatchRows);
    target.limit = PowerOfTen(field.declared->precision);
  }
}

bool DeclaredColumns::Read(const FieldRequest& field, Int128 limit, Cell* cell, Int128* decimal) {
  if (field.declared->kind == Kind::kDecimal) {
    return ReadDecimal(*field.declared, limit, cell, decimal);
  }
  if (cell->kind != Kind::kTime) ConvertToTime(field.declared->unit, &time_parser_, cell);
  return cell->kind == Kind::kTime;
}

void DeclaredColumns::Apply(RecordBatch* batch, const Refuse& refuse) {
  for (Target& target : targets_) {
    const FieldRequest& field = projection_.fields[target.column];
    Column& column = batch->columns[target.column];
    column.Materialize(batch->rows);
    for (uint32_t row = 0; row < batch->rows; ++row) {
      Cell& cell = column.cells[row];
      Int128* decimal = target.decimals.empty() ? nullptr : &target.decimals[row];
      if (cell.is_null() || Read(field, target.limit, &cell, decimal)) continue;
      refuse(row, Describe(field, cell));
      cell = Cell();
    }
    column.SetTypeFromCells(batch->rows);
  }
}

}  // namespace murmur
