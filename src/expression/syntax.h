// The syntax tree of an expression, and its canonical text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/decimal.h"
#include "expression/expression.h"
#include "murmur/record.h"
#include "murmur/status.h"

namespace murmur::expression {

inline constexpr size_t kExpressionBytesMax = 64 << 10;  // the longest expression
inline constexpr uint32_t kExpressionDepthMax = 100;  // the deepest nesting of calls and brackets
inline constexpr int kDecimalDigits = 37;             // of decimals inside an expression

// A number with a fraction or an exponent, as written.
struct Fraction {
  double nearest = 0;
  std::optional<Decimal> decimal;  // the digits as written, if 38 can hold them
  bool operator==(const Fraction& other) const {
    return nearest == other.nearest && decimal.has_value() == other.decimal.has_value() &&
           (!decimal || CompareDecimals(*decimal, *other.decimal) == 0);
  }
};
using Literal = std::variant<std::monostate, bool, int64_t, Fraction, std::string>;

enum class NodeType : uint8_t { kLiteral, kField, kCall };

// Operators are calls too: "or" and "and" with two or more arguments, "not", "=", "!=", "<", "<=",
// ">", ">=", "in" (the value, then the list), "is null", "+", "-", "*", "/", "%", "neg". The type
// of a "cast" is its second argument, a string. Functions have the name that functions.h gives
// them.
struct Node {
  NodeType type = NodeType::kLiteral;
  Literal literal;                      // kLiteral
  FieldPath path;                       // kField
  size_t field = 0;                     // kField: its index in Expression::fields()
  Numbers numbers = Numbers::kNearest;  // how this node's number is read
  std::string function;                 // kCall
  std::vector<Node> args;               // kCall
  size_t column = 1;                    // where it begins in the text, from 1, in bytes
  uint32_t depth = 1;                   // of the tree that begins here
};

// Errors: kInvalidArgument, "column N: …". Field indices are not set.
Result<Node> ParseNode(std::string_view text);

std::string ToText(const Node& node);
std::string ToText(const FieldPath& path);
std::string ToText(const Literal& literal);

// Whether the word (in lower case) is a keyword, and needs quotes as a field name.
bool IsKeyword(std::string_view word);

// The error for a mistake at `column`.
Status ErrorAt(size_t column, std::string_view what);

}  // namespace murmur::expression
