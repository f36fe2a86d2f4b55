// query, dump and status: from the process that writes the serving version if there is one, else
// from the files.
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

#include "murmur/run.h"
#include "runtime/owner/owner_socket.h"
#include "runtime/owner/state_reader.h"
#include "runtime/versions/state_access.h"

namespace murmur {
namespace {

// If only one version is kept, the version that the alias named may be dropped before it is opened.
// While the alias keeps moving, another try makes sense.
constexpr std::chrono::seconds kKeepTrying{20};

Status ReadServing(const StateStore& store, std::optional<uint64_t> current,
                   const ReadService& files, const OwnerRequest& request, const WriteText& write,
                   bool* wrote) {
  const auto pass_on = [&](std::string_view text) {
    *wrote = true;
    return write(text);
  };
  if (current) {
    const Status asked = AskOwner(store.OwnerAddress(*current), request, pass_on);
    if (asked.code() != Code::kUnavailable || *wrote) return asked;
  }
  return AnswerInText(request, files, nlohmann::ordered_json::object(), pass_on);
}

Status Read(const Definition& definition, const OwnerRequest& request, const WriteText& write) {
  MURMUR_ASSIGN(const auto store, OpenStateForReading(definition));
  StateReader reader(&definition, store.get());
  const ReadService files([&reader] { return reader.Serving(); });
  const auto deadline = std::chrono::steady_clock::now() + kKeepTrying;
  for (;;) {
    MURMUR_ASSIGN(const auto before, store->Current());
    bool wrote = false;
    const Status status = ReadServing(*store, before, files, request, write, &wrote);
    MURMUR_ASSIGN(const auto after, store->Current());
    const bool final = status.ok() || wrote || before == after;
    if (final || std::chrono::steady_clock::now() > deadline) return status;
  }
}

}  // namespace

Status Query(const Definition& definition, const QueryRequest& request, RowFormat format,
             const WriteText& write) {
  return Read(definition, {.verb = OwnerVerb::kQuery, .query = request, .format = format}, write);
}

Status Dump(const Definition& definition, RowFormat format, const WriteText& write) {
  return Read(definition, {.verb = OwnerVerb::kDump, .format = format}, write);
}

Result<std::string> StateStatus(const Definition& definition) {
  std::string text;
  const auto write = [&text](std::string_view piece) {
    text += piece;
    return Status();
  };
  MURMUR_TRY(Read(definition, {}, write));
  return text;
}

}  // namespace murmur
