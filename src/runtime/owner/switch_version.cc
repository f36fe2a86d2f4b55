#include "runtime/owner/switch_version.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/shown.h"
#include "runtime/owner/owner_socket.h"
#include "runtime/versions/state_access.h"
#include "state/state_schema.h"

namespace murmur {
namespace {

// A run that has just begun to follow an outdated version is listening by then.
constexpr std::chrono::seconds kListensWithin{10};
constexpr std::chrono::milliseconds kAskAgainEvery{50};

const char* StatusName(VersionStatus status) {
  return status == VersionStatus::kBuilding ? "still being built" : "failed";
}

Status CheckComplete(const StateStore& store, uint64_t number) {
  MURMUR_ASSIGN(const VersionInfo info, store.ReadInfo(number));
  if (info.status == VersionStatus::kComplete) return CheckLogIsHeld(store, number);
  return Status(Code::kFailedPrecondition,
                fmt::format("version {} is {}: only a complete version can serve", number,
                            StatusName(info.status)));
}

}  // namespace

Result<SwapSummary> MoveAlias(const Definition& definition, StateStore* store, uint64_t number,
                              bool beside_writer) {
  SwapSummary summary;
  summary.serving = number;
  MURMUR_ASSIGN(summary.replaced, store->Current());
  if (summary.replaced == number) summary.replaced.reset();
  MURMUR_TRY(SetCurrent(store, number, beside_writer, &summary));
  DropOldVersions(definition, store, &summary);
  return summary;
}

Status SetCurrent(StateStore* store, uint64_t number, bool beside_writer, SwapSummary* summary) {
  Status undurable;
  MURMUR_TRY(store->SetCurrent(number, beside_writer, &undurable));
  if (!undurable.ok()) {
    summary->warnings.push_back("a loss of power now may take the swap back: " +
                                std::string(undurable.message()));
  }
  return {};
}

Result<std::optional<SwapSummary>> AskOwnerToSwap(const StateStore& store, uint64_t number,
                                                  bool* has_owner) {
  OwnerRequest request;
  request.verb = OwnerVerb::kSwap;
  request.version = number;
  MURMUR_ASSIGN(auto current, store.Current());
  while (current && *current != number) {
    std::string answer;
    const Status asked =
        AskOwner(store.OwnerAddress(*current), request, [&answer](std::string_view text) {
          answer += text;
          return Status();
        });
    if (asked.ok()) {
      MURMUR_ASSIGN(SwapSummary summary, SwapSummaryFromJson(answer));
      return std::optional<SwapSummary>(std::move(summary));
    }
    // The process that was asked may have stopped serving meanwhile.
    const auto before = current;
    MURMUR_ASSIGN(current, store.Current());
    if (current != before) continue;
    if (asked.code() == Code::kAborted) {
      std::this_thread::sleep_for(kAskAgainEvery);
      continue;
    }
    // There is no process, or none that follows a live source.
    const bool nobody = asked.code() == Code::kUnavailable && answer.empty();
    if (has_owner != nullptr) *has_owner = !nobody;
    if (nobody || asked.code() == Code::kUnimplemented) return std::optional<SwapSummary>();
    return asked;
  }
  if (!current) return std::optional<SwapSummary>();
  return std::optional<SwapSummary>(SwapSummary{.serving = number});  // it serves already
}

Result<SwapSummary> SwitchTo(const Definition& definition, StateStore* store, uint64_t number) {
  MURMUR_TRY(CheckComplete(*store, number));
  const auto give_up = std::chrono::steady_clock::now() + kListensWithin;
  for (;;) {
    bool has_owner = false;
    MURMUR_ASSIGN(auto swap, AskOwnerToSwap(*store, number, &has_owner));
    if (swap) return *std::move(swap);
    auto moved = MoveAlias(definition, store, number, has_owner);
    const bool is_final = moved.ok() || moved.status().code() != Code::kFailedPrecondition;
    if (is_final || std::chrono::steady_clock::now() >= give_up) return moved;
    std::this_thread::sleep_for(kAskAgainEvery);
  }
}

std::string SwapSummaryToJson(const SwapSummary& summary) {
  nlohmann::json json = {{"serving", summary.serving}, {"dropped", summary.dropped}};
  if (!summary.warnings.empty()) json["warnings"] = summary.warnings;
  if (summary.replaced) json["replaced"] = *summary.replaced;
  return JsonText(json);
}

Result<SwapSummary> SwapSummaryFromJson(std::string_view text) {
  try {
    const auto json = nlohmann::json::parse(text);
    SwapSummary summary;
    summary.serving = json.at("serving").get<uint64_t>();
    summary.dropped = json.at("dropped").get<std::vector<uint64_t>>();
    if (json.contains("warnings")) {
      summary.warnings = json["warnings"].get<std::vector<std::string>>();
    }
    if (json.contains("replaced")) summary.replaced = json.at("replaced").get<uint64_t>();
    return summary;
  } catch (const nlohmann::json::exception& e) {
    return Status(Code::kInternal, std::string("the owner's answer makes no sense: ") + e.what());
  }
}

}  // namespace murmur
