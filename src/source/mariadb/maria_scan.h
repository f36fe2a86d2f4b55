// A RecordStream over a range of a table's rows, in the order of the primary key.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "murmur/source.h"
#include "source/key_ranges.h"
#include "source/mariadb/maria_connection.h"
#include "source/mariadb/maria_table.h"
#include "source/mariadb/maria_xa.h"

namespace murmur {

// A scan whose rows were read from one server can't go on with another's, since a place in a log
// says which changes a row has.
Status ScannedElsewhere(const MariaPlace& place, uint32_t scanned, uint32_t answers);

class MariaScanStream final : public RecordStream {
 public:
  // `server`: the one whose rows are read. `watch`: the read saw exactly what is committed at its
  // place in the log; null: it may lack XA transactions that are committed before it.
  MariaScanStream(std::shared_ptr<const MariaPlace> place, std::shared_ptr<MariaPool> pool,
                  MariaRows rows, KeyRange range, uint32_t server,
                  std::shared_ptr<MariaXaWatch> watch);

  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override;

 private:
  Status Start(const std::stop_token& stop);
  std::string Statement() const;
  Status TakeRow();
  Result<ReadState> ReadOn(const std::stop_token& stop, RecordBatch* batch);

  const std::shared_ptr<const MariaPlace> place_;
  const std::shared_ptr<MariaPool> pool_;
  MariaRows rows_;
  KeyRange range_;  // `after` moves with each row
  const uint32_t server_;
  const std::shared_ptr<MariaXaWatch> watch_;
  Retries retries_{kMariaPatience};
  std::unique_ptr<MariaConnection> connection_;
  std::string read_point_;
  std::vector<MariaText> fetched_;  // by column that is needed
  TextRow row_;
  std::vector<std::string> texts_;  // of bytes, by column
  uint64_t row_bytes_;
  bool at_end_ = false;
};

}  // namespace murmur
