// Bytes of one record → cells: how a format that Murmur does not know gets in.
//
// Derive from RecordDecoder, register it under a name, and write `format: that_name` under the
// source:
//   RegisterDecoder("mine", [](const Projection& projection) { return …; });
// "json" is built in. Sources of lines hand a decoder one line a time, sources of messages one
// message.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/record.h"
#include "murmur/status.h"

namespace murmur {

// Belongs to one stream. Threads: one at a time.
class RecordDecoder {
 public:
  RecordDecoder() = default;
  RecordDecoder(const RecordDecoder&) = delete;
  RecordDecoder& operator=(const RecordDecoder&) = delete;
  virtual ~RecordDecoder() = default;

  // A new batch begins: nobody looks at the cells of the last one any more.
  virtual void BeginBatch() {}

  // Writes the record's value of each field of the projection to (*columns)[field].cells[row], null
  // where it has none. Views may point into `record`, which lives as long as the batch, or into
  // memory of the decoder that it keeps until BeginBatch. True: a record. False: refused; `dead`
  // has reason and detail. Strings must be UTF-8. The caller sets Column::kinds.
  virtual bool Decode(std::string_view record, uint32_t row, std::vector<Column>* columns,
                      DeadLetter* dead) = 0;
};

// What a message of a table's change log says of a row, beside its cells. Views as Decode's.
struct DecodedChange {
  enum class Outcome : uint8_t {
    kRow,
    kNothing,  // a message that is about no row
    kDead,     // what the row holds now can't be told: where `key` is known, it counts no more
    kStop,     // nothing behind this message can be counted exactly
  };
  Outcome outcome = Outcome::kRow;
  RowChange change = RowChange::kPut;
  std::string_view key;      // as RecordBatch::row_keys; empty: not known
  std::string_view version;  // as RecordBatch::versions
  bool of_snapshot = false;  // as RecordBatch::of_snapshot
};

// Decodes the messages of a table's change log. Belongs to one stream.
class ChangeDecoder {
 public:
  ChangeDecoder() = default;
  ChangeDecoder(const ChangeDecoder&) = delete;
  ChangeDecoder& operator=(const ChangeDecoder&) = delete;
  virtual ~ChangeDecoder() = default;

  virtual void BeginBatch() {}  // as RecordDecoder
  // The row key that a message's key is, as DecodedChange::key; empty: it is none.
  virtual std::string_view RowKey(std::string_view /*key*/) { return {}; }
  // As RecordDecoder::Decode, of a message of key and value; either may be empty. A cell may be
  // Cell::Unchanged. Of kDead and kStop `dead` has reason and detail.
  virtual DecodedChange Decode(std::string_view key, std::string_view value, uint32_t row,
                               std::vector<Column>* columns, DeadLetter* dead) = 0;
};

using DecoderFactory =
    std::function<Result<std::unique_ptr<RecordDecoder>>(const Projection& projection)>;

// Threads: any. Errors: kAlreadyExists.
Status RegisterDecoder(std::string format, DecoderFactory factory);

// Errors: kNotFound lists the formats that there are; what the factory says.
Result<std::unique_ptr<RecordDecoder>> MakeDecoder(std::string_view format,
                                                   const Projection& projection);

}  // namespace murmur
