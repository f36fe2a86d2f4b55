// The table that tests of this tree use for a database, under the contract of tables.
#include "testing/fake_table.h"

#include <gtest/gtest.h>

#include "murmur/testing/table_source_contract.h"

namespace murmur {
namespace {

class ChangingTableFixture final : public TableFixture {
 public:
  explicit ChangingTableFixture(const ChangingTableOptions& options) : table_("t", options) {}

  std::unique_ptr<SnapshotSource> MakeRows() override {
    return std::make_unique<ChangingTableRows>(&table_);
  }
  std::unique_ptr<LiveSource> MakeChanges() override {
    return std::make_unique<ChangingTableLog>(&table_);
  }
  void Put(const std::vector<ContractRow>& rows) override {
    std::vector<ChangingTable::Row> put;
    for (const ContractRow& row : rows) put.push_back({.id = row.id, .v = row.v});
    table_.Put(put);
  }
  void Delete(int64_t id) override { table_.Delete(id); }
  bool ChangeKey(int64_t from, int64_t to) override {
    table_.ChangeKey(from, to);
    return true;
  }
  bool Truncate() override {
    table_.Truncate();
    return true;
  }
  bool ForgetLog() override {
    if (table_.options().needs_hold) table_.ForgetLog();
    return table_.options().needs_hold;
  }

 private:
  ChangingTable table_;
};

TableCase CaseOf(const std::string& name, const ChangingTableOptions& options) {
  return {.name = name,
          .make = [options] { return std::make_unique<ChangingTableFixture>(options); }};
}

MURMUR_TABLE_SOURCE_CONTRACT(FakeTableContract);
INSTANTIATE_TEST_SUITE_P(Fake, FakeTableContract,
                         testing::Values(CaseOf("in_order", {}),
                                         CaseOf("scattered", {.scattered = true}),
                                         CaseOf("held", {.scattered = true, .needs_hold = true}),
                                         CaseOf("by_collation", {.by_collation = true}),
                                         CaseOf("without_before", {.gives_before = false})),
                         TableCaseName);

}  // namespace
}  // namespace murmur
