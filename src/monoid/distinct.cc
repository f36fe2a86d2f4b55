// distinct(x, precision=12): about how many different values x has (hyperloglog.h, hash.h).
//
// Adding value by value would touch a table of registers per row, nearly always outside the cache.
// Instead a batch only logs (group, entry); a full log is sorted by group, and each group takes its
// entries at once. Where groups are few, their registers are near enough, and nothing is logged. Of
// a dictionary each entry is hashed once.
#include <algorithm>
#include <cmath>
#include <vector>

#include "monoid/aggregate.h"
#include "monoid/hash.h"
#include "monoid/hyperloglog.h"
#include "monoid/parameters.h"

namespace murmur {
namespace {

constexpr size_t kLogEntries = size_t{1} << 18;
constexpr int kPrecisionDefault = 12;

struct LogEntry {
  uint32_t group;
  uint32_t entry;
};

struct DistinctScratch final : Monoid::Scratch {
  std::vector<LogEntry> log;
  std::vector<uint32_t> ends;    // by group, while sorting
  std::vector<uint32_t> sorted;  // entries by group
  uint32_t groups = 0;           // groups in the log are below this
  uint64_t dictionary_id = 0;
  std::vector<uint32_t> memo;  // of the dictionary's values; 0: not hashed yet
  std::vector<uint32_t> entries = std::vector<uint32_t>(kBatchRows);  // of a batch; 0 is none

  DistinctScratch() { log.reserve(kLogEntries); }
  size_t bytes() const override {
    return log.capacity() * sizeof(LogEntry) +
           sizeof(uint32_t) *
               (ends.capacity() + sorted.capacity() + memo.capacity() + entries.capacity());
  }

  // Logs the batch's entries.
  void Log(const LiftInput& input) {
    const size_t size = log.size();
    log.resize(size + input.rows);
    LogEntry* out = log.data() + size;
    uint32_t above = groups;
    for (uint32_t row = 0; row < input.rows; ++row) {
      const uint32_t entry = entries[row];
      if (entry == 0) continue;
      *out++ = {input.groups[row], entry};
      above = std::max(above, input.groups[row] + 1);
    }
    log.resize(static_cast<size_t>(out - log.data()));
    groups = above;
  }
};

double StandardError(int precision) { return 1.04 / std::sqrt(std::ldexp(1.0, precision)); }

class Distinct final : public NamedMonoid {
 public:
  explicit Distinct(int precision)
      : NamedMonoid({"distinct.v1(precision=" + std::to_string(precision) + ")",
                     {.idempotent = true},
                     OutputType::kInteger,
                     kScalarKinds,
                     "standard error " + PercentText(StandardError(precision))}),
        precision_(precision) {}

  size_t state_size() const noexcept override { return sizeof(HyperLogLog); }
  std::unique_ptr<Scratch> NewScratch() const override {
    return std::make_unique<DistinctScratch>();
  }

  void AddBatch(const LiftInput& input, const StateSpan& states, Scratch* scratch) const override {
    auto& work = *static_cast<DistinctScratch*>(scratch);
    const Column& column = *input.args[0];
    if (column.dictionary_id != 0) {
      HashDictionary(column, input.rows, &work);
    } else {
      for (uint32_t row = 0; row < input.rows; ++row) {
        work.entries[row] = EntryOf(column.cells[row]);
      }
    }
    if (!input.runs.empty()) return AddRuns(input, states, work);
    if (work.log.size() + input.rows > kLogEntries) Flush(states, &work);
    work.Log(input);
  }
  void Settle(const StateSpan& states, uint32_t, Scratch* scratch) const override {
    Flush(states, static_cast<DistinctScratch*>(scratch));
  }

  bool Combine(char* state, std::string_view encoded, Arena* arena) const override {
    return reinterpret_cast<HyperLogLog*>(state)->Combine(encoded, precision_, arena);
  }
  void Prefetch(const char* state) const noexcept override {
    reinterpret_cast<const HyperLogLog*>(state)->Prefetch();
  }
  void Encode(const char* state, std::string* out) const override {
    reinterpret_cast<const HyperLogLog*>(state)->Encode(precision_, out);
  }
  Result<Value> ValueOf(std::string_view encoded, int64_t) const override {
    const double estimate = EstimateDistinct(encoded, precision_);
    if (!(estimate >= 0)) return Damaged();
    constexpr double kMost = 0x1p62;  // all registers full: infinite
    return Value::Integer(std::llround(std::min(estimate, kMost)))
        .WithError(ErrorKind::kStandard, StandardError(precision_));
  }

