#include "source/jsonl/gzip_bytes.h"

#include <arrow/util/compression.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace murmur {
namespace {

using testing::HasSubstr;

// Gives at most `step` bytes at once.
class Steps final : public ByteStream {
 public:
  Steps(std::string bytes, size_t step) : bytes_(std::move(bytes)), step_(step) {}
  Result<ByteRead> Read(std::stop_token, char* out, size_t size) override {
    const size_t read = std::min({size, step_, bytes_.size() - at_});
    std::memcpy(out, bytes_.data() + at_, read);
    at_ += read;
    source_bytes_ += read;
    return ByteRead{.size = read, .detail = {}};
  }

 private:
  const std::string bytes_;
  const size_t step_;
  size_t at_ = 0;
};

struct Inflated {
  std::string text;
  ByteRead end;
  uint64_t source_bytes = 0;
};

struct Cuts {
  size_t read = SIZE_MAX;  // bytes that come at once
  size_t input = kGzipInputBytes;
  size_t output = 512 << 10;
};

Inflated Inflate(const std::string& bytes, const Cuts& cuts = {}) {
  const auto stream = ReadGzip(std::make_unique<Steps>(bytes, cuts.read), cuts.input);
  Inflated inflated;
  std::string piece(cuts.output, '\0');
  for (;;) {
    inflated.end = stream->Read({}, piece.data(), cuts.output).value();
    if (inflated.end.size == 0) break;
    inflated.text.append(piece, 0, inflated.end.size);
  }
  EXPECT_EQ(stream->Read({}, piece.data(), cuts.output).value().damaged, inflated.end.damaged);
  inflated.source_bytes = stream->source_bytes();
  return inflated;
}

std::unique_ptr<arrow::util::Codec> Zlib(int level = 6) {
  return arrow::util::Codec::Create(arrow::Compression::GZIP, level).ValueOrDie();
}

std::string Gzip(const std::string& text, int level = 6) {
  const auto codec = Zlib(level);
  const auto* from = reinterpret_cast<const uint8_t*>(text.data());
  const auto size = static_cast<int64_t>(text.size());
  std::string out(static_cast<size_t>(codec->MaxCompressedLen(size, from)), '\0');
  auto* to = reinterpret_cast<uint8_t*>(out.data());
  out.resize(static_cast<size_t>(
      codec->Compress(size, from, static_cast<int64_t>(out.size()), to).ValueOrDie()));
  return out;
}

std::string Lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += fmt::format("{{\"n\":{},\"m\":{}}}\n", i, i * 7919 % 997);
  return text;
}

TEST(GzipBytes, ManyMembersAreOneStreamHoweverReadsAreCut) {
  const std::string text = Lines(7000);
  const std::string bytes = Gzip(text) + Gzip("") + Gzip(text, 1) + Gzip("x");
  for (const size_t input : {5, 4096, 1 << 20}) {
    for (const size_t output : {100, 40000, 1 << 20}) {
      const Inflated inflated = Inflate(bytes, {.input = input, .output = output});
      EXPECT_FALSE(inflated.end.damaged) << inflated.end.detail;
      ASSERT_TRUE(inflated.text == text + text + "x") << input << " " << output;
      EXPECT_EQ(inflated.source_bytes, bytes.size());
    }
  }
}

TEST(GzipBytes, AHeaderWithAllItMayHaveCanBeCutAnywhere) {
  const std::string plain = Gzip("text");
  std::string header = plain.substr(0, 10);
  header[3] = 0x1E;  // a checksum of its own, extra bytes, a name, a comment
  header += std::string("\5\0extra", 7) + std::string("name.jsonl\0", 11) +
            std::string("no comment\0", 11);
  header += "\xEB\x55";  // Python: zlib.crc32(header) & 0xFFFF
  const std::string bytes = header + plain.substr(10);
  for (size_t step = 1; step <= header.size(); ++step) {
    const Inflated inflated = Inflate(bytes + bytes, {.input = step});
    EXPECT_FALSE(inflated.end.damaged) << step << ": " << inflated.end.detail;
    EXPECT_EQ(inflated.text, "texttext");
  }
  std::string damaged = bytes;
  damaged[20] ^= 1;
  for (size_t step = 1; step <= header.size(); ++step) {
    EXPECT_THAT(Inflate(damaged, {.input = step}).end.detail, HasSubstr("checksum"));
  }
}

