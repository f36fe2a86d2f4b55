#include "runtime/owner/owner_request.h"

#include <nlohmann/json.hpp>

#include "base/hex.h"
#include "base/shown.h"
#include "query/format.h"

namespace murmur {
namespace {

using nlohmann::json;

// Changes whenever a request of an older program would be understood wrongly.
constexpr int kProtocol = 3;
// Verbs have numbers that protocol 1 refuses as those of another program version.
constexpr int kFirstVerb = 16;

Status OtherProgram() {
  return Status(Code::kInvalidArgument, "a request of another program version");
}

void Put(json* object, const char* name, const std::optional<TimeBorder>& border) {
  if (border) (*object)[name] = {border->micros, border->local};
}

void Take(const json& object, const char* name, std::optional<TimeBorder>* border) {
  const auto it = object.find(name);
  if (it == object.end()) return;
  *border = {.micros = it->at(0).get<int64_t>(), .local = it->at(1).get<bool>()};
}

// A value as the bytes of a key part: exact, whatever its kind.
json ToJson(const KeyQuery& key) {
  json parts = json::array();
  for (const auto& part : key.parts) {
    json values = json::array();
    for (const KeyValue& value : part) {
      std::string bytes;
      if (!AppendKeyPart(value, &bytes)) bytes.clear();
      values.push_back(ToHex(bytes));
    }
    parts.push_back(std::move(values));
  }
  return {{"text", key.text}, {"parts", std::move(parts)}};
}

Result<KeyValue> ValueFromHex(const std::string& hex) {
  std::string bytes;
  if (!FromHex(hex, &bytes)) return OtherProgram();
  const auto key = DecodeKey(static_cast<char>(kKeyBase) + bytes, /*windowed=*/false);
  if (!key.ok() || key->parts.size() != 1) return OtherProgram();
  return key->parts.front();
}

Result<KeyQuery> KeyFromJson(const json& object) {
  KeyQuery key;
  key.text = object.at("text").get<std::string>();
  for (const json& values : object.at("parts")) {
    auto& part = key.parts.emplace_back();
    for (const json& value : values) {
      MURMUR_ASSIGN(part.emplace_back(), ValueFromHex(value.get<std::string>()));
    }
  }
  return key;
}

void Put(json* object, const char* name, const std::optional<TimeLength>& length) {
  if (length) (*object)[name] = {length->months, length->rest.count()};
}

void Take(const json& object, const char* name, std::optional<TimeLength>* length) {
  const auto it = object.find(name);
  if (it == object.end()) return;
  *length = {.months = it->at(0).get<int64_t>(),
             .rest = std::chrono::seconds(it->at(1).get<int64_t>())};
}

json ToJson(const QueryRequest& query) {
  json object = {{"keys", json::array()},
                 {"rollup", query.rollup},
                 {"aggregates", query.aggregates},
                 {"total", query.total}};
  for (const KeyQuery& key : query.keys) object["keys"].push_back(ToJson(key));
  Put(&object, "window", query.range.last);
  Put(&object, "as_of", query.range.as_of);
  Put(&object, "from", query.range.from);
  Put(&object, "until", query.range.until);
  Put(&object, "trailing", query.trailing);
  return object;
}

Result<QueryRequest> QueryFromJson(const json& object) {
  QueryRequest query;
  for (const json& key : object.at("keys")) {
    MURMUR_ASSIGN(query.keys.emplace_back(), KeyFromJson(key));
  }
  query.rollup = object.at("rollup").get<std::vector<std::string>>();
  query.aggregates = object.at("aggregates").get<std::vector<std::string>>();
  query.total = object.at("total").get<bool>();
  Take(object, "window", &query.range.last);
  Take(object, "as_of", &query.range.as_of);
  Take(object, "from", &query.range.from);
  Take(object, "until", &query.range.until);
  Take(object, "trailing", &query.trailing);
  return query;
}

}  // namespace

std::string OwnerRequest::ToJson() const {
  const json object = {{"protocol", kProtocol},
                       {"verb", kFirstVerb + static_cast<int>(verb)},
                       {"format", static_cast<int>(format)},
                       {"query", murmur::ToJson(query)},
                       {"version", version}};
  return JsonText(object);
}

Result<OwnerRequest> OwnerRequest::FromJson(std::string_view text) {
  try {
    const json object = json::parse(text);
    OwnerRequest request;
    if (object.value("protocol", 0) != kProtocol) return OtherProgram();
    const int verb = object.at("verb").get<int>() - kFirstVerb;
    const int format = object.at("format").get<int>();
    if (verb < 0 || verb > static_cast<int>(OwnerVerb::kSwap) || format < 0 ||
        format > static_cast<int>(RowFormat::kArrowStream)) {
      return OtherProgram();
    }
    request.verb = static_cast<OwnerVerb>(verb);
    request.format = static_cast<RowFormat>(format);
    MURMUR_ASSIGN(request.query, QueryFromJson(object.at("query")));
    request.version = object.at("version").get<uint64_t>();
    return request;
  } catch (const json::exception& e) {
    return Status(Code::kInvalidArgument, std::string("not a request: ") + e.what());
  }
}

Status AnswerInText(const OwnerRequest& request, const ReadService& service,
                    const nlohmann::ordered_json& more, const WriteText& write) {
  switch (request.verb) {
    case OwnerVerb::kQuery: {
      const auto rows = MakeFormatter(request.format, write);
      return service.Query({.request = request.query}, rows.get());
    }
    case OwnerVerb::kDump: {
      const auto rows = MakeFormatter(request.format, write);
      return service.Dump({}, rows.get());
    }
    case OwnerVerb::kStatus: {
      MURMUR_ASSIGN(const VersionReport report, service.Report({}));
      nlohmann::ordered_json status = ReportAsJson(report);
      status.update(more);
      return write(JsonText(status) + "\n");
    }
    case OwnerVerb::kSwap: break;
  }
  return Status(Code::kUnimplemented, "this owner follows no live source");
}

}  // namespace murmur
