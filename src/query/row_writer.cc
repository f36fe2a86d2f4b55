// The output formats: JSON lines, an aligned table, CSV. Parquet has a file of its own.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/shown.h"
#include "query/parquet_writer.h"
#include "query/row.h"

namespace murmur {
namespace {

constexpr size_t kWriteBytes = 64 << 10;

// A JSON value for people: without quotes.
std::string Unquoted(const std::string& json) {
  if (json.empty() || json[0] != '"') return json;
  const auto parsed = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  return parsed.is_string() ? parsed.get<std::string>() : json;
}

// Gathers rows of text, and writes them in pieces of about kWriteBytes.
class TextWriter : public RowWriter {
 public:
  explicit TextWriter(WriteText write) : write_(std::move(write)) {}

  Status Add(const Row& row) final {
    AppendRow(row, &buffer_);
    return buffer_.size() < kWriteBytes ? Status() : Finish();
  }
  Status Finish() final {
    Status status = write_(buffer_);
    buffer_.clear();
    return status;
  }

 protected:
  virtual void AppendRow(const Row& row, std::string* text) = 0;
  std::string buffer_;

 private:
  const WriteText write_;
};

class JsonLinesWriter final : public TextWriter {
 public:
  JsonLinesWriter(const Pipeline& pipeline, std::string exactness, WriteText write)
      : TextWriter(std::move(write)), pipeline_(pipeline), exactness_(std::move(exactness)) {}

 private:
  void AppendRow(const Row& row, std::string* text) override {
    text->append(RowAsJson(pipeline_, row, exactness_)).push_back('\n');
  }

  const Pipeline& pipeline_;
  const std::string exactness_;
};

// Key parts of all rollups, each name once; then the window, then the aggregates.
std::vector<std::string> Header(const Pipeline& pipeline) {
  std::vector<std::string> names;
  for (const auto& rollup : pipeline.rollups()) {
    for (const auto& part : rollup.parts) {
      if (std::find(names.begin(), names.end(), part.name) == names.end()) {
        names.push_back(part.name);
      }
    }
  }
  names.emplace_back("window");
  for (const auto& aggregate : pipeline.aggregates()) names.push_back(aggregate.name);
  return names;
}

}  // namespace

std::vector<std::string> KeyNames(const Pipeline& pipeline) {
  std::vector<std::string> names = Header(pipeline);
  names.resize(names.size() - 1 - pipeline.aggregates().size());
  return names;
}

namespace {

// One cell per header column; a part that the row's rollup lacks is empty.
std::vector<std::string> Cells(const std::vector<std::string>& header, const Row& row) {
  std::vector<std::string> cells(header.size());
  const size_t keys = header.size() - 1 - row.aggregates.size();
  for (size_t i = 0; i < row.key.size(); ++i) {
    const auto at = std::find(header.begin(), header.begin() + static_cast<ptrdiff_t>(keys),
                              row.rollup->parts[i].name);
    cells[static_cast<size_t>(at - header.begin())] = Unquoted(row.key[i]);
  }
  if (row.window != "null") cells[keys] = Unquoted(row.window);
  for (size_t i = 0; i < row.aggregates.size(); ++i) {
    if (row.aggregates[i] != "null") cells[keys + 1 + i] = Unquoted(row.aggregates[i]);
  }
  return cells;
}

// RFC 4180.
class CsvWriter final : public TextWriter {
 public:
  CsvWriter(const Pipeline& pipeline, WriteText write)
      : TextWriter(std::move(write)), header_(Header(pipeline)) {
    AppendLine(header_, &buffer_);
  }

 private:
  void AppendRow(const Row& row, std::string* text) override {
    AppendLine(Cells(header_, row), text);
  }
  static void AppendLine(const std::vector<std::string>& cells, std::string* text) {
    for (size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) *text += ',';
      if (cells[i].find_first_of(",\"\r\n") == std::string::npos) {
        *text += cells[i];
        continue;
      }
      *text += '"';
      for (const char c : cells[i]) text->append(c == '"' ? 2 : 1, c);
      *text += '"';
    }
    *text += "\r\n";
  }