TEST(GzipBytes, ChecksumAndLengthOfEachMemberAreVerified) {
  const std::string text = Lines(500);
  const std::string member = Gzip(text);
  for (size_t index = 0; index < 3; ++index) {
    for (size_t from_end = 1; from_end <= 8; ++from_end) {
      std::string bytes = member + member + member;
      bytes[(index + 1) * member.size() - from_end] ^= 0x10;
      for (const size_t step : {size_t{1}, kGzipInputBytes}) {
        const Inflated inflated = Inflate(bytes, {.input = step});
        ASSERT_TRUE(inflated.end.damaged);
        EXPECT_EQ(inflated.end.reason, DeadReason::kCorrupt);
        EXPECT_THAT(inflated.end.detail, HasSubstr("checksum or length"));
        EXPECT_EQ(inflated.text.size(), (index + 1) * text.size());
      }
    }
  }
}

TEST(GzipBytes, AStreamCutWithinAMemberIsTruncated) {
  const std::string text = Lines(100);
  const std::string member = Gzip(text);
  for (size_t size = 0; size <= 2 * member.size(); ++size) {
    const Inflated inflated = Inflate((member + member).substr(0, size));
    ASSERT_EQ(inflated.end.damaged, size % member.size() != 0) << size;
    ASSERT_TRUE((text + text).starts_with(inflated.text));
    if (!inflated.end.damaged) continue;
    EXPECT_EQ(inflated.end.reason, DeadReason::kTruncated) << inflated.end.detail;
    EXPECT_EQ(inflated.end.detail, fmt::format("truncated gzip stream after {} bytes", size));
  }
}

TEST(GzipBytes, WhatIsNoMemberIsCorrupt) {
  const std::string member = Gzip("text");
  for (const std::string& garbage :
       {std::string("ga"), std::string("garbage behind the end"), std::string(512, '\0'),
        std::string("\x1F\x8B\x07\0", 4), std::string("\x1F\x8B\x08\xE0\0\0\0\0\0\0", 10),
        std::string("\x1F\x8B\x08\0\0\0\0\0\0\0\xFF\xFF", 12)}) {
    const Inflated inflated = Inflate(member + garbage);
    EXPECT_EQ(inflated.text, "text");
    ASSERT_TRUE(inflated.end.damaged);
    EXPECT_EQ(inflated.end.reason, DeadReason::kCorrupt) << inflated.end.detail;
  }
}

// --- beside zlib ---

// As ReadGzip, by zlib, a byte at a time so that nothing in front of damage is lost.
Inflated InflateByZlib(const std::string& bytes) {
  Inflated inflated;
  const auto codec = Zlib();
  auto decompressor = codec->MakeDecompressor().ValueOrDie();
  std::string piece(64 << 10, '\0');
  bool in_member = false;
  const auto corrupt = [&] {
    inflated.end = {.damaged = true, .reason = DeadReason::kCorrupt, .detail = "zlib"};
    return inflated;
  };
  for (size_t at = 0; at < bytes.size();) {
    // zlib would take its own format for a member, too.
    if (!in_member && bytes.size() - at >= 2 && bytes.compare(at, 2, "\x1F\x8B") != 0) {
      return corrupt();
    }
    if (!in_member && !decompressor->Reset().ok()) return corrupt();
    const auto step = decompressor->Decompress(1, reinterpret_cast<const uint8_t*>(&bytes[at]),
                                               static_cast<int64_t>(piece.size()),
                                               reinterpret_cast<uint8_t*>(piece.data()));
    if (!step.ok()) return corrupt();
    inflated.text.append(piece, 0, static_cast<size_t>(step->bytes_written));
    at += static_cast<size_t>(step->bytes_read);
    in_member = !decompressor->IsFinished();
  }
  inflated.end.damaged = in_member;
  inflated.end.reason = DeadReason::kTruncated;
  return inflated;
}

