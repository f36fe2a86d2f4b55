#include "source/mariadb/binlog_event.h"

#include <fmt/format.h>
#include <isa-l/crc.h>
#include <mysql.h>

#include <algorithm>

#include "base/hex.h"
#include "source/mariadb/binlog_inflate.h"

namespace murmur {
namespace {

constexpr size_t kHeaderBytes = 19;
constexpr size_t kChecksumBytes = 4;
constexpr size_t kTableIdBytes = 6;
constexpr uint64_t kColumnsMax = 4096;

bool IsChecksumRight(std::string_view bytes) {
  uint64_t checksum = 0;
  ByteReader end(bytes.substr(bytes.size() - kChecksumBytes));
  if (!end.TakeNumber(kChecksumBytes, &checksum)) return false;
  return crc32_gzip_refl(0, reinterpret_cast<const unsigned char*>(bytes.data()),
                         bytes.size() - kChecksumBytes) == checksum;
}

// A name after its length, and a zero byte.
bool TakeName(ByteReader* in, std::string_view* name) {
  uint64_t size = 0;
  return in->TakeNumber(1, &size) && in->Take(size, name) && in->Skip(1);
}

bool Inflate(std::string_view bytes, std::string* out) {
  out->clear();
  return AppendInflated(bytes, out);
}

bool IsCompressed(BinlogIs is) {
  return is >= BinlogIs::kQueryCompressed && is <= BinlogIs::kDeleteRowsCompressed;
}

// How many bytes of a table map say more about a type; -1: a type that is not known.
int MetadataBytes(uint8_t code) {
  switch (code) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_YEAR:
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE: return 0;
    case MYSQL_TYPE_FLOAT:
    case MYSQL_TYPE_DOUBLE:
    case MYSQL_TYPE_BLOB:
    case MYSQL_TYPE_GEOMETRY:
    case kBinlogBlobCompressed:
    case MYSQL_TYPE_TIMESTAMP2:
    case MYSQL_TYPE_DATETIME2:
    case MYSQL_TYPE_TIME2: return 1;
    case MYSQL_TYPE_NEWDECIMAL:
    case MYSQL_TYPE_VARCHAR:
    case kBinlogVarcharCompressed:
    case MYSQL_TYPE_STRING:
    case MYSQL_TYPE_BIT:
    case MYSQL_TYPE_VAR_STRING: return 2;
    default: return -1;
  }
}

// CHAR, ENUM and SET have one code. Of a longer CHAR, two bits of the length hide in the type.
BinlogType TypeOfString(uint8_t first, uint8_t second) {
  constexpr uint8_t kLengthBits = 0x30;
  const auto high = static_cast<uint16_t>((first & kLengthBits) ^ kLengthBits);
  return {.code = static_cast<uint8_t>(first | kLengthBits),
          .a = 0,
          .b = static_cast<uint16_t>(second | high << 4)};
}

bool TakeType(uint8_t code, ByteReader* metadata, BinlogType* type) {
  const int count = MetadataBytes(code);
  uint64_t first = 0;
  uint64_t second = 0;
  if (count < 0 || (count > 0 && !metadata->TakeNumber(1, &first)) ||
      (count > 1 && !metadata->TakeNumber(1, &second))) {
    return false;
  }
  const auto a = static_cast<uint8_t>(first);
  const auto b = static_cast<uint8_t>(second);
  if (code == MYSQL_TYPE_STRING) {
    *type = TypeOfString(a, b);
  } else if (count == 2 && code != MYSQL_TYPE_NEWDECIMAL && code != MYSQL_TYPE_BIT) {
    *type = {.code = code, .a = 0, .b = static_cast<uint16_t>(a | b << 8)};
  } else {
    *type = {.code = code, .a = a, .b = b};
  }
  return true;
}

bool TakeColumnNames(ByteReader names, std::vector<BinlogColumn>* columns) {
  for (BinlogColumn& column : *columns) {
    uint64_t size = 0;
    if (!names.TakePacked(&size) || !names.Take(size, &column.name)) return false;
  }
  return true;
}

// What the log says of columns besides their types: parts of a kind and a size each.
bool TakeOptionalMetadata(ByteReader in, std::vector<BinlogColumn>* columns) {
  constexpr uint64_t kColumnNames = 4;
  while (!in.rest().empty()) {
    uint64_t kind = 0;
    uint64_t size = 0;
    std::string_view part;
    if (!in.TakeNumber(1, &kind) || !in.TakePacked(&size) || !in.Take(size, &part)) return false;
    if (kind == kColumnNames && !TakeColumnNames(ByteReader(part), columns)) return false;
  }
  return true;
}

bool TakeTableName(ByteReader* in, BinlogTableMap* map) {
  return in->TakeNumber(kTableIdBytes, &map->id) && in->Skip(2) && TakeName(in, &map->database) &&
         TakeName(in, &map->table);
}

bool TakeColumns(ByteReader* in, BinlogTableMap* map) {
  uint64_t count = 0;
  std::string_view codes;
  uint64_t size = 0;
  std::string_view metadata;
  if (!in->TakePacked(&count) || count > kColumnsMax || !in->Take(count, &codes) ||
      !in->TakePacked(&size) || !in->Take(size, &metadata) || !in->Skip((count + 7) / 8)) {
    return false;
  }
  ByteReader of_types(metadata);
  for (const char c : codes) {
    BinlogColumn& column = map->columns.emplace_back();
    column.declared = static_cast<uint8_t>(c);
    if (!TakeType(column.declared, &of_types, &column.type)) return false;
  }
  return TakeOptionalMetadata(*in, &map->columns);
}

}  // namespace

