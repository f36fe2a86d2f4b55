// How long a database that nobody writes to any more goes on compacting.
#pragma once

#include <rocksdb/db.h>

#include <chrono>
#include <thread>

namespace murmur_bench {

inline double SecondsUntilSettled(rocksdb::DB* db) {
  constexpr std::chrono::milliseconds kStep{20};
  const auto start = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_busy = start;
  // What compaction has made may start the next one: twice in a row nothing is to be done.
  for (int quiet = 0; quiet < 2;) {
    uint64_t running = 0;
    uint64_t pending = 0;
    uint64_t flushing = 0;
    db->GetIntProperty("rocksdb.num-running-compactions", &running);
    db->GetIntProperty("rocksdb.compaction-pending", &pending);
    db->GetIntProperty("rocksdb.num-running-flushes", &flushing);
    const bool busy = running + pending + flushing > 0;
    quiet = busy ? 0 : quiet + 1;
    if (busy) last_busy = std::chrono::steady_clock::now();
    std::this_thread::sleep_for(kStep);
  }
  return std::chrono::duration<double>(last_busy - start).count();
}

}  // namespace murmur_bench
