// The one service that reads a state. Every door (the owner's socket, the verbs of a process that
// finds no owner) turns what it is asked into these requests, and the typed rows into its own form.
//
// A call reads one version, by one snapshot of it: all its rows are of the same commit. Rows go to
// the caller's sink as they are read, so that an answer of any size needs little memory.
//   one key, many keys          Query
//   windows, a range, trailing  Query, by QueryRequest's window, from, until and total
//   everything                  Dump
// Threads: every method may be called at once.
#pragma once

#include <functional>
#include <memory>

#include "fold/pipeline.h"
#include "murmur/query.h"
#include "murmur/state.h"
#include "murmur/status.h"
#include "query/answer.h"
#include "query/status.h"

namespace murmur {

// The version that a call reads; open as long as the call holds it.
struct ServedVersion {
  std::shared_ptr<const Pipeline> pipeline;  // of the version's own definition
  std::shared_ptr<const StateTable> table;
};

struct QueryCall {
  QueryRequest request = {};
  ScanLimit limit = {};  // when the caller no longer wants the answer
};

struct DumpCall {
  ScanLimit limit = {};
};

struct StatusCall {
  ScanLimit limit = {};
};

class ReadService {
 public:
  // Gives the version for one call, as new as it is now.
  using Version = std::function<Result<ServedVersion>()>;

  explicit ReadService(Version version) : version_(std::move(version)) {}
  // Reads always this version. Both outlive the service.
  ReadService(std::shared_ptr<const Pipeline> pipeline, const StateTable* table);

  // Errors of all: those of `version`, kCancelled and kDeadlineExceeded (the call's limit),
  // kUnavailable, kDataLoss, and those of the sink. After an error, what the sink got is not whole.

  // Errors: kInvalidArgument (the keys or windows don't fit the version's definition); kNotFound:
  // the first key that has nothing in its windows; the answer is whole, with all the other keys.
  Status Query(const QueryCall& call, RowSink* out) const;
  // Every (key, window), by rollup, key, window.
  Status Dump(const DumpCall& call, RowSink* out) const;
  Result<VersionReport> Report(const StatusCall& call) const;

 private:
  template <class Run>
  Status Answer(const ScanLimit& limit, RowSink* out, const Run& run) const;

  const Version version_;
};

}  // namespace murmur
