// A definition, compiled: which fields to read, which columns make the keys and feed which
// aggregates. Immutable; shared by all workers.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/zone.h"
#include "expression/expression.h"
#include "murmur/definition.h"
#include "murmur/monoid.h"
#include "murmur/record.h"
#include "murmur/status.h"
#include "murmur/window.h"

namespace murmur {

// A column that the fold uses: a field of the batch, or a computed column.
struct Operand {
  bool computed = false;
  size_t index = 0;  // in the batch's columns, or in Pipeline::computed()
  bool operator==(const Operand&) const = default;
};

// An expression with the batch columns that it reads.
struct ComputedColumn {
  std::shared_ptr<const Expression> expression;
  std::vector<size_t> inputs;
};

class Pipeline {
 public:
  struct KeyColumn {
    std::string name;  // output name
    Operand operand;
  };
  struct Rollup {
    std::vector<KeyColumn> parts;
  };
  struct Aggregate {
    std::string name;
    std::unique_ptr<Monoid> monoid;
    std::vector<Operand> args;
  };

  // REQUIRES: definition is valid (Validate). Errors: kInvalidArgument; kNotFound: no time zones.
  static Result<std::shared_ptr<const Pipeline>> Compile(const Definition& definition);

  const Definition& definition() const noexcept { return definition_; }
  const Projection& projection() const noexcept { return projection_; }
  const std::vector<ComputedColumn>& computed() const noexcept { return computed_; }
  const std::optional<Operand>& where() const noexcept { return where_; }
  const std::vector<Rollup>& rollups() const noexcept { return rollups_; }
  const std::vector<Aggregate>& aggregates() const noexcept { return aggregates_; }
  // The batch column of the event time.
  const std::optional<size_t>& time_column() const noexcept { return time_column_; }
  // A record without a usable time is a dead letter: the definition does not call it optional.
  bool time_required() const noexcept { return time_required_; }
  const BucketRule& buckets() const noexcept { return buckets_; }
  // The zones that its expressions and its window name; their rules are in definition().zone_rules.
  const ZoneMap& zones() const noexcept { return zones_; }
  // The name of a record; empty: its object and offset.
  const std::optional<Operand>& id() const noexcept { return id_; }
  // The aggregates' monoids, in order; a state table is opened with them.
  std::vector<const Monoid*> Monoids() const;

 private:
  Pipeline() = default;
  Result<Operand> AddExpression(std::string_view text, Numbers numbers = Numbers::kNearest);
  size_t AddField(const FieldUse& use);
  std::optional<DeclaredType> DeclaredOf(const FieldPath& path) const;
  Status AddAggregate(const AggregateSpec& spec);

  Definition definition_;
  Projection projection_;
  std::vector<ComputedColumn> computed_;
  std::optional<Operand> where_;
  std::optional<Operand> id_;
  std::vector<Rollup> rollups_;
  std::vector<Aggregate> aggregates_;
  std::optional<size_t> time_column_;
  bool time_required_ = false;
  BucketRule buckets_;
  ZoneMap zones_;
};

}  // namespace murmur
