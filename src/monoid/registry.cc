#include <algorithm>
#include <map>
#include <mutex>

#include "monoid/aggregate.h"

namespace murmur {
namespace {

class Registry {
 public:
  static Registry& Get() {
    static Registry* const registry = new Registry;  // functions live for ever
    return *registry;
  }

  Status Add(MonoidFunction function) {
    const std::lock_guard lock(mutex_);
    return AddLocked(std::move(function));
  }
  const MonoidFunction* Find(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const auto found = functions_.find(name);
    return found == functions_.end() ? nullptr : &found->second;
  }
  std::vector<const MonoidFunction*> All() {
    const std::lock_guard lock(mutex_);
    std::vector<const MonoidFunction*> out;
    for (const auto& [name, function] : functions_) out.push_back(&function);
    return out;
  }

 private:
  Registry() {
    for (auto* make :
         {CountFunction, CountIfFunction, SumFunction, MinFunction, MaxFunction, AvgFunction,
          VarianceFunction, StddevFunction, FirstFunction, LastFunction, DistinctFunction,
          DistinctExactFunction, SetFunction, CountByFunction, TopkFunction, QuantilesFunction,
          HistogramFunction, BloomFunction, DecayedSumFunction}) {
      (void)AddLocked(make());
    }
  }

  Status AddLocked(MonoidFunction function) {
    if (functions_.contains(function.name)) {
      return Status(Code::kAlreadyExists, "aggregate " + function.name + " is already registered");
    }
    function.make = Checked(function);
    std::string name = function.name;
    functions_.emplace(std::move(name), std::move(function));
    return Status();
  }

  // `make`, after a check that every parameter is one of the function's.
  static std::function<Result<std::unique_ptr<Monoid>>(const MonoidParams&)> Checked(
      const MonoidFunction& function) {
    return [known = function.parameters, usage = function.usage,
            make = function.make](const MonoidParams& params) -> Result<std::unique_ptr<Monoid>> {
      for (const auto& [name, value] : params) {
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        return Status(Code::kInvalidArgument, "unknown parameter '" + name + "'; usage: " + usage);
      }
      return make(params);
    };
  }

  std::mutex mutex_;
  std::map<std::string, MonoidFunction, std::less<>> functions_;
};

}  // namespace

Status RegisterMonoid(MonoidFunction function) { return Registry::Get().Add(std::move(function)); }
const MonoidFunction* FindMonoid(std::string_view name) { return Registry::Get().Find(name); }
std::vector<const MonoidFunction*> AllMonoids() { return Registry::Get().All(); }

}  // namespace murmur
