#include "expression/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "expression/syntax.h"

namespace murmur::expression {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

size_t NumberEnd(std::string_view text, size_t at) {
  while (at < text.size() && IsDigit(text[at])) ++at;
  if (at + 1 < text.size() && text[at] == '.' && IsDigit(text[at + 1])) {
    ++at;
    while (at < text.size() && IsDigit(text[at])) ++at;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    size_t digits = at + 1;
    if (digits < text.size() && (text[digits] == '-' || text[digits] == '+')) ++digits;
    if (digits < text.size() && IsDigit(text[digits])) {
      at = digits;
      while (at < text.size() && IsDigit(text[at])) ++at;
    }
  }
  return at;
}

// Reads 'it''s', from the quote at *at until after the closing one.
bool ReadQuoted(std::string_view text, size_t* at, std::string* out) {
  const char quote = text[*at];
  for (size_t i = *at + 1; i < text.size(); ++i) {
    if (text[i] == quote) {
      if (i + 1 == text.size() || text[i + 1] != quote) {
        *at = i + 1;
        return true;
      }
      ++i;
    }
    out->push_back(text[i]);
  }
  return false;
}

size_t SymbolLength(std::string_view rest) {
  for (const std::string_view symbol : {"==", "!=", "<>", "<=", ">="}) {
    if (rest.starts_with(symbol)) return 2;
  }
  return std::string_view("=<>+-*/%(),.[]").find(rest[0]) == std::string_view::npos ? 0 : 1;
}

Status ReadToken(std::string_view text, size_t* at, Token* token) {
  const size_t start = *at;
  const char c = text[start];
  if (c == '\'' || c == '"' || c == '`') {
    token->type = c == '\'' ? TokenType::kString : TokenType::kQuotedName;
    if (ReadQuoted(text, at, &token->text)) return {};
    return ErrorAt(start + 1, fmt::format("the quote {} is not closed", c));
  }
  if (IsDigit(c)) {
    token->type = TokenType::kNumber;
    *at = NumberEnd(text, start);
    if (*at < text.size() && ContinuesName(text[*at])) {
      while (*at < text.size() && ContinuesName(text[*at])) ++*at;
      return ErrorAt(start + 1, fmt::format("'{}' is neither a number nor a name; a name that "
                                            "begins with a digit needs back-quotes",
                                            text.substr(start, *at - start)));
    }
  } else if (StartsName(c)) {
    token->type = TokenType::kName;
    while (*at < text.size() && ContinuesName(text[*at])) ++*at;
  } else if (const size_t length = SymbolLength(text.substr(start)); length > 0) {
    token->type = TokenType::kSymbol;
    *at += length;
  } else {
    return ErrorAt(start + 1, fmt::format("found the character '{}', which has no meaning", c));
  }
  token->text = text.substr(start, *at - start);
  return {};
}

}  // namespace

bool StartsName(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '@' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool ContinuesName(char c) { return StartsName(c) || IsDigit(c); }

std::string LowerCase(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

Result<std::vector<Token>> Tokenize(std::string_view text) {
  std::vector<Token> tokens;
  size_t at = 0;
  for (;;) {
    while (at < text.size() && IsSpace(text[at])) ++at;
    Token& token = tokens.emplace_back();
    token.column = at + 1;
    if (at == text.size()) return tokens;
    MURMUR_TRY(ReadToken(text, &at, &token));
  }
}

bool IsKeyword(std::string_view word) {
  static constexpr std::array<std::string_view, 10> kKeywords = {
      "and", "or", "not", "in", "is", "null", "true", "false", "between", "like"};
  return std::find(kKeywords.begin(), kKeywords.end(), word) != kKeywords.end();
}

Status ErrorAt(size_t column, std::string_view what) {
  return Status(Code::kInvalidArgument, fmt::format("column {}: {}", column, what));
}

}  // namespace murmur::expression
