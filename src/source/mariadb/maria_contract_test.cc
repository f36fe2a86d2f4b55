// MariaDB under the contracts of snapshot sources and of tables, on the server that
// MURMUR_TEST_MARIADB names by its uri; without one there are no cases.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <mutex>

#include "murmur/testing/live_source_contract.h"
#include "murmur/testing/snapshot_source_contract.h"
#include "murmur/testing/table_source_contract.h"
#include "source/mariadb/maria_connection.h"
#include "source/mariadb/maria_live.h"
#include "source/mariadb/maria_position.h"
#include "source/mariadb/maria_snapshot.h"
#include "source/mariadb/maria_table.h"
#include "source/single_stream.h"
#include "testing/hanging_server.h"
#include "testing/many_live_sources.h"

namespace murmur {
namespace {

const char* Uri() { return std::getenv("MURMUR_TEST_MARIADB"); }

SourceSpec SpecOf(const std::string& table) {
  return {"mariadb", {{"uri", Uri()}, {"table", table}}};
}
Definition DefinitionOf(const std::string& table) {
  Definition definition;
  definition.name = "contract";
  definition.source = SpecOf(table);
  return definition;
}

// A table of its own, empty at first, with what writes to it. In statements, '$$' stands for its
// name. Threads: any.
class TestTable {
 public:
  explicit TestTable(const std::string& columns) {
    static std::atomic<int> number{0};
    name_ = fmt::format("t{}_{}", getpid(), number++);
    place_ = MakeMariaPlace(SpecOf(name_)).value();
    connection_ = MariaConnection::Open(place_, MariaConnection::For::kQueries, {}).value();
    Run("CREATE TABLE $$ (" + columns + ")");
  }
  ~TestTable() { Run("DROP TABLE $$"); }

  const std::string& name() const { return name_; }

  void Run(std::string statement) {
    for (size_t at = statement.find("$$"); at != statement.npos; at = statement.find("$$")) {
      statement.replace(at, 2, name_);
    }
    const std::lock_guard lock(mutex_);
    const auto answer = connection_->Ask(statement, "to write", {});
    ASSERT_TRUE(answer.ok()) << answer.status().ToString();
  }

 private:
  std::string name_;
  std::shared_ptr<const MariaPlace> place_;
  std::mutex mutex_;
  std::unique_ptr<MariaConnection> connection_;  // under mutex_
};

// --- the contract of snapshot sources

class MariaSnapshotFixture final : public SourceFixture {
 public:
  MariaSnapshotFixture(const std::vector<ContractRecord>& records, uint64_t split_rows)
      : split_rows_(split_rows) {
    constexpr size_t kAtOnce = 1000;
    for (size_t begin = 0; begin < records.size(); begin += kAtOnce) {
      const auto end = std::min(begin + kAtOnce, records.size());
      std::vector<std::string> rows;
      for (size_t i = begin; i < end; ++i) {
        rows.push_back(
            fmt::format("({}, {}, {})", records[i].id,
                        records[i].name.empty() ? "NULL" : QuotedMariaText(records[i].name),
                        records[i].amount));
      }
      table_.Run(fmt::format("INSERT INTO $$ VALUES {}", fmt::join(rows, ", ")));
    }
    table_.Run("ANALYZE TABLE $$");
  }
  std::unique_ptr<SnapshotSource> MakeSource() override {
    return MakeMariaSnapshot(DefinitionOf(table_.name()), {.split_rows = split_rows_}).value();
  }
  std::unique_ptr<Hang> BeginHang() override {
    return HangingServer::Of("MURMUR_TEST_MARIADB_PID");
  }

