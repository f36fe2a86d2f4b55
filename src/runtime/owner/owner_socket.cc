#include "runtime/owner/owner_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

namespace murmur {
namespace {

constexpr std::string_view kScheme = "unix:";
constexpr std::string_view kNewSuffix = ".new";
constexpr size_t kRequestBytesMax = 1 << 20;
constexpr size_t kConnectionsMax = 64;
constexpr uint32_t kFrameBytesMax = 64 << 20;
constexpr std::chrono::milliseconds kRetryAccept{100};  // when descriptors have run out
constexpr int kIoTimeoutSeconds = 60;  // so that a hanging peer does not block the other for ever

Status SystemError(const char* what) {
  return Status(Code::kUnavailable, std::string(what) + ": " + std::strerror(errno));
}

// A socket's path is limited to about 100 bytes; a path through the directory's descriptor is
// short.
sockaddr_un AddressIn(int directory, const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", directory,
                name.c_str());
  return address;
}

struct SocketPlace {
  std::string directory;
  std::string name;
};
Result<SocketPlace> PlaceOf(std::string_view address) {
  const size_t slash = address.rfind('/');
  if (!address.starts_with(kScheme) || slash == std::string_view::npos) {
    return Status(Code::kUnavailable, "no socket at '" + std::string(address) + "'");
  }
  const std::string_view path = address.substr(kScheme.size());
  return SocketPlace{.directory = std::string(path.substr(0, slash - kScheme.size())),
                     .name = std::string(address.substr(slash + 1))};
}

int OpenDirectory(const std::string& path) {
  return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void SetTimeouts(int fd) {
  const timeval timeout{.tv_sec = kIoTimeoutSeconds, .tv_usec = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
}

Status SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return SystemError("answering a reader");
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return {};
}

Status ReceiveAll(int fd, char* out, size_t size) {
  while (size > 0) {
    const ssize_t got = ::recv(fd, out, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return Status(Code::kUnavailable, "the owner of the state went away");
    out += got;
    size -= static_cast<size_t>(got);
  }
  return {};
}

Status SendFrame(int fd, std::string_view bytes) {
  const auto size = static_cast<uint32_t>(bytes.size());
  std::string frame(reinterpret_cast<const char*>(&size), sizeof(size));
  frame.append(bytes);
  return SendAll(fd, frame);
}

Result<std::string> ReceiveFrame(int fd) {
  uint32_t size = 0;
  MURMUR_TRY(ReceiveAll(fd, reinterpret_cast<char*>(&size), sizeof(size)));
  if (size > kFrameBytesMax) return Status(Code::kUnavailable, "the owner's answer makes no sense");
  std::string frame(size, '\0');
  MURMUR_TRY(ReceiveAll(fd, frame.data(), size));
  return frame;
}

Result<std::string> ReceiveLine(int fd) {
  std::string line;
  for (char c = 0; line.size() < kRequestBytesMax; line += c) {
    MURMUR_TRY(ReceiveAll(fd, &c, 1));
    if (c == '\n') return line;
  }
  return Status(Code::kInvalidArgument, "the request is too long");
}

struct Closer {
  int fd;
  ~Closer() { ::close(fd); }
};

}  // namespace

Result<std::unique_ptr<OwnerSocket>> OwnerSocket::Listen(const std::string& socket_address,
                                                         Answer answer) {
  MURMUR_ASSIGN(const SocketPlace place, PlaceOf(socket_address));
  const int directory = OpenDirectory(place.directory);
  if (directory < 0) return SystemError(place.directory.c_str());
  const std::string new_name = place.name + std::string(kNewSuffix);
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // Made under another name, so that nobody connects before it is private. Existing sockets of
  // these names belong to a killed owner: the version's lock proves that this process owns it now.
  const sockaddr_un address = AddressIn(directory, new_name);
  ::unlinkat(directory, new_name.c_str(), 0);
  const bool listening =
      listener >= 0 &&
      ::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
      ::fchmodat(directory, new_name.c_str(), S_IRUSR | S_IWUSR, 0) == 0 &&
      ::listen(listener, SOMAXCONN) == 0 &&
      ::renameat(directory, new_name.c_str(), directory, place.name.c_str()) == 0;
  if (!listening) {
    Status error = SystemError("listening on the state's socket");
    if (listener >= 0) ::close(listener);
    ::close(directory);
    return error;
  }
  return std::unique_ptr<OwnerSocket>(
      new OwnerSocket(directory, place.name, listener, std::move(answer)));
}

OwnerSocket::OwnerSocket(int directory, std::string name, int listener, Answer answer)
    : directory_(directory),
      name_(std::move(name)),
      listener_(listener),
      answer_(std::move(answer)),
      thread_([this](std::stop_token stop) { Serve(stop); }) {}

OwnerSocket::~OwnerSocket() {
  thread_.request_stop();
  ::shutdown(listener_, SHUT_RDWR);  // ends the waiting accept, and every later one
  thread_.join();
  ::unlinkat(directory_, name_.c_str(), 0);
  ::close(listener_);
  ::close(directory_);
}

void OwnerSocket::Serve(std::stop_token stop) {
  while (!stop.stop_requested()) {
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) {
      if (!stop.stop_requested()) std::this_thread::sleep_for(kRetryAccept);
      continue;
    }
    SetTimeouts(connection);
    Reap(connections_.size() >= kConnectionsMax);
    Connection& one = connections_.emplace_back();
    one.thread = std::jthread([this, connection, &one] {
      const Closer closer{connection};
      AnswerOne(connection);
      one.answered = true;
    });
  }
  Reap(/*all=*/true);
}

void OwnerSocket::Reap(bool all) {
  connections_.remove_if([all](const Connection& one) { return all || one.answered; });
}

void OwnerSocket::AnswerOne(int connection) const {
  const auto line = ReceiveLine(connection);
  if (!line.ok()) return;
  const auto request = OwnerRequest::FromJson(*line);
  const auto write = [connection](std::string_view text) {
    return text.empty() ? Status() : SendFrame(connection, text);
  };
  const Status status = request.ok() ? answer_(*request, write) : request.status();
  // If the reader has left, no answer is needed.
  if (!SendFrame(connection, "").ok()) return;
  std::string last(1, static_cast<char>(status.code()));
  last.append(status.message());
  if (!SendFrame(connection, last).ok()) return;
}

Status AskOwner(const std::string& socket_address, const OwnerRequest& request,
                const WriteText& write) {
  MURMUR_ASSIGN(const SocketPlace place, PlaceOf(socket_address));
  const int directory = OpenDirectory(place.directory);
  if (directory < 0) return SystemError(place.directory.c_str());
  const Closer close_directory{directory};
  const int connection = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection < 0) return SystemError("asking the owner of the state");
  const Closer close_connection{connection};
  SetTimeouts(connection);
  const sockaddr_un address = AddressIn(directory, place.name);
  if (::connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return SystemError("asking the owner of the state");
  }
  MURMUR_TRY(SendAll(connection, request.ToJson() + "\n"));
  for (;;) {
    MURMUR_ASSIGN(const std::string frame, ReceiveFrame(connection));
    if (frame.empty()) break;
    MURMUR_TRY(write(frame));
  }
  MURMUR_ASSIGN(const std::string last, ReceiveFrame(connection));
  if (last.empty()) return Status(Code::kUnavailable, "the owner's answer makes no sense");
  return Status(static_cast<Code>(last[0]), last.substr(1));
}

}  // namespace murmur
