// libpq.
#define MURMUR_LAZY_LIST "source/postgres/pg_functions.inc"
#include "source/lazy_functions.h"

namespace murmur {

Status LoadLibpq() {
  static ClientLibrary library({.what = "PostgreSQL's client library",
                                .file = MURMUR_LIBPQ_FILE,
                                .path = MURMUR_LIBPQ_PATH,
                                .remedy = "Install it, apt-get install libpq5"},
                               kLazyFunctions);
  return library.Load();
}

}  // namespace murmur
