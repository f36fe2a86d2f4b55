// The kinds of sources and of state stores that a definition can name. Murmur's own are there from
// the start; a program registers others before it loads a definition that names them:
//   RegisterSource({.role = "bootstrap", .name = "sqlite",
//                   .options = {{.name = "path", .required = true, .identity = true}},
//                   .make_snapshot = MakeSqliteSource});
// Then `bootstrap: {sqlite: {path: shop.db}}` is read by what MakeSqliteSource returns. A whole
// example, with its test: tests/consumer/project/sqlite_source.cc, and docs/extending.md.
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

// An option that a kind takes. The value that a definition gives is text in the `options` of its
// SourceSpec or StateSpec, where the name of an option in a nested map has dots: "handoff.kafka". A
// name that ends in ".*" is every name that begins with what is before the "*".
struct KindOption {
  std::string name;
  bool required = false;
  bool list = false;  // may be given as a list, whose items are named NAME.0, NAME.1, …
  // Says what is read, rather than how: a state that was built with another value is not continued.
  bool identity = false;
  std::vector<std::string> values = {};  // the only allowed values; empty: any
  std::string otherwise = {};            // the value that leaving it out stands for
};

// A kind of source. Options that the kind does not take, and required ones that are missing, are
// refused when a definition is loaded.
struct SourceKind {
  // The key of the definition that names the kind: "bootstrap" (needs make_snapshot), "live" (needs
  // make_live), or "source": a table whose rows are read and then followed (needs both). For two of
  // them, register two kinds.
  std::string role;
  std::string name;
  std::vector<KindOption> options;
  // The definition has been validated. The options are those of definition.bootstrap, .live or
  // .source; relative paths start from definition.base_directory.
  std::function<Result<std::unique_ptr<SnapshotSource>>(const Definition& definition)>
      make_snapshot = {};
  std::function<Result<std::unique_ptr<LiveSource>>(const Definition& definition)> make_live = {};
};
// Errors: kAlreadyExists (the role has a kind of this name), kInvalidArgument (no name, another
// role, a function is missing).
Status RegisterSource(SourceKind kind);

// What a store is opened with.
struct StateStoreRequest {
  const Definition* definition = nullptr;  // never null; definition->state has the options
  Access access = Access::kRead;           // kWrite: makes the store if there is none
  uint64_t cache_bytes = 64ull << 20;      // for what is read: blocks, indexes and filters
  uint64_t write_buffer_bytes = 16ull << 20;
};

// A kind of state store, as `state:` names it.
struct StoreKind {
  std::string name;
  std::vector<KindOption> options;
  // The option whose value tells people where the state is, such as "path". Empty: none does.
  std::string place_option = {};
  // Errors: kNotFound (kRead, there is no store).
  std::function<Result<std::unique_ptr<StateStore>>(const StateStoreRequest& request)> open = {};
};
// Errors: kAlreadyExists, kInvalidArgument (no name, or no `open`).
Status RegisterStateStore(StoreKind kind);

}  // namespace murmur
