#include "fold/absent_fields.h"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

namespace murmur {
namespace {

using testing::ElementsAre;

std::shared_ptr<const Pipeline> MakePipeline() {
  const auto definition = ParseDefinition(
      "name: p\nkey: [page]\naggregates: {s: sum(amuont), d: distinct(user.name)}\n"
      "bootstrap: {jsonl: {path: x}}\nstate: {rocksdb: {path: x}}\n",
      "t.yaml", ".");
  return Pipeline::Compile(definition.value()).value();
}

class AbsentFieldsTest : public testing::Test {
 protected:
  // A batch of one record; values by the projection's order.
  void Note(std::string raw, const std::vector<Cell>& values) {
    raw_ = std::move(raw);
    batch_.Clear();
    batch_.rows = 1;
    batch_.raw[0] = raw_;
    for (size_t i = 0; i < values.size(); ++i) {
      batch_.columns[i].cells[0] = values[i];
      batch_.columns[i].SetTypeFromCells(1);
    }
    absent_.Note(batch_, &progress_);
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const AbsentField& field : *progress_.absent) names.push_back(field.name);
    return names;
  }
  size_t Index(const std::string& name) const {
    const auto& fields = pipeline_->projection().fields;
    for (size_t i = 0; i < fields.size(); ++i) {
      if (fields[i].path.ToString() == name) return i;
    }
    return fields.size();
  }

  std::shared_ptr<const Pipeline> pipeline_ = MakePipeline();
  AbsentFields absent_{*pipeline_};
  RecordBatch batch_{pipeline_->projection()};
  SplitProgress progress_;
  std::string raw_;
};

TEST_F(AbsentFieldsTest, WithoutARecordNothingIsKnown) {
  absent_.Note(batch_, &progress_);
  EXPECT_FALSE(progress_.absent);
}

TEST_F(AbsentFieldsTest, WhatARecordHasIsStruckOut) {
  std::vector<Cell> values(3);
  values[Index("page")] = Cell::String("/a");
  Note(R"({"page": "/a", "amount": 1, "user": {"nam": "x"}})", values);
  EXPECT_THAT(Names(), ElementsAre("amuont", "user.name"));
  EXPECT_EQ(progress_.absent->at(0).like, "amount");
  EXPECT_EQ(progress_.absent->at(1).like, "user.nam");
  values.assign(3, Cell::Null());
  values[Index("amuont")] = Cell::Int(1);
  Note(R"({"amuont": 1})", values);
  EXPECT_THAT(Names(), ElementsAre("user.name"));
}

TEST_F(AbsentFieldsTest, KindsThatNoCellHasAreNoValue) {
  std::vector<Cell> values(3);
  Note("{}", values);
  batch_.columns[Index("page")].kinds |= KindBit(Kind::kString);
  absent_.Note(batch_, &progress_);
  EXPECT_EQ(Names().size(), 3u);
}

TEST_F(AbsentFieldsTest, AChangeIsLookedIntoForItsRow) {
  batch_.AsTable().row_keys = {"k"};
  batch_.table->changes = {RowChange::kPut};
  Note(R"({"payload": {"before": null, "after": {"amount": 1}, "op": "c"}})", {});
  EXPECT_EQ(progress_.absent->at(0).name, "amuont");
  EXPECT_EQ(progress_.absent->at(0).like, "amount");
}

TEST_F(AbsentFieldsTest, ADeleteTellsNothing) {
  batch_.AsTable().row_keys = {"k"};
  batch_.table->changes = {RowChange::kDelete};
  Note("{}", {});
  EXPECT_FALSE(progress_.absent);
}

TEST(FieldsNeededTest, ThoseThatAreMadeForMissingFieldsAreNot) {
  EXPECT_THAT(FieldsNeeded("a = 1 and coalesce(b, 0) = 2 or c is not null or lower(d) = 'x'"),
              ElementsAre("a", "d"));
  EXPECT_THAT(FieldsNeeded("ok"), ElementsAre("ok"));
  EXPECT_THAT(FieldsNeeded(""), ElementsAre());
}

}  // namespace
}  // namespace murmur
