// Requests to a remote store: those that fail for want of a connection, or because the store is
// overloaded, are made again, for about a quarter of a minute.
#pragma once

#include <arrow/io/interfaces.h>
#include <arrow/result.h>

#include <chrono>
#include <memory>
#include <stop_token>

#include "murmur/status.h"
#include "source/listing.h"

namespace murmur {

// Waits before the attempts of one request.
class Backoff {
 public:
  explicit Backoff(std::stop_token stop = {}) : stop_(std::move(stop)) {}
  // False: the error is final, or it was tried often enough, or stop was asked for. Else waits.
  bool TryAgain(const arrow::Status& error);
  bool TryAgain(const Status& error);

 private:
  bool Wait();

  std::stop_token stop_;
  int attempts_ = 1;
  std::chrono::milliseconds wait_{50};
};

// request() → arrow::Result, or Result.
template <class Request>
auto Retried(const std::stop_token& stop, Request&& request) -> decltype(request()) {
  Backoff backoff(stop);
  auto result = request();
  while (!result.ok() && backoff.TryAgain(result.status())) result = request();
  return result;
}
template <class Request>
auto Retried(Request&& request) -> decltype(request()) {
  return Retried(std::stop_token(), request);
}

// An error of ours through an interface of Arrow's, and back.
arrow::Status ToArrow(const Status& status);
const Status* OursIn(const arrow::Status& status);  // null: it is Arrow's own

// The file with retried reads, which the store's interruption ends. Threads: as the file it stands
// for.
std::shared_ptr<arrow::io::RandomAccessFile> RetryReads(
    std::shared_ptr<arrow::io::RandomAccessFile> file, std::shared_ptr<const ObjectStore> store);

}  // namespace murmur
