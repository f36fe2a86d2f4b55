#include "runtime/owner/reader.h"

#include <nlohmann/json.hpp>

#include "base/civil_time.h"
#include "base/shown.h"
#include "base/zone_database.h"
#include "murmur/key.h"

namespace murmur {
namespace {

using nlohmann::json;

void Put(json* object, const char* name, const std::optional<TimeBorder>& border) {
  if (border) (*object)[name] = {border->micros, border->local};
}

void Take(const json& object, const char* name, std::optional<TimeBorder>* border) {
  const auto it = object.find(name);
  if (it == object.end()) return;
  *border = {.micros = it->at(0).get<int64_t>(), .local = it->at(1).get<bool>()};
}

// The zones whose rules in the version differ from the system's.
nlohmann::ordered_json ChangedZones(const Pipeline& pipeline) {
  auto changed = nlohmann::ordered_json::object();
  for (const auto& [name, zone] : pipeline.zones()) {
    const auto system = SystemZone(name);
    if (!system.ok()) {
      changed[name] = "the system: " + std::string(system.status().message());
      continue;
    }
    const int64_t from = kEventTimeMin / kMicrosPerSecond;
    const int64_t until = kEventTimeMax / kMicrosPerSecond;
    const int64_t second = zone->FirstDifference(**system, from, until);
    if (second == until) continue;
    changed[name] = "counted by the rules that the version began with; the system's differ from " +
                    FormatTime(second * kMicrosPerSecond) +
                    " on, and murmur bootstrap FILE --fresh takes those";
  }
  return changed;
}

}  // namespace

std::string OwnerRequest::ToJson() const {
  json object = {{"verb", static_cast<int>(verb)},
                 {"format", static_cast<int>(format)},
                 {"keys", query.keys},
                 {"rollup", query.rollup},
                 {"total", query.total},
                 {"version", version}};
  if (query.window) object["window"] = {query.window->months, query.window->rest.count()};
  Put(&object, "as_of", query.as_of);
  Put(&object, "from", query.from);
  Put(&object, "until", query.until);
  return JsonText(object);
}

Result<OwnerRequest> OwnerRequest::FromJson(std::string_view text) {
  try {
    const json object = json::parse(text);
    OwnerRequest request;
    const int verb = object.at("verb").get<int>();
    const int format = object.at("format").get<int>();
    if (verb < 0 || verb > static_cast<int>(OwnerVerb::kSwap) || format < 0 ||
        format > static_cast<int>(RowFormat::kParquet)) {
      return Status(Code::kInvalidArgument, "a request of another program version");
    }
    request.verb = static_cast<OwnerVerb>(verb);
    request.format = static_cast<RowFormat>(format);
    request.query.keys = object.at("keys").get<std::vector<std::string>>();
    request.query.rollup = object.at("rollup").get<std::vector<std::string>>();
    request.query.total = object.at("total").get<bool>();
    request.version = object.at("version").get<uint64_t>();
    if (const auto window = object.find("window"); window != object.end()) {
      request.query.window = {.months = window->at(0).get<int64_t>(),
                              .rest = std::chrono::seconds(window->at(1).get<int64_t>())};
    }
    Take(object, "as_of", &request.query.as_of);
    Take(object, "from", &request.query.from);
    Take(object, "until", &request.query.until);
    return request;
  } catch (const json::exception& e) {
    return Status(Code::kInvalidArgument, std::string("not a request: ") + e.what());
  }
}

Status RunStatus(const Pipeline& pipeline, const StateTable& table,
                 const nlohmann::ordered_json& more, const WriteText& write) {
  MURMUR_ASSIGN(const VersionInfo info, table.Info());
  MURMUR_ASSIGN(const std::string text, StatusAsJson(info, table));
  auto status = nlohmann::ordered_json::parse(text);
  if (auto zones = ChangedZones(pipeline); !zones.empty()) status["time_zones"] = std::move(zones);
  status.update(more);
  return write(JsonText(status) + "\n");
}

Status RunRead(const OwnerRequest& request, const Pipeline& pipeline, const StateTable& table,
               const WriteText& write) {
  if (request.verb == OwnerVerb::kSwap) {
    return Status(Code::kUnimplemented, "this owner follows no live source");
  }
  if (request.verb == OwnerVerb::kStatus) {
    return RunStatus(pipeline, table, nlohmann::ordered_json::object(), write);
  }
  MURMUR_ASSIGN(const VersionInfo info, table.Info());
  const auto rows = MakeRowWriter(request.format, pipeline, ExactnessOf(pipeline, info), write);
  MURMUR_ASSIGN(const auto snapshot, table.Snapshot());
  if (request.verb == OwnerVerb::kDump) return RunDump(pipeline, *snapshot, rows.get());
  return RunQuery(pipeline, *snapshot, request.query, rows.get());
}

}  // namespace murmur
