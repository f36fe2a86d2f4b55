#include <fmt/format.h>

#include <algorithm>

#include "base/shown.h"
#include "base/trim.h"
#include "definition/problems.h"
#include "expression/expression.h"
#include "expression/lexer.h"
#include "expression/suggest.h"

namespace murmur {
namespace {

struct Piece {
  size_t offset;
  std::string_view text;
};

Piece Trimmed(Piece piece) {
  const std::string_view text = Trim(piece.text, " \n");
  return {piece.offset + static_cast<size_t>(text.data() - piece.text.data()), text};
}

// The pieces between commas that are outside quotes and brackets; trimmed.
std::vector<Piece> SplitArguments(Piece arguments) {
  std::vector<Piece> pieces;
  char quote = 0;
  int depth = 0;
  size_t start = 0;
  const std::string_view text = arguments.text;
  for (size_t i = 0; i <= text.size(); ++i) {
    const char c = i == text.size() ? ',' : text[i];
    if (i == text.size() || (c == ',' && depth == 0 && quote == 0)) {
      pieces.push_back(Trimmed({arguments.offset + start, text.substr(start, i - start)}));
      start = i + 1;
    } else if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"' || c == '`') {
      quote = c;
    } else if (c == '(' || c == '[') {
      ++depth;
    } else if (c == ')' || c == ']') {
      --depth;
    }
  }
  if (pieces.size() == 1 && pieces[0].text.empty()) pieces.clear();
  return pieces;
}

bool IsWord(std::string_view text) {
  return !text.empty() && expression::StartsName(text[0]) &&
         std::all_of(text.begin(), text.end(), expression::ContinuesName);
}

// A number, duration or word; a text without its quotes; a list with one blank after each comma.
// False if it is none of these.
bool ReadParameter(Piece piece, std::string* value) {
  const std::string_view text = piece.text;
  if (text.size() >= 2 && text.front() == '\'' && text.back() == '\'') {
    *value = text.substr(1, text.size() - 2);
    return value->find('\'') == std::string::npos;
  }
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') {
    for (const Piece& item : SplitArguments({0, text.substr(1, text.size() - 2)})) {
      std::string item_value;
      if (item.text.starts_with('[') || !ReadParameter(item, &item_value)) return false;
      *value += (value->empty() ? "[" : ", ") + item_value;
    }
    *value += value->empty() ? "[]" : "]";
    return true;
  }
  *value = text;
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return expression::ContinuesName(c) || c == '.' || c == '-' || c == '+';
  });
}

const MonoidFunction* FindOrSuggest(std::string_view name, std::string_view where,
                                    std::vector<Problem>* problems) {
  if (const MonoidFunction* function = FindMonoid(name)) return function;
  std::vector<std::string> names;
  for (const MonoidFunction* function : AllMonoids()) names.push_back(function->name);
  std::string hint = DidYouMean(name, names);
  if (hint.empty()) hint = fmt::format("; expected one of {}", fmt::join(names, ", "));
  problems->push_back({std::string(where), 0, std::string(name),
                       fmt::format("there is no aggregate function of this name{}", hint)});
  return nullptr;
}

// Splits "k=10" or takes the function's next positional parameter.
bool AddParameter(const MonoidFunction& function, Piece piece, size_t position, bool* named,
                  MonoidParams* parameters, std::string* error) {
  std::string name;
  const size_t equals = piece.text.find('=');
  if (equals != std::string_view::npos && IsWord(Trimmed({0, piece.text.substr(0, equals)}).text)) {
    name = Trimmed({0, piece.text.substr(0, equals)}).text;
    piece = Trimmed({piece.offset + equals + 1, piece.text.substr(equals + 1)});
    *named = true;
  } else if (*named || position >= function.parameters.size()) {
    *error =
        fmt::format("{}; expected {}",
                    *named ? "a parameter after a named one needs a name" : "one argument too many",
                    function.usage);
    return false;
  } else {
    name = function.parameters[position];
  }
  std::string value;
  if (!ReadParameter(piece, &value)) {
    *error = fmt::format("expected a number, a duration, 'a text' or a [list]; usage: {}",
                         function.usage);
    return false;
  }
  if (!parameters->emplace(name, std::move(value)).second) {
    *error = fmt::format("the parameter '{}' is given twice", name);
    return false;
  }
  return true;
}

