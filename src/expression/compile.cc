#include "expression/compile.h"

#include <arrow/builder.h>
#include <arrow/compute/api.h>
#include <arrow/scalar.h>
#include <fmt/format.h>

#include <algorithm>

#include "expression/functions.h"

namespace murmur::expression {
namespace {

namespace cp = arrow::compute;
using arrow::Status;
using Type = std::shared_ptr<arrow::DataType>;

// An expression bound to the inputs; its type is one of those that compile.h lists.
using Value = cp::Expression;
using Values = std::vector<Value>;

constexpr int kIntegerDigits = 19;  // of an int64
constexpr int kCompareDigits = 76;  // enough to bring any two decimals to one scale

enum class Class { kNull, kBool, kNumber, kText, kTime, kOther };

Class ClassOf(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::NA: return Class::kNull;
    case arrow::Type::BOOL: return Class::kBool;
    case arrow::Type::INT64:
    case arrow::Type::DOUBLE:
    case arrow::Type::DECIMAL256: return Class::kNumber;
    case arrow::Type::STRING: return Class::kText;
    case arrow::Type::TIMESTAMP: return Class::kTime;
    default: return Class::kOther;
  }
}
Class ClassOf(const Value& value) { return ClassOf(*value.type()); }
bool IsNull(const Value& value) { return ClassOf(value) == Class::kNull; }
bool Is(const Value& value, arrow::Type::type id) { return value.type()->id() == id; }

std::string_view TypeName(const Value& value) {
  switch (ClassOf(value)) {
    case Class::kNull: return "null";
    case Class::kBool: return "boolean";
    case Class::kNumber:
      return Is(value, arrow::Type::INT64)    ? "integer"
             : Is(value, arrow::Type::DOUBLE) ? "float"
                                              : "decimal";
    case Class::kText: return "string";
    case Class::kTime: return "timestamp";
    case Class::kOther: return "object or list";
  }
  return "";
}

Type DecimalType(int scale) { return arrow::decimal256(kDecimalDigits, scale); }
int ScaleOf(const Value& value) {
  return Is(value, arrow::Type::DECIMAL256)
             ? static_cast<const arrow::DecimalType&>(*value.type()).scale()
             : 0;
}
Type TimeType() { return arrow::timestamp(arrow::TimeUnit::MICRO); }

class Compiler {
 public:
  explicit Compiler(const std::vector<Type>& inputs) {
    arrow::FieldVector fields;
    for (const Type& type : inputs) fields.push_back(arrow::field("", type));
    schema_ = arrow::schema(std::move(fields));
  }

  arrow::Result<Value> Run(const Node& node) {
    switch (node.type) {
      case NodeType::kLiteral: return Bind(MakeLiteral(node.literal));
      case NodeType::kField: return Bind(cp::field_ref(static_cast<int>(node.field)));
      case NodeType::kCall: break;
    }
    Values args;
    const bool cast = node.function == "cast";
    for (const Node& arg : node.args) {
      ARROW_ASSIGN_OR_RAISE(Value value, Run(arg));
      args.push_back(std::move(value));
      if (cast) break;
    }
    if (cast) return Cast(args[0], std::get<std::string>(node.args[1].literal));
    return Call(node, std::move(args));
  }

 private:
  static Value MakeLiteral(const Literal& literal) {
    if (const auto* b = std::get_if<bool>(&literal)) return cp::literal(*b);
    if (const auto* i = std::get_if<int64_t>(&literal)) return cp::literal(*i);
    if (const auto* d = std::get_if<double>(&literal)) return cp::literal(*d);
    if (const auto* s = std::get_if<std::string>(&literal)) return cp::literal(*s);
    return cp::literal(arrow::MakeNullScalar(arrow::null()));
  }

