// Client libraries of sources, loaded when a source of their kind is made and not with the program:
// loading takes time, and some leave traces even if they are not used (libmongoc: a file in
// /dev/shm for each process).
//
// A client library is called by the names in its own header. Here these names are jumps to the
// functions that Load has found (lazy_functions.h). A list names the functions:
// mongo/mongoc_functions.inc and the like. A function that is called but not listed fails to link.
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

  // After it has succeeded, the library's functions may be called until the process ends. Errors:
  // kFailedPrecondition (the library is missing or too old; says how to get it). Threads: any.
  Status Load();

 private:
  Status TryLoad();

  const Names names_;
  const std::span<const LazyFunction> functions_;
  std::mutex mutex_;
  bool is_loaded_ = false;  // under mutex_
};

// Called instead of a function whose library is not loaded: ends the process.
[[noreturn]] void CalledBeforeLoad();

Status LoadLibmariadb();
Status LoadLibpq();
Status LoadMongoc();
Status LoadRdKafka();
Status LoadArrowS3();

}  // namespace murmur
