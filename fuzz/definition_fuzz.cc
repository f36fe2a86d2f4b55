// Any text is refused with a message, or is a definition that has an identity, equal to itself.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "murmur/definition.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto definition = murmur::ParseDefinition(text, "fuzz.yaml", ".");
  if (!definition.ok()) {
    if (definition.status().message().empty()) std::abort();
    return 0;
  }
  const std::string identity = murmur::DefinitionIdentity(*definition);
  if (!murmur::DiffIdentities(identity, identity).empty()) std::abort();
  return 0;
}
