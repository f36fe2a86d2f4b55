#include "source/hive_stream.h"

#include <charconv>
#include <utility>
#include <variant>
#include <vector>

#include "base/time_text.h"
#include "source/glob.h"

namespace murmur {
namespace {

constexpr std::string_view kHiveNull = "__HIVE_DEFAULT_PARTITION__";

std::string Decoded(std::string_view text) {
  std::string decoded;
  while (!text.empty()) {
    unsigned value = 0;
    const bool escaped =
        text.size() >= 3 && text.front() == '%' &&
        std::from_chars(text.data() + 1, text.data() + 3, value, 16).ptr == text.data() + 3;
    decoded += escaped ? static_cast<char>(value) : text.front();
    text.remove_prefix(escaped ? 3 : 1);
  }
  return decoded;
}

class HiveStream final : public RecordStream {
 public:
  HiveStream(std::map<std::string, std::string> fields, const Projection& projection,
             std::unique_ptr<RecordStream> inner)
      : fields_(std::move(fields)), inner_(std::move(inner)) {
    for (size_t i = 0; i < projection.fields.size(); ++i) {
      const FieldRequest& request = projection.fields[i];
      const auto* name = request.path.steps.size() == 1
                             ? std::get_if<std::string>(&request.path.steps.front())
                             : nullptr;
      const auto field = name == nullptr ? fields_.end() : fields_.find(*name);
      if (field == fields_.end()) continue;
      Cell cell = Cell::String(field->second);
      if (request.as_time) ConvertToTime(request.unit, &time_parser_, &cell);
      cells_.emplace_back(i, cell);
    }
  }

  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override {
    MURMUR_ASSIGN(const ReadState state, inner_->Read(std::move(stop), batch));
    for (const auto& [index, cell] : cells_) {
      Column& column = batch->columns[index];
      column.Materialize(batch->rows);
      for (uint32_t row = 0; row < batch->rows; ++row) {
        if (column.cells[row].is_null()) column.cells[row] = cell;
      }
      column.SetTypeFromCells(batch->rows);
    }
    return state;
  }
  bool Checked() const override { return inner_->Checked(); }

 private:
  const std::map<std::string, std::string> fields_;  // backs the views in cells_
  std::unique_ptr<RecordStream> inner_;
  TimeParser time_parser_;
  std::vector<std::pair<size_t, Cell>> cells_;  // by column
};

}  // namespace

std::map<std::string, std::string> HiveFieldsOf(std::string_view name) {
  std::map<std::string, std::string> fields;
  const auto components = SplitPathComponents(name);
  for (size_t i = 0; i + 1 < components.size(); ++i) {
    const size_t equals = components[i].find('=');
    if (equals == 0 || equals == components[i].npos) continue;
    const std::string key = Decoded(components[i].substr(0, equals));
    std::string value = Decoded(components[i].substr(equals + 1));
    fields.erase(key);
    if (value != kHiveNull && IsUtf8(value)) fields.emplace(key, std::move(value));
  }
  return fields;
}

std::unique_ptr<RecordStream> AddHiveFields(std::map<std::string, std::string> fields,
                                            Projection projection,
                                            std::unique_ptr<RecordStream> inner) {
  if (fields.empty()) return inner;
  return std::make_unique<HiveStream>(std::move(fields), projection, std::move(inner));
}

}  // namespace murmur
