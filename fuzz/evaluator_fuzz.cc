// A random expression over random rows: every way to evaluate it (many rows at once, one alone,
// dictionary-coded columns, as a condition) gives each row the same result, and that is the one of
// Arrow's own functions, called one by one.
//
// Input: bytes that choose, first the expression, then the rows. Fields: a and b numbers, s and t
// texts, p and q booleans.
#include <arrow/compute/api.h>
#include <arrow/scalar.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "expression/expression.h"

namespace {

namespace cp = arrow::compute;
using murmur::Cell;
using murmur::Column;
using murmur::Kind;

constexpr std::array<const char*, 6> kFields = {"a", "b", "s", "t", "p", "q"};
using Row = std::array<Cell, kFields.size()>;

class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : at_(data), end_(data + size) {}
  // A choice among `count`; the first at the end.
  size_t Below(size_t count) { return at_ == end_ ? 0 : *at_++ % count; }
  bool done() const { return at_ == end_; }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

[[noreturn]] void Report(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

// What a row gives: a value, or nothing because the operation fails.
using Outcome = arrow::Result<std::shared_ptr<arrow::Scalar>>;

std::shared_ptr<arrow::Scalar> ToScalar(const Cell& cell) {
  switch (cell.kind) {
    case Kind::kBool: return std::make_shared<arrow::BooleanScalar>(cell.i != 0);
    case Kind::kInt: return std::make_shared<arrow::Int64Scalar>(cell.i);
    case Kind::kDouble: return std::make_shared<arrow::DoubleScalar>(cell.d);
    case Kind::kString: return std::make_shared<arrow::StringScalar>(std::string(cell.text()));
    default: return std::make_shared<arrow::NullScalar>();
  }
}

Outcome Double(Outcome of) {
  if (!of.ok() || (*of)->type->id() == arrow::Type::NA) return of;
  ARROW_ASSIGN_OR_RAISE(const arrow::Datum out,
                        cp::Cast(*of, cp::CastOptions::Unsafe(arrow::float64())));
  return out.scalar();
}

Outcome Call(const std::string& function, const std::vector<std::shared_ptr<arrow::Scalar>>& of) {
  std::shared_ptr<arrow::DataType> type;
  for (const auto& scalar : of) {
    const bool known = scalar->type->id() != arrow::Type::NA;
    if (known && (type == nullptr || type->id() == arrow::Type::INT64)) type = scalar->type;
  }
  if (type == nullptr) return function == "is_null" ? Outcome(ToScalar(Cell::Bool(true))) : of[0];
  std::vector<arrow::Datum> args;
  for (const auto& scalar : of) {
    if (scalar->type->id() == arrow::Type::NA) {
      args.emplace_back(arrow::MakeNullScalar(type));
    } else if (type->id() == arrow::Type::DOUBLE) {
      ARROW_ASSIGN_OR_RAISE(const auto number, Double(scalar));
      args.emplace_back(number);
    } else {
      args.emplace_back(scalar);
    }
  }
  ARROW_ASSIGN_OR_RAISE(const arrow::Datum out, cp::CallFunction(function, args));
  return out.scalar()->is_valid ? out.scalar() : ToScalar(Cell::Null());  // a null has no type here
}

// An expression: its text, and what Arrow makes of it.
struct Node {
  std::string text;
  std::function<Outcome(const Row&)> of;
};

Node Apply(std::string text, std::string function, std::vector<Node> args) {
  return {std::move(text),
          [function = std::move(function), args = std::move(args)](const Row& row) {
            std::vector<std::shared_ptr<arrow::Scalar>> of;
            for (const Node& arg : args) {
              Outcome value = arg.of(row);
              if (!value.ok()) return value;
              of.push_back(*value);
            }
            return Call(function, of);
          }};
}

Node Field(size_t index) {
  return {kFields[index], [index](const Row& row) { return Outcome(ToScalar(row[index])); }};
}

Node Literal(std::string text, Cell value) {
  return {std::move(text), [value](const Row&) { return Outcome(ToScalar(value)); }};
}

class Generator {
 public:
  explicit Generator(Bytes* bytes) : bytes_(*bytes) {}

  Node Any() {
    switch (bytes_.Below(3)) {
      case 0: return Number(0);
      case 1: return Truth(0);
      default: return Text(0);
    }
  }

 private:
  static constexpr int kDepthMax = 5;

  Node Number(int depth) {
    static constexpr std::array<std::pair<const char*, const char*>, 3> kOperations = {
        {{"+", "add_checked"}, {"-", "subtract_checked"}, {"*", "multiply_checked"}}};
    switch (bytes_.Below(depth < kDepthMax ? 8 : 4)) {
      case 0: return Field(0);
      case 1: return Field(1);
      case 2: {
        const auto v = static_cast<int64_t>(bytes_.Below(7));
        return Literal(std::to_string(v), Cell::Int(v));
      }
      case 3: {
        const double v = static_cast<double>(bytes_.Below(9)) / 4 + 0.125;
        return Literal(fmt::format("{}", v), Cell::Double(v));
      }
      case 4:
      case 5: {
        const auto& [symbol, function] = kOperations[bytes_.Below(kOperations.size())];
        Node left = Number(depth + 1);
        Node right = Number(depth + 1);
        return Apply(fmt::format("({} {} {})", left.text, symbol, right.text), function,
                     {left, right});
      }
      case 6: {
        Node left = Number(depth + 1);
        Node right = Number(depth + 1);
        const std::string text = fmt::format("({} / {})", left.text, right.text);
        const auto as_double = [](Node node) {
          return Node{node.text, [of = node.of](const Row& row) { return Double(of(row)); }};
        };
        return Apply(text, "divide", {as_double(left), as_double(right)});
      }
      default: return Choice(Number(depth + 1), Number(depth + 1), depth);
    }
  }

  Node Text(int depth) {
    switch (bytes_.Below(depth < kDepthMax ? 4 : 3)) {
      case 0: return Field(2);
      case 1: return Field(3);
      case 2: {
        static constexpr std::array<const char*, 3> kTexts = {"", "b", "2026-03-01"};
        const char* text = kTexts[bytes_.Below(kTexts.size())];
        return Literal(fmt::format("'{}'", text), Cell::String(text));
      }
      default: return Choice(Text(depth + 1), Text(depth + 1), depth);
    }
  }

  Node Truth(int depth) {
    static constexpr std::array<std::pair<const char*, const char*>, 6> kComparisons = {
        {{"=", "equal"},
         {"!=", "not_equal"},
         {"<", "less"},
         {"<=", "less_equal"},
         {">", "greater"},
         {">=", "greater_equal"}}};
    switch (bytes_.Below(depth < kDepthMax ? 8 : 2)) {
      case 0: return Field(4);
      case 1: return Field(5);
      case 2:
      case 3: {
        const auto& [symbol, function] = kComparisons[bytes_.Below(kComparisons.size())];
        const bool texts = bytes_.Below(3) == 0;
        Node left = texts ? Text(depth + 1) : Number(depth + 1);
        Node right = texts ? Text(depth + 1) : Number(depth + 1);
        return Apply(fmt::format("({} {} {})", left.text, symbol, right.text), function,
                     {left, right});
      }
      case 4:
      case 5: {
        const bool both = bytes_.Below(2) == 0;
        Node left = Truth(depth + 1);
        Node right = Truth(depth + 1);
        return Apply(fmt::format("({} {} {})", left.text, both ? "and" : "or", right.text),
                     both ? "and_kleene" : "or_kleene", {left, right});
      }
      case 6: {
        Node of = Truth(depth + 1);
        return Apply(fmt::format("(not {})", of.text), "invert", {of});
      }
      default: {
        Node of = bytes_.Below(2) == 0 ? Number(depth + 1) : Text(depth + 1);
        return Apply(fmt::format("({} is null)", of.text), "is_null", {of});
      }
    }
  }

  // Unlike Arrow's if_else, a null condition chooses the second value.
  Node Choice(Node first, Node second, int depth) {
    if (bytes_.Below(2) == 0) {
      return Apply(fmt::format("coalesce({}, {})", first.text, second.text), "coalesce",
                   {first, second});
    }
    Node condition = Truth(depth + 1);
    const std::string text = fmt::format("if({}, {}, {})", condition.text, first.text, second.text);
    return {text, [condition, first, second](const Row& row) {
              const Outcome holds = condition.of(row);
              const Outcome a = first.of(row);
              const Outcome b = second.of(row);
              for (const Outcome* of : {&holds, &a, &b}) {
                if (!of->ok()) return *of;
              }
              const bool yes =
                  (*holds)->is_valid && static_cast<const arrow::BooleanScalar&>(**holds).value;
              const auto is_double = [](const Outcome& of) {
                return (*of)->type->id() == arrow::Type::DOUBLE && (*of)->is_valid;
              };
              const Outcome& chosen = yes ? a : b;
              return is_double(a) || is_double(b) ? Double(chosen) : chosen;
            }};
  }

  Bytes& bytes_;
};

Cell RandomCell(Bytes* bytes, size_t field) {
  if (bytes->Below(8) == 0) return Cell::Null();
  if (field >= 4) return Cell::Bool(bytes->Below(2) == 0);
  if (field >= 2) {
    static constexpr std::array<const char*, 5> kTexts = {"", "a", "b", "2026-03-01", "b longer"};
    return Cell::String(kTexts[bytes->Below(kTexts.size())]);
  }
  static constexpr std::array<int64_t, 6> kIntegers = {0, 1, -3, 7, INT64_MAX, INT64_MIN};
  static constexpr std::array<double, 6> kDoubles = {0.5, -0.0, 3, 1e300, NAN, HUGE_VAL};
  return bytes->Below(4) != 0 ? Cell::Int(kIntegers[bytes->Below(kIntegers.size())])
                              : Cell::Double(kDoubles[bytes->Below(kDoubles.size())]);
}

std::string Show(const Cell& cell) {
  switch (cell.kind) {
    case Kind::kNull: return "null";
    case Kind::kBool: return cell.i != 0 ? "true" : "false";
    case Kind::kInt: return fmt::format("{}", cell.i);
    case Kind::kDouble: return std::isnan(cell.d) ? "nan" : fmt::format("{}f", cell.d);
    case Kind::kString: return fmt::format("'{}'", cell.text());
    default: return std::string(murmur::KindName(cell.kind));
  }
}

std::string Show(const Outcome& outcome) {
  if (!outcome.ok()) return "fails";
  const arrow::Scalar& scalar = **outcome;
  if (!scalar.is_valid) return "null";
  switch (scalar.type->id()) {
    case arrow::Type::BOOL:
      return Show(Cell::Bool(static_cast<const arrow::BooleanScalar&>(scalar).value));
    case arrow::Type::INT64:
      return Show(Cell::Int(static_cast<const arrow::Int64Scalar&>(scalar).value));
    case arrow::Type::DOUBLE:
      return Show(Cell::Double(static_cast<const arrow::DoubleScalar&>(scalar).value));
    default: return fmt::format("'{}'", scalar.ToString());
  }
}

enum class Form { kPlain, kCoded, kCondition };

std::vector<std::string> Evaluate(const std::shared_ptr<const murmur::Expression>& expression,
                                  const std::vector<Row>& rows, Form form) {
  murmur::Projection projection;
  std::vector<size_t> inputs;
  for (const murmur::FieldUse& field : expression->fields()) {
    inputs.push_back(projection.fields.size());
    projection.fields.push_back({.path = field.path});
  }
  murmur::RecordBatch batch(projection);
  batch.rows = static_cast<uint32_t>(rows.size());
  std::vector<std::vector<Cell>> dictionaries(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    Column& column = batch.columns[i];
    const std::string name = projection.fields[i].path.ToString();
    size_t field = 0;
    while (name != kFields[field]) ++field;
    for (uint32_t row = 0; row < batch.rows; ++row) column.cells[row] = rows[row][field];
    column.SetTypeFromCells(batch.rows);
    if (form != Form::kCoded) continue;
    dictionaries[i].assign(column.cells.begin(), column.cells.begin() + batch.rows);
    column.indices.resize(murmur::kBatchRows);
    for (uint32_t row = 0; row < batch.rows; ++row) column.indices[row] = row;
    column.dictionary = dictionaries[i].data();
    column.dictionary_size = batch.rows;
    column.dictionary_id = murmur::NewDictionaryId();
  }
  murmur::Evaluator evaluator(expression, inputs);
  std::vector<murmur::EvaluationError> errors;
  std::vector<std::string> results;
  if (form == Form::kCondition) {
    std::vector<murmur::Truth> truths(murmur::kBatchRows);
    evaluator.EvaluateCondition(batch, truths.data(), &errors);
    for (uint32_t row = 0; row < batch.rows; ++row) {
      results.push_back(truths[row] == murmur::Truth::kYes  ? "true"
                        : truths[row] == murmur::Truth::kNo ? "false"
                                                            : "null");
    }
  } else {
    Column out;
    evaluator.Evaluate(batch, &out, &errors);
    out.Materialize(batch.rows);
    for (uint32_t row = 0; row < batch.rows; ++row) results.push_back(Show(out.cells[row]));
  }
  for (const murmur::EvaluationError& error : errors) results[error.row] = "fails";
  return results;
}

bool HasLargeInteger(const Row& row) {
  return std::any_of(row.begin(), row.end(), [](const Cell& cell) {
    return cell.kind == Kind::kInt && std::fabs(static_cast<double>(cell.i)) > 1e6;
  });
}

bool IsCondition(const std::shared_ptr<const murmur::Expression>& expression) {
  std::vector<size_t> inputs;
  for (size_t i = 0; i < expression->fields().size(); ++i) inputs.push_back(i);
  return murmur::Evaluator(expression, inputs).is_condition();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool ready = cp::Initialize().ok();
  if (!ready) std::abort();
  Bytes bytes(data, size);
  const Node node = Generator(&bytes).Any();
  const auto parsed = murmur::Expression::Parse(node.text);
  if (!parsed.ok()) Report(node.text + ": " + parsed.status().ToString());
  if ((*parsed)->as_field() != nullptr) return 0;
  constexpr size_t kRowsMax = 24;
  std::vector<Row> rows;
  do {
    Row& row = rows.emplace_back();
    for (size_t field = 0; field < row.size(); ++field) row[field] = RandomCell(&bytes, field);
  } while (!bytes.done() && rows.size() < kRowsMax);

  // In comparisons numbers are exact: integers have no limit, products are not rounded, and zero
  // has no sign.
  const bool compares = node.text.find_first_of("<=>") != node.text.npos;
  const bool rounds = compares && node.text.find_first_of("*/") != node.text.npos;
  std::vector<Form> forms = {Form::kPlain, Form::kCoded};
  if (IsCondition(*parsed)) forms.push_back(Form::kCondition);
  std::vector<std::vector<std::string>> results;
  for (const Form form : forms) results.push_back(Evaluate(*parsed, rows, form));
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string alone = Evaluate(*parsed, {rows[i]}, Form::kPlain)[0];
    const std::string arrows = Show(node.of(rows[i]));
    for (const auto& result : results) {
      if (result[i] != alone) Report(fmt::format("{}: {}, alone {}", node.text, result[i], alone));
    }
    if (alone == arrows || rounds || (compares && HasLargeInteger(rows[i]))) continue;
    std::string values;
    for (size_t field = 0; field < kFields.size(); ++field) {
      values += fmt::format(" {}={}", kFields[field], Show(rows[i][field]));
    }
    Report(fmt::format("{}: {}, Arrow {};{}", node.text, alone, arrows, values));
  }
  return 0;
}