 private:
  uint32_t EntryOf(const Cell& cell) const {
    return cell.is_null() ? 0 : HllEntry(HashCell(cell), precision_);
  }

  void HashDictionary(const Column& column, uint32_t rows, DistinctScratch* work) const {
    if (work->dictionary_id != column.dictionary_id) {
      work->dictionary_id = column.dictionary_id;
      work->memo.clear();
    }
    work->memo.resize(column.dictionary_size, 0);
    for (uint32_t row = 0; row < rows; ++row) {
      const uint32_t index = column.indices[row];
      uint32_t& entry = work->memo[index];
      if (entry == 0) entry = EntryOf(column.dictionary[index]);
      work->entries[row] = entry;
    }
  }

  void AddRuns(const LiftInput& input, const StateSpan& states, const DistinctScratch& work) const {
    for (const GroupRun& run : input.runs) {
      auto& state = *reinterpret_cast<HyperLogLog*>(states.at(run.group));
      for (const uint32_t row : input.RowsOf(run)) {
        const uint32_t entry = work.entries[row];
        if (entry != 0) state.Add(entry, precision_, states.arena);
      }
    }
  }

  void Flush(const StateSpan& states, DistinctScratch* work) const {
    // Sorting costs a pass over all groups; with few entries a group it gains nothing.
    if (work->groups > work->log.size()) {
      FlushUnsorted(states, work);
    } else {
      FlushSorted(states, work);
    }
    work->log.clear();
    work->groups = 0;
  }

  void FlushUnsorted(const StateSpan& states, DistinctScratch* work) const {
    constexpr size_t kAhead = 8;
    const std::vector<LogEntry>& log = work->log;
    for (size_t i = 0; i < log.size(); ++i) {
      if (i + 2 * kAhead < log.size()) {
        __builtin_prefetch(states.at(log[i + 2 * kAhead].group));
      }
      if (i + kAhead < log.size()) {
        const auto [group, entry] = log[i + kAhead];
        __builtin_prefetch(
            reinterpret_cast<const HyperLogLog*>(states.at(group))->Probe(entry, precision_));
      }
      reinterpret_cast<HyperLogLog*>(states.at(log[i].group))
          ->Add(log[i].entry, precision_, states.arena);
    }
  }

  void FlushSorted(const StateSpan& states, DistinctScratch* work) const {
    std::vector<uint32_t>& ends = work->ends;
    ends.assign(work->groups + 1, 0);
    for (const auto& [group, entry] : work->log) ++ends[group + 1];
    for (uint32_t group = 0; group < work->groups; ++group) ends[group + 1] += ends[group];
    work->sorted.resize(work->log.size());
    for (const auto& [group, entry] : work->log) work->sorted[ends[group]++] = entry;
    uint32_t at = 0;
    for (uint32_t group = 0; group < work->groups; ++group) {
      const uint32_t end = ends[group];
      if (at == end) continue;
      auto& state = *reinterpret_cast<HyperLogLog*>(states.at(group));
      state.Reserve(end - at, precision_, states.arena);
      for (uint32_t i = at; i < end; ++i)
        __builtin_prefetch(state.Probe(work->sorted[i], precision_));
      for (; at < end; ++at) state.Add(work->sorted[at], precision_, states.arena);
    }
  }

  const int precision_;
};

}  // namespace

MonoidFunction DistinctFunction() {
  return {.name = "distinct",
          .parameters = {"precision"},
          .usage = "distinct(x) or distinct(x, precision=14)",
          .description =
              "About how many different values there are; the standard error is "
              "1.04 / sqrt(2^precision), 1.6 % at 12.",
          .make = [](const MonoidParams& params) -> Result<std::unique_ptr<Monoid>> {
            MURMUR_ASSIGN(const int64_t precision,
                          IntParameter(params, "precision", {kPrecisionMin, kPrecisionMax},
                                       kPrecisionDefault));
            return std::make_unique<Distinct>(static_cast<int>(precision));
          }};
}

}  // namespace murmur
