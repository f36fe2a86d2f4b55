#include <fmt/format.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/serving.h"
#include "cli/signals.h"
#include "serve/file_pipelines.h"

namespace murmur::cli {

Result<std::unique_ptr<Server>> StartServer(Pipelines pipelines, const ServeArguments& arguments) {
  MURMUR_ASSIGN(auto server, Server::Start(std::move(pipelines), {.http = arguments.http,
                                                                  .grpc = arguments.grpc,
                                                                  .insecure = arguments.insecure}));
  for (const std::string& address : server->Addresses()) Note("serving " + address);
  return server;
}

Pipelines PipelinesOfRun(const Definition& definition, const ServedState* served) {
  Pipelines pipelines;
  const Status added = pipelines.Add(
      {.name = definition.name,
       .service = std::make_shared<const ReadService>([served] { return served->Current(); }),
       .status = [served](const ScanLimit&) { return served->Status(); }});
  (void)added;  // one has no other's name
  return pipelines;
}

int ServeVerb(const ServeFilesArguments& arguments) {
  const std::stop_token stop = StopOnSignals();
  std::vector<Definition> definitions;
  for (const std::string& file : arguments.files) {
    auto definition = LoadDefinition(file);
    if (!definition.ok()) return ReportUsage(definition.status());
    definitions.push_back(std::move(definition).value());
  }
  if (arguments.serve.http.empty() && arguments.serve.grpc.empty()) {
    return ReportUsage(
        Status(Code::kInvalidArgument, "where to listen? --listen 127.0.0.1:8080, or --grpc"));
  }
  auto pipelines = PipelinesOfFiles(definitions);
  if (!pipelines.ok()) return Report(pipelines.status());
  const auto server = StartServer(std::move(pipelines).value(), arguments.serve);
  if (!server.ok()) return Report(server.status());
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait(lock, stop, [] { return false; });
  return kExitDone;
}

}  // namespace murmur::cli
