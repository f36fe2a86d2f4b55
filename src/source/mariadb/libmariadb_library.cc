// libmariadb.
#define MURMUR_LAZY_LIST "source/mariadb/maria_functions.inc"
#include "source/lazy_functions.h"

namespace murmur {

Status LoadLibmariadb() {
  static ClientLibrary library({.what = "MariaDB's client library",
                                .file = MURMUR_LIBMARIADB_FILE,
                                .path = MURMUR_LIBMARIADB_PATH,
                                .remedy = "Install it, apt-get install libmariadb3"},
                               kLazyFunctions);
  return library.Load();
}

}  // namespace murmur
