// The SQLite source by the contract of sources, and a pipeline over a table of SQLite.
#include "sqlite_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "murmur/run.h"
#include "murmur/testing/snapshot_source_contract.h"

namespace shop {
namespace {

using murmur::Code;
using murmur::ContractRecord;
using murmur::Definition;
using murmur::Result;
using murmur::SnapshotSource;
using murmur::Status;

// A folder with an empty shop.db, removed with this object.
class ShopFolder {
 public:
  ShopFolder() : path_(testing::TempDir() + "shop-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) std::abort();
    sqlite3_open((path_ + "/shop.db").c_str(), &database_);
  }
  ShopFolder(const ShopFolder&) = delete;
  ShopFolder& operator=(const ShopFolder&) = delete;
  ~ShopFolder() {
    sqlite3_close_v2(database_);
    std::filesystem::remove_all(path_);
  }
  const std::string& path() const { return path_; }
  void Execute(const std::string& sql) const { (void)Query(sql); }
  // The rows of a query with one column, as lines.
  std::string Query(const std::string& sql) const {
    std::string lines;
    const auto append = [](void* to, int, char** values, char**) {
      *static_cast<std::string*>(to) += std::string(values[0]) + "\n";
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(database_, sql.c_str(), append, &lines, nullptr), SQLITE_OK)
        << sql << ": " << sqlite3_errmsg(database_);
    return lines;
  }
  std::unique_ptr<SnapshotSource> MakeSource(const std::string& table,
                                             const std::string& file = "shop.db") const {
    Definition definition;
    definition.bootstrap = {.kind = "sqlite", .options = {{"path", file}, {"table", table}}};
    definition.base_directory = path_;
    return std::move(MakeSqliteSource(definition)).value();
  }

 private:
  std::string path_;
  sqlite3* database_ = nullptr;
};

// Another program holds the lock for writing, and with it readers off.
class ExclusiveLock final : public murmur::Hang {
 public:
  explicit ExclusiveLock(const ShopFolder& shop) : shop_(shop) { shop_.Execute("BEGIN EXCLUSIVE"); }
  ~ExclusiveLock() override { shop_.Execute("ROLLBACK"); }

 private:
  const ShopFolder& shop_;
};

class ContractTable final : public murmur::SourceFixture {
 public:
  explicit ContractTable(const std::vector<ContractRecord>& records) {
    std::string sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, amount REAL); BEGIN;";
    for (const ContractRecord& record : records) {
      sql += "INSERT INTO t VALUES (" + std::to_string(record.id) + ", nullif('" + record.name +
             "', ''), " + std::to_string(record.amount) + ");";
    }
    shop_.Execute(sql + "COMMIT");
  }
  std::unique_ptr<SnapshotSource> MakeSource() override { return shop_.MakeSource("t"); }
  bool ChangeAnObject() override {
    shop_.Execute("INSERT INTO t (name) SELECT name FROM t");
    return true;
  }
  std::unique_ptr<murmur::Hang> BeginHang() override {
    return std::make_unique<ExclusiveLock>(shop_);
  }

 private:
  const ShopFolder shop_;
};

MURMUR_SNAPSHOT_SOURCE_CONTRACT(SqliteContract);
INSTANTIATE_TEST_SUITE_P(Sqlite, SqliteContract,
                         testing::Values(murmur::SourceCase{
                             .name = "Table",
                             .make =
                                 [](const std::vector<ContractRecord>& records) {
                                   return std::make_unique<ContractTable>(records);
                                 }}),
                         murmur::SourceCaseName);

class SqlitePipeline : public testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_EQ(RegisterSqlite(), Status()); }

  Result<Definition> Load(const std::string& bootstrap, const std::string& more = "") const {
    const std::string path = shop_.path() + "/orders.yaml";
    std::ofstream(path) << "name: orders\n"
                           "key: [[customer], []]\n"
                           "time: placed\n"
                           "window: {every: 1mo}\n"
                           "aggregates: {orders: count, cents: sum(cents)}\n"
                        << "bootstrap: {sqlite: " << bootstrap << "}\n"
                        << more;
    return murmur::LoadDefinition(path);
  }
  static std::string Dump(const Definition& definition) {
    std::string lines;
    EXPECT_EQ(murmur::Dump(definition, murmur::RowFormat::kJsonLines,
                           [&lines](std::string_view text) {
                             lines += text;
                             return Status();
                           }),
              Status());
    return lines;
  }
  void MakeOrders() const {
    shop_.Execute(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT, cents INTEGER, placed TEXT);"
        "WITH RECURSIVE n(i) AS (SELECT -2000 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
        "INSERT INTO orders SELECT i, 'customer ' || (abs(i) * 7919 % 13), i % 1000 * 37,"
        "  datetime('2026-01-01', (abs(i) * 104729 % 8000) || ' minutes', (i % 5) || ' months')"
        "  FROM n;"
        "DELETE FROM orders WHERE id % 11 = 0 OR id BETWEEN 9000 AND 14000");
  }

  const ShopFolder shop_;
};

