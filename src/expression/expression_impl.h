// What Expression holds; for the evaluator.
#pragma once

#include <string>
#include <vector>

#include "expression/expression.h"
#include "expression/syntax.h"

namespace murmur {

struct Expression::Impl {
  expression::Node root;
  std::vector<FieldUse> fields;
  std::vector<ZoneUse> zones;
  std::string canonical;
};

}  // namespace murmur
