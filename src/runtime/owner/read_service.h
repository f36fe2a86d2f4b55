// The one service that reads a state. Every door (the owner's socket, the servers, the verbs of a
// process that finds no owner) turns what it is asked into these requests, and the typed rows into
// its own form.
//
// A session reads one version, by one snapshot of it: all that it answers is of the same commit.
// Rows go to the caller's sink as they are read, so that an answer of any size needs little memory.
//   one key, many keys, windows, a range, trailing windows   Query
//   the keys themselves, the keys with the greatest values   Keys, Top
//   everything                                               Dump
// Threads: every method of the service may be called at once; a session belongs to one thread.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

#include "fold/pipeline.h"
#include "murmur/query.h"
#include "murmur/state.h"
#include "murmur/status.h"
#include "query/answer.h"
#include "query/query.h"
#include "query/status.h"

namespace murmur {

class RowMap;

// The version that a call reads; open as long as the call holds it.
struct ServedVersion {
  std::shared_ptr<const Pipeline> pipeline;  // of the version's own definition
  std::shared_ptr<const StateTable> table;
  RowMap* rows = nullptr;       // in front of the table; lives as long as that; null: there is none
  std::stop_token ending = {};  // whoever owns the version wants to close it
};

// Errors of all methods: kInvalidArgument (what is asked doesn't fit the version's definition),
// kCancelled and kDeadlineExceeded (the session's limit), kUnavailable (also: its owner closes the
// version), kDataLoss, and those of the sink. After an error, what the sink got is not whole.
class ReadSession {
 public:
  // Also kNotFound: the first key that has nothing in its windows; the answer is whole, with all
  // the other keys.
  Status Query(const QueryRequest& request, RowSink* out) const;
  // As RunKeys and RunTop (query/query.h).
  Status Keys(const KeysRequest& request, RowSink* out, std::vector<KeyValue>* next) const;
  Status Top(const TopRequest& request, RowSink* out, TopOutcome* outcome) const;
  // Every (key, window), by rollup, key, window.
  Status Dump(RowSink* out) const;

  // Of rows with all aggregates.
  const AnswerSchema& schema() const noexcept { return schema_; }
  const Pipeline& pipeline() const noexcept { return *version_.pipeline; }
  const StateSnapshot& snapshot() const noexcept { return *snapshot_; }

 private:
  friend class ReadService;
  ReadSession() = default;

  // `run` reads into the sink that it is given.
  template <class Run>
  Status Answer(std::span<const std::string> aggregates, RowSink* out, const Run& run) const;

  ScanLimit limit_;
  ServedVersion version_;
  std::unique_ptr<const StateSnapshot> snapshot_;
  AnswerSchema schema_;
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

  // Errors: those of `version`, of the limit, and of reading the version.
  Result<ReadSession> Open(const ScanLimit& limit) const;

  // In a session of their own; errors also those of Open.
  Status Query(const QueryCall& call, RowSink* out) const;
  Status Dump(const DumpCall& call, RowSink* out) const;
  Result<VersionReport> Report(const StatusCall& call) const;

 private:
  const Version version_;
};

}  // namespace murmur
