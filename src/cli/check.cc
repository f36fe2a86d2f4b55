#include <fmt/format.h>

#include <chrono>
#include <stop_token>
#include <thread>

#include "base/clock.h"
#include "base/shown.h"
#include "base/waiting.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "definition/plan.h"
#include "fold/absent_fields.h"
#include "fold/pipeline.h"
#include "murmur/definition.h"
#include "runtime/table/choose_method.h"
#include "runtime/verbs/sample.h"
#include "source/source_registry.h"

namespace murmur::cli {
namespace {

constexpr std::chrono::seconds kAnswerTime{5};

// Asks for a stop when the time is up.
class Deadline {
 public:
  explicit Deadline(std::chrono::seconds time)
      : thread_([this, time](std::stop_token ended) {
          (void)SleepUnlessStopped(time, ended);
          up_.request_stop();
        }) {}
  std::stop_token up() const { return up_.get_token(); }

 private:
  std::stop_source up_;
  std::jthread thread_;
};

// What only the table's source knows.
Result<ChosenMethod> AskForMethod(const Definition& definition) {
  MURMUR_ASSIGN(const auto source, MakeSnapshotSource(definition));
  const Deadline deadline(kAnswerTime);
  auto chosen = ChooseMethod(definition, source.get(), deadline.up());
  MURMUR_TRY(source->Close());
  return chosen;
}

std::string DescribeMethod(const Definition& definition) {
  const auto chosen = AskForMethod(definition);
  if (chosen.status().code() == Code::kCancelled) {
    return fmt::format("the source was asked which method it allows, and gave no answer for {} s\n",
                       kAnswerTime.count());
  }
  if (!chosen.ok()) return fmt::format("the source: {}\n", chosen.status().message());
  if (chosen->method == TableMethod::kCut) return "a new state will be kept by cuts\n";
  return fmt::format("a new state will be kept by a ledger: {}\n", chosen->why);
}

// Whether records can be sampled: those of files can.
bool IsReadHere(const Definition& definition) {
  if (!definition.bootstrap || ScansTable(definition)) return false;
  const SourceSpec& source = *definition.bootstrap;
  return source.kind == "jsonl" || source.kind == "parquet";
}

std::string DescribeSample(const std::shared_ptr<const Pipeline>& pipeline) {
  const Definition& definition = pipeline->definition();
  const Deadline deadline(kAnswerTime);
  const auto sample = [&]() -> Result<FieldSample> {
    MURMUR_ASSIGN(const auto source, MakeSnapshotSource(definition));
    auto looked = SampleRecords(pipeline, source.get(), deadline.up());
    MURMUR_TRY(source->Close());
    return looked;
  }();
  if (sample.status().code() == Code::kCancelled) {
    return fmt::format("the source was looked at, and gave no record for {} s\n",
                       kAnswerTime.count());
  }
  if (!sample.ok()) return fmt::format("the source: {}\n", Escaped(sample.status().message()));
  const uint64_t records = sample->looked_at + sample->undecodable;
  std::string text = fmt::format("the first {}: {} would count\n", Counted(records, "record"),
                                 Grouped(sample->counted));
  for (const AbsentField& field : sample->absent) {
    text += fmt::format("  WARNING: {}\n", DescribeAbsent(field, sample->looked_at));
  }
  if (sample->filtered == sample->looked_at && sample->filtered > 0) {
    text += "  WARNING: `where` refused all of them\n";
  }
  if (sample->dead > 0) {
    text += fmt::format("  WARNING: {}; the first: {}\n",
                        Counted(sample->dead, "would be a dead letter", "would be dead letters"),
                        Escaped(sample->first_dead));
  }
  return text;
}

}  // namespace

int CheckVerb(const std::string& file) {
  const auto definition = LoadDefinition(file);
  if (!definition.ok()) return ReportUsage(definition.status());
  const auto pipeline = Pipeline::Compile(*definition);
  if (!pipeline.ok()) return Report(pipeline.status());
  std::string plan = DescribePlan(*definition, Clock::System().WallMicros());
  if (IsReadHere(*definition)) plan += DescribeSample(*pipeline);
  if (ScansTable(*definition)) plan += DescribeMethod(*definition);
  return Report(WriteStdout(plan));
}

}  // namespace murmur::cli
