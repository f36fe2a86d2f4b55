// Events as MariaDB 10.11 wrote them, but for those that are damaged here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mysql.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/hex.h"
#include "source/mariadb/binlog_event.h"
#include "source/mariadb/binlog_inflate.h"
#include "source/mariadb/binlog_row.h"
#include "source/mariadb/binlog_statement.h"

namespace murmur {
namespace {

using testing::ElementsAre;

std::string Bytes(std::string_view hex) {
  std::string bytes;
  EXPECT_TRUE(FromHex(hex, &bytes));
  return bytes;
}

MariaColumn Column(std::string name, MariaIs is, uint8_t log_type) {
  return {.name = std::move(name), .is = is, .log_type = log_type};
}

// CREATE TABLE w (id int primary key, bu bigint unsigned, ti tinyint, si smallint, mi mediumint,
// mu mediumint unsigned, d double, f float, de decimal(30,10), d2 decimal(5,2), vl varchar(300),
// tx text, da date, dt datetime, d6 datetime(6), ts timestamp, t6 timestamp(6), t0 time, t3
// time(3), y year, se set('x','y','z'), b bit(10), vb varbinary(5), d5 decimal(5,5), ch char(3))
MariaTable TableOfNumbersAndTimes() {
  MariaTable table;
  table.columns = {Column("id", MariaIs::kSigned, MYSQL_TYPE_LONG),
                   Column("bu", MariaIs::kUnsigned, MYSQL_TYPE_LONGLONG),
                   Column("ti", MariaIs::kSigned, MYSQL_TYPE_TINY),
                   Column("si", MariaIs::kSigned, MYSQL_TYPE_SHORT),
                   Column("mi", MariaIs::kSigned, MYSQL_TYPE_INT24),
                   Column("mu", MariaIs::kUnsigned, MYSQL_TYPE_INT24),
                   Column("d", MariaIs::kDouble, MYSQL_TYPE_DOUBLE),
                   Column("f", MariaIs::kDouble, MYSQL_TYPE_FLOAT),
                   Column("de", MariaIs::kDecimal, MYSQL_TYPE_NEWDECIMAL),
                   Column("d2", MariaIs::kDecimal, MYSQL_TYPE_NEWDECIMAL),
                   Column("vl", MariaIs::kText, MYSQL_TYPE_VARCHAR),
                   Column("tx", MariaIs::kText, MYSQL_TYPE_BLOB),
                   Column("da", MariaIs::kDate, MYSQL_TYPE_DATE),
                   Column("dt", MariaIs::kDateTime, MYSQL_TYPE_DATETIME2),
                   Column("d6", MariaIs::kDateTime, MYSQL_TYPE_DATETIME2),
                   Column("ts", MariaIs::kDateTime, MYSQL_TYPE_TIMESTAMP2),
                   Column("t6", MariaIs::kDateTime, MYSQL_TYPE_TIMESTAMP2),
                   Column("t0", MariaIs::kTime, MYSQL_TYPE_TIME2),
                   Column("t3", MariaIs::kTime, MYSQL_TYPE_TIME2),
                   Column("y", MariaIs::kUnsigned, MYSQL_TYPE_YEAR),
                   Column("se", MariaIs::kLabels, MYSQL_TYPE_STRING),
                   Column("b", MariaIs::kUnsigned, MYSQL_TYPE_BIT),
                   Column("vb", MariaIs::kBytes, MYSQL_TYPE_VARCHAR),
                   Column("d5", MariaIs::kDecimal, MYSQL_TYPE_NEWDECIMAL),
                   Column("ch", MariaIs::kText, MYSQL_TYPE_STRING)};
  table.columns[20].labels = {"x", "y", "z"};
  return table;
}
constexpr std::string_view kMapOfNumbersAndTimes =
    "da0000000000010002747900017700190308010209090504f6f60ffc0a1212111113130dfe100ff6fe1908041e0a05"
    "02b00402000600060003f801020105000505fe0cfeffff010102442002032d023f0447026964026275027469027369"
    "026d69026d750164016602646502643202766c02747802646102647402643602747302743602743002743301790273"
    "6501620276620264350263680a012d05070301780179017a080100";

// CREATE TABLE t (id int primary key, u uuid, i6 inet6, i4 inet4, b4 binary(4), v int AS (id * 2),
// s int AS (id * 3) STORED, f float, f2 float(7,2), z int(5) zerofill, j json, en enum('a','b''c',
// 'x,y'), bt bit(12), cmp varchar(100) COMPRESSED, l1 varchar(20) CHARACTER SET latin1)
MariaTable TableOfTexts() {
  MariaTable table;
  table.columns = {Column("id", MariaIs::kSigned, MYSQL_TYPE_LONG),
                   Column("u", MariaIs::kUuid, MYSQL_TYPE_STRING),
                   Column("i6", MariaIs::kInet6, MYSQL_TYPE_STRING),
                   Column("i4", MariaIs::kInet4, MYSQL_TYPE_STRING),
                   Column("b4", MariaIs::kBytes, MYSQL_TYPE_STRING),
                   Column("j", MariaIs::kJson, MYSQL_TYPE_BLOB),
                   Column("en", MariaIs::kLabel, MYSQL_TYPE_STRING),
                   Column("l1", MariaIs::kText, MYSQL_TYPE_VARCHAR)};
  table.columns[6].labels = {"a", "b'c", "x,y"};
  MariaCharset latin1;
  for (size_t byte = 0; byte < 0x80; ++byte) latin1.texts[byte] = static_cast<char>(byte);
  latin1.texts[0x80] = "€";
  latin1.texts[0xDF] = "ß";
  latin1.texts[0xF6] = "ö";
  table.columns[7].charset = std::make_shared<const MariaCharset>(latin1);
  return table;
}
constexpr std::string_view kMapOfTexts =
    "1500000000000100027479000174000f03fefefefe0303040403fcfe108d0f13fe10fe10fe04fe04040404f7010401"
    "91011400fe7f01010402073f042e052d060804280269640175026936026934026234017601730166026632017a016a"
    "02656e02627403636d70026c310a0108060b0301610362276303782c79080100";

// The columns of a map, by their names in the table.
std::vector<std::optional<size_t>> ColumnsOf(const BinlogTableMap& map, const MariaTable& table) {
  std::vector<std::optional<size_t>> columns;
  for (const BinlogColumn& column : map.columns) {
    const MariaColumn* const found = table.Find(column.name);
    columns.push_back(found == nullptr ? std::optional<size_t>()
                                       : static_cast<size_t>(found - table.columns.data()));
  }
  return columns;
}

std::vector<std::string> TextsOf(const TextRow& row) {
  std::vector<std::string> texts;
  for (const TextValue& value : row) {
    switch (value.is) {
      case TextValue::Is::kMissing: texts.emplace_back("missing"); break;
      case TextValue::Is::kUnchanged: texts.emplace_back("unchanged"); break;
      case TextValue::Is::kNull: texts.emplace_back("null"); break;
      case TextValue::Is::kText: texts.emplace_back(value.text); break;
    }
  }
  return texts;
}

// All images of an event; none if it is damaged.
std::vector<std::vector<std::string>> ImagesOf(const MariaTable& table, const std::string& map_body,
                                               BinlogIs is, std::string_view body) {
  const auto map = ReadBinlogTableMap(map_body);
  std::string store;
  const auto rows = ReadBinlogRows(is, body, &store);
  if (!map || !rows || rows->columns != map->columns.size()) return {};
  const auto columns = ColumnsOf(*map, table);
  std::vector<std::vector<std::string>> images;
  std::string_view rest = rows->images;
  while (!rest.empty()) {
    const bool is_second = rows->are == BinlogRowsAre::kUpdated && images.size() % 2 == 1;
    std::string texts;
    TextRow row;
    if (!TakeBinlogImage({.map = &map->columns,
                          .columns = &columns,
                          .present = is_second ? rows->second : rows->first},
                         table, &rest, &texts, &row)) {
      return {};
    }
    images.push_back(TextsOf(row));
  }
  return images;
}

TEST(BinlogRow, NumbersAndTimesAreWhatTheServerWrites) {
  const auto images = ImagesOf(
      TableOfNumbersAndTimes(), Bytes(kMapOfNumbersAndTimes), BinlogIs::kWriteRowsV1,
      Bytes("da0000000000010019ffffff01000000fe01000000ffffffffffffffff800080000080ffffffed5b47cae2"
            "92c4d4cdcccc3d73eb655bcaf204c72dff439eb1f67ffefa060068c3a96c6c6f0400746578745dd00f99b2"
            "bac8b899b2bac8b801e24065e079f065e079f009fbf17f37487ffffef63c7c0502010200ff7ffffe02616"
            "2"));
  ASSERT_EQ(images.size(), 1u);
  EXPECT_THAT(
      images[0],
      ElementsAre("1", "18446744073709551615", "-128", "-32768", "-8388608", "16777215",
                  "-2.25e+100", "0.10000000149011612", "-12345678901234567890.0123456789", "-1.05",
                  "h\u00e9llo", "text", "2024-02-29", "2024-02-29 12:34:56",
                  "2024-02-29 12:34:56.123456", "2024-02-29 12:34:56", "2024-02-29 12:34:56.654321",
                  "-12:34:56", "-00:00:01.250", "2024", "x,z", "513", "00ff", "-0.00001", "ab"));
}

TEST(BinlogRow, AnUpdateHasTheRowBeforeAndAfter) {
  const auto images = ImagesOf(
      TableOfNumbersAndTimes(), Bytes(kMapOfNumbersAndTimes), BinlogIs::kUpdateRowsV1,
      Bytes("da0000000000010019ffffff01ffffff01000000fefdffffff00000000000000007fff7fffff7f00000000"
            "000000000000000000c0bf8000000000000000001dcd65000083e76300000000000000800000000099b880"
            "000007a1200000000000000000000000b46efb8000000046000000000080000000000200fefdffffff0000"
            "0000000000007fff7fffff7f00000000000000000000000000c0bf7ffffffffffffffffffffffffffe0000"
            "0000000000800000000099b880000007a1200000000000000000000000b46efb4b9105d8fa000200000080"
            "000000"));
  ASSERT_EQ(images.size(), 2u);
  EXPECT_THAT(images[0], ElementsAre("-3", "0", "127", "32767", "8388607", "0", "0", "-1.5",
                                     "0.5000000000", "999.99", "", "", "0000-00-00",
                                     "0000-00-00 00:00:00", "2026-00-00 00:00:00.500000",
                                     "0000-00-00 00:00:00", "0000-00-00 00:00:00.000000",
                                     "838:59:59", "00:00:00.007", "0", "", "0", "", "0.00000", ""));
  EXPECT_EQ(images[1][8], "-0.0000000001");
  EXPECT_EQ(images[1][9], "null");
  EXPECT_EQ(images[1][18], "-838:59:58.999");
  EXPECT_EQ(images[1][20], "y");
}

TEST(BinlogRow, TextsBytesAndWhatIsBetweenThem) {
  const auto images = ImagesOf(
      TableOfTexts(), Bytes(kMapOfTexts), BinlogIs::kWriteRowsV1,
      Bytes("15000000000001000fff7f0080010000000f123e4567e89b12d3a456426614174000000101020000000300"
            "0000cdcccc3d3333933f2a000000070000007b2261223a317d0200053700007a7a7a7a7a7a7a7a7a7a7a7a"
            "7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a06"
            "6772f6df6580008002000000100190163d8694739baea5966c26f8ad911000000000000000000000000001"
            "02030404010203040200ff04000000060000000000804baee6404600000000020000005b5d030000020000"
            "6100"));
  ASSERT_EQ(images.size(), 2u);
  EXPECT_THAT(images[0], ElementsAre("1", "123e4567-e89b-12d3-a456-426614174000", "::", "0.0.0.0",
                                     "01000000", R"({"a":1})", "b'c", "gr\u00f6\u00dfe\u20ac"));
  EXPECT_THAT(images[1], ElementsAre("2", "0190163d-8694-739b-aea5-966c26f8ad91", "::1.2.3.4",
                                     "1.2.3.4", "00ff0000", "[]", "x,y", ""));
}

TEST(BinlogRow, RowsThatTheLogCompressed) {
  const std::string map = Bytes(
      "db000000000001000274790004636f6d70000203fc01020201010002012d0405"
      "0269640174080100");
  MariaTable table;
  table.columns = {Column("id", MariaIs::kSigned, MYSQL_TYPE_LONG),
                   Column("t", MariaIs::kText, MYSQL_TYPE_BLOB)};
  const std::string body =
      Bytes("db00000000000100020382025f789cfbc3c8c0c010c19498943c8a4611d51100d95be708");
  const auto images = ImagesOf(table, map, BinlogIs::kWriteRowsCompressedV1, body);
  ASSERT_EQ(images.size(), 1u);
  std::string text;
  for (int i = 0; i < 200; ++i) text += "abc";
  EXPECT_THAT(images[0], ElementsAre("1", text));
  std::string store;
  for (size_t size = 0; size < body.size(); ++size) {
    EXPECT_FALSE(ReadBinlogRows(BinlogIs::kWriteRowsCompressedV1, body.substr(0, size), &store));
  }
}

TEST(BinlogRow, ImagesThatEndTooEarlyAreSeen) {
  const std::string map = Bytes(kMapOfNumbersAndTimes);
  const std::string body = Bytes(
      "da0000000000010019ffffff01000000fe01000000ffffffffffffffff800080000080ffffffed5b47cae292c4d4"
      "cdcccc3d73eb655bcaf204c72dff439eb1f67ffefa060068c3a96c6c6f0400746578745dd00f99b2bac8b899b2ba"
      "c8b801e24065e079f065e079f009fbf17f37487ffffef63c7c0502010200ff7ffffe026162");
  const size_t header = 8 + 1 + 4;
  for (size_t size = 0; size < body.size(); ++size) {
    if (size == header) continue;                  // no image at all
    const std::string cut = body.substr(0, size);  // so that a sanitizer sees what lies beyond
    EXPECT_TRUE(ImagesOf(TableOfNumbersAndTimes(), map, BinlogIs::kWriteRowsV1, cut).empty())
        << size;
  }
}

// Whatever the bytes are, nothing is read beyond them.
TEST(BinlogRow, DamagedBytesAreReadToTheirEndAtMost) {
  const std::string body = Bytes(
      "15000000000001000fff7f8cff03000000000006000000090000008cff0400000010ffffffffffff4fffbfffffff"
      "ffffffff0161080000000c000000");
  for (const std::string& good : {Bytes(kMapOfTexts), body}) {
    for (size_t at = 0; at < good.size(); ++at) {
      for (const char value : {'\x00', '\x7F', '\xFC', '\xFF'}) {
        std::string bad = good;
        bad[at] = value;
        const bool is_map = good != body;
        (void)ImagesOf(TableOfTexts(), is_map ? bad : Bytes(kMapOfTexts), BinlogIs::kWriteRowsV1,
                       is_map ? body : bad);
      }
    }
  }
}

TEST(BinlogRow, AMapNamesItsColumns) {
  const std::string body = Bytes(kMapOfTexts);
  const auto map = ReadBinlogTableMap(body);
  ASSERT_TRUE(map);
  EXPECT_EQ(map->id, 0x15u);
  EXPECT_EQ(map->database, "ty");
  EXPECT_EQ(map->table, "t");
  EXPECT_EQ(map->columns.size(), 15u);
  EXPECT_EQ(map->columns[11].name, "en");
  EXPECT_EQ(map->columns[11].type.code, MYSQL_TYPE_ENUM);
  size_t whole = 0;
  for (size_t size = 0; size < body.size(); ++size) {
    const std::string cut = body.substr(0, size);
    whole += ReadBinlogTableMap(cut) ? 1 : 0;
  }
  EXPECT_EQ(whole, 6u) << "it may end between the parts that say more than types";
}

std::optional<std::string> Uncompressed(std::string_view hex) {
  std::string value;
  return AppendUncompressedValue(Bytes(hex), &value) ? std::optional(value) : std::nullopt;
}

TEST(BinlogRow, ACompressedValueIsWhatItWas) {
  std::string text;
  for (int i = 0; i < 30; ++i) text += "murmur ";
  const std::string_view zlib = "81d2789ccb2d2dca2d2d52c81d3e140080e45371";
  const std::string_view deflate = "89d2cb2d2dca2d2d52c81d3e1400";
  EXPECT_EQ(Uncompressed(zlib), text);
  EXPECT_EQ(Uncompressed(deflate), text);
  EXPECT_EQ(Uncompressed(""), "");
  EXPECT_EQ(Uncompressed("00"), "");
  EXPECT_EQ(Uncompressed("0081d2"), Bytes("81d2"));
  for (const std::string_view whole : {zlib, deflate}) {
    for (size_t size = 2; size < whole.size(); size += 2) {
      EXPECT_EQ(Uncompressed(whole.substr(0, size)), std::nullopt) << size;
    }
  }
  for (const char* const damaged :
       {"10d2", "80", "84ffffffff00", "81d3789ccb2d2dca2d2d52c81d3e1400"}) {
    EXPECT_EQ(Uncompressed(damaged), std::nullopt) << damaged;
  }
}

TEST(MariaCharset, CharactersOfManyBytesAreThoseThatTheServerTold) {
  MariaCharset charset;
  charset.texts['a'] = "a";
  charset.texts[0xA1] = "";
  auto two = std::make_shared<MariaCharset>();
  two->texts[0xA2] = "ä";
  two->texts[0xA3] = "?";
  charset.longer[0xA1] = two;
  auto three = std::make_shared<MariaCharset>();
  auto middle = std::make_shared<MariaCharset>();
  three->texts[0xB1] = "中";
  middle->longer[0xB0] = three;
  charset.longer[0x8F] = middle;
  const auto text_of = [&charset](std::string_view hex) {
    std::string text;
    charset.AppendText(Bytes(hex), &text);
    return text;
  };
  EXPECT_EQ(text_of("61a1a2618fb0b1a1a3"), "aäa中?");
  EXPECT_EQ(text_of("a161a1"), "?a?") << "as a SELECT gives what is no character";
  EXPECT_EQ(text_of("8fb061"), "??a");
  EXPECT_TRUE(charset.tells_apart());
  three->texts[0xB2] = "ä";
  EXPECT_FALSE(charset.tells_apart());
}

TEST(MariaCharset, UnicodeInUnits) {
  const auto text_of = [](MariaCharset::Is is, std::string_view hex) {
    std::string text;
    MariaCharset{.is = is}.AppendText(Bytes(hex), &text);
    return text;
  };
  EXPECT_EQ(text_of(MariaCharset::Is::kUcs2, "006100e42603"), "aä☃");
  EXPECT_EQ(text_of(MariaCharset::Is::kUtf16, "0061d83cdf8800e4"), "a🎈ä");
  EXPECT_EQ(text_of(MariaCharset::Is::kUtf16LittleEndian, "61003cd888dfe400"), "a🎈ä");
  EXPECT_EQ(text_of(MariaCharset::Is::kUtf32, "000000610001f3880010ffff"), "a🎈\xF4\x8F\xBF\xBF");
  EXPECT_EQ(text_of(MariaCharset::Is::kUcs2, "d83c"), "\xED\xA0\xBC")
      << "a half, as a SELECT has it";
  EXPECT_EQ(text_of(MariaCharset::Is::kUtf32, "00110000"), "?");
}

TEST(BinlogEvent, ADamagedOneIsSeen) {
  const std::string gtid =
      Bytes("30e30d6ba2010000002a000000d80b000008000800000000000000000000000c000000000000e8fa2f6f");
  const auto event = ReadBinlogEvent(gtid, /*is_checked=*/true);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->is, BinlogIs::kGtid);
  EXPECT_EQ(event->end, 0xbd8u);
  EXPECT_EQ(event->body.size(), 19u);
  const auto read = ReadBinlogGtid(*event);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id.ToString(), "0-1-8");
  EXPECT_FALSE(read->is_prepared || read->is_completed);
  EXPECT_FALSE(read->is_standalone);
  for (size_t at = 0; at < gtid.size(); ++at) {
    std::string bad = gtid;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    // A format description is not checked, as it says what follows.
    const auto damaged = ReadBinlogEvent(bad, true);
    EXPECT_FALSE(damaged && damaged->is == BinlogIs::kGtid) << at;
    EXPECT_FALSE(ReadBinlogEvent(gtid.substr(0, at), true)) << at;
  }
}

