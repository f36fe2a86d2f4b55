// The publication that a table's changes are read through: made, or taken over by its name.
#pragma once

#include <stop_token>
#include <string>

#include "murmur/status.h"
#include "source/postgres/pg_connection.h"
#include "source/postgres/pg_table.h"

namespace murmur {

// The name that the definition gives, or that of the one that is made.
std::string PgPublicationOf(const PgPlace& place, const PgTable& table);

// Makes the publication if there is none, and checks it. Errors: as CheckPgPublication;
// kPermissionDenied (says what the user lacks).
Status PublishPgTable(PgConnection& connection, const PgTable& table, const std::stop_token& stop);

// Errors: kFailedPrecondition (it leaves out rows, columns or operations; says which),
// kNotFound.
Status CheckPgPublication(PgConnection& connection, const PgTable& table,
                          const std::stop_token& stop);

}  // namespace murmur
