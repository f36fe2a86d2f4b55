// Functions of a library that is loaded later, by their own names: each is one jump to an address
// that is filled in on loading. Arguments and results pass unchanged, so the library's header is
// not needed. The names are hidden: the library itself never sees them.
//
// Define MURMUR_LAZY_LIST as the file that lists the names, LAZY(name) for each. Include this file
// in one file that includes no header of the library. Load must find kLazyFunctions.
#pragma once

#include "source/client_library.h"

// clang-format off
#if defined(__x86_64__)
#define MURMUR_LAZY_JUMP(name)                                                \
  "  endbr64\n"                                                               \
  "  jmp *murmur_lazy_" #name "(%rip)\n"
#elif defined(__aarch64__)
#define MURMUR_LAZY_JUMP(name)                                                \
  "  adrp x16, murmur_lazy_" #name "\n"                                       \
  "  ldr x16, [x16, :lo12:murmur_lazy_" #name "]\n"                           \
  "  br x16\n"
#else
#error "say here how this processor jumps to an address in memory, its registers untouched"
#endif

#define MURMUR_LAZY_FUNCTION(name)                                            \
  extern "C" {                                                                \
  __attribute__((visibility("hidden"), used)) void* murmur_lazy_##name =      \
      reinterpret_cast<void*>(&::murmur::CalledBeforeLoad);                   \
  }                                                                           \
  __asm__(                                                                    \
      ".pushsection .text\n"                                                  \
      ".balign 16\n"                                                          \
      ".globl " #name "\n"                                                    \
      ".hidden " #name "\n"                                                   \
      ".type " #name ", %function\n"                                          \
      #name ":\n"                                                             \
      "  .cfi_startproc\n"                                                    \
      MURMUR_LAZY_JUMP(name)                                                  \
      "  .cfi_endproc\n"                                                      \
      ".size " #name ", .-" #name "\n"                                        \
      ".popsection\n");
// clang-format on

#define LAZY MURMUR_LAZY_FUNCTION
#include MURMUR_LAZY_LIST
#undef LAZY

namespace murmur {

static constexpr LazyFunction kLazyFunctions[] = {
#define LAZY(name) {#name, &murmur_lazy_##name},
#include MURMUR_LAZY_LIST
#undef LAZY
};

}  // namespace murmur
