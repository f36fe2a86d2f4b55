#include "serve/file_pipelines.h"

#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/shown.h"
#include "runtime/owner/state_reader.h"
#include "runtime/versions/state_access.h"

namespace murmur {
namespace {

// The state of one definition: opened when it is first asked for, as it may not be there before.
class FileState {
 public:
  explicit FileState(Definition definition) : definition_(std::move(definition)) {}

  Result<ServedVersion> Serving() {
    MURMUR_ASSIGN(StateReader* const reader, Reader());
    return reader->Serving();
  }

 private:
  Result<StateReader*> Reader() {
    const std::lock_guard lock(mutex_);
    if (!reader_) {
      auto store = OpenStateForReading(definition_);
      if (!store.ok()) {
        const Code code = store.status().code();
        return Status(code == Code::kNotFound ? Code::kUnavailable : code,
                      std::string(store.status().message()));
      }
      store_ = std::move(store).value();
      reader_ = std::make_unique<StateReader>(&definition_, store_.get(), kFilesOldMax);
    }
    return reader_.get();
  }

  const Definition definition_;
  std::mutex mutex_;
  std::unique_ptr<StateStore> store_;    // under mutex_
  std::unique_ptr<StateReader> reader_;  // under mutex_ until it is there
};

ServedPipeline PipelineOf(const Definition& definition) {
  auto state = std::make_shared<FileState>(definition);
  auto service = std::make_shared<const ReadService>([state] { return state->Serving(); });
  auto status = [service](const ScanLimit& limit) -> Result<std::string> {
    MURMUR_ASSIGN(const VersionReport report, service->Report({.limit = limit}));
    return JsonText(ReportAsJson(report)) + "\n";
  };
  return {.name = definition.name, .service = service, .status = std::move(status)};
}

}  // namespace

Result<Pipelines> PipelinesOfFiles(const std::vector<Definition>& definitions) {
  Pipelines pipelines;
  for (const Definition& definition : definitions) {
    MURMUR_TRY(pipelines.Add(PipelineOf(definition)));
  }
  return pipelines;
}

}  // namespace murmur
