#include "fold/pipeline.h"

#include <algorithm>

namespace murmur {

Result<std::shared_ptr<const Pipeline>> Pipeline::Compile(const Definition& definition) {
  auto pipeline = std::shared_ptr<Pipeline>(new Pipeline());
  pipeline->definition_ = definition;
  if (definition.time) {
    pipeline->time_column_ = 0;
    pipeline->time_required_ = !definition.time->optional;
    pipeline->projection_.fields.push_back(
        {.path = definition.time->field, .as_time = true, .unit = definition.time->unit});
  }
  if (definition.window) {
    pipeline->buckets_ = {.every = definition.window->every.count(),
                          .offset = definition.window->offset.count(),
                          .keep = definition.window->keep ? definition.window->keep->count() : -1};
  }
  if (!definition.where.empty()) {
    MURMUR_ASSIGN(pipeline->where_, pipeline->AddExpression(definition.where, false));
  }
  if (!definition.id.empty()) {
    MURMUR_ASSIGN(pipeline->id_, pipeline->AddExpression(definition.id, false));
  }
  for (const KeyList& list : definition.rollups) {
    Rollup& rollup = pipeline->rollups_.emplace_back();
    for (const KeyPart& part : list) {
      MURMUR_ASSIGN(const Operand operand, pipeline->AddExpression(part.expression, false));
      rollup.parts.push_back({part.name, operand});
    }
  }
  for (const AggregateSpec& spec : definition.aggregates) {
    MURMUR_TRY(pipeline->AddAggregate(spec));
  }
  return std::shared_ptr<const Pipeline>(std::move(pipeline));
}

Status Pipeline::AddAggregate(const AggregateSpec& spec) {
  const MonoidFunction* function = FindMonoid(spec.function);
  if (function == nullptr) {
    return Status(Code::kInvalidArgument,
                  "aggregate '" + spec.name + "': no function named '" + spec.function + "'");
  }
  Aggregate aggregate{.name = spec.name, .monoid = nullptr, .args = {}};
  MURMUR_ASSIGN(aggregate.monoid, function->make(spec.parameters));
  for (const std::string& text : spec.expressions) {
    MURMUR_ASSIGN(const Operand operand, AddExpression(text, aggregate.monoid->ExactDecimals()));
    aggregate.args.push_back(operand);
  }
  aggregates_.push_back(std::move(aggregate));
  return {};
}

Result<Operand> Pipeline::AddExpression(std::string_view text, bool exact_decimals) {
  MURMUR_ASSIGN(auto expression, Expression::Parse(text));
  if (const FieldPath* field = expression->as_field()) {
    return Operand{.computed = false, .index = AddField(*field, exact_decimals)};
  }
  ComputedColumn column{.expression = expression, .inputs = {}};
  for (const FieldPath& field : expression->fields()) {
    column.inputs.push_back(AddField(field, exact_decimals));
  }
  const auto same = std::find_if(computed_.begin(), computed_.end(), [&](const auto& other) {
    return other.expression->canonical() == expression->canonical() &&
           other.inputs == column.inputs;
  });
  const auto index = static_cast<size_t>(same - computed_.begin());
  if (same == computed_.end()) computed_.push_back(std::move(column));
  return Operand{.computed = true, .index = index};
}

// The event time is one column whoever reads it. Any other field is read twice where one reader
// wants exact decimals and another doesn't: the one may not change what the other sees.
size_t Pipeline::AddField(const FieldPath& path, bool exact_decimals) {
  const auto same = std::find_if(
      projection_.fields.begin(), projection_.fields.end(), [&](const FieldRequest& field) {
        return field.path == path && (field.as_time || field.exact_decimals == exact_decimals);
      });
  const auto index = static_cast<size_t>(same - projection_.fields.begin());
  if (same == projection_.fields.end()) {
    projection_.fields.push_back({.path = path, .exact_decimals = exact_decimals});
  }
  return index;
}

std::vector<const Monoid*> Pipeline::Monoids() const {
  std::vector<const Monoid*> monoids;
  for (const Aggregate& aggregate : aggregates_) monoids.push_back(aggregate.monoid.get());
  return monoids;
}

}  // namespace murmur
