// A live stream in memory that stands for Kafka. Deterministic: tests decide what arrives, what is
// gone and what fails.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "murmur/source.h"
#include "testing/fake_source.h"

namespace murmur {

// Logs of JSON texts, one a split. Threads: any.
class FakeTopic {
 public:
  FakeTopic(std::string name, size_t splits) : name_(std::move(name)), logs_(splits) {}

  void Append(size_t split, const std::vector<std::string>& texts) {
    std::vector<std::function<void()>> wakes;
    {
      const std::lock_guard lock(mutex_);
      auto& log = logs_[split].texts;
      log.insert(log.end(), texts.begin(), texts.end());
      for (const auto& [id, wake] : logs_[split].wakes) wakes.push_back(wake);
    }
    for (const auto& wake : wakes) wake();
  }
  void AddSplit() {
    const std::lock_guard lock(mutex_);
    logs_.emplace_back();
  }
  void DropOldest(size_t split, size_t count) {
    const std::lock_guard lock(mutex_);
    logs_[split].begin += count;
  }

  const std::string& name() const noexcept { return name_; }
  std::string SplitId(size_t split) const { return "fake:" + name_ + "/" + std::to_string(split); }
  size_t splits() const {
    const std::lock_guard lock(mutex_);
    return logs_.size();
  }
  std::pair<size_t, size_t> Range(size_t split) const {
    const std::lock_guard lock(mutex_);
    return {logs_[split].begin, logs_[split].texts.size()};
  }
  std::vector<std::string> Texts(size_t split, size_t begin, size_t end) const {
    const std::lock_guard lock(mutex_);
    const auto& texts = logs_[split].texts;
    end = std::min(end, texts.size());
    begin = std::min(begin, end);
    return {texts.begin() + static_cast<std::ptrdiff_t>(begin),
            texts.begin() + static_cast<std::ptrdiff_t>(end)};
  }

  // Holds of the log (LiveSource::Hold). The fake keeps its log anyhow.
  void AddHold(const std::string& name) {
    const std::lock_guard lock(mutex_);
    holds_.insert(name);
  }
  void EndHold(const std::string& name) {
    const std::lock_guard lock(mutex_);
    holds_.erase(name);
  }
  std::set<std::string> holds() const {
    const std::lock_guard lock(mutex_);
    return holds_;
  }

  void TakeDeadLetter(std::string name) {
    const std::lock_guard lock(mutex_);
    dead_letters_.push_back(std::move(name));
  }
  std::vector<std::string> dead_letters() const {
    const std::lock_guard lock(mutex_);
    return dead_letters_;
  }

  // Calls `wake` after each Append to the split until the result is gone.
  std::shared_ptr<void> Listen(size_t split, std::function<void()> wake) {
    const std::lock_guard lock(mutex_);
    const int id = next_id_++;
    logs_[split].wakes[id] = std::move(wake);
    return std::shared_ptr<void>(nullptr, [this, split, id](void*) {
      const std::lock_guard inner(mutex_);
      logs_[split].wakes.erase(id);
    });
  }

 private:
  struct Log {
    std::vector<std::string> texts;
    size_t begin = 0;  // the first that is not gone
    std::map<int, std::function<void()>> wakes;
  };
  const std::string name_;
  mutable std::mutex mutex_;
  std::vector<Log> logs_;
  int next_id_ = 0;
  std::vector<std::string> dead_letters_;  // published: "object@offset"
  std::set<std::string> holds_;
};

// Begins at the oldest record, unless a token {"fake": {"0": "n=5"}} says otherwise. Topic and
// behaviour must outlive it.
class FakeLiveSource final : public LiveSource {
 public:
  FakeLiveSource(FakeTopic* topic, FakeBehaviour* behaviour)
      : topic_(topic), behaviour_(behaviour), name_("fake:" + topic->name()) {}

  std::string_view Name() const noexcept override { return name_; }

  Result<HandoffToken> HandoffNow(std::stop_token stop) override {
    MURMUR_TRY(behaviour_->Answer(stop));
    HandoffToken token;
    for (size_t split = 0; split < topic_->splits(); ++split) {
      token.streams["fake"][std::to_string(split)] = Text(topic_->Range(split).second);
    }
    return token;
  }

