// Client libraries of sources, loaded when a source of their kind is made, not with the program:
// loading takes time, and some leave traces even where nobody uses them (libmongoc, a file in
// /dev/shm for each process).
//
// A client library is called by its own header's names. What stands behind the names here are
// jumps to where Load has found the functions (lazy_functions.h); which these are says a list,
// mongo/mongoc_functions.inc and the like. One that is called and not listed fails to link.
#pragma once

#include <mutex>
#include <span>
#include <string>

#include "murmur/status.h"

namespace murmur {

struct LazyFunction {
  const char* name;
  void** address;  // to be filled in
};

class ClientLibrary {
 public:
  struct Names {
    const char* what;    // "MongoDB's client library"
    const char* file;    // "libmongoc-1.0.so.0", where the system looks for libraries
    const char* path;    // where it was when Murmur was built
    const char* remedy;  // how to get it: a sentence
  };
  ClientLibrary(const Names& names, std::span<const LazyFunction> functions)
      : names_(names), functions_(functions) {}

  // Once it has succeeded, its functions may be called, until the process ends.
  // Errors: kFailedPrecondition (it is not there, or too old: how to get it). Threads: any.
  Status Load();

 private:
  Status TryLoad();

  const Names names_;
  const std::span<const LazyFunction> functions_;
  std::mutex mutex_;
  bool is_loaded_ = false;  // under mutex_
};

// What a function that is called before its library was loaded does: ends the process.
[[noreturn]] void CalledBeforeLoad();

Status LoadMongoc();
Status LoadRdKafka();
Status LoadArrowS3();

}  // namespace murmur
