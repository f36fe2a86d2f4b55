// The servers of the program's verbs.
#pragma once

#include <memory>

#include "cli/commands.h"
#include "murmur/definition.h"
#include "murmur/status.h"
#include "runtime/owner/served_state.h"
#include "serve/server.h"

namespace murmur::cli {

// Starts the servers that are asked for, and tells their addresses. Errors: those of Server::Start.
Result<std::unique_ptr<Server>> StartServer(Pipelines pipelines, const ServeArguments& arguments);

// The pipeline of `murmur run`, answered from the version that it has open. `served` outlives it.
Pipelines PipelinesOfRun(const Definition& definition, const ServedState* served);

}  // namespace murmur::cli
