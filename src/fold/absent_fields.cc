#include "fold/absent_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/shown.h"
#include "expression/suggest.h"
#include "expression/syntax.h"

namespace murmur {
namespace {

using nlohmann::json;

constexpr size_t kSampledRecords = 100;
constexpr size_t kSampledNames = 2000;
constexpr size_t kSampledDepth = 8;

void AddNames(const json& object, const std::string& above, size_t depth,
              std::vector<std::string>* names) {
  for (const auto& [name, value] : object.items()) {
    if (names->size() >= kSampledNames) return;
    const std::string path = above.empty() ? name : above + "." + name;
    if (std::find(names->begin(), names->end(), path) == names->end()) names->push_back(path);
    if (value.is_object() && depth < kSampledDepth) AddNames(value, path, depth + 1, names);
  }
}

// The row inside a message about a change of it.
const json& RowOf(const json& message) {
  const auto payload = message.find("payload");
  const json& change = payload != message.end() && payload->is_object() ? *payload : message;
  for (const char* name : {"after", "before"}) {
    const auto row = change.find(name);
    if (row != change.end() && row->is_object()) return *row;
  }
  return message;
}

std::string TextOf(const RecordBatch& batch, uint32_t row) {
  if (!batch.raw[row].empty()) return std::string(batch.raw[row]);
  if (!batch.describe) return {};
  DeadLetter letter;
  batch.describe(row, &letter);
  return letter.raw;
}

// The last name of a path.
std::string_view LeafOf(std::string_view path) { return path.substr(path.rfind('.') + 1); }

// The name that may have been meant: the same under another path, else the nearest.
std::string Nearest(const std::string& name, const std::vector<std::string>& candidates) {
  std::vector<std::string> others;
  for (const std::string& candidate : candidates) {
    if (candidate != name) others.push_back(candidate);
  }
  if (std::string near = Suggest(name, others); !near.empty()) return near;
  const auto same_leaf = std::find_if(others.begin(), others.end(), [&name](const auto& candidate) {
    return LeafOf(candidate) == LeafOf(name);
  });
  return same_leaf == others.end() ? std::string() : *same_leaf;
}

void AddNeeded(const expression::Node& node, std::vector<std::string>* fields) {
  if (node.type == expression::NodeType::kField) fields->push_back(node.path.ToString());
  if (node.function == "coalesce" || node.function == "is null") return;
  for (const expression::Node& arg : node.args) AddNeeded(arg, fields);
}

}  // namespace

AbsentFields::AbsentFields(const Pipeline& pipeline) {
  for (const FieldRequest& field : pipeline.projection().fields) {
    names_.push_back(field.path.ToString());
  }
}

void AbsentFields::Note(const RecordBatch& batch, SplitProgress* progress) {
  if (batch.rows == 0 || (progress->absent && progress->absent->empty())) return;
  if (!progress->absent) {
    // A delete has no values and tells nothing.
    if (batch.table && !batch.table->changes.empty() &&
        std::all_of(batch.table->changes.begin(), batch.table->changes.begin() + batch.rows,
                    [](RowChange change) { return change == RowChange::kDelete; })) {
      return;
    }
    std::vector<std::string> names = names_;
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    progress->absent.emplace();
    for (std::string& name : names) progress->absent->push_back({std::move(name), ""});
  }
  std::erase_if(*progress->absent,
                [&](const AbsentField& field) { return HasValue(batch, field.name); });
  if (progress->absent->empty()) return;
  Sample(batch);
  for (AbsentField& field : *progress->absent) {
    if (field.like.empty()) field.like = Meant(field.name);
  }
}

const std::string& AbsentFields::Meant(const std::string& name) {
  const auto [it, is_new] = meant_.try_emplace(name);
  if (is_new) it->second = Nearest(name, sampled_);
  return it->second;
}

bool AbsentFields::HasValue(const RecordBatch& batch, const std::string& name) const {
  for (size_t i = 0; i < names_.size(); ++i) {
    const Column& column = batch.columns[i];
    // A column's kinds may include kinds that do not occur.
    if (names_[i] != name || (column.kinds & ~KindBit(Kind::kNull)) == 0) continue;
    for (uint32_t row = 0; row < batch.rows; ++row) {
      const bool told = !batch.table || batch.table->changes.empty() ||
                        batch.table->changes[row] != RowChange::kDelete;
      if (told && !CellAt(column, row).is_null()) return true;
    }
  }
  return false;
}

void AbsentFields::Sample(const RecordBatch& batch) {
  if (samples_ >= kSampledRecords) return;
  meant_.clear();
  if (batch.field_names) {
    ++samples_;
    for (std::string& name : batch.field_names()) {
      if (sampled_.size() >= kSampledNames) return;
      if (std::find(sampled_.begin(), sampled_.end(), name) == sampled_.end()) {
        sampled_.push_back(std::move(name));
      }
    }
    return;
  }
  for (uint32_t row = 0; row < batch.rows && samples_ < kSampledRecords; ++row) {
    ++samples_;
    const auto record = json::parse(TextOf(batch, row), nullptr, /*allow_exceptions=*/false);
    if (!record.is_object()) continue;
    AddNames(!batch.table ? record : RowOf(record), "", 0, &sampled_);
  }
}

std::vector<std::string> FieldsNeeded(std::string_view expression) {
  std::vector<std::string> fields;
  const auto node = expression::ParseNode(expression);
  if (node.ok()) AddNeeded(*node, &fields);
  return fields;
}

std::string DescribeAbsent(const AbsentField& field, uint64_t records) {
  return fmt::format(
      "no record had a value for {} (looked for in {}){}", Shown(field.name),
      Counted(records, "record"),
      field.like.empty() ? "" : fmt::format("; did you mean {}?", Shown(field.like)));
}

}  // namespace murmur
