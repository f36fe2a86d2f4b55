#include "source/mariadb/maria_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "murmur/key.h"
#include "source/mariadb/maria_connection.h"
#include "source/mariadb/maria_position.h"
#include "source/mariadb/maria_table.h"

namespace murmur {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// The cell as text; "refused" if there is none.
std::string Cell1(MariaIs is, std::string_view text) {
  TextArena arena;
  Cell cell;
  if (!ReadMariaScalar(is, text, &arena, &cell)) return "refused";
  switch (cell.kind) {
    case Kind::kInt: return "int " + std::to_string(cell.i);
    case Kind::kDecimal: return "decimal " + FormatDecimal(cell.decimal(), cell.scale);
    case Kind::kTime: return FormatTime(cell.i);
    case Kind::kString: return "text " + std::string(cell.text());
    case Kind::kDouble:
      return ((cell.flags & Cell::kRounded) != 0 ? "rounded " : "double ") + std::to_string(cell.d);
    default: return "other";
  }
}

TEST(MariaValueTest, ScalarsAreWhatTheServerWrites) {
  EXPECT_EQ(Cell1(MariaIs::kSigned, "-9223372036854775808"), "int -9223372036854775808");
  EXPECT_EQ(Cell1(MariaIs::kSigned, "1x"), "refused");
  EXPECT_EQ(Cell1(MariaIs::kUnsigned, "9223372036854775807"), "int 9223372036854775807");
  EXPECT_EQ(Cell1(MariaIs::kUnsigned, "18446744073709551615"), "decimal 18446744073709551615");
  EXPECT_EQ(Cell1(MariaIs::kUnsigned, "-1"), "refused");
  EXPECT_EQ(Cell1(MariaIs::kDecimal, "-1.05"), "decimal -1.05");
  EXPECT_EQ(Cell1(MariaIs::kDecimal, std::string(40, '9')), "rounded " + std::to_string(1e40));
  EXPECT_EQ(Cell1(MariaIs::kDecimal, ""), "refused");
  EXPECT_EQ(Cell1(MariaIs::kDouble, "-2.25e100"), "double " + std::to_string(-2.25e100));
  EXPECT_EQ(Cell1(MariaIs::kDouble, "-2.25e+100"), "double " + std::to_string(-2.25e100));
  EXPECT_EQ(Cell1(MariaIs::kTime, "838:59:59"), "text 838:59:59");
  EXPECT_EQ(Cell1(MariaIs::kText, "a\tb"), "text a\tb");
}

TEST(MariaValueTest, WhatIsNoDateStaysText) {
  EXPECT_EQ(Cell1(MariaIs::kDate, "2026-03-01"), "2026-03-01T00:00:00Z");
  EXPECT_EQ(Cell1(MariaIs::kDateTime, "2026-03-01 12:30:45.5"), "2026-03-01T12:30:45.5Z");
  EXPECT_EQ(Cell1(MariaIs::kDateTime, "9999-12-31 23:59:59.999999"), "9999-12-31T23:59:59.999999Z");
  for (const std::string text : {"0000-00-00", "2026-00-01", "2026-01-00", "2026-02-30"}) {
    EXPECT_EQ(Cell1(MariaIs::kDate, text), "text " + text);
  }
  for (const char* text : {"2026-3", "2026-13-01", "2026-03-01 12", "2026-03-01x", ""}) {
    EXPECT_EQ(Cell1(MariaIs::kDateTime, text), "refused") << text;
  }
}

TEST(MariaValueTest, BytesAsText) {
  const auto text_of = [](MariaIs is, std::string_view bytes) {
    std::string text;
    return AppendMariaBytes(is, bytes, &text) ? text : "refused";
  };
  EXPECT_EQ(text_of(MariaIs::kBytes, std::string_view("\0\xFF", 2)), "00ff");
  EXPECT_EQ(text_of(MariaIs::kInet4, "\x7F\x01\x02\x03"), "127.1.2.3");
  EXPECT_EQ(text_of(MariaIs::kInet6, std::string(15, '\0') + '\1'), "::1");
  EXPECT_EQ(text_of(MariaIs::kUuid, std::string(16, '\xAB')),
            "abababab-abab-abab-abab-abababababab");
  EXPECT_EQ(text_of(MariaIs::kUuid, "short"), "refused");
}

TEST(MariaValueTest, KeysTellApartWhatTheServerTellsApart) {
  const auto key_of = [](MariaIs is, std::string_view text) {
    TextArena arena;
    std::string key;
    EXPECT_TRUE(AppendMariaKeyPart(is, text, &arena, &key)) << text;
    return key;
  };
  EXPECT_LT(key_of(MariaIs::kSigned, "-2"), key_of(MariaIs::kSigned, "-1"));
  EXPECT_LT(key_of(MariaIs::kUnsigned, "9223372036854775807"),
            key_of(MariaIs::kUnsigned, "9223372036854775808"));
  EXPECT_LT(key_of(MariaIs::kUnsigned, "18446744073709551614"),
            key_of(MariaIs::kUnsigned, "18446744073709551615"));
  // A double holds the one between the other two, and neither of these.
  EXPECT_LT(key_of(MariaIs::kUnsigned, "9223372036854779903"),
            key_of(MariaIs::kUnsigned, "9223372036854779904"));
  EXPECT_LT(key_of(MariaIs::kUnsigned, "9223372036854779904"),
            key_of(MariaIs::kUnsigned, "9223372036854779905"));
  EXPECT_NE(key_of(MariaIs::kDate, "2026-02-31"), key_of(MariaIs::kDate, "2026-03-03"));
  EXPECT_NE(key_of(MariaIs::kDecimal, std::string(40, '9')),
            key_of(MariaIs::kDecimal, std::string(39, '9') + '8'));
}

TEST(MariaValueTest, JsonAndPartsOfIt) {
  const auto read = [](MariaIs is, std::vector<FieldPath::Step> steps, std::string text) {
    FieldRequest request{.path = {std::move(steps)}};
    auto reader = MakeMariaFieldReader(is, request).value();
    TextArena arena;
    Cell cell;
    DeadLetter dead;
    if (!reader.Read(text, &arena, &cell, &dead)) return "dead: " + dead.detail;
    if (cell.is_null()) return std::string("null");
    if (cell.kind == Kind::kInt) return std::to_string(cell.i);
    return std::string(cell.text());
  };
  EXPECT_EQ(read(MariaIs::kJson, {"data", "a", "b"}, R"({"a": {"b": 5}})"), "5");
  EXPECT_EQ(read(MariaIs::kJson, {"data"}, R"({"a": 1})"), R"({"a": 1})");
  EXPECT_EQ(read(MariaIs::kJson, {"data", "x"}, R"({"a": 1})"), "null");
  EXPECT_EQ(read(MariaIs::kText, {"name", "part"}, "abc"), "null");
}

TEST(MariaTableTest, LabelsOfAType) {
  EXPECT_THAT(MariaLabelsOf("enum('a','b''c','x,y','')"), ElementsAre("a", "b'c", "x,y", ""));
  EXPECT_THAT(MariaLabelsOf("set('a'"), ElementsAre("a"));
  EXPECT_THAT(MariaLabelsOf("enum('a"), ElementsAre("a"));
  EXPECT_THAT(MariaLabelsOf("int(11)"), ElementsAre());
}

TEST(MariaPositionTest, APositionIsTextAndBack) {
  for (const char* const text :
       {"bin.000012:4711", "a:b.1000000:4@1764535000+17#5e1f", "bin.000012:4711@9+17#5e1f",
        "bin.000012:4711+1~bin.000011:99@1764530000#5e1f", "a:b.1:4~a:b.1:4",
        "bin.000012:4711#;server=1", "bin.000012:4711#5e1f;server=1;gtids=",
        "a:b.12:4711@9+17~a:b.11:99@8#5e1f;server=4294967295;gtids=0-1-77,7-2-18446744073709551615"
        ";part=0-1-78;open=0-1-60",
        "-#5e1f;server=2;gtids=0-1-77", "-+3~-#5e1f;server=2;gtids=0-1-77;part=0-1-78;open="}) {
    const auto position = ParseMariaPosition(text);
    ASSERT_TRUE(position.ok()) << position.status().ToString();
    EXPECT_EQ(position->ToString(), text);
  }
  const MariaPosition read = ParseMariaPosition("a:b.12:4711@9+17~a:b.11:99@8#5e1f").value();
  EXPECT_EQ(read.place, (BinlogPlace{"a:b.12", 4711}));
  EXPECT_EQ(read.place.begun, 9u);
  EXPECT_EQ(read.rows, 17u);
  EXPECT_EQ(read.open->place, (BinlogPlace{"a:b.11", 99}));
  EXPECT_EQ(read.open->place.begun, 8u);
  EXPECT_EQ(read.shape, "5e1f");
  for (const char* text : {"",
                           "bin.000012",
                           "bin.000012:",
                           "bin:5",
                           "bin.000012:5+0",
                           "bin.000012:5@",
                           "bin.000012:5+",
                           "bin.000012:5x",
                           ".x:5",
                           "bin.000012:5~",
                           "bin.000012:5~bin:1",
                           "bin.000012:5~bin.000011:1x",
                           "-",
                           "-#5e1f;server=2",
                           "bin.000012:5#x;server=",
                           "bin.000012:5#x;server=0",
                           "bin.000012:5#x;server=1x",
                           "bin.000012:5#x;gtids=0-1",
                           "bin.000012:5#x;part=",
                           "bin.000012:5#x;part=0-1-5,1-1-5",
                           "bin.000012:5#x;open=0-1-5",
                           "bin.000012:5#x;nosuch=1"}) {
    EXPECT_EQ(ParseMariaPosition(text).status().code(), Code::kInvalidArgument) << text;
  }
}

TEST(MariaPositionTest, AServersNumberIsOfAllPlaces) {
  const MariaPosition read =
      ParseMariaPosition("bin.000012:5~bin.000011:9#5e1f;server=3;gtids=0-1-77;open=0-1-60")
          .value();
  EXPECT_EQ(read.place.server, 3u);
  EXPECT_EQ(read.open->place.server, 3u);
  EXPECT_EQ(read.oldest().gtids->ToString(), "0-1-60");
  EXPECT_EQ(ParseMariaPosition("bin.000012:5#5e1f").value().place.server, 0u);
}

TEST(MariaGtidsTest, TheLastOfEachDomain) {
  MariaGtids gtids = ParseMariaGtids("3-1-7,0-1-77").value();
  EXPECT_EQ(gtids.ToString(), "0-1-77,3-1-7");
  gtids.Set({.domain = 0, .server = 2, .seq = 78});
  gtids.Set({.domain = 1, .server = 2, .seq = 1});
  EXPECT_EQ(gtids.ToString(), "0-2-78,1-2-1,3-1-7");
  EXPECT_EQ(*gtids.Find(3), (MariaGtid{.domain = 3, .server = 1, .seq = 7}));
  EXPECT_EQ(gtids.Find(2), nullptr);
  gtids.Erase(1);
  EXPECT_EQ(gtids.ToString(), "0-2-78,3-1-7");
  const auto reach = [&gtids](const char* those) {
    return gtids.Reach(ParseMariaGtids(those).value());
  };
  EXPECT_TRUE(reach("") && reach("0-1-78") && reach("3-9-7,0-1-1"));
  EXPECT_FALSE(reach("0-2-79") || reach("0-2-1,3-1-8") || reach("2-1-1"));
  for (const char* const text : {"0", "0-1", "0-1-", "0-1-5,", ",0-1-5", "0-1-5 ", "a-1-5"}) {
    EXPECT_FALSE(ParseMariaGtids(text)) << text;
  }
}

TEST(MariaPositionTest, PlacesAreOrderedAsTheirBytesAre) {
  const std::vector<BinlogPlace> places = {{"bin.000001", 4},
                                           {"bin.000001", 4711},
                                           {"bin.000002", 4},
                                           {"bin.999999", 5000000000},
                                           {"bin.1000000", 4}};
  for (size_t i = 1; i < places.size(); ++i) {
    EXPECT_TRUE(places[i - 1].IsBefore(places[i]));
    EXPECT_FALSE(places[i].IsBefore(places[i - 1]));
    EXPECT_LT(places[i - 1].ToBytes(), places[i].ToBytes());
    EXPECT_EQ(places[i].ToBytes().size(), 12u);
  }
}

TEST(MariaPlaceTest, WhatAUriSays) {
  const auto place_of = [](const std::string& uri, const std::string& table) {
    return MakeMariaPlace({"mariadb", {{"uri", uri}, {"table", table}}});
  };
  const auto place = place_of("mysql://me%40x:p%3Aw@db1:3307/shop", "orders").value();
  EXPECT_EQ(place->host, "db1");
  EXPECT_EQ(place->port, 3307u);
  EXPECT_EQ(place->user, "me@x");
  EXPECT_EQ(place->password, "p:w");
  EXPECT_EQ(place->name, "mariadb:shop.orders");
  EXPECT_EQ(place->text, "mariadb:shop.orders at db1:3307");
  EXPECT_EQ(place_of("mariadb://[::1]/a", "shop.orders").value()->text,
            "mariadb:shop.orders at ::1:3306");
  EXPECT_EQ(place_of("mysql://root@db1", "shop.orders").value()->name, "mariadb:shop.orders");
  for (const char* uri : {"postgres://a@b/c", "mysql:/a", "mysql://me:secret@db1:x/shop",
                          "mysql://me:secret@db1:99999/shop", "mysql://me:secret%4@db1/shop",
                          "mysql://me:secret@[::1/shop", "mysql://me:secret@db1/shop?ssl=1",
                          "mysql://me:secret@db1"}) {
    const auto refused = place_of(uri, "orders");
    EXPECT_EQ(refused.status().code(), Code::kInvalidArgument) << uri;
    EXPECT_THAT(std::string(refused.status().message()), Not(HasSubstr("secret"))) << uri;
  }
}

}  // namespace
}  // namespace murmur
