// Where in its database's log a Debezium message is of, as the version of its row.
//
// | connector | log | place |
// | PostgreSQL | - | commit before the transaction (`sequence`), LSN of the change |
// | MySQL, MariaDB | server_id | number of the binlog file, pos, row; also by GTID |
// | MongoDB | - | seconds and increment of the cluster time (`ts_ms`, `ord`) |
// | SQL Server, Db2 | - | commit_lsn, change_lsn, event_serial_no |
// | Oracle | - | scn |
//
// All of these order the changes of one row as they were committed: a row's lock is held until
// then. Other connectors tell nothing that does (`ts_ms` is a clock's): their messages have no
// version. Source: the connectors' pages in Debezium's reference, "Data change events", 2.x.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "murmur/record.h"

namespace murmur {

// The fields below `source` that versions are made of, in the order that AppendDebeziumVersion
// takes their cells in.
const std::vector<std::string>& DebeziumSourceFields();

// `source`: a cell for each of these fields. `is_snapshot`: the message is of a row as a snapshot
// found it. Appends nothing where `source` has no place.
void AppendDebeziumVersion(const std::vector<Cell>& source, bool is_snapshot, std::string* version);

// Of a row that a snapshot found: whether it may be one that a connector without a place begins
// with. It is none where it is known to be incremental, or asked for while the log was followed.
bool IsFirstSnapshot(const std::vector<Cell>& source);

}  // namespace murmur
