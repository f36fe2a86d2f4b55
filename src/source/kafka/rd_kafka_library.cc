// librdkafka.
#define MURMUR_LAZY_LIST "source/kafka/rd_kafka_functions.inc"
#include "source/lazy_functions.h"

namespace murmur {

Status LoadRdKafka() {
  static ClientLibrary library({.what = "Kafka's client library",
                                .file = MURMUR_RDKAFKA_FILE,
                                .path = MURMUR_RDKAFKA_PATH,
                                .remedy = "Install it, apt-get install librdkafka1"},
                               kLazyFunctions);
  return library.Load();
}

}  // namespace murmur
