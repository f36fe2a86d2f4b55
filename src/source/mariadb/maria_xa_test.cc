// What reads beside XA transactions see. Some on the server that MURMUR_TEST_MARIADB names by its
// uri; without one there are no cases of these.
#include "source/mariadb/maria_xa.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "base/take_text.h"

namespace murmur {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using testing::ElementsAre;
using testing::IsEmpty;

BinlogPlace At(uint64_t offset) { return {.file = "bin.000001", .offset = offset}; }

TEST(XaHistoryTest, ACommitBeforeTheReadIsSeenUnlessItIsStillListed) {
  XaHistory history;
  history.NotePrepared("a", At(10));
  history.NotePrepared("b", At(20));
  history.NoteEnded("a", At(30), /*is_committed=*/true);
  EXPECT_THAT(history.Unseen(At(40), {"a", "b"}, At(50)), ElementsAre("a"));
  EXPECT_THAT(history.Unseen(At(40), {"b"}, At(50)), IsEmpty());
  EXPECT_THAT(history.Unseen(At(40), {"a", "b"}, At(50)), IsEmpty()) << "it is another one";
}

TEST(XaHistoryTest, ACommitAfterTheEndThatWasAskedForMayNotBeSeen) {
  XaHistory history;
  history.NotePrepared("a", At(10));
  history.NoteEnded("a", At(30), /*is_committed=*/true);
  EXPECT_THAT(history.Unseen(At(20), {}, At(25)), IsEmpty()) << "it is committed after the read";
  EXPECT_THAT(history.Unseen(At(20), {}, At(30)), ElementsAre("a"));
  EXPECT_THAT(history.Unseen(At(30), {}, At(30)), IsEmpty());
}

TEST(XaHistoryTest, ANameThatIsUsedAgainTellsThatReadsSeeWhoHadIt) {
  XaHistory history;
  history.NotePrepared("a", At(10));
  history.NoteEnded("a", At(20), /*is_committed=*/true);
  history.NotePrepared("a", At(40));
  EXPECT_THAT(history.Unseen(At(30), {"a"}, At(50)), ElementsAre("a"))
      << "it was used again after that";
  EXPECT_THAT(history.Unseen(At(40), {"a"}, At(50)), IsEmpty());
}

TEST(XaHistoryTest, WhatIsRolledBackOrNotOfTheTableDoesNotMatter) {
  XaHistory history;
  history.NotePrepared("a", At(10));
  history.NoteEnded("a", At(30), /*is_committed=*/false);
  history.NoteEnded("other", At(40), /*is_committed=*/true);
  EXPECT_THAT(history.Unseen(At(20), {"a", "other"}, At(50)), IsEmpty());
}

// --- on a server

const char* Uri() { return std::getenv("MURMUR_TEST_MARIADB"); }

constexpr int kWriters = 8;

class MariaReads : public testing::TestWithParam<std::string> {
 protected:
  MariaReads() {
    static std::atomic<int> number{0};
    place_ =
        MakeMariaPlace(
            {"mariadb", {{"uri", Uri()}, {"table", fmt::format("x{}_{}", getpid(), number++)}}})
            .value();
    connection_ = Connect();
    Run(*connection_, "CREATE TABLE $$ (id bigint PRIMARY KEY, v bigint)");
    Run(*connection_, fmt::format("INSERT INTO $$ SELECT seq, 0 FROM seq_0_to_{}", kWriters - 1));
    begin_ = EndOfBinlog(*connection_, {}).value();
  }
  ~MariaReads() override { Run(*connection_, "DROP TABLE $$"); }

  std::unique_ptr<MariaConnection> Connect() const {
    return MariaConnection::Open(place_, MariaConnection::For::kQueries, {}).value();
  }
  void Run(MariaConnection& connection, std::string statement) const {
    if (const size_t at = statement.find("$$"); at != statement.npos) {
      statement.replace(at, 2, place_->table);
    }
    const auto answer = connection.Ask(statement, "to write", {});
    ASSERT_TRUE(answer.ok()) << answer.status().ToString();
  }
  // How often rows were changed, as a read of the connection sees.
  uint64_t Changes(MariaConnection& connection) const {
    uint64_t sum = 0;
    const auto rows = connection.Ask("SELECT SUM(v) FROM " + place_->Quoted(), "to read", {});
    std::string_view text = rows.value().at(0, 0);
    EXPECT_TRUE(TakeNumber(&text, &sum));
    return sum;
  }
  // The places of all changes, one a transaction, up to the end of the log.
  std::vector<BinlogPlace> PlacesOfChanges() const {
    const BinlogPlace end = EndOfBinlog(*connection_, {}).value();
    std::vector<BinlogPlace> places;
    std::set<std::string> prepared;
    std::optional<BinlogGtid> gtid;
    bool is_of_table = false;
    std::string store;
    const auto log = MariaLog::Open(place_, begin_).value();
    while (log->place().IsBefore(end)) {
      const BinlogEvent event = log->Next().value();
      if (event.is == BinlogIs::kGtid) {
        gtid = ReadBinlogGtid(event);
        is_of_table = false;
      } else if (event.is == BinlogIs::kTableMap) {
        is_of_table = is_of_table || ReadBinlogTableName(event.body)->table == place_->table;
      } else if (event.is == BinlogIs::kXaPrepare && is_of_table) {
        prepared.insert(gtid->xid);
      } else if (event.is == BinlogIs::kXid && is_of_table) {
        places.push_back(log->place());
      } else if (event.is == BinlogIs::kQuery && gtid && gtid->is_completed) {
        const auto query = ReadBinlogQuery(event.is, event.body, &store);
        if (prepared.erase(gtid->xid) > 0 && query->statement.starts_with("XA COMMIT")) {
          places.push_back(log->place());
        }
      }
    }
    return places;
  }

