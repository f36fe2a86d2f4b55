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

namespace murmur {

struct PgColumn {
  std::string name;
  PgType type;
  uint32_t declared_type = 0;  // as the column has it: of a domain, the domain
  int32_t modifier = -1;       // of the type: the digits of a numeric
  bool is_generated = false;
  // Whether the server orders its values as the bytes of a row key do.
  bool is_in_byte_order = false;
  bool operator==(const PgColumn&) const = default;
};

// How the log names a row, as REPLICA IDENTITY says.
enum class PgIdentity : char { kKey = 'd', kFull = 'f', kNothing = 'n', kIndex = 'i' };

struct PgTable {
  uint32_t oid = 0;    // differs after the table was dropped and made again
  std::string system;  // the server's identifier, which its copies share
  std::vector<PgColumn> columns;
  std::vector<size_t> key;  // the columns of the primary key, in its order
  PgIdentity identity = PgIdentity::kKey;
  uint64_t rows = 0;  // estimates
  uint64_t bytes = 0;

  const PgColumn* Find(std::string_view name) const noexcept;
};

// Errors: kNotFound; kFailedPrecondition (it can't be counted exactly; says why and what to do);
// those of PgConnection::Ask.
Result<PgTable> ReadPgTable(PgConnection& connection, const std::stop_token& stop);

}  // namespace murmur
