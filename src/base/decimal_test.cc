#include "base/decimal.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <iostream>
#include <random>

namespace murmur {
namespace {

constexpr Int128 kMax38 = [] {
  Int128 v = 0;
  for (int i = 0; i < 38; ++i) v = v * 10 + 9;
  return v;
}();

std::string Parsed(std::string_view text) {
  Int128 unscaled;
  int scale;
  return ParseDecimal(text, &unscaled, &scale) ? FormatDecimal(unscaled, scale) : "refused";
}

TEST(DecimalTest, TextComesBackWithoutExponentOrTrailingZeros) {
  EXPECT_EQ(Parsed("0"), "0");
  EXPECT_EQ(Parsed("-0.00"), "0");
  EXPECT_EQ(Parsed("12.50"), "12.5");
  EXPECT_EQ(Parsed("-0.05"), "-0.05");
  EXPECT_EQ(Parsed("1.5e3"), "1500");
  EXPECT_EQ(Parsed("1500E-5"), "0.015");
  EXPECT_EQ(Parsed("100"), "100");
  EXPECT_EQ(Parsed("0e999999999999"), "0");
  EXPECT_EQ(Parsed("1e37"), "1" + std::string(37, '0'));
  EXPECT_EQ(Parsed("1e-38"), "0." + std::string(37, '0') + "1");
  EXPECT_EQ(Parsed(std::string(38, '9')), std::string(38, '9'));
  EXPECT_EQ(Parsed("-" + std::string(38, '9')), "-" + std::string(38, '9'));
}

TEST(DecimalTest, WhatIsNoNumberOrDoesNotFitIsRefused) {
  for (const char* text : {"", "-", ".", "1.", ".5", "1.2.3", "1e", "1e+", "+1", " 1", "1 ", "abc",
                           "1e38", "1e-39", "0x10", "--1", "1e1.5", "1e99999999999999999999"}) {
    EXPECT_EQ(Parsed(text), "refused") << text;
  }
  EXPECT_EQ(Parsed(std::string(39, '9')), "refused");
}

TEST(DecimalTest, StrippingKeepsTheValue) {
  Int128 unscaled = 12500;
  int scale = 3;
  StripTrailingZeros(&unscaled, &scale);
  EXPECT_EQ(FormatDecimal(unscaled, scale), "12.5");
  unscaled = 0;
  scale = 7;
  StripTrailingZeros(&unscaled, &scale);
  EXPECT_EQ(scale, 0);
  unscaled = 1000;
  scale = 0;
  StripTrailingZeros(&unscaled, &scale);
  EXPECT_EQ(FormatDecimal(unscaled, scale), "1000");
}

TEST(DecimalTest, FormatsTheWholeRange) {
  EXPECT_EQ(FormatInt128(0), "0");
  EXPECT_EQ(FormatInt128(kMax38), std::string(38, '9'));
  const Int128 least = static_cast<Int128>(static_cast<unsigned __int128>(1) << 127);
  EXPECT_EQ(FormatInt128(least), "-170141183460469231731687303715884105728");
  EXPECT_EQ(FormatDecimal(-5, 3), "-0.005");
  EXPECT_EQ(FormatDecimal(0, 2), "0.00");
}

TEST(DecimalTest, EqualsExactlyTheDoublesThatItIs) {
  EXPECT_TRUE(DecimalEqualsDouble(5, 1, 0.5));
  EXPECT_TRUE(DecimalEqualsDouble(-125, 3, -0.125));
  EXPECT_TRUE(DecimalEqualsDouble(0, 0, 0.0));
  EXPECT_TRUE(DecimalEqualsDouble(Int128{1} << 100, 0, 0x1p100));
  EXPECT_FALSE(DecimalEqualsDouble(1, 1, 0.1));
  EXPECT_FALSE(DecimalEqualsDouble((Int128{1} << 53) + 1, 0, 0x1p53));
  EXPECT_FALSE(DecimalEqualsDouble(1, 0, std::nan("")));
  EXPECT_FALSE(DecimalEqualsDouble(1, 0, HUGE_VAL));
  EXPECT_FALSE(DecimalEqualsDouble(1, 0, 5e-324));
}

// Every double k / 2^n with few bits is a decimal of n digits.
TEST(DecimalTest, EqualsRandomDyadicFractions) {
  const uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << std::endl;
  std::mt19937_64 random(seed);
  for (int i = 0; i < 10000; ++i) {
    const int bits = static_cast<int>(random() % 16);
    const auto k = static_cast<int64_t>(random() % 2000001) - 1000000;
    Int128 unscaled = k;  // k / 2^bits == k * 5^bits / 10^bits
    for (int b = 0; b < bits; ++b) unscaled *= 5;
    const double d = std::ldexp(static_cast<double>(k), -bits);
    ASSERT_TRUE(DecimalEqualsDouble(unscaled, bits, d)) << k << " " << bits;
    ASSERT_FALSE(DecimalEqualsDouble(unscaled + 1, bits, d)) << k << " " << bits;
  }
}

TEST(DecimalTest, RescalingLosesNoDigitSilently) {
  Int128 out = 0;
  EXPECT_TRUE(Rescale(125, 1, 3, &out));
  EXPECT_EQ(FormatDecimal(out, 3), "12.500");
  EXPECT_TRUE(Rescale(12500, 3, 1, &out));
  EXPECT_EQ(FormatDecimal(out, 1), "12.5");
  EXPECT_FALSE(Rescale(12501, 3, 1, &out));
  EXPECT_FALSE(Rescale(kMax38, 0, 2, &out));
  EXPECT_TRUE(Rescale(0, 0, 38, &out));
}

// Of any length: 64 bits have ways of their own.
Int128 RandomDigits(std::mt19937_64* random) {
  const auto digits = (*random)() % 39;
  auto v = static_cast<Int128>((static_cast<UInt128>((*random)()) << 64) | (*random)());
  v = v % PowerOfTen(static_cast<int64_t>(digits));
  const auto zeros = (*random)() % 6;
  return zeros < 4 ? v : v / PowerOfTen(static_cast<int64_t>(zeros)) * PowerOfTen(zeros);
}

// The digits that C's printf gives a double, which are exact, beside those of the decimal.
TEST(DecimalTest, EqualsWhatHasTheSameDigits) {
  const auto seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20000; ++i) {
    const Int128 unscaled = RandomDigits(&random);
    const int scale = static_cast<int>(random() % 39);
    const std::string text = FormatDecimal(unscaled, scale);
    const double near = std::strtod(text.c_str(), nullptr);
    EXPECT_EQ(NearestDouble(unscaled, scale), near) << text;
    char digits[1500];
    std::snprintf(digits, sizeof(digits), "%.1074f", near);
    std::string padded = text + (scale == 0 ? "." : "");
    padded.resize(std::string_view(digits).size(), '0');
    EXPECT_EQ(DecimalEqualsDouble(unscaled, scale, near), padded == digits) << text;
    EXPECT_FALSE(DecimalEqualsDouble(unscaled, scale, std::nextafter(near, 1e300))) << text;
  }
}

// Zeros at the end of the text are all that rescaling may add or remove.
TEST(DecimalTest, RescalingIsThatOfTheText) {
  const auto seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20000; ++i) {
    const Int128 unscaled = RandomDigits(&random);
    const int from = static_cast<int>(random() % 39);
    const int to = static_cast<int>(random() % 39);
    std::string digits = FormatInt128(unscaled);
    bool fits = true;
    if (unscaled != 0) {
      for (int at = from; at > to && fits; --at) {
        fits = digits.back() == '0';
        digits.pop_back();
      }
      if (to > from) digits.append(static_cast<size_t>(to - from), '0');
      fits = fits && digits.size() - (unscaled < 0 ? 1 : 0) <= kDecimalDigitsMax;
    }
    Int128 out = 77;
    ASSERT_EQ(Rescale(unscaled, from, to, &out), fits) << digits << " " << from << " " << to;
    ASSERT_EQ(FormatInt128(fits ? out : unscaled), fits ? digits : FormatInt128(unscaled));
  }
}

