// The dead letters of a version as JSON lines, for people and their tools. The state holds the
// truth. This file is written from it when a version is opened, appended to after each commit, and
// put in the state's order when the version is closed.
//
// {"id": "a.jsonl@120", "object": "a.jsonl", "offset": 120, "reason": "bad_time",
//  "detail": "…", "raw": "…"}; "raw_base64" in place of "raw" where the bytes are not UTF-8.
// Threads: safe.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "murmur/record.h"
#include "murmur/status.h"

namespace murmur {

// One line, with its line feed.
std::string DeadLetterLine(const DeadLetter& letter);

class DeadLetterFile {
 public:
  // `path` is asked each time, since the file's name depends on which version serves.
  explicit DeadLetterFile(std::function<std::string()> path) : path_(std::move(path)) {}

  // Replaces the file with the letters that `scan` visits; without letters there is no file.
  using Visitor = std::function<bool(const DeadLetter&)>;
  Status Rewrite(const std::function<Status(const Visitor&)>& scan);
  Status Append(const std::vector<DeadLetter>& letters);
  // Whether letters were appended since Rewrite.
  bool appended() const;

 private:
  const std::function<std::string()> path_;
  mutable std::mutex mutex_;
  bool appended_ = false;
};

}  // namespace murmur
