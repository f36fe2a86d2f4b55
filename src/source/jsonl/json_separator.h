// Firehose writes JSON values as they were sent, one behind the other: `}{` without a newline is
// normal, and a value may have newlines inside.
#pragma once

#include <memory>

#include "source/jsonl/byte_stream.h"

namespace murmur {

// The same values, one a line: newlines between values are added, those within one become spaces.
// Where a line begins with '{' and no value can stand there, the one before was cut off, and a new
// one begins: it takes at most one other with it. Offsets are those of the lines, which are a
// function of the object's bytes.
std::unique_ptr<ByteStream> SeparateJson(std::unique_ptr<ByteStream> bytes);

}  // namespace murmur