  // Binds and widens.
  arrow::Result<Value> Bind(const Value& value) {
    ARROW_ASSIGN_OR_RAISE(Value bound, value.Bind(*schema_));
    const Type wide = Widened(*bound.type());
    if (wide == nullptr || wide->Equals(*bound.type())) return bound;
    cp::CastOptions options = cp::CastOptions::Safe(wide);
    options.allow_time_truncate = true;
    return cp::call("cast", {std::move(bound)}, std::move(options)).Bind(*schema_);
  }

  // The type of compile.h that holds all values of `type`; null: it stays what it is.
  static Type Widened(const arrow::DataType& type) {
    if (arrow::is_integer(type.id())) return arrow::int64();
    if (arrow::is_floating(type.id())) return arrow::float64();
    if (type.id() == arrow::Type::LARGE_STRING) return arrow::utf8();
    if (arrow::is_date(type.id()) || type.id() == arrow::Type::TIMESTAMP) return TimeType();
    if (arrow::is_decimal(type.id())) {
      return DecimalType(static_cast<const arrow::DecimalType&>(type).scale());
    }
    return nullptr;
  }

  arrow::Result<Value> Apply(const std::string& function, Values args,
                             std::shared_ptr<cp::FunctionOptions> options = nullptr) {
    return Bind(cp::call(function, std::move(args), std::move(options)));
  }
  template <class Options>
  arrow::Result<Value> ApplyWith(const std::string& function, Value arg, Options options) {
    return Apply(function, {std::move(arg)}, std::make_shared<Options>(std::move(options)));
  }
  arrow::Result<Value> CastTo(const Value& value, const Type& type) {
    if (IsNull(value)) return Bind(cp::literal(arrow::MakeNullScalar(type)));
    if (value.type()->Equals(*type)) return value;
    return cp::call("cast", {value}, cp::CastOptions::Safe(type)).Bind(*schema_);
  }
  // The nearest double: an integer over 2^53 is no error. Arrow's cast of decimals does not round
  // to the nearest, that of texts does.
  arrow::Result<Value> ToDouble(const Value& value) {
    if (IsNull(value) || Is(value, arrow::Type::DOUBLE)) return CastTo(value, arrow::float64());
    if (Is(value, arrow::Type::DECIMAL256)) {
      ARROW_ASSIGN_OR_RAISE(const Value text, CastTo(value, arrow::utf8()));
      return CastTo(text, arrow::float64());
    }
    return ApplyWith("cast", value, cp::CastOptions::Unsafe(arrow::float64()));
  }

  // RFC 3339, a date alone, or a time without zone (UTC); digits below a microsecond are cut.
  arrow::Result<Value> ToTime(const Value& value) {
    if (ClassOf(value) == Class::kTime || IsNull(value)) return CastTo(value, TimeType());
    if (ClassOf(value) != Class::kText) {
      return Status::TypeError(fmt::format("expected a time, found {}", TypeName(value)));
    }
    Value text = value;
    for (const auto& [pattern, replacement] :
         {std::pair(R"(^(\d{4}-\d\d-\d\d)$)", R"(\1T00:00:00Z)"),
          std::pair(R"((\.\d{6})\d+)", R"(\1)"),
          std::pair(R"(([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)$)", R"(\1Z)")}) {
      ARROW_ASSIGN_OR_RAISE(text, ApplyWith("replace_substring_regex", std::move(text),
                                            cp::ReplaceSubstringOptions(pattern, replacement)));
    }
    const Type zoned = arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    ARROW_ASSIGN_OR_RAISE(const Value time, CastTo(text, zoned));
    return CastTo(time, TimeType());
  }

  // "5", "0.5", "true", "2026-03-01T00:00:00Z".
  arrow::Result<Value> ToText(const Value& value) {
    if (ClassOf(value) == Class::kOther) {
      return Status::TypeError("an object or list is no text");
    }
    if (ClassOf(value) != Class::kTime) return CastTo(value, arrow::utf8());
    ARROW_ASSIGN_OR_RAISE(
        Value text, ApplyWith("strftime", value, cp::StrftimeOptions("%Y-%m-%dT%H:%M:%S", "C")));
    return ApplyWith("replace_substring_regex", text,
                     cp::ReplaceSubstringOptions(R"((\.\d*[1-9])?(\.?0*)$)", R"(\1Z)", 1));
  }

