#include "source/object_source.h"

#include <fmt/format.h>

#include <charconv>

namespace murmur {
namespace {

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
  for (size_t object = 0; object < frozen_.size(); ++object) {
    if (stop.stop_requested()) return Status(Code::kCancelled, options_.name);
    MURMUR_TRY(AddSplits(object, &plan.splits));
  }
  return plan;
}

Result<size_t> ObjectSource::FormatOf(const SourceObject& object) const {
  if (options_.formats.size() == 1) return 0;
  MURMUR_ASSIGN(const std::string head, options_.objects->ReadHead(object.name, kFormatBytes));
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
  MURMUR_ASSIGN(const auto appeared, options_.objects->Compare(frozen_));
  if (!appeared.empty()) {
    AddNote(fmt::format("{} objects appeared since the scan began and are not in it; first: {}",
                        appeared.size(), appeared.front()));
  }
  return Status();
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
