#include "source/object_source.h"

#include <fmt/format.h>

#include <atomic>
#include <charconv>
#include <iterator>
#include <mutex>
#include <thread>

namespace murmur {
namespace {

constexpr size_t kLookingThreads = 16;

// A split's payload is "<object> <format> <what the format says>".
struct Place {
  size_t object = 0;
  size_t format = 0;
  std::string rest;
};

bool TakeNumber(std::string_view* text, size_t* value) {
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *value);
  if (error != std::errc() || end == text->data() + text->size() || *end != ' ') return false;
  text->remove_prefix(static_cast<size_t>(end + 1 - text->data()));
  return true;
}

bool ParsePlace(std::string_view payload, Place* place) {
  if (!TakeNumber(&payload, &place->object) || !TakeNumber(&payload, &place->format)) return false;
  place->rest = payload;
  return true;
}

}  // namespace

ObjectSource::ObjectSource(ObjectSourceOptions options) : options_(std::move(options)) {}

Result<HandoffToken> ObjectSource::CaptureHandoff(std::stop_token stop) {
  if (stop.stop_requested()) return Status(Code::kCancelled, options_.name);
  return options_.handoff;
}

Result<ScanPlan> ObjectSource::Scan(std::stop_token stop) {
  MURMUR_ASSIGN(frozen_, options_.objects->List());
  ScanPlan plan{.source = options_.name, .splits = {}, .payload = {}, .inexact = {}};
  MURMUR_ASSIGN(plan.payload, SerializeObjects(frozen_));
  MURMUR_TRY(AddAllSplits(stop, &plan.splits));
  return plan;
}

// Some objects must be looked into for that: where it is a round trip each, many at once.
Status ObjectSource::AddAllSplits(const std::stop_token& stop, std::vector<Split>* splits) {
  std::vector<std::vector<Split>> of_object(frozen_.size());
  std::atomic<size_t> next{0};
  std::mutex mutex;
  Status failure;
  const auto work = [&] {
    for (size_t object = next++; object < frozen_.size(); object = next++) {
      Status status = stop.stop_requested() ? Status(Code::kCancelled, options_.name)
                                            : AddSplits(object, &of_object[object]);
      if (status.ok()) continue;
      const std::lock_guard lock(mutex);
      if (failure.ok()) failure = std::move(status);
      next = frozen_.size();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (size_t i = 1; options_.objects->remote() && i < kLookingThreads; ++i) {
      threads.emplace_back(work);
    }
    work();
  }
  for (std::vector<Split>& some : of_object) {
    std::move(some.begin(), some.end(), std::back_inserter(*splits));
  }
  return failure;
}

Result<size_t> ObjectSource::FormatOf(const SourceObject& object) const {
  if (options_.formats.size() == 1) return 0;
  for (size_t i = 0; i < options_.formats.size(); ++i) {
    if (options_.formats[i]->HasName(object.name)) return i;
  }
  MURMUR_ASSIGN(const std::string head, options_.objects->ReadHead(object, kFormatBytes));
  for (size_t i = 0; i < options_.formats.size(); ++i) {
    if (options_.formats[i]->Recognises(head)) return i;
  }
  return Status(Code::kInvalidArgument,
                object.name + ": begins like no format that can be read here");
}

Status ObjectSource::AddSplits(size_t object, std::vector<Split>* splits) {
  const SourceObject& frozen = frozen_[object];
  MURMUR_ASSIGN(const size_t format, FormatOf(frozen));
  const size_t before = splits->size();
  MURMUR_TRY(options_.formats[format]->AddSplits(frozen, splits));
  for (size_t i = before; i < splits->size(); ++i) {
    (*splits)[i].payload = fmt::format("{} {} {}", object, format, (*splits)[i].payload);
  }
  return Status();
}

Status ObjectSource::Resume(const ScanPlan& plan) {
  if (plan.source != options_.name) {
    return Status(Code::kInvalidArgument, fmt::format("the plan is of source '{}', not of '{}'",
                                                      plan.source, options_.name));
  }
  MURMUR_ASSIGN(frozen_, ParseObjects(plan.payload));
  MURMUR_ASSIGN(const auto changes, options_.objects->Compare(frozen_));
  return changes.AllThere();
}

void ObjectSource::NoteAppeared(const std::vector<std::string>& names) {
  if (names.empty()) return;
  AddNote(fmt::format("{} objects appeared since the scan began and are not in it; the first is {}",
                      names.size(), names.front()));
}

Result<HandoffToken> ObjectSource::EndOf(const ScanPlan&,
                                         const std::map<std::string, SplitProgress>&) {
  MURMUR_ASSIGN(const auto changes, options_.objects->Compare(frozen_));
  if (options_.objects->remote()) MURMUR_TRY(changes.changed);
  NoteAppeared(changes.appeared);
  return HandoffToken();
}

Result<std::unique_ptr<RecordStream>> ObjectSource::Open(const Split& split, const Position& after,
                                                         const Projection& projection) {
  Place place;
  if (!ParsePlace(split.payload, &place) || place.object >= frozen_.size() ||
      place.format >= options_.formats.size()) {
    return Status(Code::kInvalidArgument,
                  fmt::format("split '{}' is not of this source's plan", split.id));
  }
  const Split inner{.id = split.id, .bytes = split.bytes, .payload = std::move(place.rest)};
  return options_.formats[place.format]->Open(frozen_[place.object], inner, after, projection);
}

}  // namespace murmur
