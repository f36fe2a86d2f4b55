// A table as PostgreSQL's catalog describes it, and what keeps it from being read exactly.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/status.h"
#include "source/postgres/pg_connection.h"
#include "source/postgres/pg_value.h"
#include "source/text_rows.h"

namespace murmur {

struct PgColumn {
  std::string name;
  int number = 0;  // no other column of the table ever had it
  PgType type;
  uint32_t declared_type = 0;  // as the column has it: of a domain, the domain
  int32_t modifier = -1;       // of the type: the digits of a numeric
  bool is_generated = false;
  bool may_be_read = true;  // by the definition's `columns`
  // Whether the server orders its values as the bytes of a row key do.
  bool is_in_byte_order = false;
  bool operator==(const PgColumn&) const = default;
};

// How the log names a row, as REPLICA IDENTITY says.
enum class PgIdentity : char { kKey = 'd', kFull = 'f', kNothing = 'n', kIndex = 'i' };

// A relation that has rows of a table: the table itself, or a partition that has no partitions.
struct PgLeaf {
  // Of it, and of each partitioned table above it, to the table that this belongs to.
  struct Link {
    uint32_t transaction = 0;     // that made it
    bool is_by_creation = false;  // it was created as a partition, so that it was empty
  };
  uint32_t oid = 0;
  std::string schema;
  std::string table;
  PgIdentity identity = PgIdentity::kKey;
  bool is_empty = false;    // it has never had rows, or none since it was truncated
  std::vector<Link> links;  // none: it is the table itself
};

struct PgTable {
  uint32_t oid = 0;    // differs after the table was dropped and made again
  std::string system;  // the server's identifier, which its copies share
  std::vector<PgColumn> columns;
  // The columns of the primary key, in its order. None: its rows have no names.
  std::vector<size_t> key;
  bool is_partitioned = false;
  std::vector<PgLeaf> leaves;
  std::string snapshot;  // what was seen, as pg_current_snapshot() says it
  uint64_t rows = 0;     // estimates
  uint64_t bytes = 0;

  const PgColumn* Find(std::string_view name) const noexcept;
  // For TextRows.
  static Result<TextFieldReader> ReaderOf(const PgColumn& column, const FieldRequest& request);
  static bool AppendKeyPart(const PgColumn& column, std::string_view text, TextArena* arena,
                            std::string* bytes) {
    return AppendPgKeyPart(column.type, text, arena, bytes);
  }
  std::string ShapeOf(const std::vector<size_t>& needed) const;
};
using PgRows = TextRows<PgTable>;

// Errors: kNotFound; kFailedPrecondition (it can't be counted exactly; says why and what to do);
// those of PgConnection::Ask.
Result<PgTable> ReadPgTable(PgConnection& connection, const std::stop_token& stop);

// Whether the log of a leaf's changes names their rows; `before`: has them whole. Errors:
// kFailedPrecondition (says what to do).
Status CheckPgIdentity(const PgPlace& place, const PgTable& table, const PgLeaf& leaf, bool before);

}  // namespace murmur
