// Recursive descent over:
//
//   or      := and ("or" and)*
//   and     := not ("and" not)*
//   not     := "not" not | test
//   test    := sum [compare sum | "is" ["not"] "null" | ["not"] ("in" list | "between" sum "and"
//   sum
//              | "like" string)]
//   sum     := product (("+" | "-") product)*
//   product := sign (("*" | "/" | "%") sign)*
//   sign    := "-" sign | primary
//   primary := literal | field | function "(" [or ("," or)*] ")" | "(" or ")"
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/shown.h"
#include "expression/expression.h"
#include "expression/functions.h"
#include "expression/lexer.h"
#include "expression/suggest.h"
#include "expression/syntax.h"

namespace murmur {
namespace expression {
namespace {

const std::vector<std::string> kCastTypes = {"int64", "double",    "string",
                                             "bool",  "timestamp", "decimal(2)"};

// The type's one name; empty if unknown.
std::string CastType(std::string_view name) {
  if (name == "int64" || name == "int" || name == "integer" || name == "bigint") return "int64";
  if (name == "double" || name == "float") return "double";
  if (name == "string" || name == "text" || name == "varchar") return "string";
  if (name == "bool" || name == "boolean") return "bool";
  if (name == "timestamp") return "timestamp";
  return {};
}

Node MakeCall(std::string function, size_t column, std::vector<Node> args) {
  Node node;
  node.type = NodeType::kCall;
  node.function = std::move(function);
  node.column = column;
  for (const Node& arg : args) node.depth = std::max(node.depth, arg.depth + 1);
  node.args = std::move(args);
  return node;
}

Node MakeLiteral(Literal literal, size_t column) {
  Node node;
  node.literal = std::move(literal);
  node.column = column;
  return node;
}

template <class... Nodes>
std::vector<Node> List(Nodes... nodes) {
  std::vector<Node> list;
  (list.push_back(std::move(nodes)), ...);
  return list;
}

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  Result<Node> ParseAll() {
    MURMUR_ASSIGN(Node node, ParseOr());
    if (token().type != TokenType::kEnd) return Unexpected("an operator or the end");
    return node;
  }

  Result<FieldPath> ParsePathOnly() {
    if (!AtName()) return Unexpected("a field name");
    MURMUR_ASSIGN(FieldPath path, ParsePath());
    if (token().type != TokenType::kEnd) return Unexpected("'.', '[' or the end of the field");
    return path;
  }

 private:
  const Token& token() const { return tokens_[at_]; }
  Token Take() { return tokens_[at_++]; }
  bool AtSymbol(std::string_view symbol) const {
    return token().type == TokenType::kSymbol && token().text == symbol;
  }
  bool AtWord(std::string_view word) const {
    return token().type == TokenType::kName && LowerCase(token().text) == word;
  }
  bool AtName() const {
    return token().type == TokenType::kQuotedName ||
           (token().type == TokenType::kName && !IsKeyword(LowerCase(token().text)));
  }
  bool TakeSymbol(std::string_view symbol) {
    if (!AtSymbol(symbol)) return false;
    ++at_;
    return true;
  }
  bool TakeWord(std::string_view word) {
    if (!AtWord(word)) return false;
    ++at_;
    return true;
  }

  Status Unexpected(std::string_view expected) const {
    const bool end = token().type == TokenType::kEnd;
    const std::string found = end ? "the end" : fmt::format("'{}'", token().text);
    return ErrorAt(token().column, fmt::format("found {}, expected {}", found, expected));
  }
  Status Expect(std::string_view symbol) {
    if (TakeSymbol(symbol)) return {};
    return Unexpected(fmt::format("'{}'", symbol));
  }
  Result<Node> CheckDepth(Node node) const {
    if (node.depth <= kExpressionDepthMax) return node;
    return TooDeep(node.column);
  }
  static Status TooDeep(size_t column) {
    return ErrorAt(column,
                   fmt::format("the expression is nested more than {} deep", kExpressionDepthMax));
  }

  Result<Node> ParseOr() {
    if (++depth_ > kExpressionDepthMax) return TooDeep(token().column);
    auto node = ParseFlat("or", [this] { return ParseFlat("and", [this] { return ParseNot(); }); });
    --depth_;
    return node;
  }

