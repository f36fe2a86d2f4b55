// Damages the serving version of a table's state, as a bug would, in one commit.
//
//   murmur_damage_state FILE ACTION…
//
// Rows, as if live had missed a change of theirs; the keys that they count under go along:
//   forget-row N    the Nth row that counts is not known any more
//   change-row N    it counts as the row after it does
//   invent-row N    another row counts, as the Nth does
//   …-only          the same of the ledger alone: the keys stay as they are
// Keys:
//   lose-key N      the Nth key has no value
//   double-key N    it has its value twice
//   invent-key N    another key has its value
//   break-key N     something is added to it that is no value
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "murmur/definition.h"
#include "murmur/key.h"
#include "murmur/state_value.h"
#include "runtime/loop/delta_cursors.h"
#include "runtime/table/ledger/ledger_entry.h"
#include "runtime/table/ledger/ledger_fold.h"
#include "runtime/versions/state_access.h"
#include "state/progress.h"

namespace murmur {
namespace {

using Values = std::map<std::string, std::string>;

class Damage {
 public:
  explicit Damage(OpenedVersion opened)
      : opened_(std::move(opened)), monoids_(opened_.pipeline->Monoids()) {}

  Status Load() {
    MURMUR_ASSIGN(const auto snapshot, opened_.table->Snapshot());
    MURMUR_TRY(snapshot->ScanLedger("", [this](std::string_view row, std::string_view entry) {
      if (HasCells(entry)) rows_.emplace_back(row, entry);
      return true;
    }));
    return snapshot->Scan("", "", [this](std::string_view key, std::string_view value) {
      keys_.emplace_back(key, value);
      return true;
    });
  }

  Status Do(std::string action, size_t n) {
    constexpr std::string_view kOnly = "-only";
    const bool only = action.ends_with(kOnly);
    if (only) action.resize(action.size() - kOnly.size());
    if (action.ends_with("-row")) return DoRow(action, n, only);
    if (n >= keys_.size()) return Status(Code::kOutOfRange, "no such key");
    const auto& [key, value] = keys_[n];
    if (action == "double-key") return Add(key, value, /*take_away=*/false);
    if (action == "lose-key") return Add(key, value, /*take_away=*/true);
    if (action == "break-key") {
      deltas_[key] = std::string("\x02\x7f", 2);  // the state that it begins with is not there
      return {};
    }
    if (action != "invent-key") return Status(Code::kInvalidArgument, action);
    MURMUR_ASSIGN(const auto decoded, DecodeKey(key, opened_.pipeline->buckets().windowed()));
    std::string invented(1, key.front());
    for (size_t i = 0; i < decoded.parts.size(); ++i) {
      AppendKeyPart(Cell::String("nobody"), &invented);
    }
    if (opened_.pipeline->buckets().windowed()) AppendBucket(decoded.bucket, &invented);
    return Add(invented, value, /*take_away=*/false);
  }

  Status Apply() {
    ValuesCursor cursor(deltas_, /*replaces=*/false);
    Commit commit;
    commit.deltas = &cursor;
    commit.delta_count = deltas_.size();
    for (const auto& [row, entry] : ledger_) commit.ledger.push_back({row, entry});
    MURMUR_ASSIGN(commit.moves.emplace_back(), NextOfMark("damage:", *opened_.table));
    MURMUR_TRY(opened_.table->Apply(commit));
    return opened_.table->Close();
  }

 private:
  Status DoRow(const std::string& action, size_t n, bool only) {
    if (n + 1 >= rows_.size()) return Status(Code::kOutOfRange, "no such row");
    const auto& [row, entry] = rows_[n];
    if (action == "invent-row") {
      ledger_[row + "invented"] = entry;
      return only ? Status() : AddRow(entry, /*take_away=*/false);
    }
    if (!only) MURMUR_TRY(AddRow(entry, /*take_away=*/true));
    if (action == "forget-row") {
      ledger_[row] = std::nullopt;
      return {};
    }
    if (action != "change-row") return Status(Code::kInvalidArgument, action);
    const std::string& other = rows_[n + 1].second;
    ledger_[row] = NewEntry(SeenLive(entry), VersionOf(entry), CellsOf(other));
    return only ? Status() : AddRow(other, /*take_away=*/false);
  }

  Status AddRow(const std::string& entry, bool take_away) {
    MURMUR_ASSIGN(const auto values, FoldRow(opened_.pipeline, "", CellsOf(entry)));
    for (const auto& [key, value] : values) MURMUR_TRY(Add(key, value, take_away));
    return {};
  }

  Status Add(const std::string& key, std::string value, bool take_away) {
    const Status damaged(Code::kDataLoss, "a value is damaged already");
    if (take_away && !NegateValue(monoids_, std::string(value), &value)) return damaged;
    const auto [it, is_new] = deltas_.emplace(key, value);
    if (is_new) return {};
    const std::string before = it->second;
    const std::string_view both[] = {before, value};
    return CombineValues(monoids_, both, &it->second) ? Status() : damaged;
  }

  OpenedVersion opened_;
  const std::vector<const Monoid*> monoids_;
  std::vector<std::pair<std::string, std::string>> rows_, keys_;
  Values deltas_;
  LedgerChanges ledger_;
};

Status Run(const std::string& file, const std::vector<std::string>& actions) {
  MURMUR_ASSIGN(const auto definition, LoadDefinition(file));
  MURMUR_ASSIGN(const auto store, OpenStore(definition, Access::kWrite));
  MURMUR_ASSIGN(const auto number, store->Current());
  if (!number) return Status(Code::kNotFound, "no version serves");
  MURMUR_ASSIGN(auto opened, OpenVersion(definition, *store, *number, Access::kWrite));
  Damage damage(std::move(opened));
  MURMUR_TRY(damage.Load());
  for (size_t i = 0; i + 1 < actions.size(); i += 2) {
    MURMUR_TRY(damage.Do(actions[i], std::stoull(actions[i + 1])));
  }
  return damage.Apply();
}

}  // namespace
}  // namespace murmur

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const auto status = murmur::Run(argv[1], {argv + 2, argv + argc});
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
