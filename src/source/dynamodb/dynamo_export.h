// A full export of a table to S3, as its manifests tell it.
// Source: docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "murmur/status.h"
#include "source/dynamodb/dynamo_client.h"
#include "source/objects.h"

namespace murmur {

struct DynamoExport {
  struct File {
    size_t object = 0;  // index in what was listed
    uint64_t items = 0;
    std::string md5;  // of the object's bytes, base64; empty: the manifest has none
  };

  std::string id;           // "01693685827463-2d8752fd"
  int64_t exported_at = 0;  // ms since the Unix epoch: its rows are as they were then
  std::string table_id;
  std::string table_arn;
  uint64_t items = 0;
  std::vector<File> files;
};

// What manifest-summary.json says. Errors: kDataLoss (it can't be read), kFailedPrecondition (it is
// not of a full export), kUnimplemented (its files are Ion).
Result<DynamoExport> ParseExportSummary(std::string_view json);

// The one export among `listed`, which were found below `path`. Errors: as ParseExportSummary;
// kFailedPrecondition (none has ended), kInvalidArgument (there are several), kDataLoss (a file is
// missing, or the manifests contradict each other), and those of ReadHead.
Result<DynamoExport> FindDynamoExport(const ObjectSet& objects,
                                      const std::vector<SourceObject>& listed,
                                      std::string_view path);

// Whether its rows are those of the table. Errors: kFailedPrecondition.
Status CheckIsExportOf(const DynamoPlace& place, const DynamoTable& table,
                       const DynamoExport& exported);

}  // namespace murmur
