// The functions that an expression may call: ours by friendly names, and every Arrow scalar
// function by its own.
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
  kOurs,  // it does not: a step of ours computes it (step.h), or it is a cast
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

// Ours.
std::span<const Function> Functions();

// To be called before any Arrow function is used; cheap when it was. False: it can't be done.
bool RegisterArrowFunctions();

// What a call of `name` (case ignored) is. Functions that Arrow alone knows are given "a" letters
// by their arity. Lives for ever. Errors: kInvalidArgument, with did-you-mean.
Result<const Function*> FindFunction(std::string_view name);

// The letter of argument `index`, 0 if there is no such argument.
char ArgumentLetter(const Function& function, size_t index);
size_t FewestArguments(const Function& function);

}  // namespace murmur::expression
