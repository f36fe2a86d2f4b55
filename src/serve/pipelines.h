// The pipelines that a server answers for, by name. Threads: any, once all are added.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/status.h"
#include "runtime/owner/read_service.h"

namespace murmur {

struct ServedPipeline {
  std::string name;
  std::shared_ptr<const ReadService> service;
  // As `murmur status --format json` prints it.
  std::function<Result<std::string>(const ScanLimit&)> status;
};

class Pipelines {
 public:
  // Errors: kInvalidArgument (two have the name).
  Status Add(ServedPipeline pipeline);
  // Errors: kNotFound (names those that there are).
  Result<const ServedPipeline*> Find(std::string_view name) const;
  const std::map<std::string, ServedPipeline, std::less<>>& all() const noexcept { return all_; }

 private:
  std::map<std::string, ServedPipeline, std::less<>> all_;
};

}  // namespace murmur
