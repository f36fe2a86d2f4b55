#include "base/short_text.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace murmur {
namespace {

std::string Loaded(std::string_view text) {
  std::string bytes(kShortTextBytes, '?');
  _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes.data()),
                   LoadShortText(text.data(), static_cast<uint32_t>(text.size())));
  return bytes;
}

TEST(ShortText, TheBytesAndZerosAfterThem) {
  const std::string text = "0123456789abcdefXXXX";
  for (size_t size = 0; size <= kShortTextBytes; ++size) {
    std::string expected = text.substr(0, size);
    expected.resize(kShortTextBytes, '\0');
    EXPECT_EQ(Loaded(std::string_view(text).substr(0, size)), expected) << size;
  }
}

TEST(ShortText, AnEmptyTextIsNowhere) {
  EXPECT_EQ(Loaded(std::string_view()), std::string(kShortTextBytes, '\0'));
}

// The page after the text can't be read.
TEST(ShortText, NothingAfterThePageIsRead) {
  constexpr size_t kPageBytes = 4096;
  auto* const pages = static_cast<char*>(
      mmap(nullptr, 2 * kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(pages, MAP_FAILED);
  ASSERT_EQ(mprotect(pages + kPageBytes, kPageBytes, PROT_NONE), 0);
  for (size_t size = 0; size <= kShortTextBytes; ++size) {
    char* const text = pages + kPageBytes - size;
    std::fill_n(text, size, 'x');
    std::string expected(size, 'x');
    expected.resize(kShortTextBytes, '\0');
    EXPECT_EQ(Loaded({text, size}), expected) << size;
  }
  munmap(pages, 2 * kPageBytes);
}

}  // namespace
}  // namespace murmur