  arrow::Result<Value> Cast(const Value& value, const std::string& type) {
    if (ClassOf(value) == Class::kOther)
      return Status::TypeError("an object or list can't be cast");
    if (type == "string") return ToText(value);
    if (type == "timestamp") return ToTime(value);
    const bool time = ClassOf(value) == Class::kTime;
    if (time && type != "int64") {
      return Status::TypeError("a timestamp can be cast to string and int64 only");
    }
    if (type == "int64") return CastTo(value, arrow::int64());
    if (type == "bool") return CastTo(value, arrow::boolean());
    if (type == "double") {
      return ClassOf(value) == Class::kNumber ? ToDouble(value) : CastTo(value, arrow::float64());
    }
    const int scale = std::stoi(type.substr(type.find('(') + 1));  // decimal(n)
    if (ClassOf(value) == Class::kBool) return Status::TypeError("a boolean is no decimal");
    if (!Is(value, arrow::Type::DECIMAL256)) return CastTo(value, DecimalType(scale));
    ARROW_ASSIGN_OR_RAISE(Value rounded, Round(value, scale));
    return CastTo(rounded, DecimalType(scale));
  }

  arrow::Result<Value> Round(const Value& value, int64_t digits) {
    return ApplyWith("round", value,
                     cp::RoundOptions(digits, cp::RoundMode::HALF_TOWARDS_INFINITY));
  }

  arrow::Result<Value> Call(const Node& node, Values args) {
    const std::string& name = node.function;
    if (name == "and" || name == "or") {
      for (Value& arg : args) {
        ARROW_ASSIGN_OR_RAISE(arg, ToBool(arg, name));
      }
      return Join(name + "_kleene", args, 0, args.size());
    }
    if (name == "not") {
      ARROW_ASSIGN_OR_RAISE(Value arg, ToBool(args[0], name));
      return Apply("invert", {std::move(arg)});
    }
    if (name == "is null") return Bind(cp::is_null(args[0]));
    if (name == "in") return In(node, args);
    if (name == "neg") {
      if (IsNull(args[0])) {
        ARROW_ASSIGN_OR_RAISE(args[0], CastTo(args[0], arrow::int64()));
      }
      ARROW_RETURN_NOT_OK(CheckClass(args[0], Class::kNumber, "-", "a number"));
      return Apply("negate_checked", {args[0]});
    }
    if (std::string_view("+-*/%").find(name) != std::string_view::npos)
      return Arithmetic(name, args);
    for (const auto& [symbol, function] :
         {std::pair("=", "equal"), std::pair("!=", "not_equal"), std::pair("<", "less"),
          std::pair("<=", "less_equal"), std::pair(">", "greater"),
          std::pair(">=", "greater_equal")}) {
      if (name == symbol) return Compare(function, args[0], args[1]);
    }
    return CallFunction(node, std::move(args));
  }

  static Status CheckClass(const Value& value, Class wanted, std::string_view function,
                           std::string_view wanted_name) {
    if (ClassOf(value) == wanted) return Status::OK();
    return Status::TypeError(
        fmt::format("'{}' takes {}, found {}", function, wanted_name, TypeName(value)));
  }

  arrow::Result<Value> ToBool(const Value& value, std::string_view function) {
    if (IsNull(value)) return CastTo(value, arrow::boolean());
    ARROW_RETURN_NOT_OK(CheckClass(value, Class::kBool, function, "true or false"));
    return value;
  }

  // A balanced tree, so that long lists stay shallow.
  arrow::Result<Value> Join(const std::string& function, const Values& args, size_t from,
                            size_t until) {
    if (until - from == 1) return args[from];
    const size_t middle = (from + until) / 2;
    ARROW_ASSIGN_OR_RAISE(Value left, Join(function, args, from, middle));
    ARROW_ASSIGN_OR_RAISE(Value right, Join(function, args, middle, until));
    return Apply(function, {std::move(left), std::move(right)});
  }

