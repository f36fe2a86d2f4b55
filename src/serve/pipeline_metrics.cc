#include "serve/pipeline_metrics.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "serve/call_metrics.h"

namespace murmur {
namespace {

using nlohmann::json;

// The lines of each metric lie together, whatever the pipeline.
class Lines {
 public:
  void Add(std::string_view name, std::string_view type, std::string_view help,
           const std::string& labels, const json& value) {
    if (!value.is_number() && !value.is_boolean()) return;
    auto [place, is_new] = by_name_.try_emplace(std::string(name));
    if (is_new) {
      order_.push_back(place->first);
      place->second = fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
    }
    const std::string number = value.is_boolean() ? (value.get<bool>() ? "1" : "0") : value.dump();
    place->second += fmt::format("{}{{{}}} {}\n", name, labels, number);
  }
  void AppendTo(std::string* text) const {
    for (const std::string& name : order_) *text += by_name_.at(name);
  }

 private:
  std::map<std::string, std::string> by_name_;
  std::vector<std::string> order_;
};

struct Metric {
  const char* member;  // of the status
  const char* name;
  const char* type;
  const char* help;
};
constexpr Metric kOfStatus[] = {
    {"version", "murmur_version", "gauge", "The version that answers."},
    {"records", "murmur_records_total", "counter", "Records counted or filtered."},
    {"bytes", "murmur_bytes_total", "counter", "Bytes read."},
    {"filtered", "murmur_filtered_total", "counter", "Records refused by `where`."},
    {"expired", "murmur_expired_total", "counter", "Records whose window had expired."},
    {"duplicates", "murmur_duplicates_total", "counter", "Records whose id had been read."},
    {"splits_done", "murmur_splits_done", "gauge", "Splits of the scan that are done."},
    {"splits_total", "murmur_splits", "gauge", "Splits of the scan."}};
constexpr Metric kOfLive[] = {
    {"lag_records", "murmur_lag_records", "gauge", "Records that are not counted yet."},
    {"lag_seconds", "murmur_lag_seconds", "gauge",
     "Age of the newest counted event of a split "
     "that has more."},
    {"records_per_second", "murmur_records_per_second", "gauge", "Counted lately."}};
constexpr Metric kOfLog[] = {
    {"kept_seconds", "murmur_log_kept_seconds", "gauge", "How far the source's log reaches back."},
    {"behind_seconds", "murmur_log_behind_seconds", "gauge", "How far back live reads it."},
    {"kept_bytes", "murmur_log_kept_bytes", "gauge", "Of the log, kept for live."},
    {"left_bytes", "murmur_log_left_bytes", "gauge", "Until the source gives that up."}};

template <size_t kCount>
void AddAll(const Metric (&metrics)[kCount], const json& object, const std::string& labels,
            Lines* lines) {
  for (const Metric& metric : metrics) {
    const auto value = object.find(metric.member);
    if (value != object.end()) {
      lines->Add(metric.name, metric.type, metric.help, labels, *value);
    }
  }
}

void AddStatus(const json& status, const std::string& labels, Lines* lines) {
  AddAll(kOfStatus, status, labels, lines);
  const json dead = status.value("dead_letters_by_reason", json::object());
  for (const auto& [reason, count] : dead.items()) {
    lines->Add("murmur_dead_letters_total", "counter", "Records that could not be counted.",
               labels + ",reason=" + MetricLabel(reason), count);
  }
  const json live = status.value("live", json::object());
  AddAll(kOfLive, live, labels, lines);
  const json splits = live.value("splits", json::object());
  for (const auto& [split, one] : splits.items()) {
    lines->Add("murmur_split_lag_records", "gauge",
               "Records of the split that are not counted yet.",
               labels + ",split=" + MetricLabel(split), one.value("lag_records", json()));
  }
  AddAll(kOfLog, live.value("log", status.value("log", json::object())), labels, lines);
}

}  // namespace

void AppendPipelineMetrics(const Pipelines& pipelines, const ScanLimit& limit, std::string* text) {
  Lines lines;
  for (const auto& [name, pipeline] : pipelines.all()) {
    const std::string labels = "pipeline=" + MetricLabel(name);
    const auto told = pipeline.status(limit);
    const json status =
        told.ok() ? json::parse(*told, nullptr, /*allow_exceptions=*/false) : json();
    lines.Add("murmur_up", "gauge", "Whether the pipeline can be asked.", labels,
              status.is_object());
    if (status.is_object()) AddStatus(status, labels, &lines);
  }
  lines.AppendTo(text);
}

}  // namespace murmur
