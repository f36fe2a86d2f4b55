#include "runtime/versions/version_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <queue>

#include "base/shown.h"
#include "query/json_format.h"
#include "query/row.h"
#include "runtime/versions/paged_cursor.h"

namespace murmur {
namespace {

using nlohmann::ordered_json;

struct Shared {
  std::string name;
  size_t before;  // index of the aggregate in each version
  size_t after;
};

// A key whose values differ. A side that lacks the key has no values.
struct Difference {
  double weight = 0;          // the largest absolute difference of its numbers
  std::string key;            // as JSON
  std::string window;         // as JSON
  std::vector<Value> before;  // by shared aggregate
  std::vector<Value> after;
  bool operator>(const Difference& other) const { return weight > other.weight; }
};

// The nearest double of a number, or of a text that is one. Empty: it is none.
std::optional<double> NumberOf(const Value& value) {
  switch (value.kind) {
    case ValueKind::kInteger: return static_cast<double>(value.i);
    case ValueKind::kDouble: return value.d;
    case ValueKind::kWideInteger:
    case ValueKind::kDecimal:
    case ValueKind::kText:
    case ValueKind::kJson: break;
    default: return std::nullopt;
  }
  char* end = nullptr;
  const double number = std::strtod(value.text.c_str(), &end);
  return !value.text.empty() && *end == '\0' ? std::optional(number) : std::nullopt;
}

std::string JsonOf(const Value& value) {
  std::string json;
  AppendJson(value, &json);
  return json;
}

std::string Signed(double difference) {
  return fmt::format("{}{:.15g}", difference >= 0 ? "+" : "", difference);
}

class Diff {
 public:
  Diff(const OpenedVersion& before, const OpenedVersion& after, uint64_t top)
      : before_(before), after_(after), top_(top) {}

  Status Compare() {
    MURMUR_TRY(CheckComparable());
    MURMUR_ASSIGN(const auto old_snapshot, before_.table->Snapshot());
    MURMUR_ASSIGN(const auto new_snapshot, after_.table->Snapshot());
    PagedCursor old_cursor(old_snapshot.get());
    PagedCursor new_cursor(new_snapshot.get());
    return VisitBoth(&old_cursor, &new_cursor, [this](const auto* old_one, const auto* new_one) {
      return CompareKey(old_one, new_one);
    });
  }

  std::string AsJson();
  std::string AsText();

 private:
  Status CheckComparable() {
    const Definition& a = before_.pipeline->definition();
    const Definition& b = after_.pipeline->definition();
    const auto zone = [](const Definition& d) { return d.window ? d.window->zone : ""; };
    if (a.rollups != b.rollups || zone(a) != zone(b) ||
        !before_.pipeline->buckets().SameBuckets(after_.pipeline->buckets())) {
      return Status(Code::kFailedPrecondition,
                    fmt::format("versions {} and {} have other keys or windows; their answers "
                                "can't be compared key by key",
                                before_.info.number, after_.info.number));
    }
    for (size_t i = 0; i < a.aggregates.size(); ++i) {
      for (size_t j = 0; j < b.aggregates.size(); ++j) {
        if (a.aggregates[i].name != b.aggregates[j].name) continue;
        shared_.push_back({.name = a.aggregates[i].name, .before = i, .after = j});
      }
    }
    totals_.resize(shared_.size());
    return {};
  }

  Status CompareKey(const std::pair<std::string, std::string>* old_one,
                    const std::pair<std::string, std::string>* new_one) {
    Row old_row;
    Row new_row;
    if (old_one != nullptr) {
      MURMUR_ASSIGN(old_row, DecodeRow(*before_.pipeline, old_one->first, old_one->second));
    }
    if (new_one != nullptr) {
      MURMUR_ASSIGN(new_row, DecodeRow(*after_.pipeline, new_one->first, new_one->second));
    }
    Difference difference;
    bool differs = old_one == nullptr || new_one == nullptr;
    for (size_t i = 0; i < shared_.size(); ++i) {
      double old_number = 0;
      double new_number = 0;
      if (old_one != nullptr) {
        difference.before.push_back(std::move(old_row.values[shared_[i].before]));
        old_number = NumberOf(difference.before[i]).value_or(0);
        totals_[i].first += old_number;
      }
      if (new_one != nullptr) {
        difference.after.push_back(std::move(new_row.values[shared_[i].after]));
        new_number = NumberOf(difference.after[i]).value_or(0);
        totals_[i].second += new_number;
      }
      difference.weight = std::max(difference.weight, std::fabs(new_number - old_number));
      differs = differs || JsonOf(difference.before[i]) != JsonOf(difference.after[i]);
    }
    ++(old_one == nullptr ? only_after_ : new_one == nullptr ? only_before_ : both_);
    if (old_one != nullptr && new_one != nullptr && differs) ++changed_;
    if (!differs) return {};
    if (old_one == nullptr) {
      Keep(std::move(difference), after_schema_, new_row);
    } else {
      Keep(std::move(difference), before_schema_, old_row);
    }
    return {};
  }

