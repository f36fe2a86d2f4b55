#include "source/postgres/pg_position.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/big_endian.h"
#include "base/take_text.h"
#include "source/single_stream.h"

namespace murmur {
namespace {

bool TakeLsn(std::string_view* text, PgLsn* lsn) {
  uint32_t high = 0;
  uint32_t low = 0;
  if (!TakeNumber(text, &high, 16) || !TakeChar(text, '/') || !TakeNumber(text, &low, 16)) {
    return false;
  }
  *lsn = PgLsn{high} << 32 | low;
  return true;
}

// What the snapshot of a read says: of transactions, by 64-bit numbers, those below `xmin` are
// seen; those from `xmax` on, and those in `running`, are not.
struct Snapshot {
  uint64_t xmin = 0;
  uint64_t xmax = 0;
  std::vector<uint64_t> running;
  PgLsn end = 0;

  bool Sees(uint64_t transaction) const {
    if (transaction < xmin) return true;
    return transaction < xmax &&
           std::find(running.begin(), running.end(), transaction) == running.end();
  }
  // A transaction of the log, whose number is near xmax.
  uint64_t Widen(uint32_t transaction) const {
    const auto distance = static_cast<int32_t>(transaction - static_cast<uint32_t>(xmax));
    return xmax + static_cast<uint64_t>(int64_t{distance});
  }
};

// Nothing is seen by what can't be read.
Snapshot ReadSnapshot(std::string_view text) {
  Snapshot snapshot;
  const auto parse = [&] {
    if (!TakeNumber(&text, &snapshot.xmin) || !TakeChar(&text, ':') ||
        !TakeNumber(&text, &snapshot.xmax) || !TakeChar(&text, ':')) {
      return false;
    }
    for (uint64_t running = 0; TakeNumber(&text, &running); TakeChar(&text, ',')) {
      snapshot.running.push_back(running);
    }
    return TakeChar(&text, ';') && TakeLsn(&text, &snapshot.end) && text.empty();
  };
  return parse() ? snapshot : Snapshot{.end = UINT64_MAX};
}

uint32_t TransactionAt(std::string_view bytes) {
  uint32_t transaction = 0;
  std::memcpy(&transaction, bytes.data(), sizeof(transaction));
  return transaction;
}

constexpr size_t kPlaceBytes = sizeof(uint32_t);
constexpr size_t kPassedMax = 1000;  // transactions that are kept one by one

// Of transactions of the log, which are near each other.
bool IsBefore(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) < 0; }

}  // namespace

std::string PgLsnText(PgLsn lsn) {
  return fmt::format("{:X}/{:X}", lsn >> 32, static_cast<uint32_t>(lsn));
}

void RaiseTo(PgLsn lsn, std::atomic<PgLsn>* place) {
  PgLsn known = place->load();
  while (known < lsn && !place->compare_exchange_weak(known, lsn)) {
  }
}

bool ParsePgLsn(std::string_view text, PgLsn* lsn) { return TakeLsn(&text, lsn) && text.empty(); }

std::optional<PgLsn> PgEndOfTimeline(std::string_view history, uint32_t timeline) {
  while (!history.empty()) {
    const size_t end = std::min(history.find('\n'), history.size());
    std::string_view line = history.substr(0, end);
    history.remove_prefix(std::min(end + 1, history.size()));
    uint32_t ended = 0;
    PgLsn place = 0;
    if (TakeNumber(&line, &ended) && ended == timeline && TakeChar(&line, '\t') &&
        TakeLsn(&line, &place)) {
      return place;
    }
  }
  return std::nullopt;
}

std::string PgPosition::ToString() const {
  std::string text = PgLsnText(lsn);
  if (rows > 0) text += fmt::format("+{}@{}", rows, PgLsnText(commit));
  if (!shape.empty()) text += "#" + shape;
  if (timeline != 0) text += fmt::format("/{}", timeline);
  return partitions.empty() ? text : text + "~" + partitions;
}

