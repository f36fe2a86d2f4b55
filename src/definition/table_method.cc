#include "definition/table_method.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "murmur/monoid.h"

namespace murmur {

std::string WhyNotCut(const Definition& definition) {
  if (definition.on_change != OnChange::kRetract) {
    return "on_change: ignore and error need to know which rows were seen";
  }
  // A row that came too late to be counted must not be subtracted later, nor one refused for a
  // future time; only a ledger remembers which.
  if (definition.window && definition.window->keep) {
    return "window: keep needs to know which rows came before their windows expired";
  }
  std::vector<std::string> without_inverse;
  for (const AggregateSpec& aggregate : definition.aggregates) {
    const MonoidFunction* function = FindMonoid(aggregate.function);
    if (function == nullptr) continue;
    const auto monoid = function->make(aggregate.parameters);
    if (monoid.ok() && !(*monoid)->Traits().invertible) without_inverse.push_back(aggregate.name);
  }
  if (without_inverse.empty()) return {};
  return fmt::format("nothing can be taken away from {}, which {} counted anew from rows",
                     fmt::join(without_inverse, ", "), without_inverse.size() > 1 ? "are" : "is");
}

}  // namespace murmur
