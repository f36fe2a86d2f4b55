// What a read sees of the log, on the server that MURMUR_TEST_POSTGRES names by its uri: which
// rules tell it, and which simpler ones would lose changes. Commits are in the log before reads see
// them, and reads see them in another order.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "base/take_text.h"
#include "source/postgres/pg_connection.h"
#include "source/postgres/pg_live.h"
#include "source/postgres/pg_output.h"
#include "source/postgres/pg_position.h"
#include "source/postgres/pg_snapshot.h"

namespace murmur {
namespace {

using For = PgConnection::For;
using std::chrono::steady_clock;

constexpr int kWriters = 8;
constexpr int kReadsMin = 300;
constexpr std::chrono::seconds kPatience{30};
constexpr uint64_t kLook = 2000;  // a read looks at the rows of the last transactions

const char* Uri() { return std::getenv("MURMUR_TEST_POSTGRES"); }

struct PgVisibilityRead {
  std::string point;        // as a scan gives it
  PgLsn log_end = 0;        // before the read
  PgLsn told = 0;           // the newest commit that had been told before the read
  uint64_t from = 0;        // it looked at transactions from here on
  std::set<uint64_t> seen;  // of these
};

// A transaction inserts one row, which has its number.
class PgVisibility : public testing::TestWithParam<std::string> {
 protected:
  using Read = PgVisibilityRead;

  void SetUp() override {
    definition_.name = "visibility";
    definition_.source = SourceSpec{"postgres", {{"uri", Uri()}, {"table", name_}}};
    Run(Connection(), "CREATE TABLE " + name_ + " (x bigint PRIMARY KEY)");
    live_ = MakePgLive(definition_).value();
    ASSERT_TRUE(live_->Hold(slot_, {}).ok());
    follower_ = std::jthread([this](const std::stop_token& stop) { Follow(stop); });
  }
  void TearDown() override {
    follower_ = {};
    EXPECT_EQ(live_->LetGo(slot_, {}), Status());
    Run(Connection(), "DROP TABLE " + name_);
  }

  std::unique_ptr<PgConnection> Connection(For use = For::kQueries) const {
    return PgConnection::Open(MakePgPlace(*definition_.source).value(), use, {}).value();
  }
  static PgRowSet Run(const std::unique_ptr<PgConnection>& connection,
                      const std::string& statement) {
    return std::move(connection->Ask(statement, "to test", {})).value();
  }

  // Notes where each commit lies, as the log is told.
  void Follow(const std::stop_token& stop) {
    const auto connection = Connection(For::kReplication);
    ASSERT_EQ(connection->StartCopy(
                  fmt::format("START_REPLICATION SLOT {0} LOGICAL 0/0 (proto_version '1', "
                              "publication_names '{0}')",
                              slot_),
                  "to test", {}),
              Status());
    PgConnection::Piece piece;
    while (!stop.stop_requested()) {
      const auto copied = connection->NextPiece(&piece, "to test", {}).value();
      if (copied != PgConnection::Copied::kPiece) {
        (void)connection->WaitForInput(std::chrono::milliseconds(10), {});
        continue;
      }
      constexpr size_t kHeaderBytes = 25;
      if (piece.size <= kHeaderBytes || piece.view()[0] != 'w') continue;
      const std::string_view message = piece.view().substr(kHeaderBytes);
      if (message[0] != static_cast<char>(PgMessageIs::kBegin)) continue;
      const PgBegin begin = ReadPgBegin(message).value();
      const std::lock_guard lock(mutex_);
      commits_[begin.transaction] = told_ = begin.commit;
    }
  }
  PgLsn told() const {
    const std::lock_guard lock(mutex_);
    return told_;
  }
  std::map<uint64_t, PgLsn> commits() const {
    const std::lock_guard lock(mutex_);
    return commits_;
  }

  static PgLsn EndOfLog(const std::unique_ptr<PgConnection>& connection) {
    PgLsn end = 0;
    EXPECT_TRUE(ParsePgLsn(Run(connection, "SELECT pg_current_wal_insert_lsn()").at(0, 0), &end));
    return end;
  }