bool IsPlainValue(std::string_view value) {
  std::string out;
  return ReadParameter({0, value}, &out) && out == value;
}

}  // namespace

std::string AggregateSpec::ToString() const {
  std::vector<std::string> args = expressions;
  for (const auto& [parameter, value] : parameters) {
    args.push_back(parameter + (IsPlainValue(value) ? "=" + value : fmt::format("='{}'", value)));
  }
  return args.empty() ? function : fmt::format("{}({})", function, fmt::join(args, ", "));
}

bool ParseAggregateCall(std::string_view call, std::string_view where, AggregateSpec* spec,
                        CallOffsets* offsets, std::vector<Problem>* problems) {
  const std::string place(where);
  const Piece whole = Trimmed({0, call});
  const size_t open = std::min(whole.text.find('('), whole.text.size());
  const Piece name = Trimmed({whole.offset, whole.text.substr(0, open)});
  const bool has_arguments = open < whole.text.size();
  if (!IsWord(name.text) || (has_arguments && whole.text.back() != ')')) {
    problems->push_back(
        {place, 0, std::string(call), "expected a call such as count, sum(x) or topk(x, 10)"});
    return false;
  }
  const MonoidFunction* function = FindOrSuggest(name.text, where, problems);
  if (function == nullptr) return false;
  std::vector<Piece> pieces;
  if (has_arguments) {
    pieces = SplitArguments(
        {whole.offset + open + 1, whole.text.substr(open + 1, whole.text.size() - open - 2)});
  }
  spec->function = function->name;
  for (size_t i = 0; i < pieces.size() && i < function->expressions; ++i) {
    spec->expressions.emplace_back(pieces[i].text);
    offsets->expressions.push_back(pieces[i].offset);
  }
  bool named = false;
  for (size_t i = function->expressions; i < pieces.size(); ++i) {
    std::string error;
    if (!AddParameter(*function, pieces[i], i - function->expressions, &named, &spec->parameters,
                      &error)) {
      problems->push_back({place, pieces[i].offset, std::string(pieces[i].text), error});
      return false;
    }
  }
  return true;
}

void CheckAggregate(const AggregateSpec& spec, std::string_view where, const CallOffsets* offsets,
                    std::vector<Problem>* problems) {
  const std::string place(where);
  const MonoidFunction* function = FindOrSuggest(spec.function, where, problems);
  if (function == nullptr) return;
  if (spec.expressions.size() != function->expressions) {
    problems->push_back(
        {place, 0, spec.ToString(),
         fmt::format("{} where {} {} needed; expected {}",
                     Counted(spec.expressions.size(), "argument"), function->expressions,
                     function->expressions == 1 ? "is" : "are", function->usage)});
    return;
  }
  for (const auto& [name, value] : spec.parameters) {
    const auto& known = function->parameters;
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    problems->push_back({place, 0, name,
                         fmt::format("'{}' has no such parameter; expected {}{}", function->name,
                                     function->usage, DidYouMean(name, known))});
    return;
  }
  const auto monoid = function->make(spec.parameters);
  if (!monoid.ok()) {
    problems->push_back({place, 0, spec.ToString(), std::string(monoid.status().message())});
  }
  const bool decimals = monoid.ok() && (*monoid)->ExactDecimals();
  for (size_t i = 0; i < spec.expressions.size(); ++i) {
    CheckExpression(spec.expressions[i], where, offsets == nullptr ? 0 : offsets->expressions[i],
                    problems, decimals ? Numbers::kDecimal : Numbers::kNearest);
  }
}

}  // namespace murmur
