// The source contract's records as a Parquet file.
#pragma once

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "murmur/testing/snapshot_source_contract.h"
#include "source/parquet/parquet_testing.h"

namespace murmur {

inline std::string ParquetOf(const std::vector<ContractRecord>& records, int64_t rows_per_group) {
  arrow::Int64Builder ids;
  arrow::StringBuilder names;
  arrow::DoubleBuilder amounts;
  for (const ContractRecord& record : records) {
    EXPECT_TRUE(ids.Append(record.id).ok());
    EXPECT_TRUE((record.name.empty() ? names.AppendNull() : names.Append(record.name)).ok());
    EXPECT_TRUE(amounts.Append(record.amount).ok());
  }
  const auto schema =
      arrow::schema({arrow::field("id", arrow::int64()), arrow::field("name", arrow::utf8()),
                     arrow::field("amount", arrow::float64())});
  const auto table = arrow::Table::Make(
      schema,
      {ids.Finish().ValueOrDie(), names.Finish().ValueOrDie(), amounts.Finish().ValueOrDie()});
  return parquet_source::WriteTable(*table, rows_per_group);
}

}  // namespace murmur
