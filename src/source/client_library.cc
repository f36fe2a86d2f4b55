#include "source/client_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

namespace murmur {

Status ClientLibrary::Load() {
  const std::lock_guard lock(mutex_);
  if (!is_loaded_) MURMUR_TRY(TryLoad());
  is_loaded_ = true;
  return {};
}

Status ClientLibrary::TryLoad() {
  void* library = ::dlopen(names_.file, RTLD_NOW | RTLD_LOCAL);
  const std::string why = library == nullptr ? ::dlerror() : "";
  if (library == nullptr) library = ::dlopen(names_.path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return Status(Code::kFailedPrecondition,
                  fmt::format("{} can't be loaded: {}. {}, or set LD_LIBRARY_PATH to where it is",
                              names_.what, why, names_.remedy));
  }
  for (const LazyFunction& function : functions_) {
    void* address = ::dlsym(library, function.name);
    if (address == nullptr) {
      return Status(Code::kFailedPrecondition,
                    fmt::format("{}, {}, is another version: it has no {}. {}", names_.what,
                                names_.file, function.name, names_.remedy));
    }
    *function.address = address;
  }
  return {};
}

void CalledBeforeLoad() {
  std::fputs("murmur: a client library was called before it was loaded\n", stderr);
  std::abort();
}

}  // namespace murmur
