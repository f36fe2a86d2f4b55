#include "source/objects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace murmur {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ObjectSetTest : public testing::Test {
 protected:
  ObjectSetTest() : directory_(testing::TempDir() + "murmur_objects_" + TestName()) {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  ~ObjectSetTest() override { std::filesystem::remove_all(directory_); }

  static std::string TestName() {
    return testing::UnitTest::GetInstance()->current_test_info()->name();
  }
  void Write(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = directory_ + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  static std::vector<SourceObject> Objects(const ObjectSet& set) {
    std::vector<SourceObject> objects;
    const auto listing = set.List();
    EXPECT_TRUE(listing.ok()) << listing.status().ToString();
    if (!listing.ok()) return objects;
    for (const auto& entry : listing->entries) objects.push_back(entry.object);
    return objects;
  }
  std::vector<std::string> Names(std::vector<std::string> paths) const {
    auto objects = ObjectSet(std::move(paths), directory_).List();
    EXPECT_TRUE(objects.ok()) << objects.status().ToString();
    std::vector<std::string> names;
    if (objects.ok()) {
      for (const auto& entry : objects->entries) names.push_back(entry.object.name);
    }
    return names;
  }

  std::string directory_;
};

TEST_F(ObjectSetTest, FilesGlobsAndDirectoriesAreListedOnceInOrderOfName) {
  Write("data/b.jsonl", "12");
  Write("data/a.jsonl", "1");
  Write("data/deep/c.jsonl", "123");
  Write("data/.hidden", "x");
  Write("data/_SUCCESS", "");
  EXPECT_THAT(Names({"data/*.jsonl"}), ElementsAre("data/a.jsonl", "data/b.jsonl"));
  EXPECT_THAT(Names({"data", "data/a.jsonl"}),
              ElementsAre("data/a.jsonl", "data/b.jsonl", "data/deep/c.jsonl"));
  EXPECT_THAT(Names({"./data/"}), ElementsAre("data/a.jsonl", "data/b.jsonl", "data/deep/c.jsonl"));
  EXPECT_THAT(Names({"**/*.jsonl"}),
              ElementsAre("data/a.jsonl", "data/b.jsonl", "data/deep/c.jsonl"));
  EXPECT_THAT(Names({"*/deep/?.jsonl"}), ElementsAre("data/deep/c.jsonl"));
  EXPECT_THAT(Names({directory_ + "/data/a.jsonl"}), ElementsAre(directory_ + "/data/a.jsonl"));
  EXPECT_THAT(Names({"."}), ElementsAre("data/a.jsonl", "data/b.jsonl", "data/deep/c.jsonl"));
}

TEST_F(ObjectSetTest, AFileWhoseNameLooksLikeAGlobIsFound) {
  Write("a[1].jsonl", "1");
  EXPECT_THAT(Names({"a[1].jsonl"}), ElementsAre("a[1].jsonl"));
}

TEST_F(ObjectSetTest, APathThatMatchesNothingIsNamed) {
  const auto objects = ObjectSet({"data/*.jsonl"}, directory_).List();
  ASSERT_FALSE(objects.ok());
  EXPECT_EQ(objects.status().code(), Code::kNotFound);
  EXPECT_THAT(objects.status().message(), HasSubstr("'data/*.jsonl' matches no file"));
}

TEST_F(ObjectSetTest, FrozenObjectsSurviveTextAndAreCheckedAgain) {
  Write("a.jsonl", "0123456789");
  const ObjectSet set({"a.jsonl"}, directory_);
  const auto objects = Objects(set);
  ASSERT_EQ(objects.size(), 1u);
  EXPECT_EQ(objects[0].size, 10u);
  const auto again = ParseObjects(SerializeObjects(objects));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, objects);
  EXPECT_TRUE(set.Compare(*again)->AllThere().ok());

  Write("a.jsonl", "01234567890123");
  const Status changed = set.CheckUnchanged(again->front());
  EXPECT_EQ(set.Compare(*again)->AllThere(), changed);
  EXPECT_EQ(changed.code(), Code::kFailedPrecondition);
  EXPECT_THAT(changed.message(), HasSubstr("a.jsonl changed (size 10 → 14) since the scan began"));
  std::filesystem::remove(directory_ + "/a.jsonl");
  EXPECT_THAT(set.CheckUnchanged(again->front()).message(), HasSubstr("a.jsonl is gone"));
  EXPECT_THAT(set.Compare(*again)->AllThere().message(), HasSubstr("a.jsonl is gone"));
}

TEST_F(ObjectSetTest, AFileOfTheSameSizeButAnotherTimeHasChanged) {
  Write("a.jsonl", "0123456789");
  const ObjectSet set({"a.jsonl"}, directory_);
  const auto objects = Objects(set);
  const std::filesystem::path path = directory_ + "/a.jsonl";
  std::filesystem::last_write_time(
      path, std::filesystem::last_write_time(path) + std::chrono::seconds(1));
  EXPECT_THAT(set.CheckUnchanged(objects.front()).message(),
              HasSubstr("a.jsonl changed (modified "));
}

TEST_F(ObjectSetTest, ObjectsThatAppearAreTold) {
  Write("data/a.jsonl", "1");
  const ObjectSet set({"data"}, directory_);
  const auto objects = Objects(set);
  Write("data/0.jsonl", "1");
  EXPECT_THAT(set.Compare(objects)->appeared, ElementsAre("data/0.jsonl"));
}

TEST_F(ObjectSetTest, OpeningAMissingFileSaysNotFound) {
  const auto file = ObjectSet({}, directory_).Open({.name = "none.jsonl", .size = 1});
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.status().code(), Code::kNotFound);
}

TEST(ParseObjects, RefusesOtherText) {
  EXPECT_EQ(ParseObjects("not json").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(ParseObjects("[{\"name\":1}]").status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace murmur
