#include "source/postgres/pg_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace murmur {
namespace {

constexpr std::string_view kDoing = "to describe the table";

template <class Number>
Number NumberOf(std::string_view text) {
  Number number{};
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// What rows can't be read from, or not followed, exactly.
Status CheckKind(const PgPlace& place, const PgRowSet& facts) {
  const auto refuse = [&place](std::string_view why) {
    return Status(Code::kFailedPrecondition, fmt::format("{}: {}", place.text, why));
  };
  const std::string_view kind = facts.at(0, 1);
  if (kind == "v" || kind == "m") {
    return refuse("is a view: its rows have no log of changes. Name the table that it reads");
  }
  if (kind == "f") return refuse("is a foreign table: another server has its rows");
  if (kind == "p") return refuse("is partitioned, which is not supported yet: name a partition");
  if (kind != "r") return refuse("is no table");
  const std::string_view persistence = facts.at(0, 2);
  if (persistence == "t") return refuse("is a temporary table, which only its session sees");
  if (persistence == "u") {
    return refuse(fmt::format("is unlogged: no log has its changes. ALTER TABLE {} SET LOGGED",
                              place.Quoted()));
  }
  if (facts.is_true(0, 3)) {
    return refuse("other tables inherit from it, and their rows are rows of it, too");
  }
  return {};
}

}  // namespace

const PgColumn* PgTable::Find(std::string_view name) const noexcept {
  const auto it = std::find_if(columns.begin(), columns.end(),
                               [name](const PgColumn& column) { return column.name == name; });
  return it == columns.end() ? nullptr : &*it;
}

Result<PgTable> ReadPgTable(PgConnection& connection, const std::stop_token& stop) {
  const PgPlace& place = connection.place();
  MURMUR_ASSIGN(
      const PgRowSet facts,
      connection.Ask(fmt::format("SELECT c.oid, c.relkind, c.relpersistence, "
                                 "EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid), "
                                 "c.relreplident, pg_relation_size(c.oid), "
                                 // As many rows a page as when they were counted last.
                                 "CASE WHEN c.reltuples > 0 AND c.relpages > 0 "
                                 "THEN c.reltuples / c.relpages ELSE 100 END * "
                                 "(pg_relation_size(c.oid) / "
                                 "current_setting('block_size')::int), "
                                 "(SELECT system_identifier FROM pg_control_system()) "
                                 "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                                 "WHERE n.nspname = {} AND c.relname = {}",
                                 QuotedLiteral(place.schema), QuotedLiteral(place.table)),
                     kDoing, stop));
  if (facts.size() == 0) return Status(Code::kNotFound, place.text + ": there is no such table");
  MURMUR_TRY(CheckKind(place, facts));
  PgTable table;
  table.oid = NumberOf<uint32_t>(facts.at(0, 0));
  table.identity = static_cast<PgIdentity>(facts.at(0, 4).front());
  table.bytes = NumberOf<uint64_t>(facts.at(0, 5));
  table.rows = static_cast<uint64_t>(NumberOf<double>(facts.at(0, 6)));
  table.system = facts.at(0, 7);
  MURMUR_ASSIGN(
      const PgRowSet columns,
      connection.Ask(
          fmt::format(
              "WITH RECURSIVE base(oid, at) AS ("
              " SELECT DISTINCT atttypid, atttypid FROM pg_attribute WHERE attrelid = {0}"
              " UNION ALL SELECT b.oid, t.typbasetype FROM base b JOIN pg_type t ON t.oid = b.at"
              " WHERE t.typtype = 'd') "
              "SELECT a.attname, t.oid, t.typcategory = 'A' AND t.typelem <> 0, t.typelem, "
              "a.atttypid, a.atttypmod, a.attgenerated <> '', "
              "coalesce(array_position(i.indkey::int2[], a.attnum), -1), "
              "CASE WHEN co.oid IS NULL THEN true WHEN co.collname = 'default' THEN "
              "(SELECT d.datcollate IN ('C', 'POSIX') AND "
              "coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c' "
              "FROM pg_database d WHERE d.datname = current_database()) "
              "ELSE co.collname IN ('C', 'POSIX') END "
              "FROM pg_attribute a "
              "JOIN base b ON b.oid = a.atttypid "
              "JOIN pg_type t ON t.oid = b.at AND t.typtype <> 'd' "
              "LEFT JOIN pg_collation co ON co.oid = a.attcollation "
              "LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary "
              "WHERE a.attrelid = {0} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
              table.oid),
          kDoing, stop));
  std::vector<std::pair<int, size_t>> key;  // place in the key, column
  for (int row = 0; row < columns.size(); ++row) {
    PgColumn column;
    column.name = columns.at(row, 0);
    column.type = {.oid = NumberOf<uint32_t>(columns.at(row, 1)),
                   .element = columns.is_true(row, 2) ? NumberOf<uint32_t>(columns.at(row, 3)) : 0};
    column.declared_type = NumberOf<uint32_t>(columns.at(row, 4));
    column.modifier = NumberOf<int32_t>(columns.at(row, 5));
    column.is_generated = columns.is_true(row, 6);
    column.is_in_byte_order = columns.is_true(row, 8) && IsInByteOrder(column.type);
    const int place_in_key = NumberOf<int>(columns.at(row, 7));
    if (place_in_key >= 0) key.emplace_back(place_in_key, table.columns.size());
    table.columns.push_back(std::move(column));
  }
  if (key.empty()) {
    return Status(Code::kFailedPrecondition,
                  fmt::format("{}: has no primary key, so that its rows have no names. ALTER TABLE "
                              "{} ADD PRIMARY KEY (…)",
                              place.text, place.Quoted()));
  }
  std::sort(key.begin(), key.end());
  for (const auto& [at, index] : key) table.key.push_back(index);
  return table;
}

}  // namespace murmur
