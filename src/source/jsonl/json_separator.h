// Firehose writes JSON values as they were sent, without separators: `}{` without a newline is
// normal, and a value may have newlines inside.
#pragma once

#include <memory>

#include "source/jsonl/byte_stream.h"

namespace murmur {

// The same values, one a line: adds newlines between values, and turns those within a value into
// spaces. If a line begins with '{' where no value can begin, the value before it was cut off and a
// new one begins; a cut-off value spoils at most one other. Offsets are those of the lines, which
// depend only on the object's bytes.
std::unique_ptr<ByteStream> SeparateJson(std::unique_ptr<ByteStream> bytes);

}  // namespace murmur
