#include "decode/json_canonical.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <map>

#include "base/decimal.h"
#include "decode/json_scanner.h"

namespace murmur {
namespace {

std::string Padded(std::string_view json) {
  std::string padded(json);
  padded.append(kJsonPadding, '\0');
  return padded;
}

std::string Unescaped(std::string_view body) {
  std::string plain(body.size(), '\0');
  plain.resize(static_cast<size_t>(UnescapeJson(body, plain.data()) - plain.data()));
  return plain;
}

void AppendString(std::string_view text, std::string* out) {
  out->push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      *out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

void AppendNumber(std::string_view text, std::string* out) {
  Int128 unscaled;
  int scale;
  if (!ParseDecimal(text, &unscaled, &scale)) {
    out->append(text);
    return;
  }
  StripTrailingZeros(&unscaled, &scale);
  *out += FormatDecimal(unscaled, scale);
}

// Takes values that are known to be JSON, and so are not nested too deep.
class Writer {
 public:
  const char* Append(const char* p, std::string* out) {
    switch (*p) {
      case '{': return AppendObject(p, out);
      case '[': return AppendList(p, out);
      case '"': {
        bool escaped = false;
        const char* end = scanner_.SkipString(p, &escaped);
        AppendString(Unescaped({p + 1, static_cast<size_t>(end - p - 2)}), out);
        return end;
      }
      default: break;
    }
    const char* end = scanner_.SkipValue(p, 0);
    const std::string_view text(p, static_cast<size_t>(end - p));
    if (*p == '-' || IsJsonDigit(*p)) {
      AppendNumber(text, out);
    } else {
      out->append(text);
    }
    return end;
  }

 private:
  const char* AppendObject(const char* p, std::string* out) {
    std::map<std::string, std::string> members;
    const char* end = scanner_.WalkObject(
        p, [&](std::string_view name, bool /*escaped*/, const char* value) -> const char* {
          std::string& member = members[Unescaped(name)];
          member.clear();
          return Append(value, &member);
        });
    char before = '{';
    for (const auto& [name, value] : members) {
      out->push_back(before);
      AppendString(name, out);
      out->push_back(':');
      out->append(value);
      before = ',';
    }
    if (members.empty()) out->push_back('{');
    out->push_back('}');
    return end;
  }

  const char* AppendList(const char* p, std::string* out) {
    out->push_back('[');
    const char* end = scanner_.WalkList(p, [&](uint32_t index, const char* value) -> const char* {
      if (index > 0) out->push_back(',');
      return Append(value, out);
    });
    out->push_back(']');
    return end;
  }

  JsonScanner scanner_{/*newline_is_space=*/true};
};

}  // namespace

bool AppendCanonicalJson(std::string_view json, std::string* out) {
  if (!simdjson::validate_utf8(json.data(), json.size())) return false;
  const std::string padded = Padded(json);
  JsonScanner scanner(/*newline_is_space=*/true);
  const char* begin = scanner.SkipSpace(padded.data());
  const char* end = scanner.SkipValue(begin, 0);
  if (end == nullptr || scanner.SkipSpace(end) != padded.data() + json.size()) return false;
  Writer().Append(begin, out);
  return true;
}

std::string_view ConnectPayload(std::string_view json) {
  const std::string padded = Padded(json);
  JsonScanner scanner(/*newline_is_space=*/true);
  const char* begin = scanner.SkipSpace(padded.data());
  if (*begin != '{') return json;
  size_t members = 0;
  bool has_schema = false;
  std::string_view payload;
  const char* end = scanner.WalkObject(
      begin, [&](std::string_view name, bool /*escaped*/, const char* value) -> const char* {
        ++members;
        if (name == "schema") has_schema = *value == '{';
        const char* value_end = scanner.SkipValue(value, 1);
        if (name == "payload" && value_end != nullptr) {
          payload = json.substr(static_cast<size_t>(value - padded.data()),
                                static_cast<size_t>(value_end - value));
        }
        return value_end;
      });
  return end != nullptr && members == 2 && has_schema && payload.data() != nullptr ? payload : json;
}

}  // namespace murmur
