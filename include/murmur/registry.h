// The kinds of sources and of state stores that a definition can name. Murmur's own are there from
// the start; a program adds others before it loads definitions:
//   RegisterSource({.role = "bootstrap", .name = "sqlite",
//                   .options = {{.name = "path", .required = true}},
//                   .make_snapshot = [](const Definition& definition) { return …; }});
//   bootstrap: {sqlite: {path: shop.db}}
// Threads: every function may be called at once. Kinds are never removed.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "murmur/state_store.h"
#include "murmur/status.h"

namespace murmur {

// An option of a kind, as it lies in the `options` of a definition. A name that ends in ".*" stands
// for everything below it.
struct KindOption {
  std::string name;
  bool required = false;
  bool list = false;                     // may be a list: NAME.0, NAME.1, …
  bool identity = false;                 // says what is read, not how
  std::vector<std::string> values = {};  // the only allowed values; empty: any
  std::string otherwise = {};            // the default value
};

// A kind of source. Options that no kind has are refused when a definition is loaded, so `make_…`
// finds only known ones.
struct SourceKind {
  // What it may be: "bootstrap" (needs make_snapshot), "live" (needs make_live), or "source", a
  // table whose rows are read and followed (needs both).
  std::string role;
  std::string name;
  std::vector<KindOption> options;
  std::function<Result<std::unique_ptr<SnapshotSource>>(const Definition& definition)>
      make_snapshot = {};
  std::function<Result<std::unique_ptr<LiveSource>>(const Definition& definition)> make_live = {};
};
// Errors: kAlreadyExists (the role has a kind of this name), kInvalidArgument.
Status RegisterSource(SourceKind kind);

// What a store of a definition is opened with.
struct StateStoreRequest {
  const Definition* definition = nullptr;  // definition->state has the options; never null
  Access access = Access::kRead;           // kWrite: makes the store if there is none
  uint64_t cache_bytes = 64ull << 20;      // for what is read: blocks, indexes and filters
  uint64_t write_buffer_bytes = 16ull << 20;
};

struct StoreKind {
  std::string name;
  std::vector<KindOption> options;
  std::string place_option = {};  // its value is where a message says that the state is
  // Errors: kNotFound (kRead, there is no store).
  std::function<Result<std::unique_ptr<StateStore>>(const StateStoreRequest& request)> open = {};
};
// Errors: as RegisterSource.
Status RegisterStateStore(StoreKind kind);

}  // namespace murmur
