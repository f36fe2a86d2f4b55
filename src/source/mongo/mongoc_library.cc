// libmongoc and libbson, which it brings along.
#include "source/lazy_functions.h"

#define LAZY MURMUR_LAZY_FUNCTION
#include "source/mongo/mongoc_functions.inc"
#undef LAZY

namespace murmur {
namespace {

constexpr LazyFunction kFunctions[] = {
#define LAZY MURMUR_LAZY_ENTRY
#include "source/mongo/mongoc_functions.inc"
#undef LAZY
};

}  // namespace

Status LoadMongoc() {
  static ClientLibrary library({.what = "MongoDB's client library",
                                .file = MURMUR_MONGOC_FILE,
                                .path = MURMUR_MONGOC_PATH,
                                .remedy = "Install it, apt-get install libmongoc-1.0-0"},
                               kFunctions);
  return library.Load();
}

}  // namespace murmur
