#include "source/mariadb/maria_charset.h"

#include <fmt/format.h>

#include <set>

#include "source/mariadb/maria_connection.h"

namespace murmur {

bool MariaCharset::tells_apart() const {
  return std::set<std::string>(texts.begin(), texts.end()).size() == texts.size();
}

Result<MariaCharset> ReadMariaCharset(MariaConnection& connection, std::string_view name,
                                      const std::stop_token& stop) {
  MariaCharset charset;
  std::string question;
  for (size_t byte = 0; byte < charset.texts.size(); ++byte) {
    question += fmt::format("{}CONVERT(CHAR({} USING {}) USING utf8mb4)",
                            byte == 0 ? "SELECT " : ", ", byte, name);
  }
  MURMUR_ASSIGN(const MariaRowSet texts, connection.Ask(question, "to read a character set", stop));
  for (size_t byte = 0; byte < charset.texts.size(); ++byte) {
    charset.texts[byte] = texts.at(0, static_cast<int>(byte));
  }
  return charset;
}

}  // namespace murmur
