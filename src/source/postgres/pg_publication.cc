#include "source/postgres/pg_publication.h"

#include <fmt/format.h>

#include <vector>

namespace murmur {

std::string PgPublicationOf(const PgPlace& place, const std::string& slot) {
  if (!place.publication.empty()) return place.publication;
  if (slot.starts_with(kPgOwn)) return slot;
  constexpr size_t kNameBytesMax = 63;
  return (std::string(kPgOwn) + slot).substr(0, kNameBytesMax);
}

Status PublishPgTable(PgConnection& connection, const PgTable& table, const std::string& name,
                      const std::stop_token& stop) {
  const PgPlace& place = connection.place();
  const Status there = CheckPgPublication(connection, table, name, stop);
  if (there.code() != Code::kNotFound || !place.publication.empty()) return there;
  const auto made = connection.Ask(
      fmt::format("CREATE PUBLICATION {} FOR TABLE {}", QuotedIdentifier(name), place.Quoted()),
      "to make a publication", stop);
  constexpr std::string_view kIsThere = "42710";
  if (made.ok() || connection.sqlstate() == kIsThere) {
    return CheckPgPublication(connection, table, name, stop);
  }
  if (made.status().code() != Code::kPermissionDenied) return made.status();
  return Status(Code::kPermissionDenied,
                fmt::format("{}. Let the table's owner run: CREATE PUBLICATION {} FOR TABLE {}",
                            made.status().message(), QuotedIdentifier(name), place.Quoted()));
}

Status CheckPgPublication(PgConnection& connection, const PgTable& table, const std::string& name,
                          const std::stop_token& stop) {
  const PgPlace& place = connection.place();
  std::vector<std::string> leaves;
  for (const PgLeaf& leaf : table.leaves) {
    leaves.push_back(
        fmt::format("({}, {})", QuotedLiteral(leaf.schema), QuotedLiteral(leaf.table)));
  }
  // Of those relations that have rows: how many it has, and whether it filters the rows of one.
  const std::string published =
      leaves.empty() ? "SELECT 0 AS count, false AS filters"
                     : fmt::format(
                           "SELECT count(*), coalesce(bool_or(to_jsonb(t) ->> 'rowfilter' "
                           "IS NOT NULL), false) AS filters FROM pg_publication_tables t "
                           "WHERE t.pubname = {} AND (t.schemaname, t.tablename) IN ({})",
                           QuotedLiteral(name), fmt::join(leaves, ", "));
  MURMUR_ASSIGN(const PgRowSet found,
                connection.Ask(fmt::format("SELECT p.pubinsert AND p.pubupdate AND p.pubdelete AND "
                                           "p.pubtruncate, t.count = {}, t.filters, p.pubviaroot "
                                           "FROM pg_publication p, ({}) AS t WHERE p.pubname = {}",
                                           leaves.size(), published, QuotedLiteral(name)),
                               "to look at a publication", stop));
  const auto refuse = [&](std::string_view why, const std::string& remedy) {
    return Status(Code::kFailedPrecondition,
                  fmt::format("{}: the publication {} {}. {}", place.text, name, why, remedy));
  };
  const std::string quoted = QuotedIdentifier(name);
  if (found.size() == 0) {
    return Status(Code::kNotFound, fmt::format("{}: there is no publication {}", place.text, name));
  }
  if (!found.is_true(0, 0)) {
    return refuse("leaves out some operations",
                  fmt::format("ALTER PUBLICATION {} SET (publish = 'insert, update, delete, "
                              "truncate')",
                              quoted));
  }
  if (table.is_partitioned && found.is_true(0, 3)) {
    return refuse(
        "does not tell the partition of a row",
        fmt::format("ALTER PUBLICATION {} SET (publish_via_partition_root = false)", quoted));
  }
  if (!found.is_true(0, 1)) {
    return refuse("does not have the table",
                  fmt::format("ALTER PUBLICATION {} ADD TABLE {}", quoted, place.Quoted()));
  }
  if (found.is_true(0, 2)) {
    return refuse("filters rows",
                  fmt::format("ALTER PUBLICATION {} SET TABLE {}", quoted, place.Quoted()));
  }
  return {};
}

}  // namespace murmur
