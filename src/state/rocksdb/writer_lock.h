// The right to write a version: a locked file that names its holder. The lock ends with its
// process, however that ends.
#pragma once

#include <string>

#include "murmur/status.h"

namespace murmur {

class WriterLock {
 public:
  // Locks `file`, which is made if missing, or says who holds the lock.
  // Errors: kFailedPrecondition "… is in use by pid 4711 (murmur run page_views.yaml)",
  // kPermissionDenied, kNotFound, kUnavailable.
  static Result<WriterLock> Acquire(const std::string& file, std::string_view what);
  // The same, but waits for the holder. For short critical sections.
  static Result<WriterLock> Wait(const std::string& file);
  // Whether anybody holds it now. Takes and writes nothing.
  static bool IsHeld(const std::string& file);

  WriterLock(WriterLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  WriterLock& operator=(WriterLock&& other) noexcept;
  ~WriterLock();

 private:
  explicit WriterLock(int fd) : fd_(fd) {}
  int fd_;
};

// The Status for a failed system call on `path`: "opening /state/v1: Permission denied; …".
Status SystemError(int error, std::string_view what, std::string_view path);

}  // namespace murmur
