// A listener that keeps a copy of the state it hears of: it must become the state itself.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "runtime/loop/commit_feed.h"
#include "state/memory/memory_table.h"

namespace murmur {

class CommitReplica final : public CommitListener {
 public:
  explicit CommitReplica(const StateSchema& schema)
      : store_(MakeMemoryStore({}, schema)), table_(*OpenMemoryTable(store_, schema)) {}

  void OnCommit(uint64_t number, bool cleared, DeltaCursor* changes) override {
    EXPECT_GT(number, last_) << "commits are told out of order";
    last_ = number;
    Commit commit;
    SplitMove& move = commit.moves.emplace_back();
    move.split = "told";
    move.from = told_ == 0 ? "" : std::to_string(told_);
    move.to.position = std::to_string(++told_);
    commit.deltas = changes;
    commit.clear = cleared;
    EXPECT_EQ(table_->Apply(commit), Status());
  }

  const std::map<std::string, std::string>& values() const { return store_->values; }
  uint64_t last() const { return last_; }

 private:
  const std::shared_ptr<MemoryStore> store_;
  const std::unique_ptr<StateTable> table_;
  uint64_t last_ = 0;
  uint64_t told_ = 0;
};

}  // namespace murmur
