#include "source/name_paths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace murmur {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

FieldPath Path(std::vector<FieldPath::Step> steps) {
  FieldPath path;
  path.steps = std::move(steps);
  return path;
}

TEST(NamePaths, NamesEndBeforeAnIndexAndBeforeWhatCanNotBeAskedFor) {
  const auto no_dollar = [](std::string_view name) { return !name.starts_with('$'); };
  EXPECT_THAT(NamesBefore(Path({"a", "b"}), no_dollar), ElementsAre("a", "b"));
  EXPECT_THAT(NamesBefore(Path({"a", 0u, "b"}), no_dollar), ElementsAre("a"));
  EXPECT_THAT(NamesBefore(Path({"a", "$b", "c"}), no_dollar), ElementsAre("a"));
  EXPECT_THAT(NamesBefore(Path({"$a"}), no_dollar), IsEmpty());
}

TEST(NamePaths, APathBelowAnotherIsLeftOut) {
  EXPECT_THAT(OutermostPaths({{"a", "b"}, {"a"}, {"a", "b", "c"}, {"ab"}, {"b", "c"}, {"b", "d"}}),
              ElementsAre(NamePath{"a"}, NamePath{"ab"}, NamePath{"b", "c"}, NamePath{"b", "d"}));
  EXPECT_THAT(OutermostPaths({{}, {"a"}}), ElementsAre(NamePath{}));
}

}  // namespace
}  // namespace murmur
