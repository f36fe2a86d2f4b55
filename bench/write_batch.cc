// write_batch EVENTS.jsonl THREADS STATE_DIRECTORY: counts per (user, page, day) the usual way, a
// synced RocksDB WriteBatch of merges per 100,000 events: the reference for high cardinality.
// Prints {"seconds", "events", "settle_seconds"}: the last is what compaction takes afterwards;
// opening and closing the database are not timed.
#include <rocksdb/db.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/write_batch.h>
#include <simdjson.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "mapped_file.h"
#include "settle.h"

namespace {

constexpr uint64_t kEventsPerCommit = 100'000;

class AddCounts : public rocksdb::AssociativeMergeOperator {
 public:
  bool Merge(const rocksdb::Slice&, const rocksdb::Slice* before, const rocksdb::Slice& added,
             std::string* after, rocksdb::Logger*) const override {
    const uint64_t sum = Read(before) + Read(&added);
    after->assign(reinterpret_cast<const char*>(&sum), sizeof sum);
    return true;
  }
  const char* Name() const override { return "count"; }

 private:
  static uint64_t Read(const rocksdb::Slice* slice) {
    uint64_t value = 0;
    if (slice != nullptr && slice->size() == sizeof value) {
      std::memcpy(&value, slice->data(), sizeof value);
    }
    return value;
  }
};

using Counts = std::unordered_map<std::string, uint64_t>;

bool Commit(rocksdb::DB* db, Counts* counts) {
  rocksdb::WriteBatch batch;
  for (const auto& [key, count] : *counts) {
    batch.Merge(key, {reinterpret_cast<const char*>(&count), sizeof count});
  }
  counts->clear();
  rocksdb::WriteOptions durable;
  durable.sync = true;
  return db->Write(durable, &batch).ok();
}

// The number of events counted; 0 after a failed write.
uint64_t CountInto(rocksdb::DB* db, std::string_view text) {
  Counts counts;
  std::string key;
  uint64_t events = 0;
  simdjson::ondemand::parser parser;
  auto documents = parser.iterate_many(text.data(), text.size(), 1 << 20);
  for (auto event : documents.value_unsafe()) {
    const std::string_view day = event["ts"].get_string().value_unsafe().substr(0, 10);
    key.assign(event["user"].get_string().value_unsafe());
    key += ',';
    key += event["page"].get_string().value_unsafe();
    key += ',';
    key += day;
    ++counts[key];
    if (++events % kEventsPerCommit == 0 && !Commit(db, &counts)) return 0;
  }
  return Commit(db, &counts) ? events : 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: write_batch EVENTS.jsonl THREADS STATE_DIRECTORY\n");
    return 2;
  }
  const murmur_bench::MappedFile file(argv[1], simdjson::SIMDJSON_PADDING + 4096);
  const size_t threads = std::strtoul(argv[2], nullptr, 10);
  rocksdb::Options options;
  options.create_if_missing = true;
  options.IncreaseParallelism(static_cast<int>(threads));
  options.merge_operator = std::make_shared<AddCounts>();
  rocksdb::DB* opened = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(options, argv[3], &opened);
  const std::unique_ptr<rocksdb::DB> db(opened);
  if (file.text().empty() || !status.ok()) {
    std::fprintf(stderr, "write_batch: %s\n", status.ToString().c_str());
    return 1;
  }

  std::atomic<uint64_t> events = 0;
  const auto start = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> workers;
    for (const std::string_view stretch : murmur_bench::CutAtLines(file.text(), threads)) {
      workers.emplace_back([&, stretch] { events += CountInto(db.get(), stretch); });
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  const double settle = murmur_bench::SecondsUntilSettled(db.get());
  std::printf("{\"seconds\": %.6f, \"events\": %llu, \"settle_seconds\": %.3f}\n", took.count(),
              static_cast<unsigned long long>(events.load()), settle);
  return 0;
}
