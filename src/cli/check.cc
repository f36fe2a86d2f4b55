#include "cli/commands.h"
#include "cli/output.h"
#include "definition/plan.h"
#include "fold/pipeline.h"
#include "murmur/definition.h"

namespace murmur::cli {

int CheckVerb(const std::string& file) {
  const auto definition = LoadDefinition(file);
  if (!definition.ok()) return ReportUsage(definition.status());
  if (const auto pipeline = Pipeline::Compile(*definition); !pipeline.ok()) {
    return Report(pipeline.status());
  }
  return Report(WriteStdout(DescribePlan(*definition)));
}

}  // namespace murmur::cli
