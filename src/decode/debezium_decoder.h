// Debezium's change messages as JSON, with their schema beside them or without → changes of rows.
//
// A row is what `after` holds; the fields of the projection are its columns. Its key is the
// message's key in canonical form, its version the place in the database's log
// (debezium_version.h).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "decode/connect_types.h"
#include "decode/debezium_placeholder.h"
#include "murmur/decoder.h"

namespace murmur {

struct DebeziumOptions {
  // Of what happened to a key only the last may be left. A message without a value then tells that
  // the row is gone; elsewhere the delete before it does.
  bool compacted = false;
  // The connector's `unavailable.value.placeholder`. A cell that it stands for is Cell::Unchanged.
  std::string placeholder = std::string(kDebeziumPlaceholder);
  // Its `decimal.handling.mode`.
  DecimalMode decimals = DecimalMode::kUnknown;
  // There are topics beside those of tables: messages about transactions and schemas are nothing.
  bool many_topics = false;
};

// Whether the message, read as a record, looks like a change of Debezium.
bool LooksLikeDebezium(std::string_view message);

std::unique_ptr<ChangeDecoder> MakeDebeziumDecoder(const Projection& projection,
                                                   const DebeziumOptions& options);

}  // namespace murmur