bool ByteReader::TakeNumber(size_t bytes, uint64_t* number) {
  std::string_view taken;
  if (!Take(bytes, &taken)) return false;
  *number = 0;
  for (size_t i = bytes; i > 0; --i) {
    *number = *number << 8 | static_cast<unsigned char>(taken[i - 1]);
  }
  return true;
}

bool ByteReader::TakePacked(uint64_t* number) {
  if (!TakeNumber(1, number)) return false;
  switch (*number) {
    case 0xFC: return TakeNumber(2, number);
    case 0xFD: return TakeNumber(3, number);
    case 0xFE: return TakeNumber(8, number);
    default: return *number < 0xFB;
  }
}

std::optional<BinlogEvent> ReadBinlogEvent(std::string_view bytes, bool is_checked) {
  ByteReader in(bytes);
  uint64_t time = 0;
  uint64_t kind = 0;
  uint64_t server = 0;
  uint64_t size = 0;
  uint64_t end = 0;
  uint64_t flags = 0;
  if (!in.TakeNumber(4, &time) || !in.TakeNumber(1, &kind) || !in.TakeNumber(4, &server) ||
      !in.TakeNumber(4, &size) || !in.TakeNumber(4, &end) || !in.TakeNumber(2, &flags) ||
      size != bytes.size()) {
    return std::nullopt;
  }
  BinlogEvent event{.is = static_cast<BinlogIs>(kind),
                    .time = static_cast<uint32_t>(time),
                    .server = static_cast<uint32_t>(server),
                    .size = static_cast<uint32_t>(size),
                    .end = static_cast<uint32_t>(end),
                    .flags = static_cast<uint16_t>(flags),
                    .body = in.rest()};
  if (event.is == BinlogIs::kFormatDescription) return event;  // it says what follows
  // What leads to another file may come in the form of either.
  if (event.is == BinlogIs::kRotate) {
    is_checked = bytes.size() >= kHeaderBytes + kChecksumBytes && IsChecksumRight(bytes);
  } else if (is_checked && (event.body.size() < kChecksumBytes || !IsChecksumRight(bytes))) {
    return std::nullopt;
  }
  if (is_checked) event.body.remove_suffix(kChecksumBytes);
  return event;
}

