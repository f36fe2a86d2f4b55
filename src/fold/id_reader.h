// The names of a batch's records, by the definition's `id`.
// Threads: one worker.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fold/pipeline.h"
#include "murmur/record.h"

namespace murmur {

// For people: a text as it is, a number as it is written; empty for null.
std::string IdText(const Cell& cell);

class IdReader {
 public:
  // REQUIRES: pipeline->id()
  explicit IdReader(std::shared_ptr<const Pipeline> pipeline);

  // Sets ids[row] to the name of the batch's row: equal ids have equal bytes. Rows without a usable
  // id leave the batch and become its dead letters.
  void Read(RecordBatch* batch, std::vector<std::string>* ids);

 private:
  std::shared_ptr<const Pipeline> pipeline_;
  std::optional<Evaluator> evaluator_;
  Column computed_;
  std::vector<EvaluationError> errors_;
};

// Keeps the rows whose keep[row] is true.
void KeepRows(const std::vector<bool>& keep, RecordBatch* batch);

}  // namespace murmur
