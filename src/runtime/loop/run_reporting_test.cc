#include "runtime/loop/run_reporting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>

namespace murmur {
namespace {

using testing::ElementsAre;

// Notes something at once, waits until it is reported, and notes more when it ends.
class NotingRunner {
 public:
  explicit NotingRunner(std::function<bool()> was_told) : was_told_(std::move(was_told)) {}

  Status Run(std::stop_token /*stop*/) {
    Note("at once");
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!was_told_() && std::chrono::steady_clock::now() < give_up) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    told_in_time_ = was_told_();
    Note("at the end");
    return Status(Code::kUnavailable, "it failed, too");
  }
  const FoldProgress& progress() const { return progress_; }
  std::vector<std::string> TakeNotes() {
    const std::lock_guard lock(mutex_);
    return std::exchange(notes_, {});
  }
  bool told_in_time() const { return told_in_time_; }

 private:
  void Note(std::string note) {
    const std::lock_guard lock(mutex_);
    notes_.push_back(std::move(note));
  }

  const std::function<bool()> was_told_;
  FoldProgress progress_;
  std::mutex mutex_;
  std::vector<std::string> notes_;
  bool told_in_time_ = false;
};

TEST(RunReportingTest, NotesAreToldAtOnceAndToTheLastWithoutAnybodyWhoWantsProgress) {
  for (const bool wants_progress : {false, true}) {
    std::atomic<bool> told{false};
    std::vector<std::string> notes;
    RunOptions options;
    options.on_note = [&](const std::string& note) {
      notes.push_back(note);
      told = true;
    };
    if (wants_progress) options.on_progress = [](const RunProgress&) {};
    NotingRunner runner([&told] { return told.load(); });
    RunSummary summary;
    EXPECT_EQ(RunReporting(&runner, options, &summary).code(), Code::kUnavailable);
    EXPECT_TRUE(runner.told_in_time());
    EXPECT_THAT(notes, ElementsAre("at once", "at the end"));
  }
}

TEST(RunReportingTest, NobodyNeedsToListen) {
  NotingRunner runner([] { return true; });
  RunSummary summary;
  EXPECT_EQ(RunReporting(&runner, {}, &summary).code(), Code::kUnavailable);
}

}  // namespace
}  // namespace murmur
