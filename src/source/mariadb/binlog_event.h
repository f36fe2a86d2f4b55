// Events of MariaDB's binary log, of format version 4, as a replica gets them.
// Source: MariaDB's knowledge base, "2-Binlog Event Header" and what follows it; the server's
// log_event.h. Bytes that are damaged or end too early are told from good ones: nothing reads
// beyond them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/mariadb/maria_gtid.h"

namespace murmur {

enum class BinlogIs : uint8_t {
  kQuery = 2,
  kStop = 3,
  kRotate = 4,
  kIntvar = 5,
  kRand = 13,
  kUserVar = 14,
  kFormatDescription = 15,
  kXid = 16,
  kBeginLoadQuery = 17,
  kExecuteLoadQuery = 18,
  kTableMap = 19,
  kWriteRowsV1 = 23,
  kUpdateRowsV1 = 24,
  kDeleteRowsV1 = 25,
  kIncident = 26,
  kHeartbeat = 27,
  kWriteRows = 30,
  kUpdateRows = 31,
  kDeleteRows = 32,
  kXaPrepare = 38,
  kAnnotateRows = 160,
  kBinlogCheckpoint = 161,
  kGtid = 162,
  kGtidList = 163,
  kStartEncryption = 164,
  kQueryCompressed = 165,
  kWriteRowsCompressedV1 = 166,
  kUpdateRowsCompressedV1 = 167,
  kDeleteRowsCompressedV1 = 168,
  kWriteRowsCompressed = 169,
  kUpdateRowsCompressed = 170,
  kDeleteRowsCompressed = 171,
};

// Reads numbers and texts off the front of bytes. False: there are not so many.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  std::string_view rest() const noexcept { return bytes_; }
  bool Take(size_t count, std::string_view* out) {
    if (bytes_.size() < count) return false;
    *out = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return true;
  }
  bool Skip(size_t count) {
    std::string_view skipped;
    return Take(count, &skipped);
  }
  // Of `bytes` bytes, at most eight, the least significant first.
  bool TakeNumber(size_t bytes, uint64_t* number);
  // Of one to nine bytes, as the first one says.
  bool TakePacked(uint64_t* number);

 private:
  std::string_view bytes_;
};

struct BinlogEvent {
  static constexpr uint16_t kArtificial = 0x20;  // made for this reader: it is not in the log
  static constexpr uint16_t kIgnorable = 0x80;

  BinlogIs is{};
  uint32_t time = 0;    // seconds since the epoch
  uint32_t server = 0;  // that wrote it first
  uint32_t size = 0;    // of all of it
  uint32_t end = 0;     // the place after it in its file; 0: it is not in the log
  uint16_t flags = 0;
  std::string_view body;  // after the header, without a checksum
};
// `is_checked`: it ends with a checksum. Empty: it is damaged.
std::optional<BinlogEvent> ReadBinlogEvent(std::string_view bytes, bool is_checked);

// A kFormatDescription.
struct BinlogFormat {
  bool is_checked = false;   // the events after it end with checksums
  bool is_of_start = false;  // the server began with this file
};
std::optional<BinlogFormat> ReadBinlogFormat(std::string_view body);
// The name of the file that comes next.
std::optional<std::string> ReadBinlogRotate(std::string_view body);

// What begins a transaction, or a statement that is one.
struct BinlogGtid {
  MariaGtid id;
  // Of XA: its changes come now, and it is committed or rolled back later, or never.
  bool is_prepared = false;
  bool is_completed = false;   // the commit or the rollback of such a one, without changes
  bool is_standalone = false;  // no event says where it ends
  std::string xid;             // as XidText; only of these two
};
std::optional<BinlogGtid> ReadBinlogGtid(const BinlogEvent& event);
// What lies before a file of the log: of a kGtidList.
std::optional<MariaGtids> ReadBinlogGtidList(std::string_view body);
// The name of an XA transaction, as a statement has it: "X'6f7264657273',X'01',1".
std::string XidText(uint64_t format, std::string_view gtrid, std::string_view bqual);

struct BinlogQuery {
  std::string_view database;
  std::string_view statement;
};
// Of kQuery, kExecuteLoadQuery and kQueryCompressed; *store keeps what was compressed.
std::optional<BinlogQuery> ReadBinlogQuery(BinlogIs is, std::string_view body, std::string* store);

// Types of COMPRESSED columns, which the client's library does not name.
inline constexpr uint8_t kBinlogBlobCompressed = 140;
inline constexpr uint8_t kBinlogVarcharCompressed = 141;

// The type of a column, with what its values' sizes and meanings depend on.
struct BinlogType {
  uint8_t code = 0;  // MYSQL_TYPE_…; of CHAR, ENUM and SET the true one
  // DECIMAL: digits; BIT: odd bits; BLOB: bytes of a length; times: digits of a fraction.
  uint8_t a = 0;
  // DECIMAL: digits after the point; BIT: whole bytes; CHAR, VARCHAR: most bytes of a value; ENUM,
  // SET: bytes of a value.
  uint16_t b = 0;
};
struct BinlogColumn {
  BinlogType type;
  uint8_t declared = 0;   // the code that the log gives first
  std::string_view name;  // empty: the log does not name columns
};
// The columns of the rows of an id; it is told again for each statement.
struct BinlogTableMap {
  uint64_t id = 0;
  std::string_view database;
  std::string_view table;
  std::vector<BinlogColumn> columns;
};
std::optional<BinlogTableMap> ReadBinlogTableMap(std::string_view body);
// Only id and names.
std::optional<BinlogTableMap> ReadBinlogTableName(std::string_view body);

enum class BinlogRowsAre : uint8_t { kNone, kInserted, kUpdated, kDeleted };
BinlogRowsAre BinlogRowsOf(BinlogIs is) noexcept;
struct BinlogRows {
  BinlogRowsAre are = BinlogRowsAre::kNone;
  uint64_t table = 0;
  size_t columns = 0;
  std::string_view first;   // which columns a row's first image has, a bit each
  std::string_view second;  // likewise, of the rows after an update
  std::string_view images;
};
// *store keeps what was compressed.
std::optional<BinlogRows> ReadBinlogRows(BinlogIs is, std::string_view body, std::string* store);
// The id alone.
std::optional<uint64_t> ReadBinlogRowsTable(std::string_view body);

inline bool BinlogBit(std::string_view bits, size_t at) noexcept {
  return (static_cast<unsigned char>(bits[at / 8]) >> (at % 8) & 1) != 0;
}

}  // namespace murmur