  // A read as of a place, that many changes were seen by.
  struct Read {
    BinlogPlace place;
    uint64_t changes = 0;
  };
  static size_t Wrong(const std::vector<Read>& reads, const std::vector<BinlogPlace>& places) {
    size_t wrong = 0;
    for (const Read& read : reads) {
      const auto before = std::count_if(places.begin(), places.end(), [&](const BinlogPlace& one) {
        return !read.place.IsBefore(one);
      });
      EXPECT_LE(read.changes, static_cast<uint64_t>(before)) << "it sees the future";
      wrong += read.changes != static_cast<uint64_t>(before) ? 1 : 0;
    }
    return wrong;
  }

  // Changes its own row by XA again and again; now and then one is rolled back, or stays open.
  void Write(int writer, const std::stop_token& stop) const {
    const auto connection = Connect();
    for (int number = 0; !stop.stop_requested(); ++number) {
      const std::string name = fmt::format("'{}','{}'", place_->table, writer);
      Run(*connection, "XA START " + name);
      Run(*connection, fmt::format("UPDATE $$ SET v = v + 1 WHERE id = {}", writer));
      Run(*connection, "XA END " + name);
      Run(*connection, "XA PREPARE " + name);
      if (number % 8 == 7) std::this_thread::sleep_for(milliseconds(10));
      Run(*connection, fmt::format("XA {} {}", number % 10 == 9 ? "ROLLBACK" : "COMMIT", name));
    }
  }

  std::shared_ptr<const MariaPlace> place_;
  std::unique_ptr<MariaConnection> connection_;
  BinlogPlace begin_;
};

// By the place alone, a read counts as one that saw what it did not see.
TEST_P(MariaReads, BesideXaTheyAreExactAndThoseByPlaceAloneAreNot) {
  SourceNotes notes;
  const auto connection = Connect();
  const BinlogPlace from =
      MariaHandoffNow(*connection, "a test", &notes, {}).value().oldest().place;
  MariaXaWatch watch(place_, place_->database, place_->table, from, &notes);
  size_t wrong = 0;
  const auto give_up = steady_clock::now() + seconds(60);
  while (wrong == 0 && steady_clock::now() < give_up) {
    std::vector<Read> exact;
    std::vector<Read> by_place;
    {
      std::vector<std::jthread> writers;
      for (int writer = 0; writer < kWriters; ++writer) {
        writers.emplace_back([this, writer](const std::stop_token& stop) { Write(writer, stop); });
      }
      for (int round = 0; round < 1000; ++round) {
        const auto place = watch.BeginRead(*connection, {});
        ASSERT_TRUE(place.ok()) << place.status().ToString();
        exact.push_back({*place, Changes(*connection)});
        Run(*connection, "ROLLBACK");
        by_place.push_back({BeginMariaSnapshot(*connection, {}).value(), 0});
        by_place.back().changes = Changes(*connection);
        Run(*connection, "ROLLBACK");
      }
    }
    const auto places = PlacesOfChanges();
    ASSERT_EQ(Wrong(exact, places), 0u) << "of " << exact.size();
    wrong = Wrong(by_place, places);
  }
  EXPECT_GT(wrong, 0u) << "the test shows nothing";
}

// The log has a transaction before reads see it: longer if a replica must have it first.
TEST_P(MariaReads, TheEndOfTheLogIsNoPlaceOfARead) {
  const auto connection = Connect();
  Run(*connection, "SET GLOBAL rpl_semi_sync_master_timeout = 1500");
  Run(*connection, "SET GLOBAL rpl_semi_sync_master_wait_point = AFTER_SYNC");
  Run(*connection, "SET GLOBAL rpl_semi_sync_master_enabled = ON");
  std::vector<Read> exact;
  std::vector<Read> by_end;
  {
    const std::jthread writer([this] { Run(*Connect(), "UPDATE $$ SET v = v + 1 WHERE id = 0"); });
    const auto give_up = steady_clock::now() + seconds(20);
    BinlogPlace end = begin_;
    while (!begin_.IsBefore(end) && steady_clock::now() < give_up) {
      end = EndOfBinlog(*connection, {}).value();
    }
    by_end.push_back({end, Changes(*connection)});
    exact.push_back({BeginMariaSnapshot(*connection, {}).value(), 0});
    exact.back().changes = Changes(*connection);
    Run(*connection, "ROLLBACK");
  }
  Run(*connection, "SET GLOBAL rpl_semi_sync_master_enabled = OFF");
  const auto places = PlacesOfChanges();
  ASSERT_EQ(places.size(), 1u);
  EXPECT_EQ(Wrong(exact, places), 0u);
  EXPECT_EQ(Wrong(by_end, places), 1u) << "the test shows nothing";
}

std::vector<std::string> Servers() {
  return Uri() == nullptr ? std::vector<std::string>() : std::vector<std::string>{"server"};
}
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(MariaReads);
INSTANTIATE_TEST_SUITE_P(MariaDb, MariaReads, testing::ValuesIn(Servers()),
                         [](const auto& param_info) { return param_info.param; });

}  // namespace
}  // namespace murmur
