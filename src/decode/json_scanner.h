// The grammar of JSON (RFC 8259), strictly. All decoders read values with these functions only, so
// that they agree on what JSON is.
//
// Positions are pointers into a buffer with kJsonPadding readable bytes after it, the first of them
// 0 or a newline: both stop every function here, so none takes an end. Each returns the position
// after what it took, or null if the text is not JSON. UTF-8 is not checked here; seen_ascii() says
// whether it needs to be.
#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <cstdint>
#include <cstring>
#include <string_view>

namespace murmur {

inline constexpr size_t kJsonPadding = 64;
inline constexpr int kJsonDepthMax = 512;  // nesting of objects and lists

// Takes an escape sequence, `p` at its backslash. A lone surrogate is refused.
const char* SkipJsonEscape(const char* p) noexcept;
// Writes the characters of a string's body to `out`, which has room for body.size() bytes; returns
// the end. REQUIRES: JsonScanner::SkipString accepted the string.
char* UnescapeJson(std::string_view body, char* out) noexcept;

inline bool IsJsonDigit(char c) noexcept { return static_cast<unsigned char>(c - '0') < 10; }

// Whether texts were ASCII. "No" may be wrong, "yes" never is.
class SeenBytes {
 public:
#ifdef __SSE2__
  bool ascii() const noexcept { return _mm_movemask_epi8(all_) == 0; }
  void Add(__m128i bytes) noexcept { all_ = _mm_or_si128(all_, bytes); }
  void Add(const SeenBytes& other) noexcept { Add(other.all_); }

 private:
  __m128i all_ = _mm_setzero_si128();  // or'ed
#else
  bool ascii() const noexcept { return all_ < 0x80; }
  void Add(char byte) noexcept { all_ |= static_cast<unsigned char>(byte); }
  void Add(const SeenBytes& other) noexcept { all_ |= other.all_; }

 private:
  unsigned char all_ = 0;
#endif
};

// Threads: one.
class JsonScanner {
 public:
  // A newline is white space in a message, and the end in a line.
  explicit JsonScanner(bool newline_is_space) : newline_is_space_(newline_is_space) {}

  // Of every string since ForgetSeen.
  bool seen_ascii() const noexcept { return seen_.ascii(); }
  void ForgetSeen() noexcept { seen_ = SeenBytes(); }
  void AddSeen(const SeenBytes& bytes) noexcept { seen_.Add(bytes); }

  const char* SkipSpace(const char* p) const noexcept {
    while (*p == ' ' || *p == '\t' || *p == '\r' || (*p == '\n' && newline_is_space_)) ++p;
    return p;
  }

  // `p` at the opening quote. Sets *escaped if the string has a backslash.
  const char* SkipString(const char* p, bool* escaped) noexcept {
    return SkipString(p, escaped, &seen_);
  }
  static const char* SkipString(const char* p, bool* escaped, SeenBytes* seen) noexcept {
    for (++p;;) {
      p = FindSpecial(p, seen);
      if (*p == '"') [[likely]]
        return p + 1;
      if (*p != '\\') return nullptr;
      *escaped = true;
      p = SkipJsonEscape(p);
      if (p == nullptr) return nullptr;
    }
  }

  static const char* SkipNumber(const char* p) noexcept {
    if (*p == '-') ++p;
    const char* integer = p;
    p = FindNonDigit(p);
    if (p == integer || (*integer == '0' && p != integer + 1)) return nullptr;
    if (*p == '.') {
      const char* fraction = ++p;
      p = FindNonDigit(p);
      if (p == fraction) return nullptr;
    }
    return (*p | 0x20) == 'e' ? SkipExponent(p) : p;
  }

  static const char* FindNonDigit(const char* p) noexcept;

  // true, false and null.
  static const char* SkipLiteral(const char* p) noexcept {
    if (std::memcmp(p, "true", 4) == 0 || std::memcmp(p, "null", 4) == 0) return p + 4;
    return std::memcmp(p, "false", 5) == 0 ? p + 5 : nullptr;
  }