  // As a scan does before it begins to read.
  void Await() { EXPECT_TRUE(MakePgSnapshot(definition_).value()->Scan({}).ok()); }
  void AwaitTold(PgLsn end) const {
    while (told() < end) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  Read ReadNow(const std::unique_ptr<PgConnection>& connection) {
    return ReadAfter(connection, [] {});
  }
  Read ReadAfter(const std::unique_ptr<PgConnection>& connection,
                 const std::function<void()>& wait) {
    Read read{.log_end = EndOfLog(connection), .told = told()};
    wait();
    const PgRowSet snapshot =
        Run(connection,
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_current_snapshot(), "
            "pg_snapshot_xmin(pg_current_snapshot()), pg_current_wal_insert_lsn()");
    PgLsn end = 0;
    EXPECT_TRUE(ParsePgLsn(snapshot.at(0, 2), &end));
    read.point = PgReadPoint(snapshot.at(0, 0), end);
    const uint64_t oldest = NumberOf(snapshot.at(0, 1));
    read.from = oldest > kLook ? oldest - kLook : 0;
    const PgRowSet rows =
        Run(connection, fmt::format("SELECT x FROM {} WHERE x >= {}", name_, read.from));
    for (int row = 0; row < rows.size(); ++row) read.seen.insert(NumberOf(rows.at(row, 0)));
    Run(connection, "COMMIT");
    return read;
  }
  static uint64_t NumberOf(std::string_view text) {
    uint64_t number = 0;
    EXPECT_TRUE(TakeNumber(&text, &number));
    return number;
  }

  // How many of the transactions that a read looked at the rule gets wrong.
  using Rule = bool(const Read&, uint64_t transaction, PgLsn commit, bool seen);
  static size_t WrongOf(const std::vector<Read>& reads, const std::map<uint64_t, PgLsn>& commits,
                        Rule is_right) {
    size_t wrong = 0;
    for (const Read& read : reads) {
      for (auto it = commits.lower_bound(read.from); it != commits.end(); ++it) {
        if (!is_right(read, it->first, it->second, read.seen.contains(it->first))) ++wrong;
      }
    }
    return wrong;
  }

  const std::string name_ = fmt::format("visibility_{}", getpid());
  const std::string slot_ = std::string(kPgOwn) + name_;
  const std::string insert_ =
      "INSERT INTO " + name_ + " VALUES (pg_current_xact_id()::text::bigint)";
  Definition definition_;
  std::unique_ptr<LiveSource> live_;
  mutable std::mutex mutex_;
  std::map<uint64_t, PgLsn> commits_;  // under mutex_
  PgLsn told_ = 0;                     // under mutex_
  std::jthread follower_;
};

// Which changes a read saw.
bool SaysSnapshot(const PgVisibilityRead& read, uint64_t transaction, PgLsn /*commit*/, bool seen) {
  return seen == kPgReadPoints.Saw(read.point, PgPlaceOf(static_cast<uint32_t>(transaction)));
}
bool SaysPlace(const PgVisibilityRead& read, uint64_t /*transaction*/, PgLsn commit, bool seen) {
  return seen == !kPgReadPoints.IsPassed(read.point, PgWatermark(commit));
}
// Live brings what the read did not see, as it was committed later.
bool LivesFromEnd(const PgVisibilityRead& read, uint64_t /*transaction*/, PgLsn commit, bool seen) {
  return seen || commit >= read.log_end;
}
bool LivesFromTold(const PgVisibilityRead& read, uint64_t /*transaction*/, PgLsn commit,
                   bool seen) {
  return seen || commit > read.told;
}

TEST_P(PgVisibility, SimplerRulesThanOursLoseChanges) {
  std::vector<std::jthread> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([this](const std::stop_token& stop) {
      const auto connection = Connection();
      while (!stop.stop_requested()) {
        Run(connection, insert_);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
  }
  const auto connection = Connection();
  std::vector<Read> at_once, after_waiting;
  size_t by_snapshot = 0, by_place = 0, from_end = 0, from_end_after_waiting = 0;
  const auto give_up = steady_clock::now() + kPatience;
  while (at_once.size() < kReadsMin ||
         ((by_place == 0 || from_end == 0) && steady_clock::now() < give_up)) {
    for (int i = 0; i < kReadsMin / 2; ++i) at_once.push_back(ReadNow(connection));
    for (int i = 0; i < kReadsMin / 20; ++i) {
      after_waiting.push_back(ReadAfter(connection, [&] { Await(); }));
    }
    AwaitTold(EndOfLog(connection));
    const auto known = commits();
    by_snapshot =
        WrongOf(at_once, known, SaysSnapshot) + WrongOf(after_waiting, known, SaysSnapshot);
    by_place = WrongOf(at_once, known, SaysPlace);
    from_end = WrongOf(at_once, known, LivesFromEnd);
    from_end_after_waiting = WrongOf(after_waiting, known, LivesFromEnd);
  }
  fmt::print(
      "{} reads beside {} transactions: {} wrong by places in the log, {} by snapshots; {} "
      "lost if read at once, {} after waiting ({} reads)\n",
      at_once.size(), commits().size(), by_place, by_snapshot, from_end, from_end_after_waiting,
      after_waiting.size());
  EXPECT_EQ(by_snapshot, 0u);
  EXPECT_EQ(from_end_after_waiting, 0u);
  EXPECT_GT(by_place, 0u) << "comparing places in the log loses nothing";
  EXPECT_GT(from_end, 0u) << "reading at once after the log's end loses nothing";
}

// While a commit waits for a synchronous standby, the log has it, and reads do not see it. So a
// restart, which has forgotten what live passed, must wait before it reads.
TEST_P(PgVisibility, ACommitIsToldBeforeItIsSeen) {
  const auto connection = Connection();
  Run(connection, "SET synchronous_commit = local");
  const auto set = [&](const char* names) {
    Run(connection, fmt::format("ALTER SYSTEM SET synchronous_standby_names = '{}'", names));
    Run(connection, "SELECT pg_reload_conf()");
  };
  set("nobody");
  std::jthread writer([this] {
    const auto own = Connection();
    while (Run(own, "SHOW synchronous_standby_names").at(0, 0) != "nobody") {
    }
    Run(own, insert_);
  });
  while (told() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const Read at_once = ReadNow(connection);
  std::atomic<bool> has_waited{false};
  std::jthread waiter([&] {
    Await();
    has_waited = true;
  });
  std::this_thread::sleep_for(std::chrono::seconds(1));
  EXPECT_FALSE(has_waited);
  set("");
  waiter.join();
  writer.join();
  const Read after_waiting = ReadNow(connection);
  EXPECT_EQ(WrongOf({at_once, after_waiting}, commits(), SaysSnapshot), 0u);
  EXPECT_EQ(WrongOf({after_waiting}, commits(), LivesFromTold), 0u);
  EXPECT_EQ(WrongOf({at_once}, commits(), LivesFromTold), 1u) << "skipping the wait loses nothing";
  EXPECT_EQ(WrongOf({at_once}, commits(), SaysPlace), 1u);
}

std::vector<std::string> Servers() {
  if (Uri() == nullptr) return {};
  return {"server"};
}
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PgVisibility);
INSTANTIATE_TEST_SUITE_P(Postgres, PgVisibility, testing::ValuesIn(Servers()),
                         [](const auto& server) { return server.param; });

}  // namespace
}  // namespace murmur