  void Keep(Difference difference, const AnswerSchema& schema, const Row& row) {
    if (top_ == 0 || (most_.size() == top_ && !(difference > most_.top()))) return;
    ordered_json key = ordered_json::object();
    for (size_t i = 0; i < row.key.size(); ++i) {
      std::string part;
      AppendKeyJson(row.key[i], &part);
      key[schema.rollups[row.rollup][i]] = ordered_json::parse(part);
    }
    difference.key = JsonText(key);
    AppendWindowJson(schema, row, &difference.window);
    most_.push(std::move(difference));
    if (most_.size() > top_) most_.pop();
  }

  std::vector<Difference> TakeMost() {
    std::vector<Difference> most;
    for (; !most_.empty(); most_.pop()) most.push_back(most_.top());
    std::reverse(most.begin(), most.end());
    return most;
  }

  const OpenedVersion& before_;
  const OpenedVersion& after_;
  const uint64_t top_;
  const AnswerSchema before_schema_ = SchemaOfAnswer(*before_.pipeline, before_.info);
  const AnswerSchema after_schema_ = SchemaOfAnswer(*after_.pipeline, after_.info);
  std::vector<Shared> shared_;
  std::vector<std::pair<double, double>> totals_;  // of the numbers, by shared aggregate
  uint64_t both_ = 0;
  uint64_t changed_ = 0;
  uint64_t only_before_ = 0;
  uint64_t only_after_ = 0;
  std::priority_queue<Difference, std::vector<Difference>, std::greater<>> most_;
};

std::string Diff::AsJson() {
  ordered_json totals = ordered_json::object();
  for (size_t i = 0; i < shared_.size(); ++i) {
    totals[shared_[i].name] = {{"before", totals_[i].first},
                               {"after", totals_[i].second},
                               {"difference", totals_[i].second - totals_[i].first}};
  }
  ordered_json keys = ordered_json::array();
  for (const Difference& difference : TakeMost()) {
    ordered_json entry = {{"key", ordered_json::parse(difference.key)},
                          {"window", ordered_json::parse(difference.window)}};
    for (size_t i = 0; i < shared_.size(); ++i) {
      const auto side = [i](const std::vector<Value>& values) {
        return values.empty() ? ordered_json() : ordered_json::parse(JsonOf(values[i]));
      };
      entry[shared_[i].name] = {{"before", side(difference.before)},
                                {"after", side(difference.after)}};
    }
    keys.push_back(std::move(entry));
  }
  const ordered_json json = {{"before", before_.info.number},
                             {"after", after_.info.number},
                             {"keys_in_both", both_},
                             {"keys_that_differ", changed_},
                             {"keys_only_before", only_before_},
                             {"keys_only_after", only_after_},
                             {"totals", totals},
                             {"top", keys}};
  return JsonText(json) + "\n";
}

std::string Diff::AsText() {
  std::string out =
      fmt::format("version {} → {}: {} in both, {} of them {}; {} only in {}, {} only in {}\n",
                  before_.info.number, after_.info.number, Counted(both_, "key"), Grouped(changed_),
                  changed_ == 1 ? "differs" : "differ", Grouped(only_before_), before_.info.number,
                  Grouped(only_after_), after_.info.number);
  for (size_t i = 0; i < shared_.size(); ++i) {
    out += fmt::format("total {}: {:.15g} → {:.15g} ({})\n", shared_[i].name, totals_[i].first,
                       totals_[i].second, Signed(totals_[i].second - totals_[i].first));
  }
  for (const Difference& difference : TakeMost()) {
    out += fmt::format("{} {}\n", difference.key,
                       difference.window == "null" ? "" : difference.window);
    for (size_t i = 0; i < shared_.size(); ++i) {
      const std::string old_one = difference.before.empty() ? "—" : JsonOf(difference.before[i]);
      const std::string new_one = difference.after.empty() ? "—" : JsonOf(difference.after[i]);
      if (old_one == new_one) continue;
      const auto number = [i](const std::vector<Value>& values) {
        return values.empty() ? std::optional(0.0) : NumberOf(values[i]);
      };
      const auto before = number(difference.before);
      const auto after = number(difference.after);
      out += fmt::format("  {}: {} → {}{}\n", shared_[i].name, old_one, new_one,
                         before && after ? fmt::format(" ({})", Signed(*after - *before)) : "");
    }
  }
  return out;
}

}  // namespace

Status WriteDiff(const OpenedVersion& before, const OpenedVersion& after, uint64_t top, bool json,
                 const WriteText& write) {
  Diff diff(before, after, top);
  MURMUR_TRY(diff.Compare());
  return write(json ? diff.AsJson() : diff.AsText());
}

}  // namespace murmur
