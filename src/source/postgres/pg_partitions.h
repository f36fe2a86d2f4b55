// The relations that have a table's rows: the table itself, or the partitions of a partitioned one.
//
// The log tells the rows of a partition from the moment on that it is one. A partition that is
// attached brings rows that no change tells, and one that is detached or dropped takes some away.
// So only partitions that were empty when they became such are accepted later on.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/status.h"
#include "source/postgres/pg_connection.h"
#include "source/postgres/pg_table.h"
#include "source/source_notes.h"

namespace murmur {

// Of one table. Threads: any.
class PgPartitions {
 public:
  // `record`: what record() said at the position where reading goes on; empty: the partitions of
  // `table` are those that a scan reads. `before`: the log must have whole rows before changes.
  // `notes` outlives it.
  // Errors: kFailedPrecondition (some came with rows, or are gone; one does not name its rows in
  // the log; says which and what to do).
  static Result<std::shared_ptr<PgPartitions>> Make(std::shared_ptr<const PgPlace> place,
                                                    const PgTable& table, std::string_view record,
                                                    bool before, SourceNotes* notes);

  // Takes the table as it is by now. Errors: as Make; but a new partition without whole rows in
  // the log is a note, since that matters only once a row of it changes.
  Status Update(const PgTable& table);
  // Whether the relation's rows are the table's.
  bool Has(uint32_t relation) const;
  // How many of `relations` are, and whether these are all there are.
  struct Among {
    size_t count = 0;
    bool all = false;
  };
  Among CountOf(const std::vector<uint32_t>& relations) const;
  // For a position: empty for a table without partitions.
  std::string record() const;

  // The record of the table as it is.
  static std::string RecordOf(const PgTable& table);

 private:
  PgPartitions(std::shared_ptr<const PgPlace> place, bool before, SourceNotes* notes)
      : place_(std::move(place)), before_(before), notes_(notes) {}
  Status CheckIdentities(const PgTable& table, bool before) const;
  void TellOfNew(const PgTable& table, const PgLeaf& leaf) const;
  Status CheckNew(const PgLeaf& leaf, std::string_view snapshot) const;
  Status Gone() const;

  const std::shared_ptr<const PgPlace> place_;
  const bool before_;
  SourceNotes* const notes_;
  mutable std::mutex mutex_;
  std::set<uint32_t> known_;  // under mutex_
  std::string record_;        // under mutex_
};

}  // namespace murmur
