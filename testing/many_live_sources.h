// Live sources of one split each as one source of several, for their contract.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "murmur/source.h"

namespace murmur {

class ManyLiveSources final : public LiveSource {
 public:
  // Without a token it begins at `begin`. A source's name is that of its split.
  ManyLiveSources(std::vector<std::unique_ptr<LiveSource>> sources, HandoffToken begin)
      : begin_(std::move(begin)) {
    for (auto& source : sources) {
      std::string name(source->Name());
      sources_[std::move(name)] = std::move(source);
    }
  }

  std::string_view Name() const noexcept override { return "many"; }
  Result<HandoffToken> HandoffNow(std::stop_token stop) override {
    return Tokens([&](LiveSource& source, size_t) { return source.HandoffNow(stop); });
  }
  bool NeedsHold() const override { return First().NeedsHold(); }
  // Each has a hold of its own.
  Result<HandoffToken> Hold(const std::string& name, std::stop_token stop) override {
    return Tokens([&](LiveSource& source, size_t i) { return source.Hold(NameOf(name, i), stop); });
  }
  void ReadThrough(const std::string& hold) override {
    size_t i = 0;
    for (const auto& [name, source] : sources_) source->ReadThrough(NameOf(hold, i++));
  }
  Status LetGo(const std::string& hold, std::stop_token stop) override {
    size_t i = 0;
    for (const auto& [name, source] : sources_) MURMUR_TRY(source->LetGo(NameOf(hold, i++), stop));
    return {};
  }
  Result<std::vector<std::string>> Holds(const std::string& prefix, std::stop_token stop) override {
    MURMUR_ASSIGN(auto holds, First().Holds(prefix, stop));
    for (std::string& hold : holds) hold = hold.substr(0, hold.rfind(kSeparator));
    std::sort(holds.begin(), holds.end());
    holds.erase(std::unique(holds.begin(), holds.end()), holds.end());
    return holds;
  }
  Result<std::vector<Split>> Splits(std::stop_token stop) override {
    std::vector<Split> all;
    for (const auto& [name, source] : sources_) {
      MURMUR_ASSIGN(const auto splits, source->Splits(stop));
      all.insert(all.end(), splits.begin(), splits.end());
    }
    return all;
  }
  Result<PositionMap> Begin(const std::vector<Split>& splits, const HandoffToken& token,
                            std::stop_token stop) override {
    PositionMap all;
    for (const Split& split : splits) {
      MURMUR_ASSIGN(auto positions, sources_.at(split.id)->Begin(
                                        {split}, token.streams.empty() ? begin_ : token, stop));
      all.merge(positions);
    }
    return all;
  }
  Result<PositionMap> Ends(const std::vector<Split>& splits, std::stop_token stop) override {
    PositionMap all;
    for (const Split& split : splits) {
      MURMUR_ASSIGN(auto positions, sources_.at(split.id)->Ends({split}, stop));
      all.merge(positions);
    }
    return all;
  }
  uint64_t Distance(const Position& position, const Position& end) const override {
    return First().Distance(position, end);
  }
  Result<std::string> PlaceOf(const Position& position) const override {
    return First().PlaceOf(position);
  }
  Result<std::unique_ptr<RecordStream>> Open(const Split& split, const Position& after,
                                             const Projection& projection,
                                             std::function<void()> wake,
                                             std::stop_token stop) override {
    return sources_.at(split.id)->Open(split, after, projection, std::move(wake), stop);
  }
  Status Close() override {
    for (const auto& [name, source] : sources_) MURMUR_TRY(source->Close());
    return {};
  }

 private:
  static constexpr char kSeparator = '_';

  static std::string NameOf(const std::string& hold, size_t i) {
    return hold + kSeparator + std::to_string(i);
  }
  LiveSource& First() const { return *sources_.begin()->second; }
  template <class TokenOf>
  Result<HandoffToken> Tokens(const TokenOf& token_of) {
    HandoffToken all;
    size_t i = 0;
    for (const auto& [name, source] : sources_) {
      MURMUR_ASSIGN(HandoffToken token, token_of(*source, i++));
      all.streams.merge(token.streams);
    }
    return all;
  }

  std::map<std::string, std::unique_ptr<LiveSource>> sources_;  // by name, which is their split's
  const HandoffToken begin_;
};

}  // namespace murmur
