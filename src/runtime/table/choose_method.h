// Chooses the method for a new version of a table.
#pragma once

#include <stop_token>
#include <string>

#include "murmur/definition.h"
#include "murmur/source.h"
#include "murmur/status.h"

namespace murmur {

struct ChosenMethod {
  TableMethod method = TableMethod::kLedger;
  std::string why;  // the reason against cuts, and the remedy; empty: cuts are chosen
};

// Errors: kUnavailable (the source does not answer), kFailedPrecondition (`method: cut` is not
// possible; says why).
Result<ChosenMethod> ChooseMethod(const Definition& definition, SnapshotSource* source,
                                  std::stop_token stop);

// Checks that a version kept by cuts can go on with the present definition. Errors:
// kFailedPrecondition (it can't; says why).
Status CheckCut(const Definition& definition);

}  // namespace murmur