  const std::vector<std::string> header_;
};

// How many digits of a value are known, if it has a relative error; 0: all.
int DigitsKnown(const Monoid& monoid) {
  const std::string bound = monoid.Approximation();
  double percent = 0;
  if (std::sscanf(bound.c_str(), "relative error %lf %%", &percent) != 1 || percent <= 0) return 0;
  int digits = 1;
  while (50 * std::pow(10.0, 1 - digits) > percent) ++digits;
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

// The numbers with a fraction, inside objects and lists too.
void RoundNumbers(int digits, const nlohmann::ordered_json& json, std::string* text) {
  if (json.is_object()) {
    text->push_back('{');
    for (const auto& [name, value] : json.items()) {
      if (text->back() != '{') text->append(", ");
      text->append(JsonText(nlohmann::ordered_json(name))).append(": ");
      RoundNumbers(digits, value, text);
    }
    text->push_back('}');
  } else if (json.is_number_float()) {
    text->append(Rounded(json.get<double>(), digits));
  } else {
    text->append(JsonText(json));
  }
}

// Columns as wide as their widest cell; numbers to the right. Widths come from the first
// kMeasuredRows rows, so that a long answer is not held back. For people: values show only the
// known digits, and at most kCellCharacters.
class TableWriter final : public RowWriter {
 public:
  TableWriter(const Pipeline& pipeline, WriteText write)
      : header_(Header(pipeline)), numeric_(header_.size(), false), write_(std::move(write)) {
    for (size_t i = 0; i < pipeline.aggregates().size(); ++i) {
      const OutputType type = pipeline.aggregates()[i].monoid->output_type();
      numeric_[header_.size() - pipeline.aggregates().size() + i] =
          type == OutputType::kInteger || type == OutputType::kNumber;
      digits_.push_back(DigitsKnown(*pipeline.aggregates()[i].monoid));
    }
  }

  Status Add(const Row& row) override {
    std::vector<std::string> cells = Cells(header_, row);
    const size_t keys = cells.size() - row.aggregates.size();
    for (size_t i = 0; i < cells.size(); ++i) {
      cells[i] = i < keys ? Escaped(cells[i]) : Shortened(cells[i], digits_[i - keys]);
    }
    rows_.push_back(std::move(cells));
    return rows_.size() < kMeasuredRows ? Status() : Flush();
  }
  Status Finish() override {
    MURMUR_TRY(Flush());
    if (!is_cut_) return {};
    is_cut_ = false;
    return write_("… stands for more: --format json has all of it\n");
  }

 private:
  static constexpr size_t kMeasuredRows = 1000;
  static constexpr size_t kCellCharacters = 60;

  std::string Shortened(const std::string& cell, int digits) {
    std::string text = cell;
    if (digits > 0) {
      const auto json = nlohmann::ordered_json::parse(cell, nullptr, /*allow_exceptions=*/false);
      if (!json.is_discarded()) {
        text.clear();
        RoundNumbers(digits, json, &text);
      }
    }
    text = Escaped(text);
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
      widths_.resize(header_.size());
      Measure(header_);
      for (const auto& row : rows_) Measure(row);
      AddLine(header_, &text);
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

  const std::vector<std::string> header_;
  std::vector<bool> numeric_;
  std::vector<int> digits_;  // known, by aggregate
  bool is_cut_ = false;      // a cell was
  const WriteText write_;
  std::vector<size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace

std::unique_ptr<RowWriter> MakeRowWriter(RowFormat format, const Pipeline& pipeline,
                                         std::string exactness, WriteText write) {
  switch (format) {
    case RowFormat::kJsonLines:
      return std::make_unique<JsonLinesWriter>(pipeline, "", std::move(write));
    case RowFormat::kJsonWithTag:
      return std::make_unique<JsonLinesWriter>(pipeline, std::move(exactness), std::move(write));
    case RowFormat::kTable: return std::make_unique<TableWriter>(pipeline, std::move(write));
    case RowFormat::kCsv: return std::make_unique<CsvWriter>(pipeline, std::move(write));
    case RowFormat::kParquet: return MakeParquetWriter(pipeline, std::move(write));
  }
  return nullptr;
}

}  // namespace murmur
