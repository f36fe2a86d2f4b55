#include "expression/syntax.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "expression/lexer.h"

namespace murmur::expression {
namespace {

enum Precedence { kOr = 1, kAnd, kNot, kComparison, kSum, kProduct, kSign, kPrimary };

struct Operator {
  std::string_view function;
  Precedence precedence;
};
constexpr auto kInfix = std::to_array<Operator>({{"or", kOr},
                                                 {"and", kAnd},
                                                 {"=", kComparison},
                                                 {"!=", kComparison},
                                                 {"<", kComparison},
                                                 {"<=", kComparison},
                                                 {">", kComparison},
                                                 {">=", kComparison},
                                                 {"+", kSum},
                                                 {"-", kSum},
                                                 {"*", kProduct},
                                                 {"/", kProduct},
                                                 {"%", kProduct}});

const Operator* FindInfix(std::string_view function) {
  const auto* found = std::find_if(kInfix.begin(), kInfix.end(), [&](const Operator& candidate) {
    return candidate.function == function;
  });
  return found == kInfix.end() ? nullptr : found;
}

bool IsNegatedTest(const Node& node) {
  return node.function == "not" &&
         (node.args[0].function == "in" || node.args[0].function == "is null");
}

Precedence PrecedenceOf(const Node& node) {
  if (node.type != NodeType::kCall) return kPrimary;
  if (const Operator* infix = FindInfix(node.function)) return infix->precedence;
  if (node.function == "in" || node.function == "is null" || IsNegatedTest(node)) {
    return kComparison;
  }
  if (node.function == "not") return kNot;
  return node.function == "neg" ? kSign : kPrimary;
}

std::string Quote(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    out += c;
    if (c == quote) out += c;
  }
  return out += quote;
}

std::string Operand(const Node& node, int weakest) {
  const std::string text = ToText(node);
  return PrecedenceOf(node) < weakest ? fmt::format("({})", text) : text;
}

std::string ListText(const std::vector<Node>& nodes, size_t from) {
  std::string out = "(";
  for (size_t i = from; i < nodes.size(); ++i) {
    if (i > from) out += ", ";
    out += ToText(nodes[i]);
  }
  return out += ')';
}

std::string TestText(const Node& node, std::string_view no) {
  const std::string value = Operand(node.args[0], kSum);
  if (node.function == "is null") return fmt::format("{} is {}null", value, no);
  return fmt::format("{} {}in {}", value, no, ListText(node.args, 1));
}

std::string CallText(const Node& node) {
  if (const Operator* infix = FindInfix(node.function)) {
    // Comparisons don't chain; and, or are flat; the rest groups from the left.
    const bool left_grouping = infix->precedence >= kSum;
    std::string out = Operand(node.args[0], infix->precedence + (left_grouping ? 0 : 1));
    for (size_t i = 1; i < node.args.size(); ++i) {
      out += fmt::format(" {} {}", node.function, Operand(node.args[i], infix->precedence + 1));
    }
    return out;
  }
  if (IsNegatedTest(node)) return TestText(node.args[0], "not ");
  if (node.function == "in" || node.function == "is null") return TestText(node, "");
  if (node.function == "not") return fmt::format("not {}", Operand(node.args[0], kNot));
  if (node.function == "neg") return fmt::format("-{}", Operand(node.args[0], kSign));
  if (node.function == "cast") {
    return fmt::format("cast({} as {})", ToText(node.args[0]),
                       std::get<std::string>(node.args[1].literal));
  }
  return node.function + ListText(node.args, 0);
}

// The double's shortest text if it equals the number as written, else all digits.
std::string FractionText(const Fraction& fraction) {
  char buffer[32];
  char* const end = std::to_chars(buffer, buffer + sizeof buffer, fraction.nearest).ptr;
  std::string out(buffer, end);
  Decimal shortest;
  if (fraction.decimal && (!ShortestDecimal(fraction.nearest, &shortest) ||
                           CompareDecimals(shortest, *fraction.decimal) != 0)) {
    out = FormatDecimal(fraction.decimal->unscaled, fraction.decimal->scale);
  }
  return out.find_first_of(".e") == std::string::npos ? out + ".0" : out;
}

}  // namespace

std::string ToText(const FieldPath& path) {
  std::string out;
  for (const FieldPath::Step& step : path.steps) {
    if (const auto* index = std::get_if<uint32_t>(&step)) {
      out += fmt::format("[{}]", *index);
      continue;
    }
    const auto& name = std::get<std::string>(step);
    const bool plain = !name.empty() && StartsName(name[0]) &&
                       std::all_of(name.begin(), name.end(), ContinuesName) &&
                       !IsKeyword(LowerCase(name));
    if (!out.empty()) out += '.';
    out += plain ? name : Quote(name, '`');
  }
  return out;
}

std::string ToText(const Literal& literal) {
  if (std::holds_alternative<std::monostate>(literal)) return "null";
  if (const auto* b = std::get_if<bool>(&literal)) return *b ? "true" : "false";
  if (const auto* i = std::get_if<int64_t>(&literal)) return std::to_string(*i);
  if (const auto* s = std::get_if<std::string>(&literal)) return Quote(*s, '\'');
  return FractionText(std::get<Fraction>(literal));
}

std::string ToText(const Node& node) {
  switch (node.type) {
    case NodeType::kLiteral: return ToText(node.literal);
    case NodeType::kField: return ToText(node.path);
    case NodeType::kCall: return CallText(node);
  }
  return {};
}

}  // namespace murmur::expression
