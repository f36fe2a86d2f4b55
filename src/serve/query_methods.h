// The methods of murmur.v1.Query, whichever door they come through.
// Threads: every method may be called at once.
#pragma once

#include <string>
#include <string_view>

#include "murmur/state.h"
#include "murmur/status.h"
#include "murmur/v1/query.pb.h"
#include "query/format.h"
#include "serve/limits.h"
#include "serve/pipelines.h"

namespace murmur {

class QueryMethods {
 public:
  // Both outlive the methods.
  QueryMethods(const Pipelines* pipelines, const ServeLimits* limits)
      : pipelines_(*pipelines), limits_(*limits) {}

  // Errors of all: kInvalidArgument, kNotFound (no such pipeline), kUnavailable (it has no version
  // yet), kResourceExhausted (names the limit), kCancelled, kDeadlineExceeded, kDataLoss. A key
  // that has nothing is an answer, not an error.
  Status Get(const v1::GetRequest& request, const ScanLimit& limit, v1::GetResponse* out) const;
  Status GetMany(const v1::GetManyRequest& request, const ScanLimit& limit,
                 v1::GetManyResponse* out) const;
  Status Batch(const v1::BatchRequest& request, const ScanLimit& limit,
               v1::BatchResponse* out) const;
  Status Windows(const v1::WindowsRequest& request, const ScanLimit& limit,
                 v1::WindowsResponse* out) const;
  Status Trailing(const v1::TrailingRequest& request, const ScanLimit& limit,
                  v1::WindowsResponse* out) const;
  Status Keys(const v1::KeysRequest& request, const ScanLimit& limit, v1::KeysResponse* out) const;
  Status Top(const v1::TopRequest& request, const ScanLimit& limit, v1::TopResponse* out) const;
  Status List(const v1::ListRequest& request, const ScanLimit& limit, v1::ListResponse* out) const;
  Status PipelineStatus(const v1::StatusRequest& request, const ScanLimit& limit,
                        v1::StatusResponse* out) const;
  Status Describe(const v1::DescribeRequest& request, const ScanLimit& limit,
                  v1::DescribeResponse* out) const;
  // The file goes to `write` in pieces.
  Status Bulk(const v1::BulkRequest& request, const ScanLimit& limit, const WriteText& write) const;

  const Pipelines& pipelines() const noexcept { return pipelines_; }
  const ServeLimits& limits() const noexcept { return limits_; }

 private:
  Result<ReadSession> Open(const std::string& pipeline, const ScanLimit& limit) const;

  const Pipelines& pipelines_;
  const ServeLimits& limits_;
};

}  // namespace murmur
