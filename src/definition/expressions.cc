#include "definition/expressions.h"

namespace murmur {

std::vector<std::string> ExpressionsOf(const Definition& definition) {
  std::vector<std::string> expressions = {definition.id, definition.where};
  for (const KeyList& parts : definition.rollups) {
    for (const KeyPart& part : parts) expressions.push_back(part.expression);
  }
  for (const AggregateSpec& aggregate : definition.aggregates) {
    expressions.insert(expressions.end(), aggregate.expressions.begin(),
                       aggregate.expressions.end());
  }
  return expressions;
}

}  // namespace murmur
