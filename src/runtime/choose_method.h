// Which method a table's new version is begun with.
#pragma once

#include <stop_token>
#include <string>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "murmur/status.h"

namespace murmur {

struct ChosenMethod {
  TableMethod method = TableMethod::kLedger;
  std::string why;  // not cuts, and what to do about it; empty: they are what it is
};

// Errors: kUnavailable (the source does not answer), kFailedPrecondition (`method: cut`, which is
// not possible; why).
Result<ChosenMethod> ChooseMethod(const Definition& definition, SnapshotSource* source,
                                  std::stop_token stop);

// May a version that is kept by cuts go on with the definition as it is now? Errors:
// kFailedPrecondition (no; why).
Status CheckCut(const Definition& definition);

}  // namespace murmur
