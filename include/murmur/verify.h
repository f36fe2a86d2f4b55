// Checking the state of a table against the table.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "murmur/definition.h"
#include "murmur/run.h"
#include "murmur/status.h"

namespace murmur {

struct VerifyFinding {
  enum class Kind : uint8_t {
    kMissingRow,  // the source has it, the state does not count it
    kStaleRow,    // the state counts it as it is not
    kGhostRow,    // the state counts it, the source does not have it, or it does not count
    // Of the rows that the state counts, or by cuts, of those that the source has:
    kMissingKey,  // some come to it, and it is not there
    kWrongKey,    // it is not what they come to
    kGhostKey,    // none comes to it
  };
  Kind kind = Kind::kMissingRow;
  std::string row;  // of a row: names it
  // Each a JSON object as `murmur dump` writes it: what the row contributes, what the key is.
  std::vector<std::string> state;
  std::vector<std::string> expected;
};
inline constexpr size_t kVerifyFindingKinds = 6;
// "missing_row", "stale_row", …
std::string_view VerifyFindingName(VerifyFinding::Kind kind) noexcept;

struct VerifyOptions : RunOptions {
  // Brings what differs to the truth, in one commit, and checks again.
  bool repair = false;
  uint64_t findings_max = 100;  // that are told one by one
};

struct VerifyCounts {
  uint64_t findings[kVerifyFindingKinds] = {};  // by kind
  uint64_t total() const noexcept {
    uint64_t sum = 0;
    for (const uint64_t count : findings) sum += count;
    return sum;
  }
};

struct VerifySummary {
  uint64_t version = 0;
  bool rows_checked = true;   // false: the source has no rows that can be asked for, see notes
  bool rows_compared = true;  // false: by cuts, nothing is known of them one by one
  uint64_t rows = 0;          // that the source has
  uint64_t rows_counted = 0;  // by the state, where they are compared
  uint64_t keys = 0;          // of the state
  uint64_t unsure_rows = 0;   // that differed and changed each time they were looked at
  VerifyCounts found;
  std::vector<VerifyFinding> findings;
  bool repaired = false;  // what was found has been brought to the truth
  VerifyCounts left;      // where it was repaired: what differs still
  std::vector<std::string> notes;
  RunProgress progress;

  bool agrees() const noexcept { return (repaired ? left : found).total() == 0; }
};

// Compares the serving version of a table's state with its ledger, and that with the rows of the
// source, while both may change; one that is kept by cuts, with what the rows come to. A version
// that no process writes catches up with the source first; one that a process writes has to follow
// it. Errors: kCancelled; kInvalidArgument (the definition: no table, or one whose changes don't
// count); kFailedPrecondition (another definition, not complete; to repair: in use by another
// process); kResourceExhausted (more differs than `memory` has room for); and those of the source.
// *summary is filled in as far as it went.
Status Verify(const Definition& definition, const VerifyOptions& options, VerifySummary* summary);

}  // namespace murmur
