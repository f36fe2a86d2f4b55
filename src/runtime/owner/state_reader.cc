#include "runtime/owner/state_reader.h"

#include <optional>
#include <utility>

namespace murmur {

Result<ServedVersion> StateReader::Serving() {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (open_ != nullptr && now - looked_ < old_max_) return Opened();
  MURMUR_ASSIGN(const auto current, store_.Current());
  if (!current) {
    return Status(Code::kUnavailable,
                  "the state at " + store_.Name() + " has no version yet; try again");
  }
  const bool is_open = open_ != nullptr && open_->info.number == *current;
  // If its files can't be followed any further, it is opened again.
  if (!is_open || !open_->table->Refresh().ok()) {
    open_.reset();
    MURMUR_ASSIGN(OpenedVersion opened, OpenVersion(definition_, store_, *current, Access::kRead));
    open_ = std::make_shared<OpenedVersion>(std::move(opened));
  }
  looked_ = now;
  return Opened();
}

ServedVersion StateReader::Opened() const {
  return {.pipeline = open_->pipeline,
          .table = std::shared_ptr<const StateTable>(open_, open_->table.get())};
}

}  // namespace murmur