TEST(DecimalTest, ThirtyEightDigitsFit) {
  EXPECT_EQ(PowerOfTen(0), 1);
  EXPECT_EQ(PowerOfTen(kDecimalDigitsMax) - 1, kMax38);
  EXPECT_TRUE(FitsDecimal(kMax38));
  EXPECT_TRUE(FitsDecimal(-kMax38));
  EXPECT_FALSE(FitsDecimal(kMax38 + 1));
  EXPECT_FALSE(FitsDecimal(-kMax38 - 1));
  EXPECT_EQ(Magnitude(-kMax38), static_cast<UInt128>(kMax38));
}

TEST(DecimalTest, ACellIsADecimalAndADouble) {
  const auto decimal = [](const Cell& cell) {
    Decimal out;
    return ToDecimal(cell, &out) ? FormatDecimal(out.unscaled, out.scale) : "none";
  };
  Cell rounded = Cell::Double(0.5);
  rounded.flags = Cell::kRounded;
  EXPECT_EQ(decimal(Cell::Int(-7)), "-7");
  EXPECT_EQ(decimal(Cell::SmallDecimal(1250, 2)), "12.50");
  EXPECT_EQ(decimal(Cell::Double(0.1)), "0.1");
  EXPECT_EQ(decimal(Cell::Double(1e300)), "none");
  EXPECT_EQ(decimal(rounded), "none");
  EXPECT_EQ(ToDouble(Cell::Int(-7)), -7.0);
  EXPECT_EQ(ToDouble(Cell::SmallDecimal(1250, 2)), 12.5);
  EXPECT_EQ(ToDouble(rounded), 0.5);
}

}  // namespace
}  // namespace murmur
