// What the plan of a scan stores of the table that it reads.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/status.h"
#include "source/dynamodb/dynamo_client.h"

namespace murmur {

struct FrozenTable {
  std::string id;
  std::vector<DynamoKeyAttribute> key;
  uint64_t row_bytes = 0;  // on average; 0: not known

  std::string ToJson() const;
};
FrozenTable Freeze(const DynamoTable& table);
// Empty: it is none.
std::optional<FrozenTable> ParseFrozenTable(std::string_view json);

// Whether the table still is the one that was frozen. Errors: kFailedPrecondition (it was made
// anew), and those of DescribeDynamoTable.
Status CheckIsFrozen(const DynamoPlace& place, const FrozenTable& frozen,
                     const std::stop_token& stop);

}  // namespace murmur