std::string RandomText(std::mt19937_64* random) {
  std::string text;
  const size_t size = (*random)() % 3 == 0 ? (*random)() % 200000 : (*random)() % 3000;
  const auto letters = static_cast<unsigned>((*random)() % 4 == 0 ? 256 : 2 + (*random)() % 60);
  while (text.size() < size) {
    if (!text.empty() && (*random)() % 3 == 0) {
      text += text.substr((*random)() % text.size(), 3 + (*random)() % 300);
    } else {
      text += static_cast<char>(' ' + (*random)() % letters);
    }
  }
  return text;
}

std::string RandomMembers(std::mt19937_64* random) {
  std::string bytes;
  for (size_t i = 1 + (*random)() % 3; i > 0; --i) {
    bytes += Gzip(RandomText(random), static_cast<int>(1 + (*random)() % 9));
  }
  return bytes;
}

// Truncates the bytes, changes bits, or inserts bytes.
void Damage(std::mt19937_64* random, std::string* bytes) {
  // Most of what a header says is in its first bytes.
  const size_t span = (*random)() % 2 == 0 ? bytes->size() : std::min<size_t>(bytes->size(), 100);
  const size_t at = (*random)() % span;
  switch ((*random)() % 4) {
    case 0: bytes->resize(at); break;
    case 1: bytes->insert(at, RandomText(random).substr(0, 20)); break;
    default:
      for (size_t i = 1 + (*random)() % 3; i > 0; --i) {
        (*bytes)[(at + (*random)() % 40) % bytes->size()] ^=
            static_cast<char>(1 << (*random)() % 8);
      }
  }
}

// Of a damaged stream both give what is in front of the damage, but for the last symbols: Arrow
// loses those of zlib's last byte; ISA-L decodes several at once, if all are there.
bool AgreeUpToDamage(const std::string& a, const std::string& b) {
  return a.starts_with(b) || b.starts_with(a);
}

int StreamsToTry() {
  const char* given = std::getenv("MURMUR_GZIP_STREAMS");
  return given == nullptr ? 300 : std::atoi(given);
}

TEST(GzipBytes, JudgesDamagedStreamsAsZlibDoes) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < StreamsToTry(); ++i) {
    SCOPED_TRACE(i);
    std::string bytes = RandomMembers(&random);
    if (i % 10 != 0) Damage(&random, &bytes);
    const Inflated expected = InflateByZlib(bytes);
    const Inflated whole = Inflate(bytes);
    ASSERT_EQ(whole.end.damaged, expected.end.damaged) << whole.end.detail;
    ASSERT_TRUE(AgreeUpToDamage(whole.text, expected.text)) << whole.end.detail;
    ASSERT_TRUE(whole.end.damaged || whole.text.size() == expected.text.size());

    const size_t output = 1 + random() % 100000;
    const Inflated cut = Inflate(bytes, {.read = 1 + random() % 5000, .output = output});
    ASSERT_TRUE(cut.text == whole.text) << whole.end.detail;
    ASSERT_EQ(cut.end.damaged, whole.end.damaged);
    ASSERT_EQ(cut.end.reason, whole.end.reason);  // where, is true to a few bytes that it holds
    const Inflated pieces = Inflate(bytes, {.input = 1 + random() % 5000, .output = output});
    ASSERT_TRUE(AgreeUpToDamage(pieces.text, whole.text)) << whole.end.detail;
    ASSERT_EQ(pieces.end.damaged, whole.end.damaged);
    ASSERT_EQ(pieces.end.reason, whole.end.reason);
  }
}

}  // namespace
}  // namespace murmur
