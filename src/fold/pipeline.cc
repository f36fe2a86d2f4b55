#include "fold/pipeline.h"

#include <algorithm>

#include "definition/zones.h"

namespace murmur {

Result<std::shared_ptr<const Pipeline>> Pipeline::Compile(const Definition& definition) {
  auto pipeline = std::shared_ptr<Pipeline>(new Pipeline());
  pipeline->definition_ = definition;
  if (definition.time) {
    pipeline->time_column_ = 0;
    pipeline->time_required_ = !definition.time->optional;
    FieldRequest field{
        .path = definition.time->field, .as_time = true, .unit = definition.time->unit};
    const auto declared = pipeline->DeclaredOf(field.path);
    if (declared && field.unit == TimeUnit::kNone) field.unit = declared->unit;
    pipeline->projection_.fields.push_back(std::move(field));
  }
  MURMUR_ASSIGN(pipeline->zones_, ZonesOf(definition));
  pipeline->definition_.zone_rules.clear();
  for (const auto& [name, zone] : pipeline->zones_) {
    if (!zone->rules().empty()) pipeline->definition_.zone_rules[name] = zone->rules();
  }
  pipeline->buckets_ = BucketsOf(definition, pipeline->zones_);
  if (!definition.where.empty()) {
    MURMUR_ASSIGN(pipeline->where_, pipeline->AddExpression(definition.where));
  }
  if (!definition.id.empty()) {
    MURMUR_ASSIGN(pipeline->id_, pipeline->AddExpression(definition.id));
  }
  for (const KeyList& list : definition.rollups) {
    Rollup& rollup = pipeline->rollups_.emplace_back();
    for (const KeyPart& part : list) {
      MURMUR_ASSIGN(const Operand operand, pipeline->AddExpression(part.expression));
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
  const auto numbers = aggregate.monoid->ExactDecimals() ? Numbers::kDecimal : Numbers::kNearest;
  for (const std::string& text : spec.expressions) {
    MURMUR_ASSIGN(const Operand operand, AddExpression(text, numbers));
    aggregate.args.push_back(operand);
  }
  aggregates_.push_back(std::move(aggregate));
  return {};
}

Result<Operand> Pipeline::AddExpression(std::string_view text, Numbers numbers) {
  MURMUR_ASSIGN(auto expression, Expression::Parse(text, numbers));
  if (const FieldPath* field = expression->as_field()) {
    return Operand{.computed = false, .index = AddField({*field, numbers})};
  }
  ComputedColumn column{.expression = expression, .inputs = {}};
  for (const FieldUse& field : expression->fields()) column.inputs.push_back(AddField(field));
  const auto same = std::find_if(computed_.begin(), computed_.end(), [&](const auto& other) {
    // The column of `where` is that of rows which it has not dropped yet.
    const bool of_where = where_ && where_->computed && &other == &computed_[where_->index];
    return !of_where && other.expression->canonical() == expression->canonical() &&
           other.expression->numbers() == numbers && other.inputs == column.inputs;
  });
  const auto index = static_cast<size_t>(same - computed_.begin());
  if (same == computed_.end()) computed_.push_back(std::move(column));
  return Operand{.computed = true, .index = index};
}

std::optional<DeclaredType> Pipeline::DeclaredOf(const FieldPath& path) const {
  for (const ColumnSpec& column : definition_.columns) {
    if (column.field == path) return column.type;
  }
  return std::nullopt;
}

// Readers share the column of the event time, and that of a field whose type is declared. Any other
// field is read twice if one reader needs exact decimals and another doesn't: the one must not
// change what the other sees.
size_t Pipeline::AddField(const FieldUse& use) {
  const auto declared = DeclaredOf(use.path);
  const bool exact = use.numbers != Numbers::kNearest || declared.has_value();
  const bool decimal_text =
      use.numbers == Numbers::kDecimal && !declared && IsDebezium(definition_);
  const auto same = std::find_if(
      projection_.fields.begin(), projection_.fields.end(), [&](const FieldRequest& field) {
        const bool alike = field.exact_decimals == exact && field.decimal_text == decimal_text;
        return field.path == use.path && (field.as_time || alike);
      });
  const auto index = static_cast<size_t>(same - projection_.fields.begin());
  if (same == projection_.fields.end()) {
    projection_.fields.push_back({.path = use.path,
                                  .exact_decimals = exact,
                                  .decimal_text = decimal_text,
                                  .declared = declared});
  }
  return index;
}

std::vector<const Monoid*> Pipeline::Monoids() const {
  std::vector<const Monoid*> monoids;
  for (const Aggregate& aggregate : aggregates_) monoids.push_back(aggregate.monoid.get());
  return monoids;
}

}  // namespace murmur
