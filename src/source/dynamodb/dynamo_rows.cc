#include "source/dynamodb/dynamo_rows.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "murmur/key.h"

namespace murmur {

void DynamoRows::Begin(RecordBatch* batch) {
  batch_.Begin(batch);
  items_.clear();
  keys_.clear();
  decoder_.BeginBatch();
}

Status DynamoRows::Put(std::string_view item) {
  const uint32_t row = batch_.next();
  MURMUR_TRY(Add(item, RowChange::kPut));
  DeadLetter dead;
  if (Decode(item, row, &dead)) return {};
  batch_.Refuse(row);
  Describe(row, &dead);
  batch_.AddDeadLetter(row, std::move(dead));
  return {};
}

Status DynamoRows::Delete(std::string_view key) {
  batch_.SetNull(batch_.next());
  return Add(key, RowChange::kDelete);
}

bool DynamoRows::Decode(std::string_view item, uint32_t row, DeadLetter* dead) {
  if (item.size() <= row_bytes_max_) {
    return decoder_.Decode(item.data(), row, batch_.columns(), dead);
  }
  dead->reason = DeadReason::kTooLong;
  dead->detail = fmt::format("the item has {} bytes of what is read, more than max_record ({})",
                             item.size(), row_bytes_max_);
  return false;
}

bool DynamoRows::FindKey(std::string_view item, Key* key) {
  key->resize(key_.size());
  size_t found = 0;
  const char* end = scanner_.WalkObject(
      item.data(), [&](std::string_view name, bool escaped, const char* at) -> const char* {
        for (size_t part = 0; part < key_.size(); ++part) {
          const bool is_it =
              escaped ? Unescaped(name, true) == key_[part].name : name == key_[part].name;
          if (!is_it) continue;
          ++found;
          return TakeAttributeValue(&scanner_, at, &(*key)[part]);
        }
        return scanner_.SkipValue(at, 1);
      });
  return end != nullptr && found == key_.size();
}

Status DynamoRows::Add(std::string_view item, RowChange change) {
  Key& key = keys_.emplace_back();
  if (!FindKey(item, &key)) {
    return Status(Code::kDataLoss, batch_.object() + ": an item without its primary key");
  }
  MURMUR_TRY(AppendKey(key));
  items_.push_back(item);
  batch_.Add(change, item.size());
  return {};
}

// Each part as a text: numbers that are equal have one form.
Status DynamoRows::AppendKey(const Key& key) {
  for (const AttributeValue& part : key) {
    std::string text;
    if (part.is == AttributeValue::Is::kNumber) {
      if (!AppendCanonicalNumber(part.text, &text)) {
        return Status(Code::kDataLoss, batch_.object() + ": a key that is no number");
      }
    } else {
      text = Unescaped(part.text, part.escaped);
    }
    AppendKeyPart(Cell::String(text), batch_.key());
  }
  return {};
}

void DynamoRows::Finish() {
  batch_.Finish([this](uint32_t row, DeadLetter* letter) { Describe(row, letter); });
}

std::string DynamoRows::LastKey() const {
  std::string json = "{";
  for (size_t part = 0; part < key_.size(); ++part) {
    json += fmt::format(R"({}{}:{{"{}":"{}"}})", part == 0 ? "" : ",",
                        nlohmann::json(key_[part].name).dump(), key_[part].type,
                        keys_.back()[part].text);
  }
  return json + "}";
}

void DynamoRows::Describe(uint32_t row, DeadLetter* letter) const {
  letter->id = batch_.object() + ":";
  for (const AttributeValue& part : keys_[row]) {
    if (!letter->id.ends_with(':')) letter->id += ',';
    letter->id += Unescaped(part.text, part.escaped);
  }
  letter->raw = items_[row].substr(0, kDeadLetterRawBytes);
}

bool ReadScanPage(std::string_view json, ScanPage* page) {
  JsonScanner scanner(/*newline_is_space=*/true);
  const auto number = [](std::string_view name, const char* at, double* value) {
    if (name == "CapacityUnits") std::from_chars(at, at + 32, *value);
  };
  if (json.empty() || json.front() != '{') return false;
  const char* end = scanner.WalkObject(
      json.data(), [&](std::string_view name, bool, const char* at) -> const char* {
        if (name == "Items" && *at == '[') page->items = at;
        if (name == "ConsumedCapacity" && *at == '{') {
          return scanner.WalkObject(at, [&](std::string_view inner, bool, const char* value) {
            number(inner, value, &page->capacity);
            return scanner.SkipValue(value, 1);
          });
        }
        const char* const after = scanner.SkipValue(at, 1);
        if (name == "LastEvaluatedKey" && after != nullptr && *at == '{') {
          page->last_key = {at, static_cast<size_t>(after - at)};
        }
        return after;
      });
  return end != nullptr && page->items != nullptr;
}

}  // namespace murmur
