// References to secrets in a definition's options. A Definition keeps them as written, so no
// identity, plan or state holds a secret; they are resolved when a source is opened.
#pragma once

#include <string>
#include <string_view>

#include "murmur/status.h"

namespace murmur {

// `text` with each ${NAME} replaced by the environment variable NAME. A "$" without a "{" after it
// stands for itself. Errors: kNotFound (the variable is not set), kInvalidArgument (no "}").
Result<std::string> ResolveSecret(std::string_view text);

}  // namespace murmur
