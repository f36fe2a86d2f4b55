// Requests to a remote store: those that fail for want of a connection, or because the store is
// overloaded, are made again, for about 20 seconds.
#pragma once

#include <arrow/io/interfaces.h>
#include <arrow/result.h>

#include <chrono>
#include <memory>
#include <thread>

namespace murmur {

// Waits before the attempts of one request, on top of those of the store's client, which does not
// try again when an answer breaks off in the middle.
class Backoff {
 public:
  // False: the error is final, or it was tried often enough. Else waits.
  bool TryAgain(const arrow::Status& error);

 private:
  int attempts_ = 1;
  std::chrono::milliseconds wait_{50};
};

// request() → arrow::Result.
template <class Request>
auto Retried(Request&& request) -> decltype(request()) {
  Backoff backoff;
  auto result = request();
  while (!result.ok() && backoff.TryAgain(result.status())) result = request();
  return result;
}

// The file with retried reads. Threads: as the file it stands for.
std::shared_ptr<arrow::io::RandomAccessFile> RetryReads(
    std::shared_ptr<arrow::io::RandomAccessFile> file);

}  // namespace murmur
