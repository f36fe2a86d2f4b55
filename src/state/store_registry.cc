#include "state/store_registry.h"

#include "definition/kinds.h"
#include "state/rocksdb/rocksdb_store.h"

namespace murmur {
namespace {

struct OwnKind {
  std::string_view name;
  Result<std::unique_ptr<StateStore>> (*open)(const StateStoreRequest& request);
};
constexpr OwnKind kOwnKinds[] = {{"rocksdb", OpenRocksDbStore}};

}  // namespace

Result<std::unique_ptr<StateStore>> OpenStateStore(const StateStoreRequest& request) {
  const std::string& name = request.definition->state.kind;
  for (const OwnKind& kind : kOwnKinds) {
    if (kind.name == name) return kind.open(request);
  }
  if (const StoreKind* kind = FindStoreKind(name)) return kind->open(request);
  return Status(Code::kInvalidArgument, "there is no kind of state store '" + name + "'");
}

}  // namespace murmur
