// The publication that a table's changes are read through: made, or taken over by its name.
#pragma once

#include <stop_token>
#include <string>

#include "murmur/status.h"
#include "source/postgres/pg_connection.h"
#include "source/postgres/pg_table.h"

namespace murmur {

// The one that the definition names, or else that of the slot, which is made and ends with it.
std::string PgPublicationOf(const PgPlace& place, const std::string& slot);

// Makes the publication `name` if there is none, unless the definition names it, and checks it.
// Errors: as CheckPgPublication; kPermissionDenied (says what the user lacks).
Status PublishPgTable(PgConnection& connection, const PgTable& table, const std::string& name,
                      const std::stop_token& stop);

// Errors: kFailedPrecondition (it leaves out rows, columns or operations; says which),
// kNotFound.
Status CheckPgPublication(PgConnection& connection, const PgTable& table, const std::string& name,
                          const std::stop_token& stop);

}  // namespace murmur
