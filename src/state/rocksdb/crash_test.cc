// Ends a writer at every file operation, by lost power and by kill -9, and looks at what is left:
// always the fold of exactly the commits that the stored position names, and never fewer than were
// acknowledged.
//
// MURMUR_LONG=1 tries every operation and many more kills. The seed is printed; MURMUR_SEED
// repeats it.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <random>

#include "murmur/testing/state_table_kit.h"
#include "state/rocksdb/rocksdb_table.h"
#include "testing/faulty_file_system.h"
#include "testing/temporary_folder.h"

namespace murmur {
namespace {

constexpr char kChildFolder[] = "MURMUR_TEST_CRASH_FOLDER";
constexpr int64_t kCommits = 10;
constexpr int64_t kEndlessCommits = 100000;
constexpr int64_t kFreshAfter = 400;  // checking a prefix takes time in proportion to it

bool Long() { return std::getenv("MURMUR_LONG") != nullptr; }

uint64_t Seed() {
  const char* text = std::getenv("MURMUR_SEED");
  const uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device()();
  std::cout << "MURMUR_SEED=" << seed << std::endl;
  return seed;
}

// Small and large commits in turn, each with a dead letter, and a ledger row that comes or goes.
TestCommit CommitNumber(int64_t number) {
  TestCommit commit = NumberedCommit(number, number % 2 == 0 ? kManyKeys : 40);
  DeadLetter letter;
  letter.object = "o";
  letter.offset = static_cast<uint64_t>(number);
  commit.dead_letters.push_back(letter);
  commit.ledger = {{"newest", std::to_string(number)}};
  if (number % 3 == 0) {
    commit.ledger.push_back({"sometimes", std::nullopt});
  } else {
    commit.ledger.push_back({"sometimes", std::to_string(number)});
  }
  return commit;
}

int64_t StoredPosition(const StateSnapshot& snapshot) {
  const auto progress = snapshot.Progress();
  EXPECT_TRUE(progress.ok()) << progress.status().ToString();
  return !progress.ok() || progress->empty() ? 0 : std::stoll(progress->at("a").position);
}

// Checks values and dead letters against the stored position, which is returned.
int64_t CheckIsAPrefix(const StateTable& table) {
  const auto snapshot = table.Snapshot();
  if (!snapshot.ok()) {
    ADD_FAILURE() << snapshot.status().ToString();
    return 0;
  }
  const int64_t position = StoredPosition(**snapshot);
  std::vector<TestCommit> commits;
  for (int64_t n = 1; n <= position; ++n) commits.push_back(CommitNumber(n));
  EXPECT_TRUE(Dump(**snapshot) == Folded(commits)) << "wrong values at position " << position;
  int64_t letters = 0;
  EXPECT_EQ((*snapshot)->ScanDeadLetters([&](const DeadLetter&) { return ++letters > 0; }),
            Status());
  EXPECT_EQ(letters, position);
  Contents ledger;
  for (int64_t n = 1; n <= position; ++n) {
    for (const LedgerRow& row : CommitNumber(n).ledger) {
      if (row.entry) ledger[row.key] = *row.entry;
      if (!row.entry) ledger.erase(row.key);
    }
  }
  EXPECT_EQ((*snapshot)->ScanLedger("",
                                    [&](auto row, auto entry) {
                                      const auto it = ledger.find(std::string(row));
                                      EXPECT_TRUE(it != ledger.end() && it->second == entry)
                                          << row << " at position " << position;
                                      if (it != ledger.end()) ledger.erase(it);
                                      return true;
                                    }),
            Status());
  EXPECT_TRUE(ledger.empty()) << "rows are missing at position " << position;
  return position;
}

class CrashTest : public testing::Test {
 protected:
  struct Run {
    int64_t acknowledged = 0;
    bool finished = false;
    uint64_t changes = 0;
  };

  // Commits until the file system gives out after `changes` changes.
  Run WriteUntil(uint64_t changes, std::mt19937_64* random) {
    const auto files = std::make_shared<FaultyFileSystem>(folder_.path() + "/attic");
    const auto env = rocksdb::NewCompositeEnv(files);
    files->CrashAfter(changes);
    Run run;
    auto table = RocksDbTable::Open({.path = path_, .env = env.get()}, Always(TestSchema()));
    if (table.ok()) {
      run.acknowledged = StoredPosition(**(*table)->Snapshot());
      for (int64_t n = run.acknowledged + 1; n <= kCommits; ++n) {
        if (!CommitNumber(n).ApplyTo(table->get()).ok()) break;
        run.acknowledged = n;
      }
      table->reset();
    }
    run.finished = !files->crashed();
    run.changes = files->changes();
    files->LoseUnsynced(random);
    return run;
  }

