// Any bytes taken for an item of DynamoDB are refused with a reason, or give cells that view
// nothing but what is there; texts of sets, maps and lists are canonical, and so are numbers of
// keys. The same bytes are taken for an answer to Scan, and for the summary of an export.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "decode/json_canonical.h"
#include "decode/json_scanner.h"
#include "source/dynamodb/attribute_value.h"
#include "source/dynamodb/dynamo_export.h"
#include "source/dynamodb/dynamo_rows.h"

namespace {

using namespace murmur;

FieldRequest Field(std::vector<FieldPath::Step> steps) {
  FieldRequest field;
  field.path.steps = std::move(steps);
  return field;
}

Projection Fields() {
  Projection projection;
  for (const char* name : {"id", "a", "b"}) projection.fields.push_back(Field({name}));
  projection.fields.push_back(Field({"a", "b"}));
  projection.fields.push_back(Field({"b", 0u}));
  FieldRequest time = Field({"t"});
  time.as_time = true;
  projection.fields.push_back(time);
  time.unit = TimeUnit::kMillis;
  projection.fields.push_back(time);
  return projection;
}

void Touch(std::string_view text) {
  static volatile unsigned char seen = 0;
  for (const char c : text) seen = seen ^ static_cast<unsigned char>(c);  // readable
}

void CheckCells(const std::vector<Column>& columns) {
  for (const Column& column : columns) {
    const Cell& cell = column.cells[0];
    if (cell.kind == Kind::kString || cell.kind == Kind::kJson) Touch(cell.text());
    if (cell.kind != Kind::kJson) continue;
    std::string again;
    if (!AppendCanonicalJson(std::string(cell.text()), &again) || again != cell.text()) {
      std::abort();
    }
  }
}

void CheckItem(const char* item) {
  static ItemDecoder decoder(Fields());
  static std::vector<Column> columns(Fields().fields.size());
  decoder.BeginBatch();
  DeadLetter dead;
  if (decoder.Decode(item, 0, &columns, &dead)) {
    CheckCells(columns);
  } else if (dead.detail.empty()) {
    std::abort();
  }
}

void CheckNumber(const char* value) {
  JsonScanner scanner(/*newline_is_space=*/true);
  AttributeValue attribute;
  if (TakeAttributeValue(&scanner, value, &attribute) == nullptr) return;
  if (attribute.is != AttributeValue::Is::kNumber) return;
  std::string number;
  if (!AppendCanonicalNumber(attribute.text, &number)) return;
  std::string padded = number + std::string(kJsonPadding, '\0');
  std::string again;
  if (!AppendCanonicalNumber(std::string_view(padded).substr(0, number.size()), &again) ||
      again != number) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  text.append(kJsonPadding, '\0');
  const std::string_view view = std::string_view(text).substr(0, size);
  if (view.starts_with('{')) {
    CheckItem(text.data());
    CheckNumber(text.data());
  }
  ScanPage page;
  if (ReadScanPage(view, &page)) Touch(page.last_key);
  (void)ParseExportSummary(view);
  return 0;
}
