// The S3 client of Arrow. Its functions are those of C++, so their names are as compilers make
// them.
#include "source/lazy_functions.h"

#define LAZY MURMUR_LAZY_FUNCTION
#include "source/s3/arrow_s3_functions.inc"
#undef LAZY

namespace murmur {
namespace {

constexpr LazyFunction kFunctions[] = {
#define LAZY MURMUR_LAZY_ENTRY
#include "source/s3/arrow_s3_functions.inc"
#undef LAZY
};

}  // namespace

Status LoadArrowS3() {
  static ClientLibrary library({.what = "the S3 client of Arrow",
                                .file = MURMUR_ARROW_S3_FILE,
                                .path = MURMUR_ARROW_S3_PATH,
                                .remedy = "Put it beside libarrow, of the same Arrow"},
                               kFunctions);
  return library.Load();
}

}  // namespace murmur
