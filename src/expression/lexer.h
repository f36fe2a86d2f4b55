// Words of an expression.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "murmur/status.h"

namespace murmur::expression {

enum class TokenType : unsigned char { kEnd, kNumber, kString, kName, kQuotedName, kSymbol };

struct Token {
  TokenType type = TokenType::kEnd;
  std::string text;  // unquoted and unescaped
  size_t column = 1;
};

// The tokens of `text`; the last is kEnd. Errors: kInvalidArgument with "column N: …".
Result<std::vector<Token>> Tokenize(std::string_view text);

std::string LowerCase(std::string_view text);  // ASCII letters only

bool StartsName(char c);
bool ContinuesName(char c);

}  // namespace murmur::expression
