// Tables of SQLite files as a source: bootstrap: {sqlite: {path: shop.db, table: orders}}
#pragma once

#include <memory>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "murmur/status.h"

namespace shop {

// Makes `sqlite` a kind of source. To be called once, before definitions are loaded.
murmur::Status RegisterSqlite();

// The source that definition.bootstrap describes. Touches no file yet.
murmur::Result<std::unique_ptr<murmur::SnapshotSource>> MakeSqliteSource(
    const murmur::Definition& definition);

}  // namespace shop