// Of one domain two servers, the one that wrote last at the end.
TEST(BinlogEvent, AFileSaysWhatLiesBeforeIt) {
  const std::string list = Bytes(
      "03000000"
      "0000000002000000"
      "0700000000000000"
      "0000000001000000"
      "4d00000000000000"
      "0900000001000000"
      "0500000000000000");
  EXPECT_EQ(ReadBinlogGtidList(list)->ToString(), "0-1-77,9-1-5");
  EXPECT_EQ(ReadBinlogGtidList(Bytes("00000080"))->ToString(), "");
  for (size_t size = 0; size < list.size(); ++size) {
    EXPECT_FALSE(ReadBinlogGtidList(std::string_view(list).substr(0, size))) << size;
  }
}

TEST(BinlogEvent, ATransactionOfXaHasItsName) {
  const std::string prepared = Bytes("0500000000000000000000004c070000000303612762620a7101ff");
  const std::string completed = Bytes("0b00000000000000000000008d7b000000030000ff27");
  const std::string committed_in_a_group = Bytes(
      "050000000000000000000000420100000000000000"
      "0100000002007262");
  const auto first = ReadBinlogGtid({.body = prepared});
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->is_prepared && !first->is_completed && !first->is_standalone);
  EXPECT_EQ(first->xid, "X'612762',X'620a71',7");
  const auto second = ReadBinlogGtid({.body = completed});
  ASSERT_TRUE(second);
  EXPECT_TRUE(!second->is_prepared && second->is_completed && second->is_standalone);
  EXPECT_EQ(second->xid, "X'00ff27',X'',123");
  EXPECT_EQ(ReadBinlogGtid({.body = committed_in_a_group})->xid, "X'7262',X'',1");
  for (size_t size = 0; size < completed.size(); ++size) {
    EXPECT_FALSE(ReadBinlogGtid({.body = std::string_view(completed).substr(0, size)})) << size;
  }
}

