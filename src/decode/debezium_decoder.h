// Turns Debezium's change messages, as JSON with or without their schema, into changes of rows.
// A row is the content of `after`; the projected fields are its columns. Its key is the message's
// key in canonical form; its version is the place in the database's log (debezium_version.h).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "decode/connect_types.h"
#include "decode/debezium_placeholder.h"
#include "murmur/decoder.h"

namespace murmur {

struct DebeziumOptions {
  // The topic may keep only the last message of a key. Then a message without a value means that
  // the row was deleted; in other topics the delete before it says so.
  bool compacted = false;
  // The connector's `unavailable.value.placeholder`. A cell with it becomes Cell::Unchanged.
  std::string placeholder = std::string(kDebeziumPlaceholder);
  // The connector's `decimal.handling.mode`.
  DecimalMode decimals = DecimalMode::kUnknown;
  // There are other topics besides those of tables: messages about transactions and schemas are
  // ignored.
  bool many_topics = false;
};

// Whether the message, read as a record, looks like a change by Debezium.
bool LooksLikeDebezium(std::string_view message);

std::unique_ptr<ChangeDecoder> MakeDebeziumDecoder(const Projection& projection,
                                                   const DebeziumOptions& options);

}  // namespace murmur
