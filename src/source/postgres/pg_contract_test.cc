// PostgreSQL under the contracts of snapshot sources and of tables, on the server that
// MURMUR_TEST_POSTGRES names by its uri; without one there are no cases.
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
#include "source/postgres/pg_connection.h"
#include "source/postgres/pg_live.h"
#include "source/postgres/pg_snapshot.h"
#include "testing/hanging_server.h"
#include "testing/many_live_sources.h"

namespace murmur {
namespace {

using testing::HasSubstr;

const char* Uri() { return std::getenv("MURMUR_TEST_POSTGRES"); }

SourceSpec SpecOf(const std::string& table, const std::string& uri) {
  return {"postgres", {{"uri", uri}, {"table", table}}};
}
Definition DefinitionOf(const std::string& table) {
  Definition definition;
  definition.name = "contract";
  definition.source = SpecOf(table, Uri());
  return definition;
}
// Reads through the publication of a hold that was made first.
std::unique_ptr<LiveSource> LiveThrough(const std::string& table, const std::string& first,
                                        const std::string& slot) {
  Definition definition = DefinitionOf(table);
  definition.source->options["publication"] = first;
  auto live = MakePgLive(definition).value();
  live->ReadThrough(slot);
  return live;
}

// A table of its own, empty at first, with what writes to it. In statements, '$$' stands for its
// name. Threads: any.
class TestTable {
 public:
  explicit TestTable(const std::string& columns) {
    static std::atomic<int> number{0};
    name_ = fmt::format("t{}_{}", getpid(), number++);
    place_ = MakePgPlace(SpecOf(name_, Uri())).value();
    connection_ = PgConnection::Open(place_, PgConnection::For::kQueries, {}).value();
    Run("CREATE TABLE $$ (" + columns + ")");
  }
  ~TestTable() {
    EXPECT_TRUE(
        TryToRun("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                 "WHERE NOT active"));
    EXPECT_TRUE(
        TryToRun("DO $do$ DECLARE p text; BEGIN FOR p IN SELECT pubname FROM "
                 "pg_publication LOOP EXECUTE 'DROP PUBLICATION ' || p; END LOOP; END $do$"));
    EXPECT_TRUE(TryToRun("DROP TABLE $$"));
  }

  const std::string& name() const { return name_; }

  // False: the server refuses it.
  bool TryToRun(std::string statement) {
    for (size_t at = statement.find("$$"); at != statement.npos; at = statement.find("$$")) {
      statement.replace(at, 2, name_);
    }
    const std::lock_guard lock(mutex_);
    const auto answer = connection_->Ask(statement, "to write", {});
    error_ = answer.status().ToString();
    return answer.ok();
  }
  void Run(const std::string& statement) { ASSERT_TRUE(TryToRun(statement)) << error_; }
  std::string Value(const std::string& question) {
    const std::lock_guard lock(mutex_);
    return std::string(connection_->Ask(question, "to look", {}).value().at(0, 0));
  }

 private:
  std::string name_;
  std::shared_ptr<const PgPlace> place_;
  std::mutex mutex_;
  std::unique_ptr<PgConnection> connection_;  // under mutex_
  std::string error_;
};

// --- the contract of snapshot sources

class PgSnapshotFixture final : public SourceFixture {
 public:
  PgSnapshotFixture(const std::vector<ContractRecord>& records, uint64_t split_rows)
      : split_rows_(split_rows) {
    constexpr size_t kAtOnce = 1000;
    for (size_t begin = 0; begin < records.size(); begin += kAtOnce) {
      const auto end = std::min(begin + kAtOnce, records.size());
      std::vector<std::string> rows;
      for (size_t i = begin; i < end; ++i) {
        rows.push_back(fmt::format(
            "({}, {}, {})", records[i].id,
            records[i].name.empty() ? "NULL" : QuotedLiteral(records[i].name), records[i].amount));
      }
      table_.Run(fmt::format("INSERT INTO $$ VALUES {}", fmt::join(rows, ", ")));
    }
    table_.Run("ANALYZE $$");
  }
  std::unique_ptr<SnapshotSource> MakeSource() override {
    return MakePgSnapshot(DefinitionOf(table_.name()), {.split_rows = split_rows_}).value();
  }
  std::unique_ptr<Hang> BeginHang() override {
    return HangingServer::Of("MURMUR_TEST_POSTGRES_PID");
  }

 private:
  TestTable table_{"id bigint PRIMARY KEY, name text, amount float8"};
  const uint64_t split_rows_;
};

std::vector<SourceCase> SnapshotCases() {
  if (Uri() == nullptr) return {};
  const auto make = [](uint64_t split_rows) {
    return [split_rows](const std::vector<ContractRecord>& records) {
      return std::unique_ptr<SourceFixture>(
          std::make_unique<PgSnapshotFixture>(records, split_rows));
    };
  };
  return {{.name = "one_split", .make = make(50'000)}, {.name = "many_splits", .make = make(700)}};
}

MURMUR_SNAPSHOT_SOURCE_CONTRACT_OF_TABLE(PgSnapshotContract);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PgSnapshotContract);
INSTANTIATE_TEST_SUITE_P(Postgres, PgSnapshotContract, testing::ValuesIn(SnapshotCases()),
                         SourceCaseName);

// --- the contract of live sources

// A table is one split. Each source reads through slots of its own, which begin with the tables.
class PgLiveFixture final : public LiveFixture {
 public:
  PgLiveFixture() {
    for (size_t i = 0; i < kSplits; ++i) {
      TestTable& table =
          *tables_.emplace_back(std::make_unique<TestTable>("n bigserial PRIMARY KEY, id bigint"));
      const auto token = MakePgLive(DefinitionOf(table.name())).value()->Hold(RootOf(table), {});
      begin_.streams.merge(HandoffToken(token.value()).streams);
    }
  }

  std::unique_ptr<LiveSource> MakeSource() override {
    std::vector<std::unique_ptr<LiveSource>> sources;
    for (const auto& table : tables_) {
      const std::string slot = fmt::format("{}_{}", RootOf(*table), slots_++);
      table->Run(
          fmt::format("SELECT pg_copy_logical_replication_slot('{}', '{}')", RootOf(*table), slot));
      sources.push_back(LiveThrough(table->name(), RootOf(*table), slot));
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
    return HangingServer::Of("MURMUR_TEST_POSTGRES_PID");
  }
  std::string SplitId(size_t split) const override {
    return "postgres:postgres.public." + tables_[split]->name();
  }

 private:
  static std::string RootOf(const TestTable& table) { return std::string(kPgOwn) + table.name(); }

  std::vector<std::unique_ptr<TestTable>> tables_;
  HandoffToken begin_;
  int slots_ = 0;
};

std::vector<LiveCase> LiveCases() {
  if (Uri() == nullptr) return {};
  return {{.name = "table", .make = [] { return std::make_unique<PgLiveFixture>(); }}};
}

MURMUR_LIVE_SOURCE_CONTRACT_OF_TABLE(PgLiveContract);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PgLiveContract);
INSTANTIATE_TEST_SUITE_P(Postgres, PgLiveContract, testing::ValuesIn(LiveCases()), LiveCaseName);

// --- the contract of tables

constexpr int kPartitions = 3;

// Each source of changes reads through a slot of its own, which begins with the table.
class PgTableFixture final : public TableFixture {
 public:
  PgTableFixture(bool is_full, bool is_partitioned)
      : table_(std::string("id bigint PRIMARY KEY, v bigint") +
               (is_partitioned ? ") PARTITION BY HASH (id" : "")) {
    const int partitions = is_partitioned ? kPartitions : 0;
    for (int i = 0; i < partitions; ++i) {
      table_.Run(
          fmt::format("CREATE TABLE $$_{0} PARTITION OF $$ FOR VALUES WITH (MODULUS {1}, REMAINDER "
                      "{0})",
                      i, partitions));
      if (is_full) table_.Run(fmt::format("ALTER TABLE $$_{} REPLICA IDENTITY FULL", i));
    }
    if (is_full) table_.Run("ALTER TABLE $$ REPLICA IDENTITY FULL");
    EXPECT_TRUE(MakePgLive(DefinitionOf(table_.name())).value()->Hold(root_, {}).ok());
  }

  std::unique_ptr<SnapshotSource> MakeRows() override {
    return MakePgSnapshot(DefinitionOf(table_.name()), {.split_rows = 1500}).value();
  }
  std::unique_ptr<LiveSource> MakeChanges() override {
    const std::string slot = fmt::format("{}_{}", root_, slots_++);
    table_.Run(fmt::format("SELECT pg_copy_logical_replication_slot('{}', '{}')", root_, slot));
    return LiveThrough(table_.name(), root_, slot);
  }
  void Put(const std::vector<ContractRow>& rows) override {
    std::vector<std::string> values;
    for (const ContractRow& row : rows) values.push_back(fmt::format("({}, {})", row.id, row.v));
    table_.Run(fmt::format("INSERT INTO $$ VALUES {} ON CONFLICT (id) DO UPDATE SET v = excluded.v",
                           fmt::join(values, ", ")));
  }
  void Delete(int64_t id) override { table_.Run(fmt::format("DELETE FROM $$ WHERE id = {}", id)); }
  bool ChangeKey(int64_t from, int64_t to) override {
    table_.Run(fmt::format("UPDATE $$ SET id = {} WHERE id = {}", to, from));
    return true;
  }
  bool Truncate() override {
    table_.Run("TRUNCATE $$");
    return true;
  }

 private:
  TestTable table_;
  const std::string root_ = std::string(kPgOwn) + table_.name();
  int slots_ = 0;
};

std::vector<TableCase> TableCases() {
  if (Uri() == nullptr) return {};
  const auto make = [](bool is_full, bool is_partitioned) {
    return [=] { return std::make_unique<PgTableFixture>(is_full, is_partitioned); };
  };
  return {{.name = "identity_full", .make = make(true, false)},
          {.name = "identity_default", .make = make(false, false)},
          {.name = "partitioned_identity_full", .make = make(true, true)},
          {.name = "partitioned_identity_default", .make = make(false, true)}};
}

MURMUR_TABLE_SOURCE_CONTRACT(PgTableContract);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PgTableContract);
INSTANTIATE_TEST_SUITE_P(Postgres, PgTableContract, testing::ValuesIn(TableCases()), TableCaseName);

}  // namespace
}  // namespace murmur