std::optional<BinlogFormat> ReadBinlogFormat(std::string_view body) {
  constexpr size_t kVersionBytes = 2 + 50;
  ByteReader in(body);
  uint64_t created = 0;
  if (!in.Skip(kVersionBytes) || !in.TakeNumber(4, &created) || !in.Skip(1) ||
      in.rest().size() < 1 + kChecksumBytes) {
    return std::nullopt;
  }
  const char algorithm = body[body.size() - kChecksumBytes - 1];
  if (algorithm != 0 && algorithm != 1) return std::nullopt;
  return BinlogFormat{.is_checked = algorithm == 1, .is_of_start = created != 0};
}

std::optional<std::string> ReadBinlogRotate(std::string_view body) {
  ByteReader in(body);
  if (!in.Skip(8) || in.rest().empty()) return std::nullopt;
  return std::string(in.rest());
}

std::string XidText(uint64_t format, std::string_view gtrid, std::string_view bqual) {
  return fmt::format("X'{}',X'{}',{}", ToHex(gtrid), ToHex(bqual), format);
}

std::optional<BinlogGtid> ReadBinlogGtid(const BinlogEvent& event) {
  constexpr uint64_t kStandalone = 0x01;
  constexpr uint64_t kGroupCommitted = 0x02;
  constexpr uint64_t kPreparedXa = 0x40;
  constexpr uint64_t kCompletedXa = 0x80;
  ByteReader in(event.body);
  uint64_t seq = 0;
  uint64_t domain = 0;
  uint64_t flags = 0;
  if (!in.TakeNumber(8, &seq) || !in.TakeNumber(4, &domain) || !in.TakeNumber(1, &flags)) {
    return std::nullopt;
  }
  BinlogGtid gtid{
      .id = {.domain = static_cast<uint32_t>(domain), .server = event.server, .seq = seq},
      .is_prepared = (flags & kPreparedXa) != 0,
      .is_completed = (flags & kCompletedXa) != 0,
      .is_standalone = (flags & kStandalone) != 0,
      .xid = {}};
  if (!gtid.is_prepared && !gtid.is_completed) return gtid;
  uint64_t format = 0;
  uint64_t gtrid_bytes = 0;
  uint64_t bqual_bytes = 0;
  std::string_view gtrid;
  std::string_view bqual;
  if (((flags & kGroupCommitted) != 0 && !in.Skip(8)) || !in.TakeNumber(4, &format) ||
      !in.TakeNumber(1, &gtrid_bytes) || !in.TakeNumber(1, &bqual_bytes) ||
      !in.Take(gtrid_bytes, &gtrid) || !in.Take(bqual_bytes, &bqual)) {
    return std::nullopt;
  }
  gtid.xid = XidText(format, gtrid, bqual);
  return gtid;
}

// Of a domain the last one in the list is the last one in the log.
std::optional<MariaGtids> ReadBinlogGtidList(std::string_view body) {
  constexpr uint64_t kCountBits = 0x0FFFFFFF;
  ByteReader in(body);
  MariaGtids gtids;
  uint64_t count = 0;
  if (!in.TakeNumber(4, &count)) return std::nullopt;
  for (count &= kCountBits; count > 0; --count) {
    uint64_t domain = 0;
    uint64_t server = 0;
    uint64_t seq = 0;
    if (!in.TakeNumber(4, &domain) || !in.TakeNumber(4, &server) || !in.TakeNumber(8, &seq)) {
      return std::nullopt;
    }
    gtids.Set({.domain = static_cast<uint32_t>(domain),
               .server = static_cast<uint32_t>(server),
               .seq = seq});
  }
  return gtids;
}

