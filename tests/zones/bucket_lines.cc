// bucket_lines ZONE UNIT: for each line of the input, an instant in seconds, one line: its bucket,
// and the bucket's first second and the one after its last.
#include <cstdint>
#include <cstdio>

#include "base/zone_database.h"
#include "murmur/window.h"

int main(int argc, char** argv) {
  constexpr int64_t kMicrosPerSecond = 1000000;
  if (argc != 3) return 2;
  const auto zone = murmur::SystemZone(argv[1]);
  const auto unit = murmur::ParseCalendarUnit(argv[2]);
  if (!zone.ok() || !unit) {
    std::fprintf(stderr, "%s\n", zone.status().ToString().c_str());
    return 1;
  }
  const murmur::BucketRule rule{.unit = *unit, .zone = *zone};
  murmur::BucketFinder finder(&rule);
  int64_t second = 0;
  while (std::scanf("%ld", &second) == 1) {
    const int64_t bucket = finder.Find(second * kMicrosPerSecond);
    std::printf("%ld %ld %ld\n", bucket, rule.StartMicros(bucket) / kMicrosPerSecond,
                rule.EndMicros(bucket) / kMicrosPerSecond);
  }
  return 0;
}
