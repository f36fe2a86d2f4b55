// Keys and values of a state table as rows that people and programs read.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fold/pipeline.h"
#include "murmur/key.h"
#include "murmur/query.h"
#include "murmur/status.h"

namespace murmur {

// One (key, window) with its aggregates, each value as JSON text.
struct Row {
  const Pipeline::Rollup* rollup = nullptr;
  std::vector<std::string> key;         // one per part of the rollup
  std::string window;                   // "\"2026-03-01T00:00:00Z\"" or "null"
  std::string window_end;               // like `window`; empty: the window's length gives it
  std::vector<std::string> aggregates;  // in the definition's order
};

// Errors: kDataLoss (this pipeline did not write these bytes).
Result<Row> RenderRow(const Pipeline& pipeline, std::string_view key, std::string_view value);

// The same for a value that combines several windows: the window is null.
Result<Row> RenderTotal(const Pipeline& pipeline, std::string_view key, std::string_view value);

// {"key": {"page": "/a"}, "window": "2026-03-01T00:00:00Z", "views": 3}. A non-empty `exactness` is
// added as "_exact".
std::string RowAsJson(const Pipeline& pipeline, const Row& row, std::string_view exactness);

// Writes rows in one of the output formats. The text goes to `write` in pieces.
class RowWriter {
 public:
  virtual ~RowWriter() = default;
  virtual Status Add(const Row& row) = 0;
  virtual Status Finish() = 0;
};

// `exactness` is used only by kJsonWithTag.
std::unique_ptr<RowWriter> MakeRowWriter(RowFormat format, const Pipeline& pipeline,
                                         std::string exactness, WriteText write);

}  // namespace murmur
