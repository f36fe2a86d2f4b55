#include "query/key_walk.h"

#include "murmur/key.h"

namespace murmur {
namespace {

// Stepping over a window is some twenty times as fast as seeking the next one that is wanted.
constexpr size_t kPassedMax = 20;

}  // namespace

std::string EndOfPrefix(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (!prefix.empty()) ++prefix.back();
  return prefix;
}

std::string AfterKey(std::string head) {
  head.append(kBucketBytes + 1, '\xff');
  return head;
}

Status KeyWalk::Run(std::string from, const std::string& until) {
  for (;;) {
    resume_.clear();
    MURMUR_TRY(snapshot_.Scan(
        from, until,
        [this](std::string_view key, std::string_view value) { return Take(key, value); }, limit_));
    if (resume_.empty() || ended_) break;
    from = resume_;
  }
  if (!ended_) FinishKey();
  return status_;
}

bool KeyWalk::Take(std::string_view key, std::string_view value) {
  const std::string_view head = of_.windowed ? key.substr(0, key.size() - kBucketBytes) : key;
  if (head != head_) {
    if (!FinishKey()) return false;
    head_ = head;
    passed_ = 0;
  }
  if (!IsWanted(key)) {
    if (++passed_ >= kPassedMax) PassOver(key);
    return resume_.empty();
  }
  if (values_.empty()) key_ = key;
  values_.emplace_back(value);
  return true;
}

bool KeyWalk::IsWanted(std::string_view key) const {
  if (!of_.windowed) return true;
  if (of_.first_window && !values_.empty()) return false;
  return of_.buckets.Holds(BucketOfKey(key));
}

void KeyWalk::PassOver(std::string_view key) {
  if (BucketOfKey(key) < of_.buckets.from) {
    resume_ = head_;
    AppendBucket(of_.buckets.from, &resume_);
  } else {
    resume_ = AfterKey(head_);
  }
}

bool KeyWalk::FinishKey() {
  if (values_.empty()) return true;
  Result<bool> goes_on = visit_(key_, values_);
  values_.clear();
  if (!goes_on.ok()) status_ = std::move(goes_on).status();
  ended_ = !goes_on.ok() || !*goes_on;
  return !ended_;
}

}  // namespace murmur
