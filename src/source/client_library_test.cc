#include "source/client_library.h"

#include <gmock/gmock.h>

#include <string>

namespace murmur {
namespace {

using testing::HasSubstr;

// Tests may call the libraries' functions at any time.
const Status kLibmariadb = LoadLibmariadb();
const Status kMongoc = LoadMongoc();
const Status kRdKafka = LoadRdKafka();
const Status kArrowS3 = LoadArrowS3();

TEST(ClientLibraryTest, ThoseOfTheSourcesAreLoadedAndHaveAllThatIsCalled) {
  EXPECT_TRUE(kLibmariadb.ok()) << kLibmariadb.message();
  EXPECT_TRUE(kMongoc.ok()) << kMongoc.message();
  EXPECT_TRUE(kRdKafka.ok()) << kRdKafka.message();
  EXPECT_TRUE(kArrowS3.ok()) << kArrowS3.message();
  EXPECT_TRUE(LoadMongoc().ok());
}

TEST(ClientLibraryTest, OneThatIsNotThereIsNamedWithAWayToGetIt) {
  ClientLibrary library({.what = "The library of nothing",
                         .file = "libnothing.so.7",
                         .path = "/nowhere/libnothing.so.7",
                         .remedy = "Install it, apt-get install libnothing7"},
                        {});
  const Status status = library.Load();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("The library of nothing can't be loaded: libnothing.so.7: cannot open "));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(". Install it, apt-get install libnothing7, or set LD_LIBRARY_PATH"));
}

TEST(ClientLibraryTest, OneThatLacksAFunctionIsRefused) {
  void* address = nullptr;
  const LazyFunction functions[] = {{"no_such_function_at_all", &address}};
  ClientLibrary library(
      {.what = "C's library", .file = "libc.so.6", .path = "", .remedy = "Install it"}, functions);
  const Status status = library.Load();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no_such_function_at_all"));
  EXPECT_EQ(address, nullptr);
}

}  // namespace
}  // namespace murmur
