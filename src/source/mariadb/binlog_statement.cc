#include "source/mariadb/binlog_statement.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <span>

namespace murmur {
namespace {

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

// A word, a name in quotes, or one other character.
struct Token {
  std::string text;
  bool is_quoted = false;

  bool Is(std::string_view word) const { return !is_quoted && EqualIgnoringCase(text, word); }
};
using Tokens = std::span<const Token>;

bool IsOfWord(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Skips blanks and comments, but not what comments hide from other servers: /*! … */ and /*M! … */.
size_t SkipBlank(std::string_view text, size_t at) {
  while (at < text.size()) {
    const std::string_view rest = text.substr(at);
    if (std::isspace(static_cast<unsigned char>(rest[0])) != 0) {
      ++at;
    } else if (rest.starts_with("/*!") || rest.starts_with("/*M!")) {
      at += rest.find('!') + 1;
      while (at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])) != 0) ++at;
    } else if (rest.starts_with("*/")) {
      at += 2;
    } else if (rest.starts_with("/*")) {
      const size_t end = rest.find("*/", 2);
      at = end == rest.npos ? text.size() : at + end + 2;
    } else if (rest.starts_with("#") || rest.starts_with("-- ")) {
      at = std::min(text.find('\n', at), text.size());
    } else {
      break;
    }
  }
  return at;
}

// A name or a text in quotes, from its first quote to after its last.
size_t TakeQuoted(std::string_view text, size_t at, std::string* out) {
  const char quote = text[at++];
  for (; at < text.size(); ++at) {
    if (text[at] == '\\' && quote != '`' && at + 1 < text.size()) {
      ++at;
    } else if (text[at] == quote) {
      if (at + 1 == text.size() || text[at + 1] != quote) return at + 1;
      ++at;
    }
    *out += text[at];
  }
  return at;
}

std::vector<Token> TokensOf(std::string_view text) {
  std::vector<Token> tokens;
  for (size_t at = SkipBlank(text, 0); at < text.size(); at = SkipBlank(text, at)) {
    Token& token = tokens.emplace_back();
    if (text[at] == '`' || text[at] == '"' || text[at] == '\'') {
      token.is_quoted = true;
      at = TakeQuoted(text, at, &token.text);
    } else if (IsOfWord(text[at])) {
      const size_t begin = at;
      while (at < text.size() && IsOfWord(text[at])) ++at;
      token.text = text.substr(begin, at - begin);
    } else {
      token.text = text[at++];
    }
  }
  return tokens;
}

// Whether the table is named anywhere: with its database, or where that is the one in use.
bool NamesTable(Tokens tokens, std::string_view database, const WatchedTable& table) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (!EqualIgnoringCase(tokens[i].text, table.table)) continue;
    const bool has_database = i >= 2 && tokens[i - 1].Is(".");
    if (EqualIgnoringCase(has_database ? std::string_view(tokens[i - 2].text) : database,
                          table.database)) {
      return true;
    }
  }
  return false;
}

bool HasWord(Tokens tokens, std::string_view word) {
  return std::any_of(tokens.begin(), tokens.end(), [word](const Token& t) { return t.Is(word); });
}

// The tables between ALTER TABLE and what is done to them; a name may be `database`.`table`.
Tokens AlteredTable(Tokens tokens) {
  size_t at = 0;
  while (at < tokens.size() && !tokens[at].Is("TABLE")) ++at;
  ++at;
  if (at + 2 < tokens.size() && tokens[at].Is("IF") && tokens[at + 1].Is("EXISTS")) at += 2;
  const size_t count = at + 2 < tokens.size() && tokens[at + 1].Is(".") ? 3 : 1;
  return at < tokens.size() ? tokens.subspan(at, std::min(count, tokens.size() - at)) : Tokens();
}

// RENAME alone is that of the table.
bool RenamesTable(Tokens tokens) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (!tokens[i].Is("RENAME")) continue;
    const bool is_of_part =
        i + 1 < tokens.size() &&
        (tokens[i + 1].Is("COLUMN") || tokens[i + 1].Is("INDEX") || tokens[i + 1].Is("KEY"));
    if (!is_of_part) return true;
  }
  return false;
}

bool IsColumn(const Token& token, const WatchedTable& table) {
  return std::any_of(table.columns.begin(), table.columns.end(), [&](const std::string& column) {
    return EqualIgnoringCase(token.text, column);
  });
}

bool IsOneOf(const Token& token, std::span<const std::string_view> words) {
  return std::any_of(words.begin(), words.end(), [&](auto word) { return token.Is(word); });
}

