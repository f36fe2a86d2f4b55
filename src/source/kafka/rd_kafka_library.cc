// librdkafka.
#include "source/lazy_functions.h"

#define LAZY MURMUR_LAZY_FUNCTION
#include "source/kafka/rd_kafka_functions.inc"
#undef LAZY

namespace murmur {
namespace {

constexpr LazyFunction kFunctions[] = {
#define LAZY MURMUR_LAZY_ENTRY
#include "source/kafka/rd_kafka_functions.inc"
#undef LAZY
};

}  // namespace

Status LoadRdKafka() {
  static ClientLibrary library({.what = "Kafka's client library",
                                .file = MURMUR_RDKAFKA_FILE,
                                .path = MURMUR_RDKAFKA_PATH,
                                .remedy = "Install it, apt-get install librdkafka1"},
                               kFunctions);
  return library.Load();
}

}  // namespace murmur
