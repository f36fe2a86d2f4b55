// Expressions over one field, computed once for each entry of its dictionary.
#include <algorithm>
#include <cstring>

#include "expression/step.h"
#include "murmur/arena.h"

namespace murmur::expression {
namespace {

constexpr uint32_t kEntriesMax = 32 * kBatchRows;  // of a larger dictionary most are not met

// A copy that owns what the cell points to.
Cell Kept(const Cell& cell, Arena* arena) {
  Cell kept = cell;
  if (cell.kind == Kind::kString || cell.kind == Kind::kJson) {
    if (cell.len == 0) return kept;
    auto* text = static_cast<char*>(arena->Allocate(cell.len));
    std::memcpy(text, cell.s, cell.len);
    kept.s = text;
  } else if (cell.kind == Kind::kDecimal && (cell.flags & Cell::kWide) != 0) {
    auto* digits = static_cast<Int128*>(arena->Allocate(sizeof(Int128)));
    *digits = *cell.wide;
    kept.wide = digits;
  }
  return kept;
}

}  // namespace

DictionaryStep::DictionaryStep(size_t column, StepPtr of_values)
    : column_(column), of_values_(std::move(of_values)), entry_failures_("") {}

const Column& DictionaryStep::Run(Frame& frame) {
  const Column* field = Coded(frame);
  if (field == nullptr) return of_values_->Run(frame);
  for (uint32_t row = 0; row < frame.batch.rows; ++row) {
    const uint32_t entry = field->indices[row];
    out_.cells[row] = results_[entry];
    if (failed_.empty() || failed_[entry] == 0) continue;
    frame.failures.Repeat(row, errors_[failed_[entry] - 1]);
  }
  out_.kinds = KindsFor(*field);
  out_.scale = scale_;
  return out_;
}

void DictionaryStep::RunTruths(Frame& frame, std::string_view function, Truth* truths) {
  const Column* field = Coded(frame);
  if (field == nullptr) return of_values_->RunTruths(frame, function, truths);
  if (truths_.empty()) return Step::RunTruths(frame, function, truths);
  for (uint32_t row = 0; row < frame.batch.rows; ++row) {
    truths[row] = truths_[field->indices[row]];
  }
}

bool DictionaryStep::RunCoded(Frame& frame, Column* out) {
  const Column* field = Coded(frame);
  if (field == nullptr || !failed_.empty()) return false;
  out->indices.resize(kBatchRows);
  std::copy_n(field->indices.begin(), frame.batch.rows, out->indices.begin());
  out->dictionary = results_.data();
  out->dictionary_size = static_cast<uint32_t>(results_.size());
  out->dictionary_id = field->dictionary_id;
  out->kinds = KindsFor(*field);
  out->scale = scale_;
  return true;
}

// The field's column, once its entries are computed; null: it is not coded, or has too many.
const Column* DictionaryStep::Coded(Frame& frame) {
  const Column& field = frame.Field(column_);
  if (field.dictionary_id == 0 || field.dictionary_size > kEntriesMax) return nullptr;
  if (field.dictionary_id != id_) {
    arena_.Reset();
    errors_.clear();
    results_.clear();
    failed_.clear();
    truths_.clear();
    kinds_ = 0;
    null_kinds_ = 0;
    scale_ = Column::kMixedScale;
    id_ = field.dictionary_id;
  }
  if (results_.size() < field.dictionary_size) {
    const auto computed = static_cast<uint32_t>(results_.size());
    ComputeEntries(field, computed, frame.failures.expression());
  }
  return &field;
}

// Computes the entries from `begin` on.
void DictionaryStep::ComputeEntries(const Column& field, uint32_t begin,
                                    const std::string& expression) {
  entry_failures_ = Failures(expression);
  for (uint32_t from = begin; from < field.dictionary_size; from += kBatchRows) {
    const uint32_t rows = std::min(kBatchRows, field.dictionary_size - from);
    std::copy_n(field.dictionary + from, rows, entries_.cells.begin());
    entries_.SetTypeFromCells(rows);
    chunk_.rows = rows;
    const size_t failed_before = errors_.size();
    entry_failures_.Start(rows, &errors_);
    Frame frame{.batch = chunk_, .failures = entry_failures_, .field = &entries_};
    const Column& of_entries = of_values_->Run(frame);
    for (uint32_t row = 0; row < rows; ++row) {
      results_.push_back(Kept(of_entries.cells[row], &arena_));
    }
    for (size_t i = failed_before; i < errors_.size(); ++i) {
      errors_[i].row += from;
      results_[errors_[i].row] = Cell();
    }
    AddKnown(from, field, of_entries, failed_before);
  }
}

// Adds what is known of the entries from `begin` on, of whose results `chunk` has the type, and
// `failed_before` the errors before them.
void DictionaryStep::AddKnown(uint32_t begin, const Column& field, const Column& chunk,
                              size_t failed_before) {
  constexpr KindSet kDecimals = KindBit(Kind::kDecimal);
  if ((chunk.kinds & kDecimals) != 0) {
    const bool same = ((kinds_ | null_kinds_) & kDecimals) == 0 || scale_ == chunk.scale;
    scale_ = same ? chunk.scale : Column::kMixedScale;
  }
  for (size_t i = begin; i < results_.size(); ++i) {
    KindSet& kinds = field.dictionary[i].is_null() ? null_kinds_ : kinds_;
    kinds |= KindBit(results_[i].kind);
  }
  if (!errors_.empty()) failed_.resize(results_.size(), 0);
  for (size_t i = failed_before; i < errors_.size(); ++i) {
    failed_[errors_[i].row] = static_cast<uint32_t>(i + 1);
  }
  constexpr KindSet kTruths = KindBit(Kind::kBool) | KindBit(Kind::kNull);
  const bool are_truths = ((kinds_ | null_kinds_) & ~kTruths) == 0;
  if (!are_truths || !failed_.empty()) return truths_.clear();
  for (size_t i = begin; i < results_.size(); ++i) truths_.push_back(TruthOf(results_[i]));
}

// The kinds of the batch's rows. A dictionary may have a null that no row has.
KindSet DictionaryStep::KindsFor(const Column& field) const noexcept {
  return kinds_ | ((field.kinds & KindBit(Kind::kNull)) != 0 ? null_kinds_ : 0);
}

}  // namespace murmur::expression