  // One operand, or a flat call of `word` with all operands that it joins.
  template <class ParseOperand>
  Result<Node> ParseFlat(std::string_view word, const ParseOperand& parse_operand) {
    MURMUR_ASSIGN(Node first, parse_operand());
    if (!AtWord(word)) return first;
    const size_t column = token().column;
    std::vector<Node> operands;
    const auto add = [&](Node operand) {
      if (operand.function != word) return operands.push_back(std::move(operand));
      std::move(operand.args.begin(), operand.args.end(), std::back_inserter(operands));
    };
    add(std::move(first));
    while (TakeWord(word)) {
      MURMUR_ASSIGN(Node next, parse_operand());
      add(std::move(next));
    }
    return CheckDepth(MakeCall(std::string(word), column, std::move(operands)));
  }

  Result<Node> ParseNot() {
    if (!AtWord("not")) return ParseTest();
    if (++depth_ > kExpressionDepthMax) return TooDeep(token().column);
    const size_t column = Take().column;
    MURMUR_ASSIGN(Node operand, ParseNot());
    --depth_;
    return CheckDepth(MakeCall("not", column, List(std::move(operand))));
  }

  Result<Node> ParseTest() {
    MURMUR_ASSIGN(Node left, ParseSum());
    const size_t column = token().column;
    for (const std::string_view symbol : {"==", "=", "!=", "<>", "<=", "<", ">=", ">"}) {
      if (!TakeSymbol(symbol)) continue;
      MURMUR_ASSIGN(Node right, ParseSum());
      const std::string_view name = symbol == "==" ? "=" : symbol == "<>" ? "!=" : symbol;
      return CheckDepth(
          MakeCall(std::string(name), column, List(std::move(left), std::move(right))));
    }
    if (TakeWord("is")) {
      const bool negated = TakeWord("not");
      if (!TakeWord("null")) return Unexpected(negated ? "'null'" : "'null' or 'not null'");
      return Negate(negated, column, MakeCall("is null", column, List(std::move(left))));
    }
    const bool negated = TakeWord("not");
    if (TakeWord("in")) return ParseIn(std::move(left), negated, column);
    if (TakeWord("between")) return ParseBetween(std::move(left), negated, column);
    if (TakeWord("like")) return ParseLike(std::move(left), negated, column);
    if (negated) return Unexpected("'in', 'between' or 'like'");
    return left;
  }

  Result<Node> Negate(bool negated, size_t column, Node node) const {
    return CheckDepth(negated ? MakeCall("not", column, List(std::move(node))) : std::move(node));
  }

  Result<Node> ParseIn(Node left, bool negated, size_t column) {
    MURMUR_TRY(Expect("("));
    std::vector<Node> args = List(std::move(left));
    do {
      MURMUR_ASSIGN(Node value, ParseOr());
      args.push_back(std::move(value));
    } while (TakeSymbol(","));
    MURMUR_TRY(Expect(")"));
    return Negate(negated, column, MakeCall("in", column, std::move(args)));
  }

  Result<Node> ParseBetween(Node left, bool negated, size_t column) {
    MURMUR_ASSIGN(Node low, ParseSum());
    if (!TakeWord("and")) return Unexpected("'and'");
    MURMUR_ASSIGN(Node high, ParseSum());
    Node from = MakeCall(">=", column, List(left, std::move(low)));
    Node to = MakeCall("<=", column, List(std::move(left), std::move(high)));
    return Negate(negated, column, MakeCall("and", column, List(std::move(from), std::move(to))));
  }

  Result<Node> ParseLike(Node left, bool negated, size_t column) {
    if (token().type != TokenType::kString) return Unexpected("a pattern in single quotes");
    Token pattern = Take();
    return Negate(
        negated, column,
        MakeCall("like", column,
                 List(std::move(left), MakeLiteral(std::move(pattern.text), pattern.column))));
  }

