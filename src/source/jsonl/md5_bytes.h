// Bytes whose MD5 somebody has told.
#pragma once

#include <memory>
#include <string>

#include "source/jsonl/byte_stream.h"

namespace murmur {

// The bytes of `bytes`, an object's from its start. If they turn out to be others than those with
// this MD5 (base64), the read that finds their end fails with kDataLoss and the object's name.
std::unique_ptr<ByteStream> CheckMd5(std::unique_ptr<ByteStream> bytes, std::string md5,
                                     std::string object);

}  // namespace murmur
