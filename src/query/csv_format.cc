#include <optional>

#include "query/flat_columns.h"
#include "query/format.h"
#include "query/text_sink.h"

namespace murmur {
namespace {

class CsvSink final : public TextSink {
 public:
  using TextSink::TextSink;

 private:
  void AppendHeader(std::string* text) override {
    columns_.emplace(schema());
    AppendLine(columns_->names(), text);
  }
  void AppendRow(const Row& row, std::string* text) override {
    AppendLine(FlatCells(schema(), *columns_, row), text);
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

  std::optional<FlatColumns> columns_;
};

}  // namespace

std::unique_ptr<RowSink> MakeCsvFormatter(WriteText write) {
  return std::make_unique<CsvSink>(std::move(write));
}

}  // namespace murmur