Result<PgPosition> ParsePgPosition(std::string_view text) {
  PgPosition position;
  std::string_view rest = text;
  bool good = TakeLsn(&rest, &position.lsn);
  if (good && TakeChar(&rest, '+')) {
    good = TakeNumber(&rest, &position.rows) && position.rows > 0 && TakeChar(&rest, '@') &&
           TakeLsn(&rest, &position.commit);
  }
  if (good && TakeChar(&rest, '#')) {
    const size_t end = std::min(rest.find_first_of("/~"), rest.size());
    position.shape = rest.substr(0, end);
    rest.remove_prefix(end);
  }
  if (good && TakeChar(&rest, '/')) good = TakeNumber(&rest, &position.timeline);
  if (good && TakeChar(&rest, '~')) position.partitions = std::exchange(rest, {});
  if (good && rest.empty()) return position;
  return Status(Code::kInvalidArgument,
                fmt::format("'{}' is no position in a log of PostgreSQL", text));
}

HandoffToken PgHandoff(const PgPlace& place, const PgPosition& position) {
  return SingleStreamHandoff(place.name, position.ToString());
}

std::string PgWatermark(PgLsn lsn) {
  std::string bytes;
  AppendBigEndian(lsn, &bytes);
  return bytes;
}

std::string PgPlaceOf(uint32_t transaction) {
  std::string bytes(kPlaceBytes, '\0');
  std::memcpy(bytes.data(), &transaction, kPlaceBytes);
  return bytes;
}

std::string PgReadPoint(std::string_view snapshot, PgLsn end) {
  return fmt::format("{};{}", snapshot, PgLsnText(end));
}

bool PgReadPoints::Saw(std::string_view read_point, std::string_view place) const {
  if (place.size() != kPlaceBytes) return false;
  const Snapshot snapshot = ReadSnapshot(read_point);
  return snapshot.Sees(snapshot.Widen(TransactionAt(place)));
}

// *passed begins with the newest transaction of those that are not kept one by one: a read that
// sees all up to it sees them.
bool PgReadPoints::Covers(std::string_view read_point, std::string_view passed) const {
  if (passed.empty()) return true;
  const Snapshot snapshot = ReadSnapshot(read_point);
  const uint32_t all_up_to = TransactionAt(passed);
  if (all_up_to != 0 && snapshot.Widen(all_up_to) >= snapshot.xmin) return false;
  for (passed.remove_prefix(kPlaceBytes); !passed.empty(); passed.remove_prefix(kPlaceBytes)) {
    if (!snapshot.Sees(snapshot.Widen(TransactionAt(passed)))) return false;
  }
  return true;
}

bool PgReadPoints::IsPassed(std::string_view read_point, std::string_view watermark) const {
  const Snapshot snapshot = ReadSnapshot(read_point);
  return snapshot.xmax > 0 && PgWatermark(snapshot.end) <= watermark;
}

void PgReadPoints::Pass(std::string_view place, std::string* passed) const {
  if (place.size() != kPlaceBytes) return;
  if (passed->empty()) passed->assign(kPlaceBytes, '\0');
  if (passed->size() > kPlaceBytes && passed->ends_with(place)) return;
  passed->append(place);
  if (passed->size() <= (kPassedMax + 1) * kPlaceBytes) return;
  // The oldest half is not kept one by one any more.
  std::vector<uint32_t> kept;
  for (size_t at = kPlaceBytes; at < passed->size(); at += kPlaceBytes) {
    kept.push_back(TransactionAt(std::string_view(*passed).substr(at)));
  }
  std::sort(kept.begin(), kept.end(), IsBefore);
  const size_t dropped = kept.size() / 2;
  uint32_t all_up_to = kept[dropped - 1];
  if (const uint32_t before = TransactionAt(*passed); before != 0 && IsBefore(all_up_to, before)) {
    all_up_to = before;
  }
  passed->assign(PgPlaceOf(all_up_to));
  for (size_t i = dropped; i < kept.size(); ++i) passed->append(PgPlaceOf(kept[i]));
}

}  // namespace murmur
