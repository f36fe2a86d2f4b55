// The verbs on a kind of state store that the program does not know: nothing above src/state may
// lean on a directory or on RocksDB.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>

#include "murmur/registry.h"
#include "murmur/run.h"
#include "murmur/versions.h"
#include "state/memory/memory_state_store.h"
#include "testing/temporary_folder.h"

namespace murmur {
namespace {

// Each time the same store.
class SharedStore final : public StateStore {
 public:
  static MemoryStateStore& Shared() {
    static MemoryStateStore store;
    return store;
  }
  const std::string& Name() const noexcept override { return Shared().Name(); }
  Result<std::string> Id() const override { return Shared().Id(); }
  Result<std::vector<uint64_t>> Versions() const override { return Shared().Versions(); }
  Result<std::optional<uint64_t>> Current() const override { return Shared().Current(); }
  Result<std::optional<uint64_t>> SettledCurrent() const override { return Shared().Current(); }
  Result<std::vector<uint64_t>> Served() const override { return Shared().Served(); }
  Result<std::optional<int64_t>> RetiredAt(uint64_t number) const override {
    return Shared().RetiredAt(number);
  }
  Result<std::vector<uint64_t>> LetGo() const override { return Shared().LetGo(); }
  Status LetGoOfLog(uint64_t number) override { return Shared().LetGoOfLog(number); }
  Status SetCurrent(uint64_t number, bool beside_writer, Status* undurable) override {
    return Shared().SetCurrent(number, beside_writer, undurable);
  }
  Result<VersionInfo> ReadInfo(uint64_t number) const override { return Shared().ReadInfo(number); }
  Result<std::unique_ptr<StateTable>> CreateVersion(VersionInfo info,
                                                    const StateSchema& schema) override {
    return Shared().CreateVersion(std::move(info), schema);
  }
  Result<std::unique_ptr<StateTable>> OpenVersion(uint64_t number, Access access,
                                                  const SchemaFor& schema_for) const override {
    return Shared().OpenVersion(number, access, schema_for);
  }
  Status DropVersion(uint64_t number) override { return Shared().DropVersion(number); }
  bool HasOwner(uint64_t number) const override { return Shared().HasOwner(number); }
  std::string OwnerAddress(uint64_t number) const override { return Shared().OwnerAddress(number); }
  Result<std::unique_ptr<ScratchTable>> MakeScratch(const StateSchema& schema) override {
    return Shared().MakeScratch(schema);
  }
};

TEST(StoreKindTest, TheVerbsWorkOnAStoreOfAnotherKind) {
  const StoreKind kind = {
      .name = "shelf",
      .options = {{.name = "label", .required = true}},
      .place_option = "label",
      .open = [](const StateStoreRequest&) -> Result<std::unique_ptr<StateStore>> {
        return std::unique_ptr<StateStore>(std::make_unique<SharedStore>());
      }};
  ASSERT_EQ(RegisterStateStore(kind), Status());
  EXPECT_EQ(RegisterStateStore(kind).code(), Code::kAlreadyExists);
  EXPECT_EQ(RegisterStateStore({.name = "empty"}).code(), Code::kInvalidArgument);

  const TemporaryFolder folder;
  std::ofstream(folder.path() + "/a.jsonl") << R"({"page": "a"})"
                                               "\n"
                                               R"({"page": "b"})"
                                               "\n"
                                            << R"({"page": "a"})"
                                               "\n";
  const auto with_state = [&](const std::string& state) {
    return ParseDefinition("name: views\nkey: [page]\naggregates: {n: count}\nstate: " + state +
                               "\nbootstrap: {jsonl: {path: " + folder.path() + "/a.jsonl}}\n",
                           "views.yaml", folder.path());
  };
  const auto definition = with_state("{shelf: {label: top, keep_versions: 1}}");
  ASSERT_TRUE(definition.ok()) << definition.status().ToString();
  EXPECT_EQ(definition->keep_versions, 1u);
  EXPECT_EQ(StatePlace(*definition), "top");
  for (const char* wrong : {"{shelf: {}}", "{shelf: {label: top, depth: 3}}", "{shelve: {}}"}) {
    EXPECT_EQ(with_state(wrong).status().code(), Code::kInvalidArgument) << wrong;
  }

  RunSummary summary;
  ASSERT_EQ(Bootstrap(*definition, {}, &summary), Status());
  ASSERT_EQ(Bootstrap(*definition, {.fresh = true}, &summary), Status());
  EXPECT_TRUE(summary.swapped);
  EXPECT_THAT(summary.dropped, testing::ElementsAre(1));
  std::string dump;
  const auto write = [&dump](std::string_view text) {
    dump += text;
    return Status();
  };
  ASSERT_EQ(Dump(*definition, RowFormat::kJsonLines, write), Status());
  EXPECT_EQ(dump,
            "{\"key\": {\"page\": \"a\"}, \"window\": null, \"n\": 2}\n"
            "{\"key\": {\"page\": \"b\"}, \"window\": null, \"n\": 1}\n");
  const auto versions = ListVersions(*definition);
  ASSERT_TRUE(versions.ok()) << versions.status().ToString();
  ASSERT_EQ(versions->size(), 1u);
  EXPECT_TRUE((*versions)[0].serving);
  EXPECT_EQ((*versions)[0].records, 3u);
}

}  // namespace
}  // namespace murmur
