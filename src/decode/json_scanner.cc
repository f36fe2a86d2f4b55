#include "decode/json_scanner.h"

namespace murmur {
namespace {

// The four hexadecimal digits at `p`, or -1.
int ParseHex4(const char* p) {
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = p[i];
    const char lower = static_cast<char>(c | 0x20);
    if (IsJsonDigit(c)) {
      value = value * 16 + (c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      value = value * 16 + (lower - 'a' + 10);
    } else {
      return -1;
    }
  }
  return value;
}

bool IsHighSurrogate(int unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool IsLowSurrogate(int unit) { return unit >= 0xDC00 && unit < 0xE000; }

// Takes \uXXXX or a pair of them, `p` at the backslash; -1 for a lone surrogate or no digits.
int TakeUnicode(const char** p) {
  const int unit = ParseHex4(*p + 2);
  if (unit < 0 || IsLowSurrogate(unit)) return -1;
  *p += 6;
  if (!IsHighSurrogate(unit)) return unit;
  if ((*p)[0] != '\\' || (*p)[1] != 'u') return -1;
  const int low = ParseHex4(*p + 2);
  if (!IsLowSurrogate(low)) return -1;
  *p += 6;
  return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

char* AppendUtf8(int code, char* out) {
  if (code < 0x80) {
    *out++ = static_cast<char>(code);
    return out;
  }
  if (code < 0x800) {
    *out++ = static_cast<char>(0xC0 | (code >> 6));
  } else {
    if (code < 0x10000) {
      *out++ = static_cast<char>(0xE0 | (code >> 12));
    } else {
      *out++ = static_cast<char>(0xF0 | (code >> 18));
      *out++ = static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    }
    *out++ = static_cast<char>(0x80 | ((code >> 6) & 0x3F));
  }
  *out++ = static_cast<char>(0x80 | (code & 0x3F));
  return out;
}

}  // namespace

const char* SkipJsonEscape(const char* p) noexcept {
  switch (p[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': return p + 2;
    case 'u': return TakeUnicode(&p) < 0 ? nullptr : p;
    default: return nullptr;
  }
}

char* UnescapeJson(std::string_view body, char* out) noexcept {
  const char* p = body.data();
  const char* end = p + body.size();
  while (p < end) {
    if (*p != '\\') {
      *out++ = *p++;
      continue;
    }
    if (p[1] == 'u') {
      out = AppendUtf8(TakeUnicode(&p), out);
      continue;
    }
    switch (p[1]) {
      case 'b': *out++ = '\b'; break;
      case 'f': *out++ = '\f'; break;
      case 'n': *out++ = '\n'; break;
      case 'r': *out++ = '\r'; break;
      case 't': *out++ = '\t'; break;
      default: *out++ = p[1];
    }
    p += 2;
  }
  return out;
}

const char* JsonScanner::SkipExponent(const char* p) noexcept {
  ++p;
  if (*p == '+' || *p == '-') ++p;
  const char* end = FindNonDigit(p);
  return end == p ? nullptr : end;
}

const char* JsonScanner::SkipNested(const char* p, int depth) noexcept {
  if (depth >= kJsonDepthMax) return nullptr;
  if (*p == '{') {
    return WalkObject(p, [this, depth](std::string_view, bool, const char* value) {
      return SkipValue(value, depth + 1);
    });
  }
  return WalkList(
      p, [this, depth](uint32_t, const char* value) { return SkipValue(value, depth + 1); });
}

}  // namespace murmur