  // Operands of one precedence, grouped from the left.
  template <class ParseOperand>
  Result<Node> ParseLeft(std::string_view symbols, const ParseOperand& parse_operand) {
    MURMUR_ASSIGN(Node left, parse_operand());
    while (token().type == TokenType::kSymbol && token().text.size() == 1 &&
           symbols.find(token().text) != std::string_view::npos) {
      Token symbol = Take();
      MURMUR_ASSIGN(Node right, parse_operand());
      MURMUR_ASSIGN(left, CheckDepth(MakeCall(std::move(symbol.text), symbol.column,
                                              List(std::move(left), std::move(right)))));
    }
    return left;
  }
  Result<Node> ParseSum() {
    return ParseLeft("+-", [this] { return ParseLeft("*/%", [this] { return ParseSign(); }); });
  }

  Result<Node> ParseSign() {
    if (!AtSymbol("-")) return ParsePrimary();
    if (++depth_ > kExpressionDepthMax) return TooDeep(token().column);
    const size_t column = Take().column;
    if (token().type == TokenType::kNumber) {
      --depth_;
      return ParseNumber("-", column);
    }
    MURMUR_ASSIGN(Node operand, ParseSign());
    --depth_;
    // Else "--0" would be written "-0", which is read as 0.
    const auto* integer = std::get_if<int64_t>(&operand.literal);
    if (operand.type == NodeType::kLiteral && integer != nullptr && *integer == 0) return operand;
    return CheckDepth(MakeCall("neg", column, List(std::move(operand))));
  }

  Result<Node> ParseNumber(std::string_view sign, size_t column) {
    const std::string text = std::string(sign) + Take().text;
    const char* end = text.data() + text.size();
    if (text.find_first_of(".eE") == std::string::npos) {
      int64_t value = 0;
      if (std::from_chars(text.data(), end, value).ec == std::errc()) {
        return MakeLiteral(value, column);
      }
      return ErrorAt(column, fmt::format("the integer {} does not fit 64 bits", text));
    }
    Fraction fraction;
    if (std::from_chars(text.data(), end, fraction.nearest).ec == std::errc()) {
      Decimal decimal;
      if (ParseDecimal(text, &decimal.unscaled, &decimal.scale)) fraction.decimal = decimal;
      return MakeLiteral(fraction, column);
    }
    return ErrorAt(column, fmt::format("the number {} is outside the range of a double", text));
  }

  Result<Node> ParsePrimary() {
    const size_t column = token().column;
    if (token().type == TokenType::kNumber) return ParseNumber("", column);
    if (token().type == TokenType::kString) return MakeLiteral(Take().text, column);
    if (TakeWord("null")) return MakeLiteral(std::monostate(), column);
    if (TakeWord("true")) return MakeLiteral(true, column);
    if (TakeWord("false")) return MakeLiteral(false, column);
    if (TakeSymbol("(")) {
      MURMUR_ASSIGN(Node node, ParseOr());
      MURMUR_TRY(Expect(")"));
      return node;
    }
    const bool calls = tokens_[std::min(at_ + 1, tokens_.size() - 1)].text == "(" &&
                       token().type == TokenType::kName;
    if (calls && (AtName() || AtWord("like"))) return ParseCall();
    if (!AtName()) return Unexpected("a value, a field or a function");
    Node node;
    node.type = NodeType::kField;
    node.column = column;
    MURMUR_ASSIGN(node.path, ParsePath());
    return node;
  }

  Result<FieldPath> ParsePath() {
    FieldPath path;
    path.steps.emplace_back(Take().text);
    for (;;) {
      if (TakeSymbol(".")) {
        const bool named =
            token().type == TokenType::kName || token().type == TokenType::kQuotedName;
        if (!named) return Unexpected("a field name after '.'");
        path.steps.emplace_back(Take().text);
      } else if (TakeSymbol("[")) {
        uint32_t index = 0;
        const std::string& text = token().text;
        const auto read = std::from_chars(text.data(), text.data() + text.size(), index);
        if (token().type != TokenType::kNumber || read.ec != std::errc() ||
            read.ptr != text.data() + text.size()) {
          return Unexpected("a list index: 0, 1, …");
        }
        ++at_;
        MURMUR_TRY(Expect("]"));
        path.steps.emplace_back(index);
      } else {
        break;
      }
      if (path.steps.size() > kExpressionDepthMax) return TooDeep(token().column);
    }
    return path;
  }

