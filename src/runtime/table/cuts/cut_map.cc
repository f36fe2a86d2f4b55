#include "runtime/table/cuts/cut_map.h"

#include <algorithm>
#include <utility>

#include "state/wire.h"

namespace murmur {
namespace {

// Keys in the ledger of a version kept by cuts, which has no rows there.
constexpr char kPassedKey[] = "p";
constexpr char kRangePrefix[] = "r";
constexpr size_t kHeldOverhead = 200;  // in a map

std::string RangeKey(const std::string& split) { return kRangePrefix + split; }

Status Damaged() { return Status(Code::kDataLoss, "what is stored of a scan's ranges is damaged"); }

}  // namespace

// --- one range

const CutMap::Stretch* CutMap::Range::Find(std::string_view row) const {
  const auto it = std::partition_point(
      counted.begin(), counted.end(),
      [row](const Stretch& stretch) { return stretch.through && *stretch.through < row; });
  return it == counted.end() ? nullptr : &*it;
}

void CutMap::Range::Add(Stretch stretch) {
  if (!counted.empty() && counted.back().read_point == stretch.read_point) {
    counted.back().through = std::move(stretch.through);
  } else {
    counted.push_back(std::move(stretch));
  }
}

bool CutMap::Range::waits() const {
  return std::any_of(counted.begin(), counted.end(),
                     [](const Stretch& stretch) { return !stretch.read_point.empty(); });
}

// All changes up to `watermark` have come. Returns whether that changes anything.
bool CutMap::Range::Forget(const ReadPoints& read_points, std::string_view watermark) {
  const auto is_passed = [&](const Stretch& stretch) {
    return !stretch.read_point.empty() && read_points.IsPassed(stretch.read_point, watermark);
  };
  if (std::none_of(counted.begin(), counted.end(), is_passed)) return false;
  for (Stretch& stretch : std::exchange(counted, {})) {
    if (is_passed(stretch)) stretch.read_point.clear();
    Add(std::move(stretch));
  }
  return true;
}

std::string CutMap::Range::ToBytes() const {
  std::string bytes;
  for (const Stretch& stretch : counted) {
    PutVarint(stretch.through ? 1 : 0, &bytes);
    if (stretch.through) PutBytes(*stretch.through, &bytes);
    PutBytes(stretch.read_point, &bytes);
  }
  return bytes;
}

bool CutMap::Range::FromBytes(std::string_view bytes) {
  while (!bytes.empty()) {
    Stretch& stretch = counted.emplace_back();
    uint64_t has_end = 0;
    if (!GetVarint(&bytes, &has_end) || has_end > 1) return false;
    if (has_end == 1 && !GetBytes(&bytes, &stretch.through.emplace())) return false;
    if (!GetBytes(&bytes, &stretch.read_point)) return false;
    if (!stretch.through && !bytes.empty()) return false;
  }
  return true;
}

// --- all ranges

Status CutMap::Load(const StateTable& table, const std::vector<Split>& splits,
                    const std::vector<RowRange>& ranges, const std::vector<bool>& done) {
  std::vector<std::string> keys{kPassedKey};
  for (const Split& split : splits) keys.push_back(RangeKey(split.id));
  MURMUR_ASSIGN(const auto stored,
                table.LedgerEntries(std::vector<std::string_view>(keys.begin(), keys.end())));
  passed_ = stored_passed_ = stored[0].value_or("");
  for (size_t i = 0; i < splits.size(); ++i) {
    const auto [it, is_new] = ranges_.try_emplace(ranges[i].from);
    if (!is_new) return Status(Code::kInternal, splits[i].id + ": begins where another does");
    Range& range = it->second;
    range.split = splits[i].id;
    range.from = ranges[i].from;
    range.until = ranges[i].until;
    range.is_one_read = ranges[i].is_one_read;
    by_split_[range.split] = &range;
    if (stored[i + 1]) {
      if (!range.FromBytes(*stored[i + 1])) return Damaged();
    } else if (done[i]) {
      range.counted.emplace_back();
    }
    if (range.done() != done[i]) return Damaged();
    if (range.waits()) open_.insert(&range);
  }
  return {};
}

bool CutMap::settled() const {
  return open_.empty() && std::all_of(ranges_.begin(), ranges_.end(),
                                      [](const auto& range) { return range.second.done(); });
}

Status CutMap::CheckSettled(const StateTable& table) {
  MURMUR_ASSIGN(const auto snapshot, table.Snapshot());
  std::string waiting;
  MURMUR_TRY(snapshot->ScanLedger(kRangePrefix, [&waiting](std::string_view key, std::string_view) {
    if (key.starts_with(kRangePrefix)) waiting = key.substr(1);
    return false;
  }));
  if (waiting.empty()) return {};
  return Status(Code::kInternal, waiting + ": live has not passed what was read of it");
}

CutMap::Range* CutMap::RangeOf(std::string_view row) {
  auto it = ranges_.upper_bound(row);
  if (it == ranges_.begin()) return nullptr;
  Range& range = (--it)->second;
  return range.until && row >= *range.until ? nullptr : &range;
}

void CutMap::MakeStale(Reading* reading) const {
  reading->stale = true;
  reading->held.clear();
  reading->bytes = 0;
}

void CutMap::BeginRead(const std::string& split) {
  by_split_.at(split)->reading = std::make_unique<Reading>();
  by_split_.at(split)->reading->passed = passed_;
}

bool CutMap::HasRoom() const {
  return std::none_of(ranges_.begin(), ranges_.end(), [this](const auto& entry) {
    const Range& range = entry.second;
    if (range.reading == nullptr || range.reading->stale) return false;
    return range.reading->bytes > held_bytes_max_ / 2 ||
           (range.overfilled > 0 && !range.reading->brought);
  });
}

bool CutMap::IsInOneRead() const {
  return std::any_of(ranges_.begin(), ranges_.end(), [](const auto& entry) {
    return entry.second.is_one_read && entry.second.reading != nullptr;
  });
}

bool CutMap::IsNext(const std::string& split, std::string_view from,
                    std::string_view through) const {
  const Range& range = *by_split_.at(split);
  if (range.until && through >= *range.until) return false;
  if (range.counted.empty()) return from >= range.from;
  const auto& last = range.counted.back().through;
  return last && from > *last;
}

bool CutMap::Count(const std::string& split, std::optional<std::string_view> through,
                   std::string_view read_point, std::vector<Held>* missed) {
  Range& range = *by_split_.at(split);
  Reading& reading = *range.reading;
  // Changes that live had passed when the read began were ignored, so a read that misses them loses
  // them.
  if (reading.stale || !read_points_.Covers(read_point, reading.passed)) {
    MakeStale(&reading);
    return false;
  }
  reading.brought = true;
  range.overfilled = 0;
  const auto end = through ? reading.held.upper_bound(*through) : reading.held.end();
  for (auto it = reading.held.begin(); it != end; it = reading.held.erase(it)) {
    reading.bytes -= it->second.cells.size() + it->second.row.size() + kHeldOverhead;
    if (!read_points_.Saw(read_point, it->second.place)) missed->push_back(std::move(it->second));
  }
  Stretch stretch;
  if (through) stretch.through = *through;
  if (!read_points_.IsPassed(read_point, watermark_)) {
    stretch.read_point = read_point;
    open_.insert(&range);
  }
  range.Add(std::move(stretch));
  if (range.done()) range.reading.reset();
  changed_.insert(&range);
  return true;
}

CutMap::Verdict CutMap::Judge(std::string_view row, std::string_view place) {
  const Range* range = RangeOf(row);
  if (range == nullptr) return Verdict::kCounts;
  if (const Stretch* stretch = range->Find(row)) {
    const bool is_included =
        !stretch->read_point.empty() && read_points_.Saw(stretch->read_point, place);
    return is_included ? Verdict::kIgnored : Verdict::kCounts;
  }
  return range->reading && !range->reading->stale ? Verdict::kHeld : Verdict::kIgnored;
}

void CutMap::Hold(Held change) {
  Range& range = *RangeOf(change.row);
  Reading& reading = *range.reading;
  reading.bytes += change.cells.size() + change.row.size() + kHeldOverhead;
  const bool must_end = range.is_one_read && reading.brought;
  if (reading.bytes > held_bytes_max_ && !must_end) {
    // A read that has brought rows starts again after them. The next read may bring none, unless
    // live waits.
    ++range.overfilled;
    return MakeStale(&reading);
  }
  std::string row = change.row;
  reading.held.emplace(std::move(row), std::move(change));
}

void CutMap::PassAll(std::string_view watermark) {
  if (watermark == watermark_) return;
  watermark_ = watermark;
  for (auto it = open_.begin(); it != open_.end();) {
    Range& range = **it;
    if (range.Forget(read_points_, watermark)) changed_.insert(&range);
    it = range.waits() ? std::next(it) : open_.erase(it);
  }
}

std::vector<LedgerRow> CutMap::TakeChanges() {
  std::vector<LedgerRow> rows;
  if (ranges_.empty()) return rows;
  if (passed_ != stored_passed_) rows.push_back({kPassedKey, passed_});
  stored_passed_ = passed_;
  for (const Range* range : std::exchange(changed_, {})) {
    // A range that is done, and whose changes have all come, needs no record: its split says it.
    const bool is_over = range->done() && !range->waits();
    rows.push_back(
        {RangeKey(range->split), is_over ? std::nullopt : std::make_optional(range->ToBytes())});
  }
  std::sort(rows.begin(), rows.end(),
            [](const LedgerRow& a, const LedgerRow& b) { return a.key < b.key; });
  return rows;
}

}  // namespace murmur
