// GET requests, for people, scripts and dashboards: questions in the words of the command line,
// answers as JSON with the rows that `murmur query` prints.
//
//   /v1                       the pipelines
//   /v1/PIPELINE              its keys and aggregates
//   /v1/PIPELINE?key=KEY      all windows, or window=7d, from=, to=, as_of=; total=true: together;
//                             trailing=7d; rollup=; aggregates=; several `key`s
//   /v1/PIPELINE/keys         rollup=, prefix=, limit=, cursor=
//   /v1/PIPELINE/top          aggregate=, limit=, rollup=, prefix=, window= and so on
//   /v1/PIPELINE/status
//   /v1/PIPELINE/bulk         format=jsonl, csv, parquet or arrow
//
// An answer about keys has an ETag, its version and commit; If-None-Match is answered with 304.
// Threads: any.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "serve/call_metrics.h"
#include "serve/http_message.h"
#include "serve/query_methods.h"
#include "serve/url_text.h"

namespace murmur {

class GetService {
 public:
  // Both outlive the service.
  GetService(const QueryMethods* methods, CallMetrics* metrics)
      : methods_(*methods), calls_(*metrics->Add("get", "GET")) {}

  bool IsQuick(const HttpCall& request) const;
  HttpReply Answer(const HttpCall& request, const std::stop_token& stop) const;

 private:
  struct Asked {
    const HttpCall& request;
    const ServedPipeline& pipeline;
    const UrlQuery& query;
    ScanLimit limit;
  };
  Result<HttpReply> Route(const HttpCall& request, const std::stop_token& stop) const;
  Result<HttpReply> List(const ScanLimit& limit) const;
  Result<HttpReply> Describe(const Asked& asked) const;
  Result<HttpReply> Query(const Asked& asked) const;
  Result<HttpReply> Keys(const Asked& asked) const;
  Result<HttpReply> Top(const Asked& asked) const;
  Result<HttpReply> Bulk(const Asked& asked, const std::stop_token& stop) const;

  const QueryMethods& methods_;
  CallMetrics::Series& calls_;
};

}  // namespace murmur
