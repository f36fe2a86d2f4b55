#include "serve/pipelines.h"

#include <utility>

#include "base/shown.h"

namespace murmur {

Status Pipelines::Add(ServedPipeline pipeline) {
  std::string name = pipeline.name;
  if (all_.contains(name)) {
    return Status(Code::kInvalidArgument, "two pipelines have the name " + Shown(name));
  }
  all_.emplace(std::move(name), std::move(pipeline));
  return {};
}

Result<const ServedPipeline*> Pipelines::Find(std::string_view name) const {
  const auto found = all_.find(name);
  if (found != all_.end()) return &found->second;
  std::string known;
  for (const auto& [one, pipeline] : all_) known += (known.empty() ? "" : ", ") + one;
  return Status(Code::kNotFound,
                (name.empty() ? "which pipeline?" : "no pipeline " + Shown(name) + ";") +
                    " this server has: " + known);
}

}  // namespace murmur