  Result<Node> ParseCall() {
    const Token name = Take();
    const auto found = FindFunction(name.text);
    if (!found.ok()) return ErrorAt(name.column, found.status().message());
    const Function& function = **found;
    ++at_;  // the parenthesis
    std::vector<Node> args;
    while (!AtSymbol(")")) {
      const bool cast = function.name == "cast";
      const bool cast_type = cast && args.size() == 1;
      MURMUR_ASSIGN(Node arg, cast_type ? ParseCastType() : ParseOr());
      args.push_back(std::move(arg));
      const bool as = cast && args.size() == 1 && TakeWord("as");
      if (!as && !AtSymbol(")") && !TakeSymbol(",")) return Unexpected("',' or ')'");
    }
    ++at_;
    MURMUR_TRY(CheckArguments(function, name.column, args));
    return CheckDepth(MakeCall(std::string(function.name), name.column, std::move(args)));
  }

  Result<Node> ParseCastType() {
    const size_t column = token().column;
    const std::string word =
        token().type == TokenType::kName ? LowerCase(token().text) : std::string();
    if (word == "decimal") {
      ++at_;
      MURMUR_TRY(Expect("("));
      uint32_t scale = 0;
      const std::string& text = token().text;
      std::from_chars(text.data(), text.data() + text.size(), scale);
      if (token().type != TokenType::kNumber || scale > kDecimalDigits ||
          std::to_string(scale) != text) {
        return Unexpected(fmt::format("the number of decimals, 0 to {}", kDecimalDigits));
      }
      ++at_;
      MURMUR_TRY(Expect(")"));
      return MakeLiteral(fmt::format("decimal({})", scale), column);
    }
    if (std::string type = CastType(word); !type.empty()) {
      ++at_;
      return MakeLiteral(std::move(type), column);
    }
    const Status unexpected =
        Unexpected("a type: int64, double, string, bool, timestamp or decimal(n)");
    return Status(unexpected.code(),
                  std::string(unexpected.message()) + DidYouMean(word, kCastTypes));
  }

  static Status CheckArguments(const Function& function, size_t column,
                               const std::vector<Node>& args) {
    const bool too_many = !args.empty() && ArgumentLetter(function, args.size() - 1) == 0;
    if (too_many || args.size() < FewestArguments(function)) {
      return ErrorAt(column, fmt::format("'{}' has {} here; expected {}", function.name,
                                         Counted(args.size(), "argument"), function.usage));
    }
    for (size_t i = 0; i < args.size(); ++i) {
      const char letter = ArgumentLetter(function, i);
      const bool literal = args[i].type == NodeType::kLiteral;
      if (letter == 'I' && !(literal && std::holds_alternative<int64_t>(args[i].literal))) {
        return ErrorAt(args[i].column,
                       fmt::format("expected an integer, written out, as in {}", function.usage));
      }
      if (letter == 'I' && function.shape == Shape::kSubstring &&
          std::get<int64_t>(args[i].literal) < (i == 1 && function.name == "substring" ? 1 : 0)) {
        return ErrorAt(
            args[i].column,
            fmt::format("a start counts from 1, a length from 0, as in {}", function.usage));
      }
      const bool text = letter == 'S' || letter == 'Z';
      if (text && !(literal && std::holds_alternative<std::string>(args[i].literal))) {
        return ErrorAt(args[i].column,
                       fmt::format("expected a text in single quotes, as in {}", function.usage));
      }
    }
    return {};
  }

  std::vector<Token> tokens_;
  size_t at_ = 0;
  uint32_t depth_ = 0;
};

Result<Parser> MakeParser(std::string_view text) {
  if (text.size() > kExpressionBytesMax) {
    return ErrorAt(1, fmt::format("the expression is longer than {} bytes", kExpressionBytesMax));
  }
  if (!IsUtf8(text)) return ErrorAt(1, "the expression is not UTF-8");
  MURMUR_ASSIGN(std::vector<Token> tokens, Tokenize(text));
  return Parser(std::move(tokens));
}

}  // namespace

Result<Node> ParseNode(std::string_view text) {
  MURMUR_ASSIGN(Parser parser, MakeParser(text));
  return parser.ParseAll();
}

}  // namespace expression

Result<FieldPath> ParseFieldPath(std::string_view text) {
  MURMUR_ASSIGN(expression::Parser parser, expression::MakeParser(text));
  return parser.ParsePathOnly();
}

}  // namespace murmur
