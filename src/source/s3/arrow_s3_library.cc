// The S3 client of Arrow. Its functions are those of C++, so their names are as compilers make
// them.
#define MURMUR_LAZY_LIST "source/s3/arrow_s3_functions.inc"
#include "source/lazy_functions.h"

namespace murmur {

Status LoadArrowS3() {
  static ClientLibrary library({.what = "the S3 client of Arrow",
                                .file = MURMUR_ARROW_S3_FILE,
                                .path = MURMUR_ARROW_S3_PATH,
                                .remedy = "Put it beside libarrow, of the same Arrow"},
                               kLazyFunctions);
  return library.Load();
}

}  // namespace murmur
