// Compares the state of a table with the table itself.
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
    kStaleRow,    // the state counts other content than the row has
    kGhostRow,    // the state counts it; the source does not have it, or it should not count
    // Keys, compared with the rows that the state counts, or by cuts, that the source has:
    kMissingKey,  // rows contribute to it, and it is missing
    kWrongKey,    // its value is not what its rows give
    kGhostKey,    // no row contributes to it
  };
  Kind kind = Kind::kMissingRow;
  std::string row;  // the name of the row, if it is one
  // Each a JSON object as `murmur dump` writes it: the row's contribution, or the key's value.
  std::vector<std::string> state;
  std::vector<std::string> expected;
};
inline constexpr size_t kVerifyFindingKinds = 6;
// "missing_row", "stale_row", …
std::string_view VerifyFindingName(VerifyFinding::Kind kind) noexcept;

struct VerifyOptions {
  RunOptions run;
  // Corrects what differs, in one commit, and checks again.
  bool repair = false;
  uint64_t findings_max = 100;  // reported one by one
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
  bool rows_checked = true;   // false: the source's rows can't be read, see notes
  bool rows_compared = true;  // false: by cuts, single rows are not stored
  uint64_t rows = 0;          // in the source
  uint64_t rows_counted = 0;  // by the state, if rows are compared
  uint64_t keys = 0;          // in the state
  uint64_t unsure_rows = 0;   // differed, but changed each time they were read
  VerifyCounts found;
  std::vector<VerifyFinding> findings;
  bool repaired = false;  // what was found has been corrected
  VerifyCounts left;      // what still differs after a repair
  std::vector<std::string> notes;
  RunProgress progress;

  bool agrees() const noexcept { return (repaired ? left : found).total() == 0; }
};

// Compares the serving version of a table's state with its ledger, and the ledger with the rows of
// the source, while both may change. A version kept by cuts is compared with the result of the
// rows. A version that no process writes catches up with the source first; one that a process
// writes must be following it. Errors: kCancelled; kInvalidArgument (the definition has no table,
// or one whose changes don't count); kFailedPrecondition (another definition, not complete; to
// repair: in use by another process); kResourceExhausted (more differs than `memory` has room for);
// those of the source. *summary is filled in as far as it went.
Status Verify(const Definition& definition, const VerifyOptions& options, VerifySummary* summary);

}  // namespace murmur