  void CreateFresh() {
    std::filesystem::remove_all(path_);
    ASSERT_EQ(RocksDbTable::Create({.path = path_}, VersionInfo(), TestSchema()).status(),
              Status());
  }

  TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/v1";
};

TEST_F(CrashTest, AtEveryFileOperationPowerLossLeavesAPrefixWithAllThatWasAcknowledged) {
  std::mt19937_64 random(Seed());
  CreateFresh();
  const Run whole = WriteUntil(UINT64_MAX, nullptr);
  ASSERT_TRUE(whole.finished);
  ASSERT_EQ(whole.acknowledged, kCommits);
  const uint64_t stride = Long() ? 1 : whole.changes / 25 + 1;
  for (uint64_t at = random() % stride; at < whole.changes; at += stride) {
    SCOPED_TRACE("after " + std::to_string(at) + " changes");
    CreateFresh();
    std::mt19937_64* const some_survives = random() % 2 == 0 ? &random : nullptr;
    const Run first = WriteUntil(at, some_survives);
    // A second crash, often in the recovery from the first.
    const Run second = WriteUntil(random() % 60, some_survives);
    const auto table = RocksDbTable::Open({.path = path_}, Always(TestSchema()));
    ASSERT_TRUE(table.ok()) << table.status().ToString();
    const int64_t position = CheckIsAPrefix(**table);
    EXPECT_GE(position, std::max(first.acknowledged, second.acknowledged));
    for (int64_t n = position + 1; n <= kCommits; ++n) {
      ASSERT_EQ(CommitNumber(n).ApplyTo(table->get()), Status());
    }
    EXPECT_EQ(CheckIsAPrefix(**table), kCommits);
    if (HasFailure()) return;
  }
}

// The child of the test below, in a process of its own.
TEST(CrashChild, DISABLED_CommitsUntilItIsKilled) {
  const char* folder = std::getenv(kChildFolder);
  ASSERT_NE(folder, nullptr) << "run by KillingTheProcess…";
  const std::string path(folder);
  const auto table = *RocksDbTable::Open({.path = path + "/v1"}, Always(TestSchema()));
  const int acknowledged = open((path + "/acknowledged").c_str(), O_WRONLY | O_CREAT, 0644);
  for (int64_t n = StoredPosition(**table->Snapshot()) + 1; n < kEndlessCommits; ++n) {
    ASSERT_EQ(CommitNumber(n).ApplyTo(table.get()), Status());
    ASSERT_EQ(pwrite(acknowledged, &n, sizeof(n), 0), ssize_t{sizeof(n)});
  }
}

void KillChildAfter(const std::string& folder, std::chrono::microseconds time) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    setenv(kChildFolder, folder.c_str(), 1);
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDOUT_FILENO);
    execl("/proc/self/exe", "child", "--gtest_also_run_disabled_tests",
          "--gtest_filter=CrashChild.*", static_cast<char*>(nullptr));
    _exit(127);
  }
  usleep(static_cast<useconds_t>(time.count()));
  kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself";
}

TEST_F(CrashTest, KillingTheProcessAtRandomMomentsLeavesAPrefixWithAllThatWasAcknowledged) {
  std::mt19937_64 random(Seed());
  CreateFresh();
  int64_t position = 0;
  for (int kills = Long() ? 200 : 6; kills > 0; --kills) {
    KillChildAfter(folder_.path(), std::chrono::microseconds(random() % 400000));
    if (HasFatalFailure()) return;
    int64_t acknowledged = 0;
    const int file = open((folder_.path() + "/acknowledged").c_str(), O_RDONLY);
    if (file >= 0) {
      ASSERT_GE(read(file, &acknowledged, sizeof(acknowledged)), 0);  // or it is still empty
    }
    close(file);
    auto table = RocksDbTable::Open({.path = path_}, Always(TestSchema()));
    ASSERT_TRUE(table.ok()) << table.status().ToString();
    position = CheckIsAPrefix(**table);
    ASSERT_GE(position, acknowledged);
    ASSERT_FALSE(HasFailure());
    table->reset();
    if (position > kFreshAfter) {
      CreateFresh();
      std::filesystem::remove(folder_.path() + "/acknowledged");
    }
  }
  std::cout << "position after the last kill: " << position << std::endl;
}

}  // namespace
}  // namespace murmur
