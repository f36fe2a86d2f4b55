#include "expression/functions.h"

#include <arrow/compute/api.h>
#include <arrow/compute/initialize.h>
#include <fmt/format.h>

#include <array>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

#include "expression/lexer.h"
#include "expression/suggest.h"

namespace murmur::expression {
namespace {

namespace cp = arrow::compute;

constexpr auto kFunctions = std::to_array<Function>({
    {"lower", "t", Shape::kDirect, "utf8_lower", "lower(text)"},
    {"upper", "t", Shape::kDirect, "utf8_upper", "upper(text)"},
    {"trim", "t", Shape::kDirect, "utf8_trim_whitespace", "trim(text)"},
    {"ltrim", "t", Shape::kDirect, "utf8_ltrim_whitespace", "ltrim(text)"},
    {"rtrim", "t", Shape::kDirect, "utf8_rtrim_whitespace", "rtrim(text)"},
    {"reverse", "t", Shape::kDirect, "utf8_reverse", "reverse(text)"},
    {"length", "t", Shape::kDirect, "utf8_length", "length(text)"},
    {"substring", "tII?", Shape::kSubstring, "", "substring(text, start, length)"},
    {"left", "tI", Shape::kSubstring, "", "left(text, length)"},
    {"right", "tI", Shape::kSubstring, "", "right(text, length)"},
    {"replace", "tSS", Shape::kReplace, "replace_substring", "replace(text, 'old', 'new')"},
    {"regexp_replace", "tSS", Shape::kReplace, "replace_substring_regex",
     "regexp_replace(text, 'pattern', 'new')"},
    {"starts_with", "tS", Shape::kMatch, "starts_with", "starts_with(text, 'prefix')"},
    {"ends_with", "tS", Shape::kMatch, "ends_with", "ends_with(text, 'suffix')"},
    {"contains", "tS", Shape::kMatch, "match_substring", "contains(text, 'part')"},
    {"like", "tS", Shape::kMatch, "match_like", "like(text, 'a%')"},
    {"matches", "tS", Shape::kMatch, "match_substring_regex", "matches(text, 'pattern')"},
    {"concat", "a+", Shape::kConcat, "", "concat(a, b, …)"},
    {"coalesce", "a+", Shape::kOurs, "", "coalesce(a, b, …)"},
    {"if", "baa", Shape::kOurs, "", "if(condition, then, else)"},
    {"abs", "n", Shape::kOurs, "", "abs(number)"},
    {"sign", "n", Shape::kOurs, "", "sign(number)"},
    {"floor", "n", Shape::kOurs, "", "floor(number)"},
    {"ceil", "n", Shape::kOurs, "", "ceil(number)"},
    {"round", "nI?", Shape::kOurs, "", "round(number, decimals)"},
    {"sqrt", "n", Shape::kOurs, "", "sqrt(number)"},
    {"exp", "n", Shape::kOurs, "", "exp(number)"},
    {"ln", "n", Shape::kOurs, "", "ln(number)"},
    {"log10", "n", Shape::kOurs, "", "log10(number)"},
    {"log2", "n", Shape::kOurs, "", "log2(number)"},
    {"power", "nn", Shape::kOurs, "", "power(base, exponent)"},
    {"year", "dZ?", Shape::kOurs, "", "year(time, 'zone')"},
    {"quarter", "dZ?", Shape::kOurs, "", "quarter(time, 'zone')"},
    {"month", "dZ?", Shape::kOurs, "", "month(time, 'zone')"},
    {"day", "dZ?", Shape::kOurs, "", "day(time, 'zone')"},
    {"hour", "dZ?", Shape::kOurs, "", "hour(time, 'zone')"},
    {"minute", "dZ?", Shape::kOurs, "", "minute(time, 'zone')"},
    {"second", "dZ?", Shape::kOurs, "", "second(time, 'zone')"},
    {"day_of_week", "dZ?", Shape::kOurs, "", "day_of_week(time, 'zone')"},
    {"day_of_year", "dZ?", Shape::kOurs, "", "day_of_year(time, 'zone')"},
    {"iso_week", "dZ?", Shape::kOurs, "", "iso_week(time, 'zone')"},
    {"date", "dZ?", Shape::kOurs, "", "date(time, 'zone')"},
    {"cast", "aS", Shape::kOurs, "", "cast(value as type)"},
});

// "random" has no repeatable result; "cast" by Arrow's name is this project's.
bool Refused(std::string_view name) { return name == "random"; }

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const Function& function : kFunctions) names.emplace_back(function.name);
  for (const std::string& name : cp::GetFunctionRegistry()->GetFunctionNames()) {
    const auto function = cp::GetFunctionRegistry()->GetFunction(name);
    if (function.ok() && (*function)->kind() == cp::Function::SCALAR && !Refused(name)) {
      names.push_back(name);
    }
  }
  return names;
}

// A Function made from Arrow's description, kept for ever.
Result<const Function*> FindArrowFunction(const std::string& name) {
  struct Entry {
    Function function;
    std::string name;
    std::string arguments;
    std::string usage;
  };
  static std::mutex mutex;
  static auto* entries = new std::map<std::string, Entry>;

  const auto found = cp::GetFunctionRegistry()->GetFunction(name);
  if (!found.ok() || (*found)->kind() != cp::Function::SCALAR || Refused(name)) {
    return Status(Code::kInvalidArgument,
                  fmt::format("there is no function '{}'{}", name, DidYouMean(name, Names())));
  }
  if ((*found)->doc().options_required) {
    return Status(
        Code::kInvalidArgument,
        fmt::format("the Arrow function '{}' needs options, which an expression can't give", name));
  }
  const std::lock_guard lock(mutex);
  Entry& entry = (*entries)[name];
  if (entry.name.empty()) {
    const auto arity = (*found)->arity();
    entry.name = name;
    entry.arguments = std::string(static_cast<size_t>(arity.num_args), 'a');
    if (arity.is_varargs) entry.arguments += entry.arguments.empty() ? "a+" : "+";
    entry.usage = name + "(";
    for (const std::string& argument : (*found)->doc().arg_names) {
      entry.usage += (entry.usage.back() == '(' ? "" : ", ") + argument;
    }
    entry.usage += ')';
    entry.function = {entry.name, entry.arguments, Shape::kDirect, entry.name, entry.usage};
  }
  return &entry.function;
}

}  // namespace

std::span<const Function> Functions() { return kFunctions; }

bool RegisterArrowFunctions() {
  static const bool done = cp::Initialize().ok();
  return done;
}

Result<const Function*> FindFunction(std::string_view name) {
  if (!RegisterArrowFunctions()) {
    return Status(Code::kInternal, "Arrow's compute functions can't be set up");
  }
  const std::string lower = LowerCase(name);
  for (const Function& function : kFunctions) {
    if (function.name == lower) return &function;
  }
  return FindArrowFunction(lower);
}

char ArgumentLetter(const Function& function, size_t index) {
  char letter = 0;
  for (const char c : function.arguments) {
    if (c == '+') return letter;
    if (c == '?') continue;
    letter = c;
    if (index-- == 0) return letter;
  }
  return 0;
}

size_t FewestArguments(const Function& function) {
  size_t count = 0;
  for (const char c : function.arguments) {
    if (c == '?') --count;
    if (c != '?' && c != '+') ++count;
  }
  return count;
}

}  // namespace murmur::expression
