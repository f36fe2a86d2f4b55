// ceilings newlines|fields EVENTS.jsonl THREADS: how fast this machine can look at the events at
// all. `newlines` only finds the line ends; `fields` extracts ts, user, page and amount with
// simdjson and does nothing with them. Prints {"seconds", "events", "checksum"}.
#include <simdjson.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>
#include <vector>

#include "mapped_file.h"

namespace {

struct Seen {
  uint64_t events = 0;
  double checksum = 0;
};

Seen ScanNewlines(std::string_view text) {
  Seen seen;
  const char* at = text.data();
  const char* const end = at + text.size();
  while ((at = static_cast<const char*>(std::memchr(at, '\n', static_cast<size_t>(end - at))))) {
    ++seen.events;
    ++at;
  }
  return seen;
}

Seen ExtractFields(std::string_view text) {
  Seen seen;
  simdjson::ondemand::parser parser;
  auto events = parser.iterate_many(text.data(), text.size(), 1 << 20);
  for (auto event : events.value_unsafe()) {
    const std::string_view ts = event.find_field("ts").get_string().value_unsafe();
    const std::string_view user = event.find_field("user").get_string().value_unsafe();
    const std::string_view page = event.find_field("page").get_string().value_unsafe();
    seen.checksum += event.find_field("amount").get_double().value_unsafe() +
                     static_cast<double>(ts.size() + user.size() + page.size());
    ++seen.events;
  }
  return seen;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: ceilings newlines|fields EVENTS.jsonl THREADS\n");
    return 2;
  }
  const murmur_bench::MappedFile file(argv[2], simdjson::SIMDJSON_PADDING + 4096);
  if (file.text().empty()) {
    std::perror(argv[2]);
    return 1;
  }
  const auto work = std::strcmp(argv[1], "newlines") == 0 ? ScanNewlines : ExtractFields;
  const auto stretches = murmur_bench::CutAtLines(file.text(), std::strtoul(argv[3], nullptr, 10));
  std::vector<Seen> seen(stretches.size());

  const auto start = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < stretches.size(); ++i) {
      threads.emplace_back([&, i] { seen[i] = work(stretches[i]); });
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  Seen all;
  for (const Seen& part : seen) {
    all.events += part.events;
    all.checksum += part.checksum;
  }
  std::printf("{\"seconds\": %.6f, \"events\": %llu, \"checksum\": %.2f}\n", took.count(),
              static_cast<unsigned long long>(all.events), all.checksum);
  return 0;
}
