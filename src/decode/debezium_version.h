// A Debezium message's place in its database's log, as the version of its row.
//
// | connector | log | place |
// | PostgreSQL | - | commit before the transaction (`sequence`), LSN of the change |
// | MySQL, MariaDB | server_id | number of the binlog file, pos, row; also by GTID |
// | MongoDB | - | seconds and increment of the cluster time (`ts_ms`, `ord`) |
// | SQL Server, Db2 | - | commit_lsn, change_lsn, event_serial_no |
// | Oracle | - | scn |
//
// All of these order the changes of one row by their commits: a row is locked until its commit.
// Other connectors give nothing that does (`ts_ms` is a clock's): their messages have no version.
// Source: the connectors' pages in Debezium's reference, "Data change events", 2.x.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "murmur/record.h"

namespace murmur {

// The fields below `source` that make up versions, in the order in which AppendDebeziumVersion
// takes their cells.
const std::vector<std::string>& DebeziumSourceFields();

// `source`: a cell for each of these fields. `is_snapshot`: the message's row is from a snapshot.
// Appends nothing if `source` has no place.
void AppendDebeziumVersion(const std::vector<Cell>& source, bool is_snapshot, std::string* version);

// For a row from a snapshot: whether this may be the snapshot that a connector without a place
// begins with. It is not, if it is known to be incremental, or was requested while the log was
// followed.
bool IsFirstSnapshot(const std::vector<Cell>& source);

}  // namespace murmur