TEST(BinlogEvent, AStatementAndWhereItWasRun) {
  const std::string bytes = Bytes(
      "30e30d6b020100000085000000401400000000060000000000000002000023000000000001010000000000000000"
      "0603737464042d002d002d00811a00000000000000747900637265617465207461626c65206966206e6f74206578"
      "6973747320636f6d7028696420696e74207072696d617279206b65792c2074207465787429be46a754");
  const auto event = ReadBinlogEvent(bytes, true);
  ASSERT_TRUE(event);
  std::string store;
  const auto query = ReadBinlogQuery(event->is, event->body, &store);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->database, "ty");
  EXPECT_EQ(query->statement, "create table if not exists comp(id int primary key, t text)");
  EXPECT_FALSE(ReadBinlogQuery(event->is, event->body.substr(0, 50), &store));
}

TEST(BinlogStatement, WhatItDoesToTheTable) {
  const WatchedTable table{.database = "shop", .table = "orders", .columns = {"id", "total"}};
  struct Case {
    std::string_view statement;
    StatementDoes does;
    std::string_view database = "shop";
  };
  for (const Case& one : std::vector<Case>{
           {"BEGIN", StatementDoes::kNothing},
           {"COMMIT", StatementDoes::kNothing},
           {"TRUNCATE orders", StatementDoes::kTruncate},
           {"truncate table `shop`.`orders`", StatementDoes::kTruncate, "other"},
           {"TRUNCATE TABLE orders", StatementDoes::kNothing, "other"},
           {"TRUNCATE TABLE other.orders", StatementDoes::kNothing},
           {"/* a job */ -- and more\n TRUNCATE orders", StatementDoes::kTruncate},
           {"SET STATEMENT max_statement_time=1 FOR TRUNCATE orders", StatementDoes::kTruncate},
           {"DROP TABLE IF EXISTS `a`,`orders` /* generated by server */", StatementDoes::kDrop},
           {"DROP TABLE orders_old", StatementDoes::kNothing},
           {"DROP DATABASE shop", StatementDoes::kDrop, "other"},
           {"DROP DATABASE IF EXISTS `other`", StatementDoes::kNothing},
           {"DROP INDEX total ON orders", StatementDoes::kNothing},
           {"CREATE OR REPLACE TABLE orders (id int)", StatementDoes::kDrop},
           {"CREATE OR REPLACE TABLE copy LIKE orders", StatementDoes::kNothing},
           {"CREATE TABLE copy LIKE orders", StatementDoes::kNothing},
           {"RENAME TABLE orders TO orders_old, _orders_new TO orders", StatementDoes::kRename},
           {"RENAME TABLE a TO b", StatementDoes::kNothing},
           {"ALTER TABLE orders ADD COLUMN note text", StatementDoes::kNothing},
           {"ALTER TABLE orders ADD INDEX total (total)", StatementDoes::kNothing},
           {"ALTER TABLE orders ADD note text AFTER total", StatementDoes::kNothing},
           {"ALTER TABLE orders ALTER total SET DEFAULT 5", StatementDoes::kNothing},
           {"ALTER TABLE orders ADD (note text, TOTAL int)", StatementDoes::kAlter},
           {"ALTER TABLE orders ADD COLUMN IF NOT EXISTS total int", StatementDoes::kAlter},
           {"ALTER TABLE orders ADD note text, DROP IF EXISTS `total`", StatementDoes::kAlter},
           {"ALTER TABLE orders CHANGE COLUMN a total int", StatementDoes::kAlter},
           {"ALTER TABLE orders CHANGE total a int", StatementDoes::kAlter},
           {"ALTER TABLE orders CHANGE", StatementDoes::kNothing},
           {"ALTER TABLE orders RENAME COLUMN a TO b", StatementDoes::kNothing},
           {"ALTER TABLE orders RENAME COLUMN a TO total", StatementDoes::kAlter},
           {"ALTER TABLE orders MODIFY `total` bigint", StatementDoes::kAlter},
           {"ALTER TABLE other.orders MODIFY total bigint", StatementDoes::kNothing},
           {"ALTER TABLE orders DROP PARTITION p1", StatementDoes::kAlter},
           {"ALTER IGNORE TABLE orders ADD UNIQUE (a)", StatementDoes::kAlter},
           {"ALTER TABLE orders CONVERT TO CHARACTER SET latin1", StatementDoes::kAlter},
           {"ALTER TABLE orders RENAME TO shop.old", StatementDoes::kRename},
           {"ALTER TABLE new RENAME orders", StatementDoes::kRename},
           {"ALTER TABLE new EXCHANGE PARTITION p WITH TABLE orders", StatementDoes::kRename},
           {"ALTER TABLE new ADD FOREIGN KEY (o) REFERENCES orders (id)", StatementDoes::kNothing},
           {"UPDATE orders SET total = 1", StatementDoes::kWrite},
           {"insert into t select * from `shop` . `orders`", StatementDoes::kWrite, "other"},
           {"DELETE FROM t", StatementDoes::kNothing},
           {"INSERT INTO t VALUES ('orders')", StatementDoes::kWrite},
           {"GRANT SELECT ON orders TO a", StatementDoes::kNothing},
           {"CREATE TRIGGER x BEFORE INSERT ON orders FOR EACH ROW SET @a = 1",
            StatementDoes::kNothing},
           {"`", StatementDoes::kNothing},
           {"/*", StatementDoes::kNothing},
           {"", StatementDoes::kNothing},
           {"ALTER", StatementDoes::kNothing},
           {"ALTER TABLE", StatementDoes::kNothing},
           {"DROP", StatementDoes::kNothing},
           {"CREATE OR REPLACE TABLE", StatementDoes::kNothing},
       }) {
    EXPECT_EQ(WhatStatementDoes(one.statement, one.database, table), one.does) << one.statement;
  }
}

}  // namespace
}  // namespace murmur
