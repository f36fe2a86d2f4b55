#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "base/shown.h"
#include "query/flat_columns.h"
#include "query/format.h"

namespace murmur {
namespace {

// How many digits of a value with this relative error are known.
int DigitsKnown(double error) {
  int digits = 1;
  while (50 * std::pow(10.0, 1 - digits) > 100 * error) ++digits;
  return digits;
}

// Rounded to this number of digits: the order of values stays.
std::string Rounded(double value, int digits) {
  if (value == 0) return "0";
  const double rounded = std::strtod(fmt::format("{:.{}e}", value, digits - 1).c_str(), nullptr);
  const std::string text = fmt::format("{}", rounded);
  if (text.find('e') != text.npos || rounded != std::floor(rounded)) return text;
  return fmt::format("{:.0f}", rounded);
}

bool IsRounded(const Value& value) {
  return value.kind == ValueKind::kDouble && std::isfinite(value.d) &&
         value.error_kind == ErrorKind::kRelative && value.error > 0;
}

// With only the known digits of each number.
Value WithKnownDigits(Value value) {
  if (IsRounded(value)) return Value::Json(Rounded(value.d, DigitsKnown(value.error)));
  for (Value& item : value.items) item = WithKnownDigits(std::move(item));
  return value;
}

std::string ShownValue(const Value& value) { return FlatValue(WithKnownDigits(value)); }

// Columns as wide as their widest cell; numbers to the right. Widths come from the first
// kMeasuredRows rows, so that a long answer is not held back. For people: values show only the
// known digits, and at most kCellCharacters.
class TableSink final : public RowSink {
 public:
  explicit TableSink(WriteText write) : write_(std::move(write)) {}

  Status Begin(const AnswerSchema& schema) override {
    schema_ = &schema;
    columns_.emplace(schema);
    numeric_.assign(columns_->names().size(), false);
    for (size_t i = 0; i < schema.aggregates.size(); ++i) {
      const OutputType type = schema.aggregates[i].type;
      numeric_[columns_->values() + i] =
          type == OutputType::kInteger || type == OutputType::kNumber;
    }
    return {};
  }
  Status Add(const Row& row) override {
    std::vector<std::string>& cells =
        rows_.emplace_back(FlatCells(*schema_, *columns_, row, ShownValue));
    for (size_t i = 0; i < cells.size(); ++i) {
      cells[i] = Escaped(cells[i]);
      if (i >= columns_->values()) cells[i] = Shortened(std::move(cells[i]));
    }
    return rows_.size() < kMeasuredRows ? Status() : Flush();
  }
  Status End() override {
    MURMUR_TRY(Flush());
    if (!is_cut_) return {};
    is_cut_ = false;
    return write_("… stands for more: --format json has all of it\n");
  }

 private:
  static constexpr size_t kMeasuredRows = 1000;
  static constexpr size_t kCellCharacters = 60;

  std::string Shortened(std::string text) {
    if (Width(text) <= kCellCharacters) return text;
    is_cut_ = true;
    size_t bytes = 0;
    for (size_t characters = 0; characters < kCellCharacters; ++bytes) {
      characters += (static_cast<unsigned char>(text[bytes]) & 0xC0) != 0x80 ? 1 : 0;
    }
    return std::string(CutAtCharacter(text, bytes - 1)) + "…";
  }

  Status Flush() {
    std::string text;
    if (widths_.empty()) {
      widths_.resize(columns_->names().size());
      Measure(columns_->names());
      for (const auto& row : rows_) Measure(row);
      AddLine(columns_->names(), &text);
    }
    for (const auto& row : rows_) AddLine(row, &text);
    rows_.clear();
    return write_(text);
  }
  // Code points, near enough to what a terminal shows.
  static size_t Width(const std::string& text) {
    return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
  }
  void Measure(const std::vector<std::string>& cells) {
    for (size_t i = 0; i < cells.size(); ++i) widths_[i] = std::max(widths_[i], Width(cells[i]));
  }
  void AddLine(const std::vector<std::string>& cells, std::string* text) const {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i) {
      const size_t width = Width(cells[i]);
      const std::string pad(widths_[i] > width ? widths_[i] - width : 0, ' ');
      if (i > 0) line += "  ";
      line += numeric_[i] ? pad + cells[i] : cells[i] + pad;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text->append(line).push_back('\n');
  }

  const WriteText write_;
  const AnswerSchema* schema_ = nullptr;
  std::optional<FlatColumns> columns_;
  std::vector<bool> numeric_;  // by column
  bool is_cut_ = false;        // a cell was
  std::vector<size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace

std::unique_ptr<RowSink> MakeTableFormatter(WriteText write) {
  return std::make_unique<TableSink>(std::move(write));
}

}  // namespace murmur
