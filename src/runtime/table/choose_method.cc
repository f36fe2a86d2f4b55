#include "runtime/table/choose_method.h"

#include <utility>

#include "definition/table_method.h"

namespace murmur {

namespace {

Result<ChosenMethod> Choose(const Definition& definition, SnapshotSource* source,
                            std::stop_token stop) {
  if (definition.method == MethodChoice::kLedger) return ChosenMethod{.why = "`method:` says so"};
  std::string why = WhyNotCut(definition);
  if (why.empty()) {
    MURMUR_ASSIGN(why, source->WhyNoBefore(stop));
  }
  if (why.empty()) {
    MURMUR_ASSIGN(why, source->WhyNotInKeyOrder(std::move(stop)));
  }
  if (why.empty()) return ChosenMethod{.method = TableMethod::kCut, .why = {}};
  if (definition.method == MethodChoice::kAuto) return ChosenMethod{.why = std::move(why)};
  return Status(Code::kFailedPrecondition, "method: cut is not possible: " + why);
}

}  // namespace

Result<ChosenMethod> ChooseMethod(const Definition& definition, SnapshotSource* source,
                                  std::stop_token stop) {
  MURMUR_ASSIGN(ChosenMethod chosen, Choose(definition, source, stop));
  if (chosen.method == TableMethod::kCut) return chosen;
  MURMUR_ASSIGN(const std::string why_no_ledger, source->WhyNoLedger(std::move(stop)));
  if (why_no_ledger.empty()) return chosen;
  return Status(
      Code::kFailedPrecondition,
      why_no_ledger + ". Without it a table can only be counted by cuts, and: " + chosen.why);
}

Status CheckCut(const Definition& definition) {
  const std::string why_not = WhyNotCut(definition);
  if (why_not.empty()) return {};
  return Status(Code::kFailedPrecondition,
                "this state is kept by cuts, without a ledger, and " + why_not +
                    ". Take that back, or build the state anew: murmur bootstrap FILE --fresh");
}

}  // namespace murmur
