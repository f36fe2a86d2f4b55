// settle VERSION_DIRECTORY: opens a version of a pipeline that has one count, lets it compact to
// the end, and prints {"settle_seconds"}: what a fast bootstrap has left to do.
#include "settle.h"

#include <cstdio>
#include <memory>

#include "murmur/monoid.h"
#include "state/rocksdb/database.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: settle VERSION_DIRECTORY\n");
    return 2;
  }
  const auto count = murmur::FindMonoid("count")->make({});
  if (!count.ok()) return 1;
  murmur::DatabaseOptions options;
  options.path = argv[1];
  options.monoids = {count->get()};
  options.damage = std::make_shared<murmur::Damage>(0);
  const auto database = murmur::Database::Open(std::move(options));
  if (!database.ok()) {
    std::fprintf(stderr, "settle: %s\n", database.status().ToString().c_str());
    return 1;
  }
  std::printf("{\"settle_seconds\": %.3f}\n", murmur_bench::SecondsUntilSettled((*database)->db()));
  return 0;
}
