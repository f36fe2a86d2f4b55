// Tables whose rows don't come in the order of their keys: cuts are not possible, and a ledger is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "murmur/definition.h"
#include "murmur/testing/state_table_kit.h"
#include "runtime/table/table_runner.h"
#include "state/memory/memory_table.h"
#include "testing/fake_table.h"

namespace murmur {
namespace {

constexpr int64_t kRows = 2500;  // three splits
constexpr char kYaml[] =
    "name: rows\nkey: [[]]\naggregates: {n: count, total: sum(v)}\n"
    "source: {mongo: {uri: unused, database: d, collection: c}}\n";

// Says that its rows are in order whatever they are.
class Liar final : public SnapshotSource {
 public:
  explicit Liar(ChangingTable* table) : rows_(table) {}
  std::string_view Name() const noexcept override { return rows_.Name(); }
  Result<HandoffToken> HandoffNow(std::stop_token stop) override { return rows_.HandoffNow(stop); }
  Result<ScanPlan> Scan(std::stop_token stop) override { return rows_.Scan(stop); }
  Status Resume(const ScanPlan& plan, std::stop_token stop) override {
    return rows_.Resume(plan, stop);
  }
  Result<std::unique_ptr<RecordStream>> Open(const Split& split, const Position& after,
                                             const Projection& projection,
                                             std::stop_token stop) override {
    return rows_.Open(split, after, projection, stop);
  }
  Result<std::string> WhyNoBefore(std::stop_token stop) override { return rows_.WhyNoBefore(stop); }
  const ReadPoints& read_points() const override { return rows_.read_points(); }
  Result<RowRange> RowsOf(const Split& split) const override { return rows_.RowsOf(split); }
  Status Close() override { return {}; }

 private:
  ChangingTableRows rows_;
};

class KeyOrderTest : public testing::Test {
 protected:
  // Bootstraps the table while its rows change, and checks the total.
  void Bootstrap(const std::string& more, SnapshotSource* rows, ChangingTable* table,
                 Status* status) {
    const auto definition = ParseDefinition(kYaml + more, "test.yaml", ".");
    ASSERT_TRUE(definition.ok()) << definition.status().ToString();
    const auto pipeline = *Pipeline::Compile(*definition);
    const StateSchema schema{.monoids = pipeline->Monoids(), .buckets = pipeline->buckets()};
    const auto state = *OpenMemoryTable(MakeMemoryStore({}, schema), schema);
    ChangingTableLog changes(table);
    const FoldOptions options{.threads = 2, .delta_bytes = 1 << 20};
    TableRunner runner(pipeline, rows, &changes, state.get(), options, options);
    {
      // Each transaction leaves the total as it is.
      const std::jthread writer([table] {
        for (int64_t id = 0; id < kRows; id += 2) {
          table->Put({{.id = id, .v = id + 1}, {.id = id + 1, .v = id}});
        }
      });
      *status = runner.Run({});
    }
    if (!status->ok()) return;
    method_ = (*state->Plan())->method;
    const auto values = Dump(*state);
    ASSERT_EQ(values.size(), 1u);
    std::string_view parts[2];
    ASSERT_TRUE(SplitValue(values.begin()->second, &records_, parts));
    const auto sum = pipeline->Monoids()[1]->ValueOf(parts[1], records_);
    ASSERT_TRUE(sum.ok()) << sum.status().ToString();
    EXPECT_EQ(*sum, Value::Integer(kRows * (kRows - 1) / 2));
  }
  static void Fill(ChangingTable* table) {
    for (int64_t id = 0; id < kRows; ++id) table->Put({{.id = id, .v = id}});
  }

  TableMethod method_ = TableMethod::kCut;
  int64_t records_ = 0;
};

TEST_F(KeyOrderTest, TheOrderOfACollationIsKeptByALedger) {
  ChangingTable table("t", {.by_collation = true});
  Fill(&table);
  ChangingTableRows rows(&table);
  Status status;
  Bootstrap("", &rows, &table, &status);
  ASSERT_EQ(status, Status());
  EXPECT_EQ(method_, TableMethod::kLedger);
  EXPECT_EQ(records_, kRows);
}

TEST_F(KeyOrderTest, TheOrderOfBytesIsKeptByCuts) {
  ChangingTable table("t", {.scattered = true});
  Fill(&table);
  ChangingTableRows rows(&table);
  Status status;
  Bootstrap("", &rows, &table, &status);
  ASSERT_EQ(status, Status());
  EXPECT_EQ(method_, TableMethod::kCut);
  EXPECT_EQ(records_, kRows);
}

TEST_F(KeyOrderTest, CutsThatAreAskedForAreRefusedWithTheReason) {
  ChangingTable table("t", {.by_collation = true});
  ChangingTableRows rows(&table);
  Status status;
  Bootstrap("method: cut\n", &rows, &table, &status);
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("ordered by a collation"));
}

TEST_F(KeyOrderTest, ASourceThatDoesNotSayItCountsNothingWrong) {
  ChangingTable table("t", {.by_collation = true});
  Fill(&table);
  Liar rows(&table);
  Status status;
  Bootstrap("", &rows, &table, &status);
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("method: ledger"));
}

}  // namespace
}  // namespace murmur