// Whether what follows an action's word, such as ADD, is a column that is read, or a list with one.
bool ActsOnColumn(Tokens rest, const WatchedTable& table) {
  static constexpr std::array<std::string_view, 4> kBetween = {"COLUMN", "IF", "NOT", "EXISTS"};
  while (!rest.empty() && IsOneOf(rest[0], kBetween)) rest = rest.subspan(1);
  if (rest.empty()) return false;
  const bool is_list = rest[0].Is("(");
  const size_t count = is_list ? rest.size() : std::min<size_t>(rest.size(), 1);
  return std::any_of(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(count),
                     [&](const Token& token) { return IsColumn(token, table); });
}

// Of a column with a new name, both names count.
bool AltersColumn(Tokens tokens, const WatchedTable& table) {
  static constexpr std::array<std::string_view, 6> kActions = {"ADD",    "DROP",   "MODIFY",
                                                               "CHANGE", "RENAME", "TO"};
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (!IsOneOf(tokens[i], kActions)) continue;
    if (ActsOnColumn(tokens.subspan(i + 1), table)) return true;
    if (tokens[i].Is("CHANGE") && i + 2 < tokens.size() &&
        ActsOnColumn(tokens.subspan(i + 1).subspan(tokens[i + 1].Is("COLUMN") ? 2 : 1), table)) {
      return true;
    }
  }
  return false;
}

StatementDoes WhatAlterDoes(Tokens tokens, std::string_view database, const WatchedTable& table) {
  const bool is_ours = NamesTable(AlteredTable(tokens), database, table);
  if (!is_ours) {
    // It may take the table's name, or exchange rows with it.
    return NamesTable(tokens, database, table) &&
                   (RenamesTable(tokens) || HasWord(tokens, "EXCHANGE"))
               ? StatementDoes::kRename
               : StatementDoes::kNothing;
  }
  if (RenamesTable(tokens)) return StatementDoes::kRename;
  static constexpr std::array<std::string_view, 8> kOfRows = {
      "PARTITION", "PARTITIONING", "IGNORE", "IMPORT", "DISCARD", "CONVERT", "PRIMARY", "SYSTEM"};
  const bool is_of_rows = std::any_of(tokens.begin(), tokens.end(),
                                      [](const Token& token) { return IsOneOf(token, kOfRows); });
  return is_of_rows || AltersColumn(tokens, table) ? StatementDoes::kAlter
                                                   : StatementDoes::kNothing;
}

StatementDoes WhatDropDoes(Tokens tokens, std::string_view database, const WatchedTable& table) {
  if (tokens.size() < 2) return StatementDoes::kNothing;
  if (tokens[1].Is("DATABASE") || tokens[1].Is("SCHEMA")) {
    return EqualIgnoringCase(tokens.back().text, table.database) ? StatementDoes::kDrop
                                                                 : StatementDoes::kNothing;
  }
  const bool is_of_table = tokens[1].Is("TABLE") || tokens[1].Is("TABLES");
  return is_of_table && NamesTable(tokens, database, table) ? StatementDoes::kDrop
                                                            : StatementDoes::kNothing;
}

// Statements that write no rows, whatever they name.
bool WritesNoRows(const Token& first) {
  static constexpr std::array<std::string_view, 17> kWords = {
      "BEGIN",    "START",  "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE",
      "XA",       "GRANT",  "REVOKE", "SET",      "ANALYZE",   "FLUSH",
      "OPTIMIZE", "REPAIR", "CREATE", "RENAME",   "INSTALL"};
  return first.text.empty() || IsOneOf(first, kWords);
}

}  // namespace

StatementDoes WhatStatementDoes(std::string_view statement, std::string_view database,
                                const WatchedTable& table) {
  const std::vector<Token> all = TokensOf(statement);
  Tokens tokens(all);
  if (tokens.size() >= 2 && tokens[0].Is("SET") && tokens[1].Is("STATEMENT")) {
    const auto begin =
        std::find_if(tokens.begin(), tokens.end(), [](const Token& t) { return t.Is("FOR"); });
    if (begin != tokens.end()) tokens = Tokens(begin + 1, tokens.end());
  }
  if (tokens.empty()) return StatementDoes::kNothing;
  const Token& first = tokens[0];
  if (first.Is("DROP")) return WhatDropDoes(tokens, database, table);
  if (first.Is("ALTER")) return WhatAlterDoes(tokens, database, table);
  if (!NamesTable(tokens, database, table)) return StatementDoes::kNothing;
  if (first.Is("TRUNCATE")) return StatementDoes::kTruncate;
  if (first.Is("RENAME")) return StatementDoes::kRename;
  const bool replaces = tokens.size() > 4 && tokens[1].Is("OR") && tokens[2].Is("REPLACE") &&
                        HasWord(tokens.subspan(3, 2), "TABLE");
  if (first.Is("CREATE") && replaces) {
    // The name comes first; others may follow in what it is made from.
    return NamesTable(AlteredTable(tokens), database, table) ? StatementDoes::kDrop
                                                             : StatementDoes::kNothing;
  }
  return WritesNoRows(first) ? StatementDoes::kNothing : StatementDoes::kWrite;
}

}  // namespace murmur