  // Any value; `depth` values enclose it.
  const char* SkipValue(const char* p, int depth) noexcept { return SkipValue(p, depth, &seen_); }
  // *seen gets the bytes of a string; those inside an object or a list are seen as ever.
  [[gnu::always_inline]] const char* SkipValue(const char* p, int depth, SeenBytes* seen) noexcept {
    if (*p == '"') {
      bool escaped;
      return SkipString(p, &escaped, seen);
    }
    if (*p == '-' || IsJsonDigit(*p)) return SkipNumber(p);
    if (*p == '{' || *p == '[') return SkipNested(p, depth);
    return SkipLiteral(p);
  }

  // Takes an object, `p` at its brace; `member(key, escaped, value)` takes each value: key is the
  // raw text between the quotes.
  template <class Member>
  const char* WalkObject(const char* p, Member&& member) {
    p = SkipSpace(p + 1);
    if (*p == '}') return p + 1;
    for (;; p = SkipSpace(p + 1)) {
      if (*p != '"') return nullptr;
      bool escaped = false;
      const char* key = p + 1;
      p = SkipString(p, &escaped);
      if (p == nullptr) return nullptr;
      const std::string_view name(key, static_cast<size_t>(p - 1 - key));
      p = SkipSpace(p);
      if (*p != ':') return nullptr;
      p = member(name, escaped, SkipSpace(p + 1));
      if (p == nullptr) return nullptr;
      p = SkipSpace(p);
      if (*p == '}') return p + 1;
      if (*p != ',') return nullptr;
    }
  }

  // Takes a list, `p` at its bracket; `element(index, value)` takes each value.
  template <class Element>
  const char* WalkList(const char* p, Element&& element) {
    p = SkipSpace(p + 1);
    if (*p == ']') return p + 1;
    for (uint32_t index = 0;; ++index, p = SkipSpace(p + 1)) {
      p = element(index, p);
      if (p == nullptr) return nullptr;
      p = SkipSpace(p);
      if (*p == ']') return p + 1;
      if (*p != ',') return nullptr;
    }
  }

 private:
  const char* SkipNested(const char* p, int depth) noexcept;

  // `p` at the 'e'.
  static const char* SkipExponent(const char* p) noexcept;
  // The first quote, backslash or control character.
  static const char* FindSpecial(const char* p, SeenBytes* seen) noexcept;

  bool newline_is_space_;
  SeenBytes seen_;
};

#ifdef __SSE2__
inline const char* JsonScanner::FindNonDigit(const char* p) noexcept {
  const __m128i zero = _mm_set1_epi8('0');
  const __m128i nine = _mm_set1_epi8(9);
  for (;; p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i value = _mm_sub_epi8(bytes, zero);
    const __m128i digit = _mm_cmpeq_epi8(_mm_min_epu8(value, nine), value);
    const int other = ~_mm_movemask_epi8(digit) & 0xffff;
    if (other != 0) return p + __builtin_ctz(static_cast<unsigned>(other));
  }
}

inline const char* JsonScanner::FindSpecial(const char* p, SeenBytes* seen) noexcept {
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const __m128i last_control = _mm_set1_epi8(0x1f);
  for (;; p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    seen->Add(bytes);
    const __m128i special =
        _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)),
                     _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes));
    const int mask = _mm_movemask_epi8(special);
    if (mask != 0) return p + __builtin_ctz(static_cast<unsigned>(mask));
  }
}
#else
inline const char* JsonScanner::FindNonDigit(const char* p) noexcept {
  while (IsJsonDigit(*p)) ++p;
  return p;
}

inline const char* JsonScanner::FindSpecial(const char* p, SeenBytes* seen) noexcept {
  while (*p != '"' && *p != '\\' && static_cast<unsigned char>(*p) > 0x1f) {
    seen->Add(*p++);
  }
  return p;
}
#endif

}  // namespace murmur
