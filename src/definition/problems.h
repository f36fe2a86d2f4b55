// The problems of a definition, and the checks that find them. Shared by the YAML reader, which
// knows each value's place in the file, and by Validate, which does not.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "expression/expression.h"
#include "murmur/definition.h"

namespace murmur {

inline constexpr size_t kNameBytesMax = 64;    // of pipeline, aggregate and key part names
inline constexpr size_t kKeyPartsMax = 32;     // parts of one key
inline constexpr size_t kAggregatesMax = 256;  // aggregates of one definition
inline constexpr uint32_t kThreadsMax = 1024;
inline constexpr uint64_t kMemoryBytesMin = 64ull << 20;
inline constexpr uint64_t kMemoryBytesMax = 1ull << 50;
inline constexpr uint64_t kRecordBytesMin = 1ull << 10;
inline constexpr uint64_t kRecordBytesMax = 1ull << 30;
inline constexpr std::chrono::seconds kSpanMax{36525ll *
                                               86400};  // windows, keep, max_ahead, rollback_for
inline constexpr std::chrono::milliseconds kCommitEveryMin{10};
inline constexpr std::chrono::milliseconds kCommitEveryMax{60000};

// The option that every kind of `state:` has; Definition::keep_versions.
inline constexpr char kKeepVersions[] = "keep_versions";

// The allowed values of `window.every`: a fixed length; a calendar unit; and with a zone.
inline constexpr std::string_view kFixedWindow =
    "a duration of whole seconds, such as 1m, 1h or 7d";
inline constexpr std::string_view kCalendarWindow =
    "a unit of the calendar: 1w (from Monday on), 1mo, 3mo, 6mo or 1y";
inline constexpr std::string_view kZonedWindow =
    "in a zone, expected a unit of its calendar: 1d, 1w, 1mo, 3mo, 6mo or 1y; or true hours, "
    "minutes or seconds, shorter than a day";

struct Problem {
  std::string where;  // the value's path in the definition: "key[0][1]", "aggregates.top"
  size_t offset = 0;  // of the mistake in the value's text, in bytes
  std::string text;   // what is wrong; empty: something is missing
  std::string what;   // why, what was expected, what may have been meant
};

// "'text': what", or only "what".
std::string Describe(const Problem& problem);

// Every problem of the definition, in the order of Definition's members.
std::vector<Problem> FindProblems(const Definition& definition);

// Adds the problems of an expression at `offset` of the value at `where`.
void CheckExpression(std::string_view text, std::string_view where, size_t offset,
                     std::vector<Problem>* problems, Numbers numbers = Numbers::kNearest);

// Where in a call's text each expression stands.
struct CallOffsets {
  std::vector<size_t> expressions;
};

// Reads "topk(country, 10)". True: sets spec->function, expressions and parameters. False:
// *problems says why.
bool ParseAggregateCall(std::string_view call, std::string_view where, AggregateSpec* spec,
                        CallOffsets* offsets, std::vector<Problem>* problems);

// Checks function, expressions and parameters. `offsets` may be null.
void CheckAggregate(const AggregateSpec& spec, std::string_view where, const CallOffsets* offsets,
                    std::vector<Problem>* problems);

}  // namespace murmur
