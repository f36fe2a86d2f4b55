#include "query/flat_columns.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "monoid/numbers.h"
#include "query/json_format.h"

namespace murmur {
namespace {

std::vector<std::string> KeyNames(const AnswerSchema& schema) {
  std::vector<std::string> names;
  for (const auto& rollup : schema.rollups) {
    for (const std::string& part : rollup) {
      if (std::find(names.begin(), names.end(), part) == names.end()) names.push_back(part);
    }
  }
  return names;
}

}  // namespace

FlatColumns::FlatColumns(const AnswerSchema& schema)
    : names_(KeyNames(schema)), keys_(names_.size()) {
  for (const auto& rollup : schema.rollups) {
    std::vector<size_t>& parts = parts_.emplace_back();
    for (size_t column = 0; column < keys_; ++column) {
      const auto part = std::find(rollup.begin(), rollup.end(), names_[column]);
      parts.push_back(static_cast<size_t>(part - rollup.begin()));
    }
  }
  names_.emplace_back("window");
  for (const auto& aggregate : schema.aggregates) names_.push_back(aggregate.name);
}

const KeyValue* FlatColumns::KeyAt(const Row& row, size_t column) const {
  const size_t part = parts_[row.rollup][column];
  return part < row.key.size() ? &row.key[part] : nullptr;
}

std::string FlatKey(const KeyValue& value) {
  std::string text;
  if (value.kind == Kind::kDecimal || value.kind == Kind::kString || value.kind == Kind::kJson) {
    AppendUtf8(value.text, &text);
  } else if (value.kind == Kind::kTime) {
    text = FormatTime(value.i);
  } else {
    AppendKeyJson(value, &text);
  }
  return text;
}

std::string FlatValue(const Value& value) {
  if (value.kind == ValueKind::kJson && value.text.starts_with('"')) {
    const auto parsed = nlohmann::json::parse(value.text, nullptr, /*allow_exceptions=*/false);
    if (parsed.is_string()) return parsed.get<std::string>();
  }
  std::string text;
  AppendPlain(value, &text);
  return text;
}

std::vector<std::string> FlatCells(const AnswerSchema& schema, const FlatColumns& columns,
                                   const Row& row, std::string (*shown)(const Value& value)) {
  std::vector<std::string> cells(columns.names().size());
  for (size_t i = 0; i < columns.keys(); ++i) {
    if (const KeyValue* value = columns.KeyAt(row, i)) cells[i] = FlatKey(*value);
  }
  if (row.bucket) cells[columns.window()] = schema.buckets.FormatStart(*row.bucket);
  for (size_t i = 0; i < row.values.size(); ++i) {
    cells[columns.values() + i] = shown(row.values[i]);
  }
  return cells;
}

}  // namespace murmur
