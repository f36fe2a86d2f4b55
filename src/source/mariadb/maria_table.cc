#include "source/mariadb/maria_table.h"

#include <fmt/format.h>
#include <mysqld_error.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/take_text.h"
#include "source/mariadb/binlog_event.h"

namespace murmur {
namespace {

constexpr std::string_view kDoing = "to describe the table";

uint64_t NumberOf(std::string_view text) {
  uint64_t number = 0;
  (void)TakeNumber(&text, &number);
  return number;
}

Status Refuse(const MariaPlace& place, std::string_view why) {
  return Status(Code::kFailedPrecondition, fmt::format("{}: {}", place.text, why));
}

// That the server's log has all that is needed of every change.
Status CheckLog(MariaConnection& connection, const std::stop_token& stop) {
  const MariaPlace& place = connection.place();
  const auto settings = connection.Ask(
      "SELECT @@global.log_bin, @@global.binlog_format, @@global.binlog_row_image, "
      "@@global.binlog_row_metadata",
      kDoing, stop);
  if (connection.error_number() == ER_UNKNOWN_SYSTEM_VARIABLE) {
    return Refuse(place, "the server is too old: MariaDB 10.5 or later is needed");
  }
  MURMUR_TRY(settings.status());
  if (settings->at(0, 0) != "1") {
    return Refuse(place,
                  "the server keeps no binary log: set log_bin, binlog_format = ROW and "
                  "binlog_row_metadata = FULL in its configuration; then restart it");
  }
  struct Setting {
    int column;
    std::string_view name;
    std::string_view needed;
    std::string_view why;
  };
  static constexpr std::array<Setting, 3> kSettings = {{
      {1, "binlog_format", "ROW", "the log has statements, not rows"},
      {2, "binlog_row_image", "FULL", "the log has only parts of rows"},
      {3, "binlog_row_metadata", "FULL", "the log does not name columns"},
  }};
  for (const Setting& setting : kSettings) {
    if (settings->at(0, setting.column) == setting.needed) continue;
    return Refuse(place, fmt::format("{0} is {1}: {2}. SET GLOBAL {0} = '{3}', and connect anew "
                                     "whoever writes to the table",
                                     setting.name, settings->at(0, setting.column), setting.why,
                                     setting.needed));
  }
  return {};
}

// "a,b,c", as the server writes lists of databases.
bool Lists(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const size_t end = std::min(list.find(','), list.size());
    if (list.substr(0, end) == name) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

Status CheckFilter(MariaConnection& connection, const std::string& database,
                   const std::stop_token& stop) {
  MURMUR_ASSIGN(const MariaRowSet log, connection.Ask("SHOW MASTER STATUS", kDoing, stop));
  if (log.size() == 0) return {};
  const bool is_left_out = !log.at(0, 2).empty() && !Lists(log.at(0, 2), database);
  if (!is_left_out && !Lists(log.at(0, 3), database)) return {};
  return Refuse(connection.place(),
                "the server's log leaves its database out (binlog_do_db, binlog_ignore_db)");
}

Status CheckKind(const MariaPlace& place, const MariaRowSet& facts) {
  const std::string_view kind = facts.at(0, 2);
  if (kind == "VIEW" || kind == "SYSTEM VIEW") {
    return Refuse(place,
                  "is a view: its rows have no log of changes. Name the table that it reads");
  }
  if (kind == "SYSTEM VERSIONED") {
    return Refuse(place,
                  "is system-versioned: the log has the rows of its history, too. Only tables "
                  "without SYSTEM VERSIONING can be followed");
  }
  if (kind != "BASE TABLE") return Refuse(place, "is no table");
  const std::string_view engine = facts.at(0, 3);
  if (engine == "InnoDB") return {};
  return Refuse(place, fmt::format("its engine is {}, which can't be read as of one moment. ALTER "
                                   "TABLE {} ENGINE = InnoDB",
                                   engine, place.Quoted()));
}

// A type by its DATA_TYPE, as the log numbers it.
struct Type {
  std::string_view name;
  MariaIs is;
  uint8_t log_type;
};
constexpr std::array<Type, 32> kTypes = {{
    {"bigint", MariaIs::kSigned, MYSQL_TYPE_LONGLONG},
    {"binary", MariaIs::kBytes, MYSQL_TYPE_STRING},
    {"bit", MariaIs::kUnsigned, MYSQL_TYPE_BIT},
    {"blob", MariaIs::kBytes, MYSQL_TYPE_BLOB},
    {"char", MariaIs::kText, MYSQL_TYPE_STRING},
    {"date", MariaIs::kDate, MYSQL_TYPE_DATE},
    {"datetime", MariaIs::kDateTime, MYSQL_TYPE_DATETIME2},
    {"decimal", MariaIs::kDecimal, MYSQL_TYPE_NEWDECIMAL},
    {"double", MariaIs::kDouble, MYSQL_TYPE_DOUBLE},
    {"enum", MariaIs::kLabel, MYSQL_TYPE_STRING},
    {"float", MariaIs::kDouble, MYSQL_TYPE_FLOAT},
    {"inet4", MariaIs::kInet4, MYSQL_TYPE_STRING},
    {"inet6", MariaIs::kInet6, MYSQL_TYPE_STRING},
    {"int", MariaIs::kSigned, MYSQL_TYPE_LONG},
    {"json", MariaIs::kJson, MYSQL_TYPE_BLOB},
    {"longblob", MariaIs::kBytes, MYSQL_TYPE_BLOB},
    {"longtext", MariaIs::kText, MYSQL_TYPE_BLOB},
    {"mediumblob", MariaIs::kBytes, MYSQL_TYPE_BLOB},
    {"mediumint", MariaIs::kSigned, MYSQL_TYPE_INT24},
    {"mediumtext", MariaIs::kText, MYSQL_TYPE_BLOB},
    {"set", MariaIs::kLabels, MYSQL_TYPE_STRING},
    {"smallint", MariaIs::kSigned, MYSQL_TYPE_SHORT},
    {"text", MariaIs::kText, MYSQL_TYPE_BLOB},
    {"time", MariaIs::kTime, MYSQL_TYPE_TIME2},
    {"timestamp", MariaIs::kDateTime, MYSQL_TYPE_TIMESTAMP2},
    {"tinyblob", MariaIs::kBytes, MYSQL_TYPE_BLOB},
    {"tinyint", MariaIs::kSigned, MYSQL_TYPE_TINY},
    {"tinytext", MariaIs::kText, MYSQL_TYPE_BLOB},
    {"uuid", MariaIs::kUuid, MYSQL_TYPE_STRING},
    {"varbinary", MariaIs::kBytes, MYSQL_TYPE_VARCHAR},
    {"varchar", MariaIs::kText, MYSQL_TYPE_VARCHAR},
    {"year", MariaIs::kUnsigned, MYSQL_TYPE_YEAR},
}};

bool IsInteger(const MariaColumn& column) {
  return column.is == MariaIs::kSigned || column.is == MariaIs::kUnsigned;
}

// What a SELECT of the column must ask for: FLOAT loses digits as text, ZEROFILL has more, and BIT
// is bytes.
std::string SelectOf(const MariaColumn& column, std::string_view declared) {
  const std::string name = QuotedMariaName(column.name);
  switch (column.is) {
    case MariaIs::kDouble: return fmt::format("CAST({} AS DOUBLE)", name);
    case MariaIs::kUuid:
    case MariaIs::kInet6: return fmt::format("CAST({} AS BINARY(16))", name);
    case MariaIs::kInet4: return fmt::format("CAST({} AS BINARY(4))", name);
    default: break;
  }
  const bool is_plain = column.log_type != MYSQL_TYPE_BIT && column.log_type != MYSQL_TYPE_YEAR &&
                        declared.find("zerofill") == declared.npos;
  return is_plain ? name : name + " + 0";
}

// Whether its values are ordered by bytes: neither by a collation's weights, nor as if shorter
// texts were filled with blanks, nor by something that their text does not show.
bool IsInByteOrder(const MariaColumn& column, std::string_view type, std::string_view collation) {
  if (column.is == MariaIs::kBytes || IsInteger(column)) return true;
  const bool is_of_utf8 = collation.starts_with("utf8") || collation.starts_with("ascii");
  return type == "varchar" && is_of_utf8 && collation.ends_with("_nopad_bin");
}

bool IsUtf8(std::string_view charset) {
  return charset == "utf8mb4" || charset == "utf8mb3" || charset == "utf8" || charset == "ascii";
}

// Columns of the catalog's answer.
enum Fact : int {
  kName,
  kDataType,
  kColumnType,
  kCharset,
  kCollation,
  kIsNullable,
  kExtra,
  kIsJson,
  kKeyPlace,
  kCharsetBytes  // of a character, at most
};

bool IsOfText(const MariaColumn& column) {
  return column.is == MariaIs::kText || column.is == MariaIs::kJson;
}

std::string WhyNot(const MariaRowSet& facts, int row) {
  if (facts.at(row, kExtra).find("VIRTUAL GENERATED") != std::string_view::npos) {
    return "is generated and not stored. Write the expression that generates it into the "
           "definition";
  }
  return {};
}

MariaColumn ColumnOf(const MariaRowSet& facts, int row) {
  MariaColumn column;
  column.name = facts.at(row, kName);
  const std::string_view type = facts.at(row, kDataType);
  const std::string_view declared = facts.at(row, kColumnType);
  column.declared =
      fmt::format("{} {} {}", declared, facts.at(row, kCollation), facts.at(row, kIsNullable));
  const auto* const found =
      std::find_if(kTypes.begin(), kTypes.end(), [type](const Type& t) { return t.name == type; });
  if (found == kTypes.end()) {
    column.why_not = fmt::format("is of the type {}, which can't be read", type);
    return column;
  }
  column.is = found->is;
  column.log_type = found->log_type;
  // "varchar(100) /*M!100301 COMPRESSED*/"
  if (declared.find("COMPRESSED*/") != declared.npos) {
    if (column.log_type == MYSQL_TYPE_BLOB) column.log_type = kBinlogBlobCompressed;
    if (column.log_type == MYSQL_TYPE_VARCHAR) column.log_type = kBinlogVarcharCompressed;
  }
  if (column.is == MariaIs::kSigned && declared.find("unsigned") != declared.npos) {
    column.is = MariaIs::kUnsigned;
  }
  if (column.is == MariaIs::kText && facts.at(row, kIsJson) == "1") column.is = MariaIs::kJson;
  if (column.is == MariaIs::kLabel || column.is == MariaIs::kLabels) {
    column.labels = MariaLabelsOf(declared);
  }
  column.select = SelectOf(column, declared);
  column.is_in_byte_order = IsInByteOrder(column, type, facts.at(row, kCollation));
  column.why_not = WhyNot(facts, row);
  return column;
}

// Kinds of keys whose order and equality a condition on their texts tells.
bool MayBeKey(const MariaColumn& column) {
  return column.log_type != MYSQL_TYPE_BIT && column.is != MariaIs::kDouble &&
         column.is != MariaIs::kLabel && column.is != MariaIs::kLabels &&
         (column.charset == nullptr || column.charset->tells_apart());
}

// Of texts that the log does not have in UTF-8.
Status ReadCharsets(MariaConnection& connection, const MariaRowSet& facts, MariaTable* table,
                    const std::stop_token& stop) {
  for (int row = 0; row < facts.size(); ++row) {
    MariaColumn& column = table->columns[static_cast<size_t>(row)];
    const std::string name(facts.at(row, kCharset));
    if (!IsOfText(column) || IsUtf8(name) || !column.why_not.empty()) continue;
    MURMUR_ASSIGN(column.charset,
                  ReadMariaCharset(connection, name, NumberOf(facts.at(row, kCharsetBytes)), stop));
  }
  return {};
}

// The table's row of what the server lists; kNotFound if there is no such table.
Result<MariaRowSet> ReadKind(MariaConnection& connection, const std::stop_token& stop) {
  const MariaPlace& place = connection.place();
  MURMUR_ASSIGN(
      MariaRowSet facts,
      connection.Ask(fmt::format("SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, "
                                 "TABLE_ROWS, DATA_LENGTH FROM information_schema.TABLES "
                                 "WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
                                 QuotedMariaText(place.database), QuotedMariaText(place.table)),
                     kDoing, stop));
  if (facts.size() == 0) {
    return Status(Code::kNotFound, place.text + ": there is no such table, or no right to see it");
  }
  return facts;
}

Status ReadColumns(MariaConnection& connection, MariaTable* table, const std::stop_token& stop) {
  const MariaPlace& place = connection.place();
  const std::string of_table =
      fmt::format("TABLE_SCHEMA = {} AND TABLE_NAME = {}", QuotedMariaText(table->database),
                  QuotedMariaText(table->table));
  MURMUR_ASSIGN(
      const MariaRowSet facts,
      connection.Ask(
          fmt::format(
              "SELECT c.COLUMN_NAME, c.DATA_TYPE, c.COLUMN_TYPE, c.CHARACTER_SET_NAME, "
              "c.COLLATION_NAME, c.IS_NULLABLE, c.EXTRA, EXISTS (SELECT 1 FROM "
              "information_schema.CHECK_CONSTRAINTS j WHERE j.CONSTRAINT_SCHEMA = {1} AND "
              "j.TABLE_NAME = {2} AND j.CHECK_CLAUSE = CONCAT('json_valid(`', c.COLUMN_NAME, "
              "'`)')), (SELECT k.SEQ_IN_INDEX FROM information_schema.STATISTICS k WHERE "
              "k.{0} AND k.INDEX_NAME = 'PRIMARY' AND k.COLUMN_NAME = c.COLUMN_NAME), "
              "(SELECT s.MAXLEN FROM information_schema.CHARACTER_SETS s WHERE "
              "s.CHARACTER_SET_NAME = c.CHARACTER_SET_NAME) "
              "FROM information_schema.COLUMNS c WHERE c.{0} ORDER BY c.ORDINAL_POSITION",
              of_table, QuotedMariaText(table->database), QuotedMariaText(table->table)),
          kDoing, stop));
  std::vector<std::pair<uint64_t, size_t>> key;  // place in the key, column
  for (int row = 0; row < facts.size(); ++row) {
    if (facts.at(row, kColumnType).find("mariadb-5.3") != std::string_view::npos) {
      return Refuse(place, fmt::format("column '{}' has a time in the form of MariaDB 5.3. ALTER "
                                       "TABLE {} FORCE",
                                       facts.at(row, kName), place.Quoted()));
    }
    if (!facts.is_null(row, kKeyPlace)) {
      key.emplace_back(NumberOf(facts.at(row, kKeyPlace)), table->columns.size());
    }
    table->columns.push_back(ColumnOf(facts, row));
  }
  MURMUR_TRY(ReadCharsets(connection, facts, table, stop));
  std::sort(key.begin(), key.end());
  for (const auto& [at, index] : key) {
    const MariaColumn& column = table->columns[index];
    if (!column.why_not.empty() || !MayBeKey(column)) {
      return Refuse(place,
                    fmt::format("column '{}' of its primary key {}", column.name,
                                column.why_not.empty() ? "is of a type by which rows can't be named"
                                                       : column.why_not));
    }
    table->key.push_back(index);
  }
  if (!table->key.empty()) return {};
  // What is asked for one after the other may be of a table that was dropped meanwhile.
  MURMUR_TRY(ReadKind(connection, stop).status());
  return Refuse(place, fmt::format("has no primary key, so that its rows have no names. ALTER "
                                   "TABLE {} ADD PRIMARY KEY (…)",
                                   place.Quoted()));
}

Status ReadCascade(MariaConnection& connection, MariaTable* table, const std::stop_token& stop) {
  MURMUR_ASSIGN(
      const MariaRowSet keys,
      connection.Ask(
          fmt::format(
              "SELECT CONSTRAINT_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE "
              "CONSTRAINT_SCHEMA = {} AND TABLE_NAME = {} AND (DELETE_RULE IN ('CASCADE', "
              "'SET NULL') OR UPDATE_RULE IN ('CASCADE', 'SET NULL')) LIMIT 1",
              QuotedMariaText(table->database), QuotedMariaText(table->table)),
          kDoing, stop));
  if (keys.size() > 0) table->cascade = keys.at(0, 0);
  return {};
}

}  // namespace

Result<TextFieldReader> MariaTable::ReaderOf(const MariaColumn& column,
                                             const FieldRequest& request) const {
  if (column.why_not.empty()) return MakeMariaFieldReader(column.is, request);
  return Status(Code::kFailedPrecondition, fmt::format("mariadb:{}.{}: column '{}' {}", database,
                                                       table, column.name, column.why_not));
}

std::string MariaTable::ShapeOf(const std::vector<size_t>& needed) const {
  std::string text = server == 0 ? std::string() : std::to_string(server);
  for (const size_t column : key) text += "\n*" + columns[column].name;
  for (const size_t column : needed) {
    const MariaColumn& read = columns[column];
    text += fmt::format("\n{} {} {}", read.name, read.declared, static_cast<int>(read.is));
  }
  return text;
}

const MariaColumn* MariaTable::Find(std::string_view name) const noexcept {
  const auto it = std::find_if(columns.begin(), columns.end(),
                               [name](const MariaColumn& column) { return column.name == name; });
  return it == columns.end() ? nullptr : &*it;
}

std::vector<std::string> MariaLabelsOf(std::string_view declared) {
  std::vector<std::string> labels;
  size_t at = declared.find('\'');
  while (at < declared.size() && declared[at] == '\'') {
    std::string& label = labels.emplace_back();
    for (++at; at < declared.size(); ++at) {
      if (declared[at] == '\'') {
        ++at;
        if (at == declared.size() || declared[at] != '\'') break;
      }
      label += declared[at];
    }
    ++at;  // a comma
  }
  return labels;
}

Result<MariaTable> ReadMariaTable(MariaConnection& connection, const std::stop_token& stop) {
  const MariaPlace& place = connection.place();
  MURMUR_ASSIGN(const MariaRowSet facts, ReadKind(connection, stop));
  MURMUR_TRY(CheckKind(place, facts));
  MariaTable table{.database = std::string(facts.at(0, 0)),
                   .table = std::string(facts.at(0, 1)),
                   .rows = NumberOf(facts.at(0, 4)),
                   .bytes = NumberOf(facts.at(0, 5))};
  MURMUR_TRY(CheckLog(connection, stop));
  MURMUR_TRY(CheckFilter(connection, table.database, stop));
  MURMUR_TRY(ReadColumns(connection, &table, stop));
  MURMUR_TRY(ReadCascade(connection, &table, stop));
  return table;
}

}  // namespace murmur
