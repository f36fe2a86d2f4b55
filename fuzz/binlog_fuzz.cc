// Any bytes taken for events of MariaDB's binary log are refused, or give values that view nothing
// but what is there; texts of values are read again, and a key's parts are a key.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/key.h"
#include "source/mariadb/binlog_event.h"
#include "source/mariadb/binlog_row.h"
#include "source/mariadb/binlog_statement.h"
#include "source/mariadb/maria_charset.h"
#include "source/mariadb/maria_table.h"

namespace {

using namespace murmur;

void Touch(std::string_view text) {
  static volatile unsigned char seen = 0;
  for (const char c : text) seen = seen ^ static_cast<unsigned char>(c);  // readable
}

// The input's first byte says of which kind the n-th column is.
MariaTable TableOf(size_t columns, uint8_t kinds) {
  static const auto charset = std::make_shared<MariaCharset>();
  MariaTable table;
  for (size_t i = 0; i < columns; ++i) {
    MariaColumn column;
    column.name = "c" + std::to_string(i);
    column.is = static_cast<MariaIs>((kinds + i) % (static_cast<size_t>(MariaIs::kInet6) + 1));
    if ((kinds & 1) != 0) column.charset = charset;
    column.labels = {"a", "b", "c"};
    table.columns.push_back(std::move(column));
  }
  return table;
}

void CheckText(const MariaColumn& column, std::string_view text) {
  Touch(text);
  if (column.is == MariaIs::kJson) return;
  TextArena arena;
  Cell cell;
  if (!ReadMariaScalar(column.is, text, &arena, &cell)) return;
  if (cell.kind == Kind::kString || cell.kind == Kind::kJson) Touch(cell.text());
  std::string key(1, static_cast<char>(kKeyBase));
  if (!AppendMariaKeyPart(column.is, text, &arena, &key)) return;
  if (!DecodeKey(key, /*windowed=*/false).ok()) std::abort();
}

void CheckRows(const BinlogTableMap& map, BinlogIs is, std::string_view body, uint8_t kinds) {
  std::string store;
  const auto rows = ReadBinlogRows(is, body, &store);
  if (!rows || rows->columns != map.columns.size() || rows->columns > 64) return;
  const MariaTable table = TableOf(map.columns.size(), kinds);
  std::vector<std::optional<size_t>> columns;
  for (size_t i = 0; i < map.columns.size(); ++i) columns.emplace_back(i);
  std::string_view images = rows->images;
  std::string texts;
  TextRow row;
  BinlogImageColumns of{.map = &map.columns, .columns = &columns, .present = rows->first};
  while (!images.empty()) {
    const size_t before = images.size();
    row.clear();
    if (!TakeBinlogImage(of, table, &images, &texts, &row)) return;
    if (images.size() >= before) return;  // a row without columns
    for (size_t i = 0; i < row.size(); ++i) {
      if (row[i].is == TextValue::Is::kText) CheckText(table.columns[i], row[i].text);
    }
  }
}

void CheckQuery(BinlogIs is, std::string_view body) {
  static const WatchedTable watched{.database = "shop", .table = "orders", .columns = {"total"}};
  std::string store;
  const auto query = ReadBinlogQuery(is, body, &store);
  if (!query) return;
  Touch(query->database);
  Touch(query->statement);
  (void)WhatStatementDoes(query->statement, query->database, watched);
}

}  // namespace

// A byte for the columns' kinds; then events, each after its length in two bytes. Those of rows are
// of the tables that came before them.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto kinds = static_cast<uint8_t>(rest[0]);
  rest.remove_prefix(1);
  std::map<uint64_t, std::pair<std::string, BinlogTableMap>> maps;
  while (rest.size() > 2) {
    const size_t length = static_cast<unsigned char>(rest[0]) | static_cast<unsigned char>(rest[1])
                                                                    << 8;
    rest.remove_prefix(2);
    // Of its own, so that a read beyond it is seen.
    const std::string bytes(rest.substr(0, length));
    rest.remove_prefix(bytes.size());
    const auto event = ReadBinlogEvent(bytes, (kinds & 2) != 0);
    if (!event) continue;
    (void)ReadBinlogFormat(event->body);
    if (const auto file = ReadBinlogRotate(event->body)) Touch(*file);
    (void)ReadBinlogGtid(*event);
    if (const auto gtids = ReadBinlogGtidList(event->body)) {
      if (ParseMariaGtids(gtids->ToString()) != *gtids) std::abort();
    }
    CheckQuery(event->is, event->body);
    if (event->is == BinlogIs::kTableMap) {
      std::string body(event->body);
      auto map = ReadBinlogTableMap(body);
      if (!map) continue;
      auto& kept = maps[map->id];
      kept.first = std::move(body);
      kept.second = *ReadBinlogTableMap(kept.first);
      for (const BinlogColumn& column : kept.second.columns) Touch(column.name);
      continue;
    }
    const auto table = ReadBinlogRowsTable(event->body);
    if (!table || !maps.contains(*table)) continue;
    CheckRows(maps[*table].second, event->is, event->body, kinds);
  }
  return 0;
}