  arrow::Result<Value> Arithmetic(const std::string& symbol, Values args) {
    bool any_double = symbol == "/";
    bool any_decimal = false;
    for (Value& arg : args) {
      if (IsNull(arg)) {
        ARROW_ASSIGN_OR_RAISE(arg, CastTo(arg, arrow::int64()));
      }
      ARROW_RETURN_NOT_OK(CheckClass(arg, Class::kNumber, symbol, "numbers"));
      any_double = any_double || Is(arg, arrow::Type::DOUBLE);
      any_decimal = any_decimal || Is(arg, arrow::Type::DECIMAL256);
    }
    if (any_double) {
      for (Value& arg : args) {
        ARROW_ASSIGN_OR_RAISE(arg, ToDouble(arg));
      }
    }
    if (symbol == "/") return Apply("divide", std::move(args));
    if (symbol == "%") {
      if (any_decimal) return Status::TypeError("'%' takes integers and floats, found decimal");
      return Apply(any_double ? "remainder" : "remainder_checked", std::move(args));
    }
    if (any_decimal && !any_double) {
      for (Value& arg : args) {
        if (!Is(arg, arrow::Type::INT64)) continue;
        ARROW_ASSIGN_OR_RAISE(arg, CastTo(arg, arrow::decimal256(kIntegerDigits, 0)));
      }
      const int scale = ScaleOf(args[0]) + ScaleOf(args[1]);
      if (symbol == "*" && scale > kDecimalDigits) {
        return Status::TypeError(
            fmt::format("the product has {} decimals, more than {}", scale, kDecimalDigits));
      }
    }
    return Apply(symbol == "+"   ? "add_checked"
                 : symbol == "-" ? "subtract_checked"
                                 : "multiply_checked",
                 std::move(args));
  }

  // Brings values to one type; REQUIRES: at least one. Nulls only stay nulls.
  Status Unify(std::string_view what, int digits, Values* values) {
    const Value* typed = nullptr;
    bool any_double = false;
    bool any_time = false;
    int scale = -1;
    for (const Value& value : *values) {
      if (IsNull(value)) continue;
      if (typed == nullptr) typed = &value;
      any_double = any_double || Is(value, arrow::Type::DOUBLE);
      any_time = any_time || ClassOf(value) == Class::kTime;
      if (Is(value, arrow::Type::DECIMAL256)) scale = std::max(scale, ScaleOf(value));
      const auto text_or_time = [](const Value& v) {
        return ClassOf(v) == Class::kTime || ClassOf(v) == Class::kText;
      };
      const bool fits =
          ClassOf(value) == ClassOf(*typed) || (text_or_time(value) && text_or_time(*typed));
      if (!fits || ClassOf(value) == Class::kOther) {
        return Status::TypeError(
            fmt::format("{} {} and {}", what, TypeName(*typed), TypeName(value)));
      }
    }
    if (typed == nullptr) return Status::OK();
    const Type type = any_time     ? TimeType()
                      : any_double ? arrow::float64()
                      : scale >= 0 ? arrow::decimal256(digits, scale)
                                   : typed->type()->GetSharedPtr();
    for (Value& value : *values) {
      if (any_time) {
        ARROW_ASSIGN_OR_RAISE(value, ToTime(value));
      } else if (any_double) {
        ARROW_ASSIGN_OR_RAISE(value, ToDouble(value));
      } else {
        ARROW_ASSIGN_OR_RAISE(value, CastTo(value, type));
      }
    }
    return Status::OK();
  }

  arrow::Result<Value> Compare(const std::string& function, const Value& left, const Value& right) {
    Values values = {left, right};
    ARROW_RETURN_NOT_OK(Unify("can't compare", kCompareDigits, &values));
    if (IsNull(values[0])) return CastTo(values[0], arrow::boolean());
    return Apply(function, std::move(values));
  }

