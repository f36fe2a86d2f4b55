#include "runtime/owner/served_state.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "murmur/testing/state_table_kit.h"
#include "state/memory/memory_table.h"

namespace murmur {
namespace {

using std::chrono::milliseconds;

class ServedStateTest : public testing::Test {
 protected:
  std::unique_ptr<StateTable> Table() {
    return std::move(OpenMemoryTable(MakeMemoryStore({}, TestSchema()), TestSchema())).value();
  }
  auto Publish(const StateTable* table) {
    return state_.Publish(nullptr, table, nullptr, [] { return Result<std::string>("{}"); });
  }

  const std::unique_ptr<StateTable> first_ = Table();
  const std::unique_ptr<StateTable> second_ = Table();
  ServedState state_;
};

TEST_F(ServedStateTest, ThereIsAVersionAsLongAsItIsPublished) {
  EXPECT_EQ(state_.Current().status().code(), Code::kUnavailable);
  {
    const auto published = Publish(first_.get());
    EXPECT_EQ(state_.Current()->table.get(), first_.get());
    EXPECT_EQ(state_.Status().value(), "{}");
  }
  EXPECT_EQ(state_.Current().status().code(), Code::kUnavailable);
  EXPECT_EQ(state_.Status().status().code(), Code::kUnavailable);
}

TEST_F(ServedStateTest, TheEndOfAnEarlierVersionLeavesTheLaterOne) {
  auto earlier = Publish(first_.get());
  const auto later = Publish(second_.get());
  EXPECT_EQ(state_.Current()->table.get(), second_.get());
  earlier.reset();
  EXPECT_EQ(state_.Current()->table.get(), second_.get());
}

TEST_F(ServedStateTest, AVersionEndsAfterTheCallsThatReadIt) {
  auto published = Publish(first_.get());
  auto call = state_.Current();
  std::atomic<bool> released{false};
  const std::jthread reader([&] {
    std::this_thread::sleep_for(milliseconds(100));
    EXPECT_FALSE(call->ending.stop_requested()) << "within the grace";
    released = true;
    call = Status(Code::kCancelled, "");
  });
  published.reset();
  EXPECT_TRUE(released);
}

TEST_F(ServedStateTest, ACallThatTakesLongIsAskedToEnd) {
  auto published = Publish(first_.get());
  auto call = state_.Current();
  const std::jthread reader([&] {
    while (!call->ending.stop_requested()) std::this_thread::sleep_for(milliseconds(10));
    call = Status(Code::kCancelled, "");
  });
  published.reset();
  EXPECT_EQ(state_.Current().status().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace murmur
