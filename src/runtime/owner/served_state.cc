#include "runtime/owner/served_state.h"

#include <chrono>
#include <future>
#include <stop_token>
#include <utility>

namespace murmur {
namespace {

constexpr std::chrono::seconds kGrace{2};

}  // namespace

// Held by the publication and by each call.
struct ServedState::Lease {
  std::shared_ptr<const Pipeline> pipeline;
  const StateTable* table = nullptr;
  RowMap* rows = nullptr;
  StatusText status;
  std::stop_source ending;
  std::promise<void> ended;

  ~Lease() { ended.set_value(); }
};

ServedState::Publication::Publication(ServedState* state, std::shared_ptr<Lease> lease)
    : state_(*state), lease_(std::move(lease)) {}

ServedState::Publication::~Publication() {
  {
    const std::lock_guard lock(state_.mutex_);
    if (state_.current_.lock() == lease_) state_.current_.reset();
  }
  std::stop_source ending = lease_->ending;
  const std::future<void> ended = lease_->ended.get_future();
  lease_.reset();
  if (ended.wait_for(kGrace) == std::future_status::ready) return;
  ending.request_stop();
  ended.wait();
}

std::unique_ptr<ServedState::Publication> ServedState::Publish(
    std::shared_ptr<const Pipeline> pipeline, const StateTable* table, RowMap* rows,
    StatusText status) {
  auto lease = std::make_shared<Lease>();
  lease->pipeline = std::move(pipeline);
  lease->table = table;
  lease->rows = rows;
  lease->status = std::move(status);
  {
    const std::lock_guard lock(mutex_);
    current_ = lease;
  }
  return std::make_unique<Publication>(this, std::move(lease));
}

Result<std::shared_ptr<ServedState::Lease>> ServedState::Leased() const {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Lease> lease = current_.lock();
  if (lease != nullptr) return lease;
  return murmur::Status(Code::kUnavailable, "no version is open yet, or the run ends: try again");
}

Result<ServedVersion> ServedState::Current() const {
  MURMUR_ASSIGN(std::shared_ptr<Lease> lease, Leased());
  return ServedVersion{.pipeline = lease->pipeline,
                       .table = std::shared_ptr<const StateTable>(lease, lease->table),
                       .rows = lease->rows,
                       .ending = lease->ending.get_token()};
}

Result<std::string> ServedState::Status() const {
  MURMUR_ASSIGN(const std::shared_ptr<Lease> lease, Leased());
  return lease->status();
}

}  // namespace murmur