 private:
  TestTable table_{"id bigint PRIMARY KEY, name text CHARACTER SET utf8mb4, amount double"};
  const uint64_t split_rows_;
};

std::vector<SourceCase> SnapshotCases() {
  if (Uri() == nullptr) return {};
  const auto make = [](uint64_t split_rows) {
    return [split_rows](const std::vector<ContractRecord>& records) {
      return std::unique_ptr<SourceFixture>(
          std::make_unique<MariaSnapshotFixture>(records, split_rows));
    };
  };
  return {{.name = "one_split", .make = make(50'000)}, {.name = "many_splits", .make = make(700)}};
}

MURMUR_SNAPSHOT_SOURCE_CONTRACT_OF_TABLE(MariaSnapshotContract);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(MariaSnapshotContract);
INSTANTIATE_TEST_SUITE_P(MariaDb, MariaSnapshotContract, testing::ValuesIn(SnapshotCases()),
                         SourceCaseName);

// --- the contract of live sources

// A table is one split.
class MariaLiveFixture final : public LiveFixture {
 public:
  MariaLiveFixture() {
    for (size_t i = 0; i < kSplits; ++i) {
      TestTable& table = *tables_.emplace_back(
          std::make_unique<TestTable>("n bigint AUTO_INCREMENT PRIMARY KEY, id bigint"));
      const auto token = MakeMariaLive(DefinitionOf(table.name())).value()->HandoffNow({});
      begin_.streams.merge(HandoffToken(token.value()).streams);
    }
  }

  std::unique_ptr<LiveSource> MakeSource() override {
    std::vector<std::unique_ptr<LiveSource>> sources;
    for (const auto& table : tables_) {
      sources.push_back(MakeMariaLive(DefinitionOf(table->name())).value());
    }
    return std::make_unique<ManyLiveSources>(std::move(sources), begin_);
  }
  void Append(size_t split, const std::vector<int64_t>& ids) override {
    if (ids.empty()) return;
    std::vector<std::string> rows;
    for (const int64_t id : ids) rows.push_back(fmt::format("({})", id));
    tables_[split]->Run(fmt::format("INSERT INTO $$ (id) VALUES {}", fmt::join(rows, ", ")));
  }
  void AddSplit() override {}
  void DropOldest(size_t /*split*/, size_t /*count*/) override {}
  std::unique_ptr<Hang> BeginHang() override {
    return HangingServer::Of("MURMUR_TEST_MARIADB_PID");
  }
  std::string SplitId(size_t split) const override {
    return "mariadb:test." + tables_[split]->name();
  }

 private:
  std::vector<std::unique_ptr<TestTable>> tables_;
  HandoffToken begin_;
};

std::vector<LiveCase> LiveCases() {
  if (Uri() == nullptr) return {};
  return {{.name = "table", .make = [] { return std::make_unique<MariaLiveFixture>(); }}};
}

MURMUR_LIVE_SOURCE_CONTRACT_OF_TABLE(MariaLiveContract);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(MariaLiveContract);
INSTANTIATE_TEST_SUITE_P(MariaDb, MariaLiveContract, testing::ValuesIn(LiveCases()), LiveCaseName);

// --- the contract of tables

// By what the rows are named.
struct KeyCase {
  std::string name;
  std::string type;
  std::string of_id;  // its value in SQL, where {0} is the row's id
  bool is_partitioned = false;
};

class MariaTableFixture final : public TableFixture {
 public:
  explicit MariaTableFixture(KeyCase key)
      : key_(std::move(key)),
        table_("k " + key_.type + " PRIMARY KEY, id bigint, v bigint" +
               (key_.is_partitioned ? ") PARTITION BY RANGE (k) (PARTITION a VALUES LESS THAN "
                                      "(100), PARTITION b VALUES LESS THAN MAXVALUE"
                                    : "")) {}

  std::unique_ptr<SnapshotSource> MakeRows() override {
    return MakeMariaSnapshot(DefinitionOf(table_.name()), {.split_rows = 1500}).value();
  }
  std::unique_ptr<LiveSource> MakeChanges() override {
    return MakeMariaLive(DefinitionOf(table_.name())).value();
  }
  void Put(const std::vector<ContractRow>& rows) override {
    std::vector<std::string> values;
    for (const ContractRow& row : rows) {
      values.push_back(fmt::format("({}, {}, {})", KeyOf(row.id), row.id, row.v));
    }
    table_.Run(fmt::format("INSERT INTO $$ VALUES {} ON DUPLICATE KEY UPDATE v = VALUES(v)",
                           fmt::join(values, ", ")));
  }
  void Delete(int64_t id) override {
    table_.Run(fmt::format("DELETE FROM $$ WHERE k = {}", KeyOf(id)));
  }
  bool ChangeKey(int64_t from, int64_t to) override {
    table_.Run(
        fmt::format("UPDATE $$ SET k = {}, id = {} WHERE k = {}", KeyOf(to), to, KeyOf(from)));
    return true;
  }
  bool Truncate() override {
    table_.Run("TRUNCATE $$");
    return true;
  }

 private:
  std::string KeyOf(int64_t id) const { return fmt::format(fmt::runtime(key_.of_id), id); }

  const KeyCase key_;
  TestTable table_;
};

std::vector<TableCase> TableCases() {
  if (Uri() == nullptr) return {};
  std::vector<TableCase> cases;
  for (const KeyCase& key : std::vector<KeyCase>{
           {"bigint", "bigint", "{0}"},
           {"unsigned_beyond_63_bits", "bigint unsigned",
            "CAST(9223372036854775000 AS UNSIGNED) + {0}"},
           {"text_by_bytes", "varchar(20) COLLATE utf8mb4_nopad_bin", "CONCAT('k', {0})"},
           {"text_by_a_collation", "varchar(20) COLLATE utf8mb4_general_ci",
            "CONCAT(IF({0} % 2, 'ä\\\\', \"B'\"), {0})"},
           {"bytes", "varbinary(8)", "UNHEX(LPAD(HEX({0}), 16, '0'))"},
           {"decimal", "decimal(20,5)", "{0} - 3000.5"},
           {"datetime", "datetime(3)", "'2026-01-01' + INTERVAL {0} SECOND"},
           {"timestamp", "timestamp", "'2026-01-01' + INTERVAL {0} SECOND"},
           {"uuid", "uuid", "CONCAT('00000000-0000-0000-0000-', LPAD(HEX({0}), 12, '0'))"},
           {"inet6", "inet6", "CONCAT('2001:db8::', HEX({0} % 65536))"},
           {"partitioned", "bigint", "{0}", /*is_partitioned=*/true}}) {
    cases.push_back(
        {.name = key.name, .make = [key] { return std::make_unique<MariaTableFixture>(key); }});
  }
  return cases;
}

MURMUR_TABLE_SOURCE_CONTRACT(MariaTableContract);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(MariaTableContract);
INSTANTIATE_TEST_SUITE_P(MariaDb, MariaTableContract, testing::ValuesIn(TableCases()),
                         TableCaseName);

// --- positions that older states have: a place, and a shape of the table and its server

class MariaOldPosition : public testing::TestWithParam<std::string> {
 protected:
  static Projection Fields() {
    Projection projection;
    projection.fields.emplace_back().path.steps.emplace_back("v");
    return projection;
  }
  std::string OldText(const BinlogPlace& place, uint32_t server) const {
    const auto of_table = MakeMariaPlace(SpecOf(table_.name())).value();
    const auto connection =
        MariaConnection::Open(of_table, MariaConnection::For::kQueries, {}).value();
    MariaTable table = ReadMariaTable(*connection, {}).value();
    table.server = server == 0 ? connection->server() : server;
    const auto rows = MariaRows::Make(ObjectOf(*of_table), table, Fields(), UINT64_MAX);
    return fmt::format("{}:{}#{}", place.file, place.offset, rows.value().shape());
  }
  Result<std::unique_ptr<RecordStream>> Open(const std::string& text) {
    return live_->Open({.id = "mariadb:test." + table_.name()}, text, Fields(), [] {}, {});
  }

  TestTable table_{"k bigint PRIMARY KEY, v bigint"};
  const std::unique_ptr<LiveSource> live_ = MakeMariaLive(DefinitionOf(table_.name())).value();
};

TEST_P(MariaOldPosition, IsReadOn) {
  const auto token = live_->HandoffNow({}).value();
  const MariaPosition now =
      ParseMariaPosition(*SingleStreamPosition(std::string(live_->Name()), token)).value();
  table_.Run("INSERT INTO $$ VALUES (1, 7), (2, 8)");
  const auto stream = Open(OldText(now.place, /*server=*/0));
  ASSERT_TRUE(stream.ok()) << stream.status().ToString();
  RecordBatch batch(Fields());
  std::string after;
  for (uint32_t rows = 0; rows < 2;) {
    const auto state = (*stream)->Read({}, &batch);
    ASSERT_TRUE(state.ok()) << state.status().ToString();
    if (*state != ReadState::kRecords) continue;
    rows += batch.rows;
    after = batch.after;
  }
  const MariaPosition read = ParseMariaPosition(after).value();
  EXPECT_EQ(read.place.server, now.place.server);
  EXPECT_NE(read.place.server, 0u);
  ASSERT_TRUE(read.gtids) << after;
  EXPECT_FALSE(read.gtids->all().empty()) << after;
  EXPECT_TRUE(Open(after).ok());
}

TEST_P(MariaOldPosition, OfAnotherServerIsRefused) {
  const auto stream = Open(OldText({.file = "bin.000001", .offset = 4}, /*server=*/4711));
  EXPECT_EQ(stream.status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(std::string(stream.status().message()), testing::HasSubstr("another server"));
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(MariaOldPosition);
INSTANTIATE_TEST_SUITE_P(MariaDb, MariaOldPosition,
                         testing::ValuesIn(Uri() == nullptr ? std::vector<std::string>()
                                                            : std::vector<std::string>{"table"}));

}  // namespace
}  // namespace murmur
