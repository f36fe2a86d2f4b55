#include "fold/id_reader.h"

#include "murmur/key.h"

namespace murmur {

std::string IdText(const Cell& cell) {
  switch (cell.kind) {
    case Kind::kString:
    case Kind::kJson: return std::string(cell.text());
    case Kind::kInt: return std::to_string(cell.i);
    case Kind::kDouble: return std::to_string(cell.d);
    case Kind::kTime: return FormatTime(cell.i);
    case Kind::kBool: return cell.i != 0 ? "true" : "false";
    case Kind::kNull:
    case Kind::kDecimal: break;
  }
  return "";
}

IdReader::IdReader(std::shared_ptr<const Pipeline> pipeline) : pipeline_(std::move(pipeline)) {
  if (!pipeline_->id()->computed) return;
  const ComputedColumn& column = pipeline_->computed()[pipeline_->id()->index];
  evaluator_.emplace(column.expression, column.inputs);
}

void IdReader::Read(RecordBatch* batch, std::vector<std::string>* ids) {
  const Operand& operand = *pipeline_->id();
  if (evaluator_) {
    errors_.clear();
    evaluator_->Evaluate(*batch, &computed_, &errors_);
  }
  const Column& column = operand.computed ? computed_ : batch->columns[operand.index];
  std::vector<bool> keep(batch->rows, true);
  ids->clear();
  for (uint32_t row = 0; row < batch->rows; ++row) {
    const Cell& cell = CellAt(column, row);
    if ((KindBit(cell.kind) & kScalarKinds) != 0) {
      AppendKeyPart(cell, &ids->emplace_back());
      continue;
    }
    keep[row] = false;
    batch->dead_letters.push_back(
        {.object = std::string(batch->object),
         .offset = batch->offsets[row],
         .reason = cell.is_null() ? DeadReason::kMissingKey : DeadReason::kWrongType,
         .detail = "id is " + std::string(KindName(cell.kind)) +
                   "; without it nobody can tell whether the record was counted already",
         .raw = std::string(batch->raw[row].substr(0, kDeadLetterRawBytes))});
  }
  if (ids->size() < batch->rows) KeepRows(keep, batch);
}

void KeepRows(const std::vector<bool>& keep, RecordBatch* batch) {
  uint32_t kept = 0;
  for (uint32_t row = 0; row < batch->rows; ++row) {
    if (!keep[row]) continue;
    for (Column& column : batch->columns) {
      if (column.dictionary_id != 0) {
        column.indices[kept] = column.indices[row];
      } else {
        column.cells[kept] = column.cells[row];
      }
    }
    batch->offsets[kept] = batch->offsets[row];
    batch->raw[kept] = batch->raw[row];
    if (!batch->numbers.empty()) batch->numbers[kept] = batch->numbers[row];
    if (!batch->row_ids.empty()) batch->row_ids[kept] = batch->row_ids[row];
    ++kept;
  }
  batch->rows = kept;
}

}  // namespace murmur
