// A temporary state table on disk, private to one process.
#pragma once

#include <memory>
#include <string>

#include "murmur/state.h"
#include "murmur/status.h"
#include "state/state_directory.h"
#include "state/writer_lock.h"

namespace murmur {

class ShadowTable {
 public:
  // `path`: nothing else may be there. What an earlier shadow left is removed.
  // Errors: kFailedPrecondition (another process has one there), those of StateDirectory.
  static Result<std::unique_ptr<ShadowTable>> Make(const std::string& path, StateOptions options,
                                                   const StateSchema& schema);
  ShadowTable(const ShadowTable&) = delete;
  ShadowTable& operator=(const ShadowTable&) = delete;
  ~ShadowTable();

  StateTable* table() const noexcept { return table_.get(); }

 private:
  ShadowTable(std::string path, WriterLock lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  const std::string path_;
  const WriterLock lock_;
  std::unique_ptr<StateDirectory> directory_;
  std::unique_ptr<StateTable> table_;
};

}  // namespace murmur
