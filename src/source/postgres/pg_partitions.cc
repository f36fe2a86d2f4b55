#include "source/postgres/pg_partitions.h"

#include <fmt/format.h>

#include <algorithm>

#include "monoid/hash.h"
#include "source/postgres/pg_position.h"

namespace murmur {
namespace {

constexpr std::string_view kRemedy =
    "What was counted is what was there before; to count what is there now: murmur bootstrap FILE "
    "--fresh";

// Whether whoever saw `snapshot` saw that the link was made.
bool Saw(std::string_view snapshot, const PgLeaf::Link& link) {
  return kPgReadPoints.Saw(PgReadPoint(snapshot, 0), PgPlaceOf(link.transaction));
}
bool Saw(std::string_view snapshot, const PgLeaf& leaf) {
  return std::all_of(leaf.links.begin(), leaf.links.end(),
                     [snapshot](const PgLeaf::Link& link) { return Saw(snapshot, link); });
}

std::string HashOf(const std::set<uint32_t>& relations) {
  return fmt::format("{:016x}",
                     HashBytes(fmt::format("{}", fmt::join(relations, ",")), kStringSeed));
}

std::set<uint32_t> RelationsOf(const PgTable& table) {
  std::set<uint32_t> relations;
  for (const PgLeaf& leaf : table.leaves) relations.insert(leaf.oid);
  return relations;
}

}  // namespace

Result<std::shared_ptr<PgPartitions>> PgPartitions::Make(std::shared_ptr<const PgPlace> place,
                                                         const PgTable& table,
                                                         std::string_view record, bool before,
                                                         SourceNotes* notes) {
  std::shared_ptr<PgPartitions> made(new PgPartitions(std::move(place), before, notes));
  if (record.empty()) {
    made->known_ = RelationsOf(table);
  } else {
    const size_t colon = record.find(':');
    const std::string_view snapshot = record.substr(std::min(record.size(), colon + 1));
    for (const PgLeaf& leaf : table.leaves) {
      if (Saw(snapshot, leaf)) made->known_.insert(leaf.oid);
    }
    if (HashOf(made->known_) != record.substr(0, colon)) return made->Gone();
    made->record_ = record;
  }
  MURMUR_TRY(made->Update(table));
  MURMUR_TRY(made->CheckIdentities(table, before));
  return made;
}

Status PgPartitions::CheckIdentities(const PgTable& table, bool before) const {
  for (const PgLeaf& leaf : table.leaves) {
    MURMUR_TRY(CheckPgIdentity(*place_, table, leaf, before));
  }
  return {};
}

void PgPartitions::TellOfNew(const PgTable& table, const PgLeaf& leaf) const {
  const Status good = CheckPgIdentity(*place_, table, leaf, before_);
  if (!good.ok()) notes_->Add("WARNING: " + std::string(good.message()));
}

Status PgPartitions::Gone() const {
  return Status(Code::kFailedPrecondition,
                fmt::format("{}: a partition was detached or dropped, and no change tells which "
                            "rows went with it. {}",
                            place_->text, kRemedy));
}

Status PgPartitions::Update(const PgTable& table) {
  const std::lock_guard lock(mutex_);
  std::set<uint32_t> now;
  for (const PgLeaf& leaf : table.leaves) {
    if (!known_.contains(leaf.oid)) {
      const size_t colon = record_.find(':');
      MURMUR_TRY(CheckNew(leaf, std::string_view(record_).substr(colon + 1)));
      TellOfNew(table, leaf);
    }
    now.insert(leaf.oid);
  }
  MURMUR_TRY(CheckIdentities(table, /*before=*/false));
  if (!std::includes(now.begin(), now.end(), known_.begin(), known_.end())) return Gone();
  if (now != known_ || record_.empty()) record_ = RecordOf(table);
  known_ = std::move(now);
  return {};
}

Status PgPartitions::CheckNew(const PgLeaf& leaf, std::string_view snapshot) const {
  const bool came_empty =
      leaf.is_empty ||
      std::all_of(leaf.links.begin(), leaf.links.end(), [snapshot](const PgLeaf::Link& link) {
        return link.is_by_creation || Saw(snapshot, link);
      });
  if (came_empty) return {};
  return Status(
      Code::kFailedPrecondition,
      fmt::format("{}: {}.{} was attached as a partition, perhaps with rows, which no change tells "
                  "(CREATE TABLE … PARTITION OF makes one without). {}",
                  place_->text, leaf.schema, leaf.table, kRemedy));
}

bool PgPartitions::Has(uint32_t relation) const {
  const std::lock_guard lock(mutex_);
  return known_.contains(relation);
}

PgPartitions::Among PgPartitions::CountOf(const std::vector<uint32_t>& relations) const {
  const std::lock_guard lock(mutex_);
  const std::set<uint32_t> named(relations.begin(), relations.end());
  Among among;
  for (const uint32_t relation : known_) among.count += named.contains(relation) ? 1 : 0;
  among.all = among.count == known_.size();
  return among;
}

std::string PgPartitions::record() const {
  const std::lock_guard lock(mutex_);
  return record_;
}

std::string PgPartitions::RecordOf(const PgTable& table) {
  if (!table.is_partitioned) return {};
  return HashOf(RelationsOf(table)) + ":" + table.snapshot;
}

}  // namespace murmur