std::optional<BinlogQuery> ReadBinlogQuery(BinlogIs is, std::string_view body, std::string* store) {
  constexpr size_t kLoadBytes = 4 + 4 + 4 + 1;  // of kExecuteLoadQuery, more
  ByteReader in(body);
  uint64_t name_size = 0;
  uint64_t variables = 0;
  BinlogQuery query;
  if (!in.Skip(4 + 4) || !in.TakeNumber(1, &name_size) || !in.Skip(2) ||
      !in.TakeNumber(2, &variables) ||
      (is == BinlogIs::kExecuteLoadQuery && !in.Skip(kLoadBytes)) || !in.Skip(variables) ||
      !in.Take(name_size, &query.database) || !in.Skip(1)) {
    return std::nullopt;
  }
  query.statement = in.rest();
  if (is != BinlogIs::kQueryCompressed) return query;
  if (!Inflate(query.statement, store)) return std::nullopt;
  query.statement = *store;
  return query;
}

std::optional<BinlogTableMap> ReadBinlogTableName(std::string_view body) {
  BinlogTableMap map;
  ByteReader in(body);
  if (!TakeTableName(&in, &map)) return std::nullopt;
  return map;
}

std::optional<BinlogTableMap> ReadBinlogTableMap(std::string_view body) {
  BinlogTableMap map;
  ByteReader in(body);
  if (!TakeTableName(&in, &map) || !TakeColumns(&in, &map)) return std::nullopt;
  return map;
}

BinlogRowsAre BinlogRowsOf(BinlogIs is) noexcept {
  switch (is) {
    case BinlogIs::kWriteRowsV1:
    case BinlogIs::kWriteRows:
    case BinlogIs::kWriteRowsCompressedV1:
    case BinlogIs::kWriteRowsCompressed: return BinlogRowsAre::kInserted;
    case BinlogIs::kUpdateRowsV1:
    case BinlogIs::kUpdateRows:
    case BinlogIs::kUpdateRowsCompressedV1:
    case BinlogIs::kUpdateRowsCompressed: return BinlogRowsAre::kUpdated;
    case BinlogIs::kDeleteRowsV1:
    case BinlogIs::kDeleteRows:
    case BinlogIs::kDeleteRowsCompressedV1:
    case BinlogIs::kDeleteRowsCompressed: return BinlogRowsAre::kDeleted;
    default: return BinlogRowsAre::kNone;
  }
}

std::optional<uint64_t> ReadBinlogRowsTable(std::string_view body) {
  uint64_t table = 0;
  if (!ByteReader(body).TakeNumber(kTableIdBytes, &table)) return std::nullopt;
  return table;
}

std::optional<BinlogRows> ReadBinlogRows(BinlogIs is, std::string_view body, std::string* store) {
  BinlogRows rows{.are = BinlogRowsOf(is)};
  ByteReader in(body);
  if (!in.TakeNumber(kTableIdBytes, &rows.table) || !in.Skip(2)) return std::nullopt;
  const bool is_second_version = (is >= BinlogIs::kWriteRows && is <= BinlogIs::kDeleteRows) ||
                                 is >= BinlogIs::kWriteRowsCompressed;
  uint64_t extra = 0;  // with the bytes of its own size
  if (is_second_version && (!in.TakeNumber(2, &extra) || extra < 2 || !in.Skip(extra - 2))) {
    return std::nullopt;
  }
  uint64_t columns = 0;
  if (!in.TakePacked(&columns) || columns > kColumnsMax) return std::nullopt;
  rows.columns = columns;
  const size_t bytes = (rows.columns + 7) / 8;
  if (!in.Take(bytes, &rows.first) ||
      (rows.are == BinlogRowsAre::kUpdated && !in.Take(bytes, &rows.second))) {
    return std::nullopt;
  }
  rows.images = in.rest();
  if (!IsCompressed(is)) return rows;
  if (!Inflate(rows.images, store)) return std::nullopt;
  rows.images = *store;
  return rows;
}

}  // namespace murmur
