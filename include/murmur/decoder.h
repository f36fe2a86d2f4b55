// Turns the bytes of one record into cells. Implement it to add a format that Murmur lacks.
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

  // Starts a new batch; the cells of the last batch are not read any more.
  virtual void BeginBatch() {}

  // Writes the value of each projected field to (*columns)[field].cells[row], or null where the
  // record has none. Views may point into `record`, which lives as long as the batch, or into
  // memory that the decoder keeps until BeginBatch. Returns true for a record, false if it is
  // refused; then `dead` has reason and detail. Strings must be UTF-8. The caller sets
  // Column::kinds.
  virtual bool Decode(std::string_view record, uint32_t row, std::vector<Column>* columns,
                      DeadLetter* dead) = 0;
};

// What a message of a table's change log says of a row, besides its cells. Views live as in Decode.
struct DecodedChange {
  enum class Outcome : uint8_t {
    kRow,
    kNothing,  // the message is about no row
    kDead,     // the row's new content is unreadable; if `key` is known, the row stops counting
    kStop,     // nothing after this message can be counted exactly
  };
  Outcome outcome = Outcome::kRow;
  RowChange change = RowChange::kPut;
  std::string_view key;      // as RecordBatch::row_keys; empty: unknown
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

  virtual void BeginBatch() {}  // as in RecordDecoder
  // The row key (as DecodedChange::key) that a message's key stands for; empty: none.
  virtual std::string_view RowKey(std::string_view /*key*/) { return {}; }
  // As RecordDecoder::Decode, for a message of key and value; either may be empty. A cell may be
  // Cell::Unchanged. For kDead and kStop, `dead` has reason and detail.
  virtual DecodedChange Decode(std::string_view key, std::string_view value, uint32_t row,
                               std::vector<Column>* columns, DeadLetter* dead) = 0;
};

using DecoderFactory =
    std::function<Result<std::unique_ptr<RecordDecoder>>(const Projection& projection)>;

// Threads: any. Errors: kAlreadyExists.
Status RegisterDecoder(std::string format, DecoderFactory factory);

// Errors: kNotFound (lists the known formats); those of the factory.
Result<std::unique_ptr<RecordDecoder>> MakeDecoder(std::string_view format,
                                                   const Projection& projection);

}  // namespace murmur
