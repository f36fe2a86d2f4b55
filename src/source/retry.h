// Requests to a remote store: retried for about fifteen seconds if the connection fails or the
// store is overloaded.
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
  // Waits before the next attempt. False: the error is final, there were enough attempts, or a stop
  // was asked for.
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

// A Status passed through an interface of Arrow's, and back.
arrow::Status ToArrow(const Status& status);
const Status* OursIn(const arrow::Status& status);  // null: the error is Arrow's own

// The file with retried reads, which the store's interruption ends. Threads: as the wrapped file.
std::shared_ptr<arrow::io::RandomAccessFile> RetryReads(
    std::shared_ptr<arrow::io::RandomAccessFile> file, std::shared_ptr<const ObjectStore> store);

}  // namespace murmur
