// The messages of the plugin pgoutput, version 1, as values.
// Source: PostgreSQL's documentation, "Logical Replication Message Formats".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/postgres/pg_position.h"
#include "source/postgres/pg_table.h"

namespace murmur {

// What a message is, by its first byte.
enum class PgMessageIs : char {
  kBegin = 'B',
  kCommit = 'C',
  kRelation = 'R',
  kInsert = 'I',
  kUpdate = 'U',
  kDelete = 'D',
  kTruncate = 'T',
};

struct PgBegin {
  PgLsn commit = 0;  // where the transaction's commit lies
  uint32_t transaction = 0;
};
struct PgCommit {
  PgLsn commit = 0;
  PgLsn end = 0;  // after the commit
};
struct PgRelation {
  struct Column {
    std::string name;
    uint32_t type = 0;
    int32_t modifier = 0;
  };
  uint32_t oid = 0;
  std::string schema;
  std::string table;
  char identity = 'd';
  std::vector<Column> columns;
};
using PgTuple = std::vector<TextValue>;  // by the relation's columns
struct PgRowChange {
  uint32_t relation = 0;
  bool is_update = false;
  char before_is = 0;  // 'O': the whole row; 'K': its key; 0: there is none
  PgTuple before;
  std::optional<PgTuple> after;
};
struct PgTruncate {
  std::vector<uint32_t> relations;
};

// Of a message whose first byte says that it is such; views point into it. Empty: it is damaged.
std::optional<PgBegin> ReadPgBegin(std::string_view message);
std::optional<PgCommit> ReadPgCommit(std::string_view message);
std::optional<PgRelation> ReadPgRelation(std::string_view message);
std::optional<PgRowChange> ReadPgRowChange(std::string_view message);
std::optional<PgTruncate> ReadPgTruncate(std::string_view message);

}  // namespace murmur