  // One lookup where all are texts or all integers as written; a chain of comparisons otherwise.
  arrow::Result<Value> In(const Node& node, const Values& args) {
    const bool lookup =
        (Is(args[0], arrow::Type::STRING) || Is(args[0], arrow::Type::INT64)) &&
        std::all_of(args.begin() + 1, args.end(), [&](const Value& value) {
          return value.literal() != nullptr && value.type()->Equals(*args[0].type());
        });
    if (lookup) {
      std::unique_ptr<arrow::ArrayBuilder> builder;
      ARROW_RETURN_NOT_OK(arrow::MakeBuilder(arrow::default_memory_pool(),
                                             args[0].type()->GetSharedPtr(), &builder));
      for (size_t i = 1; i < args.size(); ++i) {
        ARROW_RETURN_NOT_OK(builder->AppendScalar(*args[i].literal()->scalar()));
      }
      ARROW_ASSIGN_OR_RAISE(auto set, builder->Finish());
      return ApplyWith("is_in", args[0],
                       cp::SetLookupOptions(set, cp::SetLookupOptions::EMIT_NULL));
    }
    Values matches;
    for (size_t i = 1; i < node.args.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(Value match, Compare("equal", args[0], args[i]));
      matches.push_back(std::move(match));
    }
    return Join("or_kleene", matches, 0, matches.size());
  }

  arrow::Result<Value> CallFunction(const Node& node, Values args) {
    const auto found = FindFunction(node.function);
    if (!found.ok()) return Status::Invalid(found.status().message());
    const Function& function = **found;
    for (size_t i = 0; i < args.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(args[i], FitArgument(function, i, args[i]));
    }
    const auto text = [&](size_t i) { return std::get<std::string>(node.args[i].literal); };
    const std::string arrow_name(function.arrow_name);
    switch (function.shape) {
      case Shape::kDirect: return Direct(arrow_name, std::move(args));
      case Shape::kDouble:
        for (Value& arg : args) {
          ARROW_ASSIGN_OR_RAISE(arg, ToDouble(arg));
        }
        return Apply(arrow_name, std::move(args));
      case Shape::kSubstring: return Substring(node, args[0]);
      case Shape::kReplace:
        return ApplyWith(arrow_name, args[0], cp::ReplaceSubstringOptions(text(1), text(2)));
      case Shape::kMatch: return ApplyWith(arrow_name, args[0], cp::MatchSubstringOptions(text(1)));
      case Shape::kConcat:
        for (Value& arg : args) {
          ARROW_ASSIGN_OR_RAISE(arg, ToText(arg));
        }
        args.push_back(cp::literal(""));
        return Apply("binary_join_element_wise", std::move(args));
      case Shape::kCoalesce:
        ARROW_RETURN_NOT_OK(Unify("'coalesce' can't mix", kDecimalDigits, &args));
        return IsNull(args[0]) ? arrow::Result<Value>(args[0]) : Apply("coalesce", std::move(args));
      case Shape::kIf: return If(std::move(args));
      case Shape::kRound:
        return Round(args[0], args.size() < 2 ? 0 : std::get<int64_t>(node.args[1].literal));
      case Shape::kDayOfWeek: return ApplyWith(arrow_name, args[0], cp::DayOfWeekOptions(false, 1));
      case Shape::kDate:
        return ApplyWith(arrow_name, args[0], cp::RoundTemporalOptions(1, cp::CalendarUnit::DAY));
      case Shape::kCast: break;
    }
    return Status::Invalid("a cast has a type");
  }

  arrow::Result<Value> FitArgument(const Function& function, size_t index, const Value& value) {
    switch (ArgumentLetter(function, index)) {
      case 't':
        if (IsNull(value)) return CastTo(value, arrow::utf8());
        ARROW_RETURN_NOT_OK(CheckClass(value, Class::kText, function.name, "a text"));
        return value;
      case 'n':
        if (IsNull(value)) return CastTo(value, arrow::int64());
        ARROW_RETURN_NOT_OK(CheckClass(value, Class::kNumber, function.name, "a number"));
        return value;
      case 'd': return ToTime(value);
      case 'b': return ToBool(value, function.name);
      default: return value;
    }
  }

