#include "source/postgres/pg_waiting.h"

#include <fmt/format.h>

#include <chrono>

#include "base/waiting.h"

namespace murmur {
namespace {

constexpr std::chrono::seconds kLookEvery{3};

// Those with numbers, which alone can have changed something, the oldest first.
constexpr char kWho[] =
    "SELECT who FROM (SELECT 'process ' || pid || ' (' || coalesce(usename, '?') || "
    "coalesce(', ' || nullif(application_name, ''), '') || ')' AS who, xact_start AS since "
    "FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() UNION ALL "
    "SELECT 'the prepared transaction ' || gid, prepared FROM pg_prepared_xacts) AS t "
    "ORDER BY since LIMIT 3";

}  // namespace

PgWaiting::PgWaiting(std::shared_ptr<const PgPlace> place, std::string what, SourceNotes* notes)
    : place_(std::move(place)),
      what_(std::move(what)),
      notes_(notes),
      thread_([this](const std::stop_token& stop) { Look(stop); }) {}

// Whoever can't be asked is not told of.
void PgWaiting::Look(const std::stop_token& stop) {
  std::string told;
  while (SleepUnlessStopped(kLookEvery, stop)) {
    const auto connection = PgConnection::Open(place_, PgConnection::For::kQueries, stop);
    if (!connection.ok()) continue;
    const auto found = (*connection)->Ask(kWho, "to see who is waited for", stop);
    if (!found.ok()) continue;
    std::string who;
    for (int row = 0; row < found->size(); ++row) {
      who += fmt::format("{}{}", row == 0 ? "" : ", ", found->at(row, 0));
    }
    if (who.empty() || who == told) continue;
    notes_->Add(fmt::format("{} waits for transactions that began before it: {}", what_, who));
    told = std::move(who);
  }
}

}  // namespace murmur
