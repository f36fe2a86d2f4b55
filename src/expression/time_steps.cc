// Times: parts of them, and texts read and written as times.
#include <fmt/format.h>

#include <array>

#include "base/civil_time.h"
#include "base/time_text.h"
#include "base/zone.h"
#include "expression/step.h"
#include "murmur/key.h"

namespace murmur::expression {
namespace {

// Turns a text that is a time into that time; nulls and times stay.
class ToTimeStep final : public ColumnStep {
 public:
  explicit ToTimeStep(Steps args) : args_(std::move(args)) {}

 private:
  void Fill(Frame& frame) override {
    const Column& column = args_[0]->Run(frame);
    for (uint32_t row = 0; row < frame.batch.rows; ++row) {
      const Cell& cell = column.cells[row];
      int64_t micros;
      if (cell.is_null() || cell.kind == Kind::kTime) {
        Put(row, cell);
      } else if (cell.kind != Kind::kString) {
        FailType(row, fmt::format("expected a time, found {}", KindName(cell.kind)));
      } else if (parser_.Parse(cell.text(), &micros)) {
        Put(row, Cell::Time(micros));
      } else {
        Fail(row, DeadReason::kExpression, fmt::format("'{}' is no time", cell.text()));
      }
    }
  }
  const Steps args_;
  TimeParser parser_;
};

class ToTimeTextStep final : public ColumnStep {
 public:
  explicit ToTimeTextStep(Steps args) : args_(std::move(args)), texts_(kBatchRows) {}

 private:
  void Fill(Frame& frame) override {
    const Column& column = args_[0]->Run(frame);
    for (uint32_t row = 0; row < frame.batch.rows; ++row) {
      const Cell& cell = column.cells[row];
      if (cell.kind != Kind::kTime) {
        Put(row, cell);
        continue;
      }
      texts_[row] = FormatTime(cell.i);
      Put(row, Cell::String(texts_[row]));
    }
  }
  const Steps args_;
  std::vector<std::string> texts_;
};

struct Part {
  std::string_view name;
  int64_t (*of)(int64_t micros);
};
constexpr auto kParts = std::to_array<Part>({
    {"year", [](int64_t t) { return YearOf(t); }},
    {"quarter", [](int64_t t) { return int64_t{QuarterOf(t)}; }},
    {"month", [](int64_t t) { return int64_t{MonthOf(t)}; }},
    {"day", [](int64_t t) { return int64_t{DayOfMonth(t)}; }},
    {"hour", [](int64_t t) { return int64_t{HourOf(t)}; }},
    {"minute", [](int64_t t) { return int64_t{MinuteOf(t)}; }},
    {"second", [](int64_t t) { return int64_t{SecondOf(t)}; }},
    {"day_of_week", [](int64_t t) { return int64_t{DayOfWeek(t)}; }},
    {"day_of_year", [](int64_t t) { return int64_t{DayOfYear(t)}; }},
    {"iso_week", [](int64_t t) { return int64_t{IsoWeek(t)}; }},
    {"date", [](int64_t t) { return MidnightOf(t); }},
});

const Part* FindPart(std::string_view name) {
  for (const Part& part : kParts) {
    if (part.name == name) return &part;
  }
  return nullptr;
}

// What the clocks of a zone show, in µs. Threads: one.
class LocalClock {
 public:
  explicit LocalClock(std::shared_ptr<const Zone> zone) : zone_(std::move(zone)) {}

  // REQUIRES: !IsInfiniteTime(micros)
  int64_t At(int64_t micros) {
    if (zone_ == nullptr) return micros;
    const int64_t second = civil_internal::FloorDiv(micros, kMicrosPerSecond);
    if (!period_.Contains(second)) period_ = zone_->PeriodAt(second);
    return SaturateTime(Int128{micros} + Int128{period_.offset} * kMicrosPerSecond);
  }

 private:
  const std::shared_ptr<const Zone> zone_;
  Zone::Period period_;
};

// A part of an infinite time is an error, except `date`, which gives that time.
class TimePartStep final : public ColumnStep {
 public:
  TimePartStep(const Part& part, Steps args, std::shared_ptr<const Zone> zone)
      : part_(part),
        is_time_(part.name == "date"),
        args_(std::move(args)),
        clock_(std::move(zone)) {}

 private:
  void Fill(Frame& frame) override {
    const Column& column = args_[0]->Run(frame);
    for (uint32_t row = 0; row < frame.batch.rows; ++row) {
      const Cell& cell = column.cells[row];
      if (cell.is_null()) {
        Put(row, cell);
        continue;
      }
      const int64_t local = IsInfiniteTime(cell.i) ? cell.i : clock_.At(cell.i);
      if (!IsInfiniteTime(local)) {
        const int64_t value = part_.of(local);
        Put(row, is_time_ ? Cell::Time(value) : Cell::Int(value));
      } else if (is_time_) {
        Put(row, Cell::Time(local));
      } else {
        Fail(row, DeadReason::kExpression, fmt::format("'{}' of an infinite time", part_.name));
      }
    }
  }
  const Part& part_;
  const bool is_time_;
  const Steps args_;
  LocalClock clock_;
};

}  // namespace

StepPtr MakeToTimeStep(Steps args) { return std::make_unique<ToTimeStep>(std::move(args)); }
StepPtr MakeToTimeTextStep(Steps args) { return std::make_unique<ToTimeTextStep>(std::move(args)); }

bool IsTimePart(std::string_view function) { return FindPart(function) != nullptr; }

const std::string* ZoneOf(const Node& call) {
  if (!IsTimePart(call.function) || call.args.size() < 2) return nullptr;
  return std::get_if<std::string>(&call.args[1].literal);
}

StepPtr MakeTimePartStep(const Node& node, Steps args, std::shared_ptr<const Zone> zone) {
  Steps times;
  times.push_back(MakeToTimeStep(std::move(args)));
  return std::make_unique<TimePartStep>(*FindPart(node.function), std::move(times),
                                        std::move(zone));
}

}  // namespace murmur::expression
