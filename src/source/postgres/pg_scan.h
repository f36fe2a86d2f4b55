// A RecordStream over a range of a table's rows, by COPY in the order of the primary key.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "murmur/source.h"
#include "source/key_ranges.h"
#include "source/postgres/pg_connection.h"
#include "source/postgres/pg_table.h"

namespace murmur {

// The splits of a table, of about so many rows each. Errors: those of PgConnection::Ask.
Result<std::vector<Split>> CutPgTable(PgConnection& connection, const PgTable& table,
                                      uint64_t split_rows, const std::stop_token& stop);

class PgScanStream final : public RecordStream {
 public:
  PgScanStream(std::shared_ptr<const PgPlace> place, std::shared_ptr<PgPool> pool, PgRows rows,
               KeyRange range);

  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override;

 private:
  // Rows without names are told by their numbers in the read.
  bool IsInOneRead() const { return rows_.table().key.empty(); }
  Status Start(const std::stop_token& stop);
  std::string Statement() const;
  Status TakeRow(std::string_view line);
  Result<ReadState> ReadOn(const std::stop_token& stop, RecordBatch* batch);

  const std::shared_ptr<const PgPlace> place_;
  const std::shared_ptr<PgPool> pool_;
  PgRows rows_;
  KeyRange range_;  // `after` moves with each row
  Retries retries_{kPgPatience};
  std::unique_ptr<PgConnection> connection_;
  std::string read_point_;
  TextRow row_;
  std::vector<std::string> unescaped_;  // by column
  uint64_t row_bytes_;
  uint64_t taken_ = 0;  // rows
  bool at_end_ = false;
};

}  // namespace murmur
