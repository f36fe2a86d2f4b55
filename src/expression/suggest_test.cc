#include "expression/suggest.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace murmur {
namespace {

TEST(SuggestTest, ANameIsSuggestedForWhatIsNearToItsLength) {
  const std::vector<std::string> names = {"id", "page", "amount", "created_at", "x"};
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"late", ""},  // two edits from page
      {"pgae", "page"},
      {"PAGES", "page"},
      {"plate", ""},  // as of page's four characters
      {"amuont", "amount"},
      {"amt", ""},
      {"aount_", "amount"},
      {"mont", ""},
      {"createdat", "created_at"},
      {"creation_at", "created_at"},
      {"creation", ""},
      {"ix", "id"},
      {"y", ""},
      {"X", "x"},
      {"", ""},
  };
  for (const auto& [name, expected] : cases) EXPECT_EQ(Suggest(name, names), expected) << name;
}

}  // namespace
}  // namespace murmur
