// The functions that an expression may call: this project's by friendly names, and every Arrow
// scalar function by its own name.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "murmur/status.h"

namespace murmur::expression {

// How a call becomes Arrow calls.
enum class Shape : unsigned char {
  kDirect,     // arrow_name of the arguments, default options
  kSubstring,  // substring, left, right
  kReplace,    // arrow_name with ReplaceSubstringOptions
  kMatch,      // arrow_name with MatchSubstringOptions
  kConcat,
  kOurs,  // it does not: a step (step.h) or a cast computes it
};

struct Function {
  std::string_view name;
  // A letter per argument: t text, n number, d time, b boolean, a anything; I, S and Z are
  // literals: an integer, a string, the name of a time zone. '?' makes the letter before it
  // optional, '+' lets it repeat.
  std::string_view arguments;
  Shape shape = Shape::kDirect;
  std::string_view arrow_name;
  std::string_view usage;
};

// The functions of this project.
std::span<const Function> Functions();

// Call it before any Arrow function is used; later calls are cheap. False: it failed.
bool RegisterArrowFunctions();

// The function that a call of `name` (case ignored) means. For functions that only Arrow knows, the
// arguments are "a" letters by arity. Lives for ever. Errors: kInvalidArgument, with did-you-mean.
Result<const Function*> FindFunction(std::string_view name);

// The letter of argument `index`; 0 if there is no such argument.
char ArgumentLetter(const Function& function, size_t index);
size_t FewestArguments(const Function& function);

}  // namespace murmur::expression
