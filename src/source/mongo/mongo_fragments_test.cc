#include "source/mongo/mongo_fragments.h"

#include <gtest/gtest.h>

#include <string>

namespace murmur {
namespace {

BsonDocument Parse(const std::string& json) {
  return BsonDocument(bson_new_from_json(reinterpret_cast<const uint8_t*>(json.data()),
                                         static_cast<ssize_t>(json.size()), nullptr));
}
std::string Text(const bson_t* document) {
  return BsonText(bson_as_relaxed_extended_json(document, nullptr)).get();
}

// The change that the event makes whole; null: none does.
const bson_t* Added(MongoFragments* fragments, const BsonDocument& event) {
  const bson_t* change = nullptr;
  const Status status = fragments->Add(event.get(), &change);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return change;
}
Code CodeOf(MongoFragments* fragments, const std::string& json) {
  const bson_t* change = nullptr;
  return fragments->Add(Parse(json).get(), &change).code();
}

constexpr char kFirst[] =
    R"({"_id": {"_data": "01"}, "splitEvent": {"fragment": 1, "of": 3}, "operationType": "update"})";
constexpr char kSecond[] =
    R"({"_id": {"_data": "02"}, "splitEvent": {"fragment": 2, "of": 3}, "fullDocument": {"v": 1}})";
constexpr char kThird[] =
    R"({"_id": {"_data": "03"}, "splitEvent": {"fragment": 3, "of": 3}, "documentKey": {"_id": 7}})";
constexpr char kWhole[] = R"({ "operationType" : "update", "fullDocument" : { "v" : 1 }, )"
                          R"("_id" : { "_data" : "03" }, "documentKey" : { "_id" : 7 } })";

TEST(MongoFragmentsTest, AWholeChangeStaysWhatItIs) {
  MongoFragments fragments;
  const BsonDocument event = Parse(R"({"_id": {"_data": "01"}, "operationType": "insert"})");
  EXPECT_EQ(Added(&fragments, event), event.get());
  EXPECT_FALSE(fragments.pending());
}

TEST(MongoFragmentsTest, PiecesAreOneChangeWithTheLastToken) {
  MongoFragments fragments;
  for (int time = 0; time < 2; ++time) {
    EXPECT_EQ(Added(&fragments, Parse(kFirst)), nullptr);
    EXPECT_TRUE(fragments.pending());
    EXPECT_EQ(Added(&fragments, Parse(kSecond)), nullptr);
    const bson_t* whole = Added(&fragments, Parse(kThird));
    ASSERT_NE(whole, nullptr);
    EXPECT_EQ(Text(whole), kWhole);
    EXPECT_FALSE(fragments.pending());
  }
}

TEST(MongoFragmentsTest, AChangeThatComesAgainBeginsAnew) {
  MongoFragments fragments;
  EXPECT_EQ(Added(&fragments, Parse(kFirst)), nullptr);
  EXPECT_EQ(Added(&fragments, Parse(kSecond)), nullptr);
  fragments.Clear();
  EXPECT_EQ(Added(&fragments, Parse(kFirst)), nullptr);
  EXPECT_EQ(Added(&fragments, Parse(kSecond)), nullptr);
  EXPECT_EQ(Text(Added(&fragments, Parse(kThird))), kWhole);
}

TEST(MongoFragmentsTest, APieceThatIsMissingIsAnError) {
  const std::string whole = R"({"_id": {"_data": "04"}, "operationType": "insert"})";
  for (const std::string& wrong : {std::string(kFirst), std::string(kThird), whole}) {
    MongoFragments fragments;
    EXPECT_EQ(Added(&fragments, Parse(kFirst)), nullptr);
    EXPECT_EQ(CodeOf(&fragments, wrong), Code::kDataLoss) << wrong;
  }
  MongoFragments fragments;
  EXPECT_EQ(CodeOf(&fragments, kSecond), Code::kDataLoss);
}

}  // namespace
}  // namespace murmur
