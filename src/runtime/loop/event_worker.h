// The worker for records that are facts: each counts once, named by where it was read. It has two
// tables: while one is being committed, which is mostly waiting for the disk, it fills the other.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fold/absent_fields.h"
#include "fold/folder.h"
#include "fold/id_reader.h"
#include "runtime/loop/committer.h"
#include "runtime/loop/fold_worker.h"

namespace murmur {

class EventWorker final : public FoldWorker {
 public:
  explicit EventWorker(FoldRun* run);

  Status Count(SplitWork* work) override;
  Status End(SplitWork* work) override;
  Status CommitIfDue() override;
  std::optional<std::chrono::steady_clock::time_point> CommitDue() const override;
  Status CommitAll() override;
  Status FinishCommit() override;

 private:
  Status DropDuplicates(SplitWork* work);
  Status DropKnown(SplitWork* work);
  void Fold(SplitWork* work);
  void NoteMoved(SplitWork* work);
  bool IsCommitDue() const;
  Status BeginCommit();
  Status Store(Commit commit);
  Status TooManyErrors();

  static constexpr size_t kTables = 2;
  static constexpr size_t kIdOverhead = 200;  // an id is in a list, a set and a commit

  Folder folder_;
  AbsentFields absent_;
  std::unique_ptr<GroupTable> spare_;       // empty; null while a commit has it
  std::unique_ptr<GroupTable> committing_;  // of the commit that has been started
  std::optional<IdReader> id_reader_;
  std::vector<std::string> batch_ids_;
  std::vector<std::string> ids_;  // since the last commit
  size_t id_bytes_ = 0;
  std::vector<SplitWork*> moved_;  // since the last commit
  std::vector<DeadLetter> dead_letters_;
  size_t dead_bytes_ = 0;
  Committer committer_;  // last: its thread ends before the worker's other members
};

}  // namespace murmur
