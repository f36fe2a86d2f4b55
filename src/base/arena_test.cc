#include "murmur/arena.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string_view>

namespace murmur {
namespace {

bool IsZero(const void* block, size_t bytes) {
  return std::string_view(static_cast<const char*>(block), bytes).find_first_not_of('\0') ==
         std::string_view::npos;
}

TEST(ArenaTest, BlocksAreZeroedAlignedAndApart) {
  Arena arena;
  char* before = nullptr;
  for (size_t bytes = 1; bytes < (size_t{4} << 20); bytes = bytes * 3 + 1) {
    auto* block = static_cast<char*>(arena.Allocate(bytes));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 16, 0u);
    EXPECT_TRUE(IsZero(block, bytes));
    if (before != nullptr) {
      EXPECT_EQ(before[0], 'x') << "overlaps the block before";
    }
    std::memset(block, 'x', bytes);
    before = block;
  }
}

TEST(ArenaTest, AFreedBlockIsUsedAgainAndZeroed) {
  Arena arena;
  void* block = arena.Allocate(100);
  std::memset(block, 'x', 100);
  arena.Free(block, 100);
  EXPECT_EQ(arena.Allocate(128), block);
  EXPECT_TRUE(IsZero(block, 128));
}

TEST(ArenaTest, AfterResetNothingCountsAndMemoryIsZeroedAgain) {
  Arena arena;
  for (int i = 0; i < 3000; ++i) arena.Allocate(1024);
  arena.Allocate(5 << 20);
  arena.Charge(1000);
  EXPECT_GT(arena.bytes(), size_t{8} << 20);
  for (int i = 0; i < 100; ++i) std::memset(arena.Allocate(1024), 0xff, 1024);
  arena.Reset();
  EXPECT_EQ(arena.bytes(), 0u);
  for (int i = 0; i < 3000; ++i) ASSERT_TRUE(IsZero(arena.Allocate(1024), 1024));
  EXPECT_EQ(arena.bytes(), size_t{3} << 20);
}

}  // namespace
}  // namespace murmur