TEST_F(SqlitePipeline, GivesTheAnswerOfSqlitesOwnGroupBy) {
  MakeOrders();
  const auto definition = Load("{path: shop.db, table: orders}");
  ASSERT_TRUE(definition.ok()) << definition.status().ToString();
  murmur::RunSummary summary;
  ASSERT_EQ(murmur::Bootstrap(*definition, {.run = {.threads = 3}}, &summary), Status());
  EXPECT_GT(summary.progress.splits_total, 3u);
  const auto group_by = [](const std::string& key, const std::string& columns) {
    return "SELECT format('{\"key\": {" + key + "}, \"window\": \"%sT00:00:00Z\", " +
           "\"window_end\": \"%sT00:00:00Z\", \"orders\": %d, \"cents\": %d}', " + columns +
           "month, date(month, '+1 month'), count(*), sum(cents)) FROM " +
           "(SELECT customer, cents, date(placed, 'start of month') AS month FROM orders) " +
           "GROUP BY " + columns + "month ORDER BY " + columns + "month";
  };
  const std::string expected =
      shop_.Query(group_by("\"customer\": \"%s\"", "customer, ")) + shop_.Query(group_by("", ""));
  EXPECT_GT(std::count(expected.begin(), expected.end(), '\n'), 100);
  EXPECT_EQ(Dump(*definition), expected);
}

TEST_F(SqlitePipeline, WhatCannotBeCountedIsADeadLetterAndNothingElseIsLost) {
  shop_.Execute(
      "CREATE TABLE orders (customer, cents, placed);"
      "INSERT INTO orders VALUES ('a', 1, '2026-01-01'), ('a', x'00', '2026-01-01'),"
      "  (CAST(x'ff' AS TEXT), 1, '2026-01-01'), ('a', 1, 'yesterday'), ('a', 2, '2026-01-31')");
  const auto definition = Load("{path: shop.db, table: orders}", "max_errors: 3\n");
  ASSERT_TRUE(definition.ok()) << definition.status().ToString();
  murmur::RunSummary summary;
  ASSERT_EQ(murmur::Bootstrap(*definition, {}, &summary), Status());
  EXPECT_EQ(summary.progress.dead_letters, 3u);
  const std::string rest =
      "\"window\": \"2026-01-01T00:00:00Z\", \"window_end\": \"2026-02-01T00:00:00Z\", "
      "\"orders\": 2, \"cents\": 3}\n";
  EXPECT_EQ(Dump(*definition),
            "{\"key\": {\"customer\": \"a\"}, " + rest + "{\"key\": {}, " + rest);
}

TEST_F(SqlitePipeline, WrongOptionsAreRefusedWithTheDefinition) {
  for (const char* wrong : {"{path: shop.db}", "{path: shop.db, table: orders, tabel: orders}"}) {
    EXPECT_EQ(Load(wrong).status().code(), Code::kInvalidArgument) << wrong;
  }
}

TEST_F(SqlitePipeline, WhatIsMissingIsNamed) {
  shop_.Execute("CREATE TABLE customers (id); CREATE TABLE w (id PRIMARY KEY) WITHOUT ROWID");
  std::ofstream(shop_.path() + "/notes.txt") << std::string(1000, 'x');
  const auto scan = [this](const std::string& table, const std::string& file) {
    return shop_.MakeSource(table, file)->Scan({}).status();
  };
  EXPECT_EQ(scan("orders", "none.db").code(), Code::kNotFound);
  EXPECT_THAT(scan("orders", "none.db").ToString(), testing::HasSubstr("none.db"));
  EXPECT_EQ(scan("orders", "shop.db").code(), Code::kNotFound);
  EXPECT_THAT(
      scan("orders", "shop.db").ToString(),
      testing::AllOf(testing::HasSubstr("no table 'orders'"), testing::HasSubstr("customers")));
  EXPECT_EQ(scan("w", "shop.db").code(), Code::kInvalidArgument);
  EXPECT_EQ(scan("orders", "notes.txt").code(), Code::kInvalidArgument);
  EXPECT_EQ(scan("customers", "shop.db"), Status()) << "an empty table is fine";
}

TEST_F(SqlitePipeline, AChangeDuringTheScanIsFoundAtItsEnd) {
  MakeOrders();
  const auto source = shop_.MakeSource("orders");
  const auto plan = source->Scan({});
  ASSERT_TRUE(plan.ok()) << plan.status().ToString();
  EXPECT_TRUE(source->Finish(*plan, {}, {}).ok());
  shop_.Execute("INSERT INTO orders (cents) SELECT cents FROM orders");
  EXPECT_EQ(source->Finish(*plan, {}, {}).status().code(), Code::kFailedPrecondition);
}

}  // namespace
}  // namespace shop
