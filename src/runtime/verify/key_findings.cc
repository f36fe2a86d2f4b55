#include "runtime/verify/key_findings.h"

#include <utility>

#include "query/json_format.h"
#include "query/row.h"
#include "runtime/loop/delta_cursors.h"
#include "state/progress.h"

namespace murmur {
namespace {

using FindingKind = VerifyFinding::Kind;

constexpr size_t kValueOverhead = 150;  // in a map
// Counts the repairs of a version: a repair moves it, and so is fenced as every commit is.
constexpr char kRepairMark[] = "repair:";

FindingKind KindOf(const KeyDifference& difference) {
  if (!difference.stored) return FindingKind::kMissingKey;
  return difference.expected ? FindingKind::kWrongKey : FindingKind::kGhostKey;
}

}  // namespace

Result<std::vector<std::string>> ShowValues(const Pipeline& pipeline, const KeyValues& values) {
  std::vector<std::string> shown;
  const AnswerSchema schema = SchemaOfAnswer(pipeline, VersionInfo());
  for (const auto& [key, value] : values) {
    MURMUR_ASSIGN(const Row row, DecodeRow(pipeline, key, value));
    AppendRowJson(schema, row, /*with_exactness=*/false, &shown.emplace_back());
  }
  return shown;
}

Status KeyFindings::Add(const KeyDifference& difference) {
  VerifyFinding finding{.kind = KindOf(difference), .row = {}, .state = {}, .expected = {}};
  ++summary_.found.findings[static_cast<size_t>(finding.kind)];
  if (told_++ >= findings_max_) return {};
  const std::string key(difference.key);
  if (difference.stored) {
    MURMUR_ASSIGN(finding.state, ShowValues(pipeline_, {{key, std::string(*difference.stored)}}));
  }
  if (difference.expected) {
    MURMUR_ASSIGN(finding.expected,
                  ShowValues(pipeline_, {{key, std::string(*difference.expected)}}));
  }
  summary_.findings.push_back(std::move(finding));
  return {};
}

Status KeyRepair::Add(const KeyDifference& difference) {
  std::string value(difference.expected.value_or(std::string_view()));
  bytes_ += difference.key.size() + value.size() + kValueOverhead;
  if (bytes_ > bytes_max_) {
    return Status(Code::kResourceExhausted,
                  "more differs than one commit can repair within `memory`: build the state anew, "
                  "murmur bootstrap FILE --fresh");
  }
  values_.emplace(difference.key, std::move(value));
  return {};
}

Status KeyRepair::Apply(std::vector<LedgerRow> ledger, StateTable* table) const {
  ValuesCursor cursor(values_, /*replaces=*/true);
  Commit commit;
  MURMUR_ASSIGN(commit.moves.emplace_back(), NextOfMark(kRepairMark, *table));
  commit.deltas = &cursor;
  commit.delta_count = values_.size();
  commit.ledger = std::move(ledger);
  return table->Apply(commit);
}

}  // namespace murmur
