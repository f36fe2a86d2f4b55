// libmongoc, and libbson, which comes with it.
#define MURMUR_LAZY_LIST "source/mongo/mongoc_functions.inc"
#include "source/lazy_functions.h"

namespace murmur {

Status LoadMongoc() {
  static ClientLibrary library({.what = "MongoDB's client library",
                                .file = MURMUR_MONGOC_FILE,
                                .path = MURMUR_MONGOC_PATH,
                                .remedy = "Install it, apt-get install libmongoc-1.0-0"},
                               kLazyFunctions);
  return library.Load();
}

}  // namespace murmur