  // An Arrow function as it is. Nulls without a type become the first type that it takes.
  arrow::Result<Value> Direct(const std::string& name, Values args) {
    arrow::Result<Value> result = Apply(name, args);
    const bool any_null = std::any_of(args.begin(), args.end(), IsNull);
    if (result.ok() || !any_null) return result;
    for (const Type& type :
         {arrow::int64(), arrow::float64(), arrow::utf8(), arrow::boolean(), TimeType()}) {
      Values typed = args;
      for (Value& arg : typed) {
        if (IsNull(arg)) {
          ARROW_ASSIGN_OR_RAISE(arg, CastTo(arg, type));
        }
      }
      if (auto fitted = Apply(name, std::move(typed)); fitted.ok()) return fitted;
    }
    return result;
  }

  arrow::Result<Value> Substring(const Node& node, const Value& text) {
    const auto number = [&](size_t i) { return std::get<int64_t>(node.args[i].literal); };
    const int64_t first = number(1);
    if (node.function == "left") return ApplyWith(kSlice, text, cp::SliceOptions(0, first));
    if (node.function == "right") {
      return ApplyWith(kSlice, text,
                       first == 0 ? cp::SliceOptions(0, 0) : cp::SliceOptions(-first));
    }
    const int64_t end =
        node.args.size() < 3 || number(2) > INT64_MAX - first ? INT64_MAX : first - 1 + number(2);
    return ApplyWith(kSlice, text, cp::SliceOptions(first - 1, end));
  }

  arrow::Result<Value> If(Values args) {
    Values branches = {args[1], args[2]};
    ARROW_RETURN_NOT_OK(Unify("'if' can't mix", kDecimalDigits, &branches));
    // A condition that is null takes the second branch, as SQL's CASE does.
    ARROW_ASSIGN_OR_RAISE(Value condition, Apply("coalesce", {args[0], cp::literal(false)}));
    return Apply("if_else", {std::move(condition), branches[0], branches[1]});
  }

  static constexpr const char* kSlice = "utf8_slice_codeunits";
  std::shared_ptr<arrow::Schema> schema_;
};

}  // namespace

std::shared_ptr<arrow::DataType> TypeOf(Kind kind, int scale) {
  switch (kind) {
    case Kind::kNull: return arrow::null();
    case Kind::kBool: return arrow::boolean();
    case Kind::kInt: return arrow::int64();
    case Kind::kDouble: return arrow::float64();
    case Kind::kDecimal: return DecimalType(scale);
    case Kind::kString: return arrow::utf8();
    case Kind::kTime: return TimeType();
    case Kind::kJson: return arrow::binary();
  }
  return arrow::null();
}

arrow::Result<cp::Expression> Compile(const Node& root, const std::vector<Type>& inputs) {
  if (!RegisterArrowFunctions()) return Status::Invalid("Arrow's functions can't be set up");
  ARROW_ASSIGN_OR_RAISE(Value value, Compiler(inputs).Run(root));
  if (ClassOf(value) == Class::kOther) {
    return Status::TypeError(
        fmt::format("the result is {}, expected a single value", value.type()->ToString()));
  }
  return value;
}

bool NullsFitAnyType(const Node& root) {
  if (root.type == NodeType::kCall) {
    const bool word = std::isalpha(static_cast<unsigned char>(root.function[0])) != 0;
    const bool ours = std::any_of(Functions().begin(), Functions().end(), [&](const Function& f) {
      return f.name == root.function && f.shape != Shape::kCoalesce && f.shape != Shape::kIf;
    });
    const bool op = !word || root.function == "and" || root.function == "or" ||
                    root.function == "not" || root.function == "in" || root.function == "is null" ||
                    root.function == "neg";
    if (!ours && !op) return false;
  }
  return std::all_of(root.args.begin(), root.args.end(), NullsFitAnyType);
}

}  // namespace murmur::expression