  bool NeedsHold() const override { return needs_hold; }
  std::string GivenHold() const override { return given_hold; }
  Result<HandoffToken> Hold(const std::string& name, std::stop_token stop) override {
    if (behaviour_->fail_hold) return Status(Code::kUnavailable, "no holds, as it was told");
    MURMUR_ASSIGN(HandoffToken token, HandoffNow(std::move(stop)));
    if (needs_hold) topic_->AddHold(name);
    return token;
  }
  void ReadThrough(const std::string& hold) override { hold_ = hold; }
  Status LetGo(const std::string& hold, std::stop_token stop) override {
    MURMUR_TRY(behaviour_->Answer(stop));
    if (behaviour_->fail_let_go) return Status(Code::kUnavailable, "not let go, as it was told");
    topic_->EndHold(hold);
    return {};
  }
  Result<std::vector<std::string>> Holds(const std::string& prefix, std::stop_token stop) override {
    MURMUR_TRY(behaviour_->Answer(stop));
    if (behaviour_->fail_hold) return Status(Code::kUnavailable, "no holds, as it was told");
    if (behaviour_->before_holds) behaviour_->before_holds();
    std::vector<std::string> names;
    for (const std::string& name : topic_->holds()) {
      if (name.starts_with(prefix)) names.push_back(name);
    }
    return names;
  }

  Result<std::vector<Split>> Splits(std::stop_token stop) override {
    MURMUR_TRY(behaviour_->Answer(stop));
    std::vector<Split> splits;
    for (size_t split = 0; split < topic_->splits(); ++split) {
      splits.push_back({.id = topic_->SplitId(split), .payload = std::to_string(split)});
    }
    return splits;
  }

  Result<PositionMap> Begin(const std::vector<Split>& splits, const HandoffToken& token,
                            std::stop_token stop) override {
    MURMUR_TRY(behaviour_->Answer(stop));
    PositionMap positions;
    for (const Split& split : splits) {
      const auto stream = token.streams.find("fake");
      positions[split.id] = stream == token.streams.end()
                                ? Text(topic_->Range(std::stoul(split.payload)).first)
                                : stream->second.at(split.payload);
    }
    return positions;
  }

  Result<PositionMap> Ends(const std::vector<Split>& splits, std::stop_token stop) override {
    MURMUR_TRY(behaviour_->Answer(stop));
    PositionMap ends;
    for (const Split& split : splits) {
      ends[split.id] = Text(topic_->Range(std::stoul(split.payload)).second);
    }
    return ends;
  }

  uint64_t Distance(const Position& position, const Position& end) const override {
    const size_t from = FakeStream::ParsePosition(position).value();
    const size_t to = FakeStream::ParsePosition(end).value();
    return from < to ? to - from : 0;
  }

  bool IsSure(const Position& position, const Position& /*end*/) const override {
    return FakeStream::ParsePosition(position).value() >= sure_from;
  }

  Result<std::unique_ptr<RecordStream>> Open(const Split& split, const Position& after,
                                             const Projection& projection,
                                             std::function<void()> wake,
                                             std::stop_token stop) override {
    MURMUR_TRY(behaviour_->Answer(stop));
    if (needs_hold && !topic_->holds().contains(hold_)) {
      return Status(Code::kFailedPrecondition, "there is no hold '" + hold_ + "'");
    }
    const size_t number = std::stoul(split.payload);
    MURMUR_ASSIGN(const size_t next, FakeStream::ParsePosition(after));
    if (next < topic_->Range(number).first) {
      return Status(Code::kOutOfRange, split.id + ": what comes next is gone");
    }
    auto stream = std::make_unique<FakeStream>(
        name_ + "/" + split.payload, next, std::nullopt,
        [topic = topic_, number, listening = topic_->Listen(number, std::move(wake))](
            size_t begin, size_t end) { return topic->Texts(number, begin, end); },
        projection, behaviour_);
    return std::unique_ptr<RecordStream>(std::move(stream));
  }

  void NoteCommitted(const PositionMap& positions) override {
    const std::lock_guard lock(mutex_);
    noted_ = positions;
  }
  PositionMap noted() const {
    const std::lock_guard lock(mutex_);
    return noted_;
  }

  bool TakesDeadLetters() const override { return takes_dead_letters; }
  Status PublishDeadLetters(const std::vector<DeadLetter>& letters, std::stop_token stop) override {
    MURMUR_TRY(behaviour_->Answer(stop));
    if (behaviour_->fail_publishing) return Status(Code::kUnavailable, "nobody takes dead letters");
    for (const DeadLetter& letter : letters) {
      topic_->TakeDeadLetter(letter.object + "@" + std::to_string(letter.offset));
    }
    return {};
  }

  Status Close() override { return Status(); }

  bool takes_dead_letters = false;
  bool needs_hold = false;
  std::string given_hold;
  size_t sure_from = 0;  // only from there on it is sure to have reached an end

 private:
  static Position Text(size_t next) { return "n=" + std::to_string(next); }

  FakeTopic* const topic_;
  FakeBehaviour* const behaviour_;
  const std::string name_;
  std::string hold_;  // read through
  mutable std::mutex mutex_;
  PositionMap noted_;  // under mutex_
};

}  // namespace murmur
