#include "source/shards/shard_lineage.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace murmur {

ShardLineage ShardLineage::Begin(const std::vector<ListedShard>& listed, int64_t now) {
  ShardLineage lineage;
  for (const ListedShard& shard : listed) {
    if (shard.is_open) {
      lineage.reading_[shard.id] = {.after = {}, .given = 0, .settled = now};
    } else {
      lineage.done_[shard.id] = now;
    }
    lineage.parents_[shard.id] = shard.parents;
  }
  return lineage;
}

ShardLineage ShardLineage::BeginAll(const std::vector<ListedShard>& listed, int64_t taken) {
  ShardLineage lineage;
  for (const ListedShard& shard : listed) {
    lineage.reading_[shard.id] = {.after = {}, .given = 0, .settled = taken};
    lineage.parents_[shard.id] = shard.parents;
  }
  return lineage;
}

Result<bool> ShardLineage::Update(const std::vector<ListedShard>& listed) {
  Listed by_id;
  for (const ListedShard& shard : listed) by_id[shard.id] = &shard;
  for (const auto& [id, progress] : reading_) {
    if (by_id.contains(id)) continue;
    return Status(Code::kOutOfRange,
                  fmt::format("shard {} is gone, and was not read to its end", id));
  }
  for (const auto& [id, shard] : by_id) parents_[id] = shard->parents;
  const std::set<std::string> ancestors = Ancestors();
  const size_t known = reading_.size() + done_.size();
  for (const auto& [id, shard] : by_id) {
    if (!ancestors.contains(id)) MURMUR_TRY(Learn(*shard, by_id, ancestors));
  }
  const bool is_new = reading_.size() + done_.size() > known;
  Forget(by_id);
  return is_new;
}

std::set<std::string> ShardLineage::Ancestors() const {
  std::set<std::string> ancestors;
  std::vector<std::string> todo;
  const auto add_parents = [&](const std::string& id) {
    const auto it = parents_.find(id);
    if (it == parents_.end()) return;
    for (const std::string& parent : it->second) {
      if (ancestors.insert(parent).second) todo.push_back(parent);
    }
  };
  for (const auto& [id, progress] : reading_) add_parents(id);
  for (const auto& [id, read_up_to] : done_) add_parents(id);
  while (!todo.empty()) {
    const std::string id = std::move(todo.back());
    todo.pop_back();
    add_parents(id);
  }
  return ancestors;
}

// A new shard comes after one that is known, directly or after others that are new too; or it is
// the first of its line. What it holds was made after what its parents gave.
Status ShardLineage::Learn(const ListedShard& shard, const Listed& listed,
                           const std::set<std::string>& ancestors) {
  if (IsKnown(shard.id)) return {};
  int64_t read_up_to = 0;
  for (const std::string& parent : shard.parents) {
    if (ancestors.contains(parent) && !IsKnown(parent)) continue;  // it was read, and forgotten
    if (!IsKnown(parent)) {
      const auto it = listed.find(parent);
      if (it == listed.end()) {
        return Status(Code::kOutOfRange,
                      fmt::format("shard {} comes after shard {}, which was never read and is gone",
                                  shard.id, parent));
      }
      MURMUR_TRY(Learn(*it->second, listed, ancestors));
    }
    const auto reading = reading_.find(parent);
    read_up_to = std::max(read_up_to, reading != reading_.end() ? reading->second.read_up_to()
                                                                : done_.find(parent)->second);
  }
  reading_[shard.id] = {.after = {}, .given = 0, .settled = read_up_to};
  return {};
}

// A shard that is listed no more can be forgotten once one that came after it is known: whatever is
// listed later comes after that.
void ShardLineage::Forget(const Listed& listed) {
  std::set<std::string> have_children;
  for (const auto& [id, parents] : parents_) {
    if (IsKnown(id)) have_children.insert(parents.begin(), parents.end());
  }
  std::erase_if(done_, [&](const auto& shard) {
    return !listed.contains(shard.first) && have_children.contains(shard.first);
  });
  std::erase_if(parents_, [&](const auto& shard) {
    return !listed.contains(shard.first) && !IsKnown(shard.first);
  });
}

std::vector<std::string> ShardLineage::Readable() const {
  std::vector<std::string> readable;
  for (const auto& [id, progress] : reading_) {
    const auto it = parents_.find(id);
    const bool waits = it != parents_.end() && std::any_of(it->second.begin(), it->second.end(),
                                                           [this](const std::string& parent) {
                                                             return reading_.contains(parent);
                                                           });
    if (!waits) readable.push_back(id);
  }
  return readable;
}

void ShardLineage::Finish(const std::string& id) {
  const auto it = reading_.find(id);
  done_[id] = it->second.read_up_to();
  reading_.erase(it);
}

std::string ShardLineage::ToJson() const {
  auto json = nlohmann::ordered_json::object();
  auto& reading = json["reading"] = nlohmann::ordered_json::object();
  for (const auto& [id, progress] : reading_) {
    reading[id] = {progress.after, progress.given, progress.settled};
  }
  auto& done = json["done"] = nlohmann::ordered_json::object();
  for (const auto& [id, read_up_to] : done_) done[id] = read_up_to;
  return json.dump();
}

bool ShardLineage::Parse(std::string_view text, ShardLineage* lineage) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("reading") || !json.contains("done")) return false;
  const auto& reading = json["reading"];
  const auto& done = json["done"];
  if (!reading.is_object() || !done.is_object()) return false;
  for (const auto& [id, one] : reading.items()) {
    if (!one.is_array() || one.size() != 3 || !one[0].is_string() || !one[1].is_number_integer() ||
        !one[2].is_number_integer()) {
      return false;
    }
    lineage->reading_[id] = {.after = one[0].get<std::string>(),
                             .given = one[1].get<int64_t>(),
                             .settled = one[2].get<int64_t>()};
  }
  for (const auto& [id, read_up_to] : done.items()) {
    if (!read_up_to.is_number_integer()) return false;
    lineage->done_[id] = read_up_to.get<int64_t>();
  }
  return true;
}

}  // namespace murmur
