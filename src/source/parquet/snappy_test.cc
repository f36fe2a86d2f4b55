// SnappyDecompress beside the library that Arrow has: the same bytes, the same damage.
#include "source/parquet/snappy.h"

#include <arrow/util/compression.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace murmur::parquet_source {
namespace {

constexpr uint64_t kSeed = 20261130;

arrow::util::Codec& Library() {
  static const auto codec = arrow::util::Codec::Create(arrow::Compression::SNAPPY).ValueOrDie();
  return *codec;
}

const uint8_t* Bytes(const std::string& text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

std::string Compressed(const std::string& text) {
  const auto size = static_cast<int64_t>(text.size());
  std::string out(static_cast<size_t>(Library().MaxCompressedLen(size, Bytes(text))), '\0');
  const auto room = static_cast<int64_t>(out.size());
  out.resize(static_cast<size_t>(
      Library()
          .Compress(size, Bytes(text), room, reinterpret_cast<uint8_t*>(out.data()))
          .ValueOrDie()));
  return out;
}

struct Answer {
  bool good = false;
  std::string text;
  bool operator==(const Answer&) const = default;
};

Answer Ours(const std::string& in, size_t size) {
  // Of its exact size, so that a sanitizer sees a byte too many.
  const std::vector<uint8_t> exact(in.begin(), in.end());
  std::vector<uint8_t> out(size + kSnappySlopBytes);
  Answer answer;
  answer.good = SnappyDecompress(exact.data(), exact.size(), out.data(), size);
  if (answer.good) answer.text.assign(reinterpret_cast<const char*>(out.data()), size);
  return answer;
}

Answer Theirs(const std::string& in, size_t size) {
  Answer answer{.good = true, .text = std::string(size, '\0')};
  const auto got =
      Library().Decompress(static_cast<int64_t>(in.size()), Bytes(in), static_cast<int64_t>(size),
                           reinterpret_cast<uint8_t*>(answer.text.data()));
  if (!got.ok() || *got != static_cast<int64_t>(size)) return {};
  return answer;
}

// Runs, integers that share bytes, words, noise.
std::string RandomText(std::mt19937_64* random) {
  std::string text;
  const size_t pieces = (*random)() % 40;
  for (size_t i = 0; i < pieces; ++i) {
    switch ((*random)() % 4) {
      case 0: text.append((*random)() % 200, static_cast<char>((*random)())); break;
      case 1:
        for (uint64_t n = (*random)() % 100; n > 0; --n) {
          const uint64_t value = (*random)() % 100000;
          text.append(reinterpret_cast<const char*>(&value), sizeof(value));
        }
        break;
      case 2:
        if (text.empty()) break;
        text += text.substr((*random)() % text.size(), (*random)() % 300);
        break;
      default:
        for (uint64_t n = (*random)() % 100; n > 0; --n) text += static_cast<char>((*random)());
    }
  }
  return text;
}

TEST(Snappy, WhatTheLibraryCompressedComesBack) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  std::mt19937_64 random(kSeed);
  for (int i = 0; i < 3000; ++i) {
    const std::string text = RandomText(&random);
    const std::string in = Compressed(text);
    ASSERT_EQ(SnappySize(Bytes(in), in.size()), static_cast<int64_t>(text.size()));
    ASSERT_EQ(Ours(in, text.size()), (Answer{true, text}));
    ASSERT_FALSE(Ours(in, text.size() + 1).good);
    if (text.empty()) continue;
    ASSERT_FALSE(Ours(in, text.size() - 1).good);
  }
}

TEST(Snappy, DamageIsSeenAsTheLibrarySeesIt) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  std::mt19937_64 random(kSeed);
  int good = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::string text = RandomText(&random);
    std::string in = Compressed(text);
    for (uint64_t n = random() % 3; n > 0; --n) in[random() % in.size()] ^= 1 << random() % 8;
    if (random() % 4 == 0) in.resize(random() % (in.size() + 1));
    const Answer theirs = Theirs(in, text.size());
    ASSERT_EQ(Ours(in, text.size()), theirs) << i;
    good += theirs.good ? 1 : 0;
  }
  EXPECT_GT(good, 1000);
  EXPECT_LT(good, 19000);
}

TEST(Snappy, ASizeThatTheBytesCannotHoldIsDamage) {
  const std::string four_gigabytes = "\xff\xff\xff\xff\x0f" + std::string(100, '\x02');
  EXPECT_EQ(SnappySize(Bytes(four_gigabytes), four_gigabytes.size()), -1);
  EXPECT_EQ(SnappySize(nullptr, 0), -1);
  const std::string endless(20, '\xff');
  EXPECT_EQ(SnappySize(Bytes(endless), endless.size()), -1);
}

}  // namespace
}  // namespace murmur::parquet_source
