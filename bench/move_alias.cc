// move_alias STATE A B TIMES: makes versions B and A of a state serve in turn, and prints
// {"seconds": […]}: what each move to A took, as a swap does it, files synced.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "state/rocksdb/rocksdb_store.h"

namespace {

using Clock = std::chrono::steady_clock;

void MoveTo(murmur::RocksDbStore* store, uint64_t version) {
  const murmur::Status moved = store->SetCurrent(version);
  if (moved.ok()) return;
  std::fprintf(stderr, "move_alias: %s\n", moved.ToString().c_str());
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: move_alias STATE A B TIMES\n");
    return 2;
  }
  const auto store = murmur::RocksDbStore::Open(argv[1], murmur::Access::kWrite);
  if (!store.ok()) {
    std::fprintf(stderr, "move_alias: %s\n", store.status().ToString().c_str());
    return 1;
  }
  const uint64_t a = std::strtoull(argv[2], nullptr, 10);
  const uint64_t b = std::strtoull(argv[3], nullptr, 10);
  const uint64_t times = std::strtoull(argv[4], nullptr, 10);
  std::printf("{\"seconds\": [");
  for (uint64_t i = 0; i < times; ++i) {
    MoveTo(store->get(), b);
    const Clock::time_point start = Clock::now();
    MoveTo(store->get(), a);
    std::printf("%s%.6f", i == 0 ? "" : ", ",
                std::chrono::duration<double>(Clock::now() - start).count());
  }
  std::printf("]}\n");
  return 0;
}
