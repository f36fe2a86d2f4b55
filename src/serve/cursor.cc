#include "serve/cursor.h"

#include <utility>

#include "base/hex.h"

namespace murmur {

// The bytes of the key's parts: exact, whatever their kinds.
Result<std::string> CursorAfter(const std::vector<KeyValue>& key) {
  std::string bytes;
  for (const KeyValue& part : key) {
    if (!AppendKeyPart(part, &bytes)) return Status(Code::kInternal, "a key can't be written");
  }
  return ToHex(bytes);
}

Result<std::vector<KeyValue>> ParseCursor(const std::string& cursor) {
  if (cursor.empty()) return std::vector<KeyValue>();
  std::string bytes;
  if (FromHex(cursor, &bytes)) {
    auto key = DecodeKey(static_cast<char>(kKeyBase) + bytes, /*windowed=*/false);
    if (key.ok()) return std::move(key->parts);
  }
  return Status(Code::kInvalidArgument, "the cursor is none that an answer gave");
}

}  // namespace murmur
