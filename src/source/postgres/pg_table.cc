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
  if (kind != "r" && kind != "p") return refuse("is no table");
  const std::string_view persistence = facts.at(0, 2);
  if (persistence == "t") return refuse("is a temporary table, which only its session sees");
  if (persistence == "u") {
    return refuse(fmt::format("is unlogged: no log has its changes. ALTER TABLE {} SET LOGGED",
                              place.Quoted()));
  }
  if (kind == "r" && facts.is_true(0, 3)) {
    return refuse("other tables inherit from it, and their rows are rows of it, too");
  }
  return {};
}

Status CheckLeaf(const PgPlace& place, const PgLeaf& leaf, std::string_view kind,
                 std::string_view persistence) {
  const bool is_foreign = kind == "f";
  if (!is_foreign && persistence == "p") return {};
  return Status(Code::kFailedPrecondition,
                fmt::format("{}: its partition {}.{} is {}: no log has its changes", place.text,
                            leaf.schema, leaf.table, is_foreign ? "a foreign table" : "unlogged"));
}

// "715true,716false": transactions, and whether they created what they linked.
std::vector<PgLeaf::Link> LinksOf(std::string_view text) {
  std::vector<PgLeaf::Link> links;
  while (!text.empty()) {
    const size_t end = std::min(text.find(','), text.size());
    const std::string_view link = text.substr(0, end);
    links.push_back(
        {.transaction = NumberOf<uint32_t>(link), .is_by_creation = link.ends_with("true")});
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return links;
}

// The partitions of a table, with their sizes.
Status ReadLeaves(PgConnection& connection, PgTable* table, const std::stop_token& stop) {
  // A partition's columns are inherited from its creation on, or since it was attached: then they
  // were written anew, unlike the columns that the system adds (number -1).
  MURMUR_ASSIGN(
      const PgRowSet leaves,
      connection.Ask(
          fmt::format(
              "SELECT pg_current_snapshot(), c.oid, n.nspname, c.relname, c.relkind, "
              "c.relpersistence, c.relreplident, pg_relation_size(c.oid), "
              "CASE WHEN c.reltuples > 0 AND c.relpages > 0 THEN c.reltuples / c.relpages "
              "ELSE 100 END * (pg_relation_size(c.oid) / current_setting('block_size')::int), "
              "(SELECT string_agg(i.xmin::text || EXISTS (SELECT FROM pg_attribute a JOIN "
              "pg_attribute s ON s.attrelid = a.attrelid AND s.attnum = -1 WHERE a.attrelid = "
              "i.inhrelid AND a.attnum > 0 AND a.attinhcount > 0 AND a.xmin = s.xmin AND "
              "a.cmin = s.cmin), ',') FROM pg_partition_ancestors(c.oid) p JOIN pg_inherits i ON "
              "i.inhrelid = p.relid AND i.inhrelid <> {0} AND i.inhrelid IN (SELECT relid FROM "
              "pg_partition_tree({0}))) "
              "FROM (SELECT NULL) AS one LEFT JOIN (pg_partition_tree({0}) t JOIN pg_class c ON "
              "c.oid = t.relid JOIN pg_namespace n ON n.oid = c.relnamespace) ON t.isleaf AND "
              "c.relkind <> 'p' AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid)",
              table->oid),
          kDoing, stop));
  table->snapshot = leaves.at(0, 0);
  for (int row = 0; row < leaves.size() && !leaves.is_null(row, 1); ++row) {
    PgLeaf leaf{.oid = NumberOf<uint32_t>(leaves.at(row, 1)),
                .schema = std::string(leaves.at(row, 2)),
                .table = std::string(leaves.at(row, 3)),
                .identity = static_cast<PgIdentity>(leaves.at(row, 6).front()),
                .is_empty = leaves.at(row, 7) == "0",
                .links = LinksOf(leaves.at(row, 9))};
    MURMUR_TRY(CheckLeaf(connection.place(), leaf, leaves.at(row, 4), leaves.at(row, 5)));
    table->bytes += NumberOf<uint64_t>(leaves.at(row, 7));
    table->rows += static_cast<uint64_t>(NumberOf<double>(leaves.at(row, 8)));
    table->leaves.push_back(std::move(leaf));
  }
  return {};
}

}  // namespace

