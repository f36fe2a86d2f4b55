#include "source/parquet/time_range.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "base/time_text.h"

namespace murmur::parquet_source {
namespace {

struct Token {
  char type;  // '\'' string, 'w' word, 'q' quoted name, 'o' comparison, or the character itself
  std::string text;
};

// One quoted text at `where[*at]`; a doubled quote stands for itself.
std::string ReadQuoted(std::string_view where, size_t* at) {
  const char quote = where[(*at)++];
  std::string text;
  for (; *at < where.size(); ++*at) {
    if (where[*at] == quote) {
      ++*at;
      if (*at == where.size() || where[*at] != quote) break;
    }
    text += where[*at];
  }
  return text;
}

bool IsWordChar(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '[' ||
         c == ']';
}

std::string TakeRun(std::string_view where, size_t* at, bool (*belongs)(char)) {
  const size_t begin = *at;
  while (*at < where.size() && belongs(where[*at])) ++*at;
  return std::string(where.substr(begin, *at - begin));
}

std::vector<Token> Tokenize(std::string_view where) {
  std::vector<Token> tokens;
  for (size_t at = 0; at < where.size();) {
    const char c = where[at];
    if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      ++at;
    } else if (c == '\'') {
      tokens.push_back({'\'', ReadQuoted(where, &at)});
    } else if (c == '"' || c == '`') {
      tokens.push_back({'q', ReadQuoted(where, &at)});
    } else if (IsWordChar(c)) {
      tokens.push_back({'w', TakeRun(where, &at, IsWordChar)});
    } else if (c == '<' || c == '>' || c == '=' || c == '!') {
      const auto belongs = [](char x) { return x == '<' || x == '>' || x == '=' || x == '!'; };
      tokens.push_back({'o', TakeRun(where, &at, belongs)});
    } else {
      tokens.push_back({c, ""});
      ++at;
    }
  }
  return tokens;
}

bool IsKeyword(const Token& token, std::string_view keyword) {
  return token.type == 'w' && std::equal(token.text.begin(), token.text.end(), keyword.begin(),
                                         keyword.end(), [](char a, char b) {
                                           return std::tolower(static_cast<unsigned char>(a)) == b;
                                         });
}

std::string Mirrored(const std::string& comparison) {
  std::string mirrored = comparison;
  if (mirrored[0] == '<') {
    mirrored[0] = '>';
  } else if (mirrored[0] == '>') {
    mirrored[0] = '<';
  }
  return mirrored;
}

// Strict comparisons are treated as `or equal`, and a microsecond is added for decimals that were
// cut.
void Restrict(const std::string& comparison, int64_t micros, TimeRange* range) {
  const bool equal = comparison == "=" || comparison == "==";
  if (equal || comparison == ">" || comparison == ">=") range->min = std::max(range->min, micros);
  if (equal || comparison == "<" || comparison == "<=") {
    range->max = std::min(range->max, micros < INT64_MAX ? micros + 1 : micros);
  }
}

// One term between two `and`s: restricts the range if it is field, comparison, time or the reverse.
void RestrictByTerm(const Token* term, size_t size, const std::string& field, TimeRange* range) {
  if (size != 3 || term[1].type != 'o') return;
  const bool mirrored = term[0].type == '\'';
  const Token& left = mirrored ? term[2] : term[0];
  const Token& right = mirrored ? term[0] : term[2];
  int64_t micros;
  if (left.type != 'w' || left.text != field || right.type != '\'') return;
  if (!TimeParser().Parse(right.text, &micros)) return;
  Restrict(mirrored ? Mirrored(term[1].text) : term[1].text, micros, range);
}

}  // namespace

TimeRange TimeRangeOf(std::string_view where, const FieldPath& time_field) {
  const std::vector<Token> tokens = Tokenize(where);
  const std::string field = time_field.ToString();
  TimeRange range;
  int depth = 0;
  size_t term = 0;
  for (size_t i = 0; i <= tokens.size(); ++i) {
    const bool end = i == tokens.size();
    if (!end && tokens[i].type == '(') ++depth;
    if (!end && tokens[i].type == ')') --depth;
    // `between a and b` contains an `and`; under `or`, a term restricts nothing.
    if (!end && depth == 0 && (IsKeyword(tokens[i], "or") || IsKeyword(tokens[i], "between"))) {
      return {};
    }
    if (end || (depth == 0 && IsKeyword(tokens[i], "and"))) {
      RestrictByTerm(tokens.data() + term, i - term, field, &range);
      term = i + 1;
    }
  }
  return range;
}

}  // namespace murmur::parquet_source
