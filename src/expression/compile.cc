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
    return CallFunction(node, std::move(args));
  }

 private:
  static Value MakeLiteral(const Literal& literal) {
    if (const auto* b = std::get_if<bool>(&literal)) return cp::literal(*b);
    if (const auto* i = std::get_if<int64_t>(&literal)) return cp::literal(*i);
    if (const auto* f = std::get_if<Fraction>(&literal)) return cp::literal(f->nearest);
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

  // The type of compile.h that holds all values of `type`; null: it stays.
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
  // To int64, double, bool or string; times arrive as text for a string, numbers as doubles for a
  // double.
  arrow::Result<Value> Cast(const Value& value, const std::string& type) {
    if (ClassOf(value) == Class::kOther) {
      return Status::TypeError("an object or list can't be cast");
    }
    if (ClassOf(value) == Class::kTime && type != "int64") {
      return Status::TypeError("a timestamp can be cast to string and int64 only");
    }
    if (type == "int64") return CastTo(value, arrow::int64());
    if (type == "bool") return CastTo(value, arrow::boolean());
    return CastTo(value, type == "double" ? arrow::float64() : arrow::utf8());
  }

  static Status CheckClass(const Value& value, Class wanted, std::string_view function,
                           std::string_view wanted_name) {
    if (ClassOf(value) == wanted) return Status::OK();
    return Status::TypeError(
        fmt::format("'{}' takes {}, found {}", function, wanted_name, TypeName(value)));
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
      case Shape::kSubstring: return Substring(node, args[0]);
      case Shape::kReplace:
        return ApplyWith(arrow_name, args[0], cp::ReplaceSubstringOptions(text(1), text(2)));
      case Shape::kMatch: return ApplyWith(arrow_name, args[0], cp::MatchSubstringOptions(text(1)));
      case Shape::kConcat:
        for (Value& arg : args) {
          if (ClassOf(arg) == Class::kOther) {
            return Status::TypeError("an object or list is no text");
          }
          ARROW_ASSIGN_OR_RAISE(arg, CastTo(arg, arrow::utf8()));
        }
        args.push_back(cp::literal(""));
        return Apply("binary_join_element_wise", std::move(args));
      case Shape::kOurs: break;
    }
    return Status::Invalid(fmt::format("'{}' is not for Arrow", node.function));
  }

  arrow::Result<Value> FitArgument(const Function& function, size_t index, const Value& value) {
    if (ArgumentLetter(function, index) != 't') return value;
    if (IsNull(value)) return CastTo(value, arrow::utf8());
    ARROW_RETURN_NOT_OK(CheckClass(value, Class::kText, function.name, "a text"));
    return value;
  }

  // An Arrow function called directly. Untyped nulls get the first type that it accepts.
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
    const bool ours = std::any_of(Functions().begin(), Functions().end(),
                                  [&](const Function& f) { return f.name == root.function; });
    if (!ours) return false;
  }
  return std::all_of(root.args.begin(), root.args.end(), NullsFitAnyType);
}

}  // namespace murmur::expression