const PgColumn* PgTable::Find(std::string_view name) const noexcept {
  const auto it = std::find_if(columns.begin(), columns.end(),
                               [name](const PgColumn& column) { return column.name == name; });
  return it == columns.end() ? nullptr : &*it;
}

Result<TextFieldReader> PgTable::ReaderOf(const PgColumn& column, const FieldRequest& request) {
  if (column.may_be_read) return MakePgFieldReader(column.type, request);
  return Status(Code::kFailedPrecondition,
                fmt::format("postgres: the definition needs column '{}', which its `columns` leave "
                            "out",
                            column.name));
}

std::string PgTable::ShapeOf(const std::vector<size_t>& needed) const {
  std::string text = fmt::format("{}/{}", system, oid);
  for (const size_t column : needed) {
    const PgColumn& read = columns[column];
    text += fmt::format("\n{} {} {} {}", read.name, read.number, read.declared_type, read.modifier);
  }
  return text;
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
  table.system = facts.at(0, 7);
  table.is_partitioned = facts.at(0, 1) == "p";
  if (table.is_partitioned) {
    MURMUR_TRY(ReadLeaves(connection, &table, stop));
  } else {
    table.bytes = NumberOf<uint64_t>(facts.at(0, 5));
    table.rows = static_cast<uint64_t>(NumberOf<double>(facts.at(0, 6)));
    table.leaves.push_back({.oid = table.oid,
                            .schema = place.schema,
                            .table = place.table,
                            .identity = static_cast<PgIdentity>(facts.at(0, 4).front()),
                            .is_empty = table.bytes == 0,
                            .links = {}});
  }
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
              "ELSE co.collname IN ('C', 'POSIX') END, a.attnum "
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
    column.number = NumberOf<int>(columns.at(row, 9));
    const int place_in_key = NumberOf<int>(columns.at(row, 7));
    column.may_be_read =
        place.columns.empty() || place_in_key >= 0 ||
        std::find(place.columns.begin(), place.columns.end(), column.name) != place.columns.end();
    if (place_in_key >= 0) key.emplace_back(place_in_key, table.columns.size());
    table.columns.push_back(std::move(column));
  }
  std::sort(key.begin(), key.end());
  for (const auto& [at, index] : key) table.key.push_back(index);
  return table;
}

Status CheckPgIdentity(const PgPlace& place, const PgTable& table, const PgLeaf& leaf,
                       bool before) {
  if (leaf.identity == PgIdentity::kFull) return {};
  const std::string name = QuotedIdentifier(leaf.schema) + "." + QuotedIdentifier(leaf.table);
  const auto refuse = [&](const std::string& why) {
    return Status(Code::kFailedPrecondition, fmt::format("{}: {}", place.text, why));
  };
  if (table.key.empty()) {
    return refuse(
        fmt::format("has no primary key, so that its log must have whole rows: ALTER TABLE {} ADD "
                    "PRIMARY KEY (…), or ALTER TABLE {} REPLICA IDENTITY FULL",
                    place.Quoted(), name));
  }
  if (before) {
    return refuse(
        fmt::format("{} is kept by cuts, and its log has only the key of a row that was changed. "
                    "Before rows of it are changed: ALTER TABLE {} REPLICA IDENTITY FULL",
                    name, name));
  }
  if (leaf.identity == PgIdentity::kKey) return {};
  return refuse(
      fmt::format("its log does not name rows by the primary key (REPLICA IDENTITY {}); it does "
                  "after: ALTER TABLE {} REPLICA IDENTITY DEFAULT",
                  leaf.identity == PgIdentity::kIndex ? "USING INDEX" : "NOTHING", name));
}

}  // namespace murmur
