#include "state/rocksdb/writer_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

namespace murmur {
namespace {

constexpr size_t kHolderTextMax = 512;

std::string Trimmed(std::string text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n')) text.pop_back();
  return text;
}

// "pid 4711 (murmur run page_views.yaml)"
std::string Self() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string command{std::istreambuf_iterator<char>(file), {}};
  std::replace(command.begin(), command.end(), '\0', ' ');
  command.resize(std::min(command.size(), kHolderTextMax - 64));
  return "pid " + std::to_string(getpid()) + " (" + Trimmed(std::move(command)) + ")\n";
}

std::string HolderOf(int fd) {
  char text[kHolderTextMax];
  const ssize_t size = pread(fd, text, sizeof(text), 0);
  return size <= 0 ? "another process" : Trimmed(std::string(text, static_cast<size_t>(size)));
}

// The lock belongs to the open file, not to the process: two tables of one process exclude each
// other.
struct flock WholeFile() {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

}  // namespace

Status SystemError(int error, std::string_view what, std::string_view path) {
  const auto failed = [&](Code code, std::string_view remedy) {
    return Status(code, std::string(what)
                            .append(" ")
                            .append(path)
                            .append(": ")
                            .append(std::strerror(error))
                            .append(remedy));
  };
  switch (error) {
    case ENOENT:
    case ENOTDIR: return failed(Code::kNotFound, "");
    case EACCES:
    case EPERM:
    case EROFS: return failed(Code::kPermissionDenied, "; make it writable for this user");
    case ENOSPC:
    case EDQUOT: return failed(Code::kResourceExhausted, "; free some space and go on");
    default: return failed(Code::kUnavailable, "");
  }
}

Result<WriterLock> WriterLock::Acquire(const std::string& file, std::string_view what) {
  const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return SystemError(errno, "opening", file);
  WriterLock lock(fd);
  struct flock whole = WholeFile();
  if (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
    if (errno != EAGAIN && errno != EACCES) return SystemError(errno, "locking", file);
    return Status(Code::kFailedPrecondition,
                  std::string(what).append(" is in use by ").append(HolderOf(fd)));
  }
  const std::string self = Self();
  if (ftruncate(fd, 0) != 0 || pwrite(fd, self.data(), self.size(), 0) < 0) {
    return SystemError(errno, "writing", file);
  }
  return lock;
}

Result<WriterLock> WriterLock::Wait(const std::string& file) {
  const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return SystemError(errno, "opening", file);
  WriterLock lock(fd);
  struct flock whole = WholeFile();
  while (fcntl(fd, F_OFD_SETLKW, &whole) != 0) {
    if (errno != EINTR) return SystemError(errno, "locking", file);
  }
  return lock;
}

bool WriterLock::IsHeld(const std::string& file) {
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  struct flock whole = WholeFile();
  const bool held = fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
  close(fd);
  return held;
}

WriterLock& WriterLock::operator=(WriterLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

WriterLock::~WriterLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace murmur
