// Status and Result<T>: how every Murmur function that can fail says so.
//
// A Status is one pointer, null when OK. Codes carry gRPC's numbers, so that a server needs no
// table. Messages say what was attempted, on what, and where a remedy exists, what to do:
// "data/a.jsonl.gz: truncated gzip stream after 1048576 bytes".
//
// Threads: values; as thread-safe as an int.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace murmur {

enum class Code : int {
  kOk = 0,
  kCancelled = 1,           // a stop was asked for
  kInvalidArgument = 3,     // wrong input from the caller: definition, key, option
  kDeadlineExceeded = 4,    // not done by the time that the caller gave
  kNotFound = 5,            // no such file, key or version
  kAlreadyExists = 6,       // exists, and must not
  kPermissionDenied = 7,    // the system refuses
  kResourceExhausted = 8,   // a named limit, or the disk, is full
  kFailedPrecondition = 9,  // not in this state: another definition, another writer
  kAborted = 10,            // fenced: the position moved under us
  kOutOfRange = 11,         // a position the source no longer has
  kUnimplemented = 12,
  kInternal = 13,     // our bug
  kUnavailable = 14,  // may work when tried again
  kDataLoss = 15,     // stored bytes are damaged
};

// "DATA_LOSS" and the like.
std::string_view CodeName(Code code) noexcept;

class [[nodiscard]] Status {
 public:
  Status() noexcept = default;  // OK
  Status(Code code, std::string message);
  Status(const Status& other) : rep_(other.rep_ ? std::make_unique<Rep>(*other.rep_) : nullptr) {}
  Status& operator=(const Status& other) {
    rep_ = other.rep_ ? std::make_unique<Rep>(*other.rep_) : nullptr;
    return *this;
  }
  Status(Status&&) noexcept = default;
  Status& operator=(Status&&) noexcept = default;

  bool ok() const noexcept { return rep_ == nullptr; }
  Code code() const noexcept { return rep_ ? rep_->code : Code::kOk; }
  std::string_view message() const noexcept { return rep_ ? rep_->message : std::string_view(); }
  // The same error with `context` and ": " before its message; OK stays OK.
  Status Annotated(std::string_view context) const;
  std::string ToString() const;  // "OK" or "NOT_FOUND: message"

 private:
  struct Rep {
    Code code;
    std::string message;
  };
  std::unique_ptr<Rep> rep_;
};

inline bool operator==(const Status& a, const Status& b) {
  return a.code() == b.code() && a.message() == b.message();
}

// A T, or the Status (never OK) that says why there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}          // NOLINT(google-explicit-constructor)
  Result(Status status) : status_(std::move(status)) {}  // NOLINT: REQUIRES: !status.ok()
  template <class U>
  requires(std::is_convertible_v<U&&, T> && !std::is_same_v<std::remove_cvref_t<U>, T> &&
           !std::is_same_v<std::remove_cvref_t<U>, Status> &&
           !std::is_same_v<std::remove_cvref_t<U>, Result>) Result(U&& value)
      : value_(std::forward<U>(value)) {}  // NOLINT

  bool ok() const noexcept { return value_.has_value(); }
  const Status& status() const& noexcept { return status_; }
  Status status() && noexcept { return std::move(status_); }
  // REQUIRES: ok()
  T& value() & { return *value_; }
  const T& value() const& { return *value_; }
  T&& value() && { return *std::move(value_); }
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return *std::move(value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  std::optional<T> value_;
  Status status_;
};

#define MURMUR_CONCAT_INNER(a, b) a##b
#define MURMUR_CONCAT(a, b) MURMUR_CONCAT_INNER(a, b)

// Returns the error of `expr`, a Status or a Result, from the enclosing function.
#define MURMUR_TRY(expr)                                           \
  do {                                                             \
    if (auto&& murmur_try_ = (expr); !murmur_try_.ok())            \
      return ::murmur::internal::ToStatus(std::move(murmur_try_)); \
  } while (false)

// MURMUR_ASSIGN(auto x, F()): x is F's value, or the enclosing function returns F's error.
#define MURMUR_ASSIGN(target, expr) \
  MURMUR_ASSIGN_IMPL(MURMUR_CONCAT(murmur_result_, __COUNTER__), target, expr)
#define MURMUR_ASSIGN_IMPL(name, target, expr)     \
  auto name = (expr);                              \
  if (!name.ok()) return std::move(name).status(); \
  target = std::move(name).value()

namespace internal {
inline Status ToStatus(Status&& s) { return std::move(s); }
inline Status ToStatus(const Status& s) { return s; }
template <class T>
Status ToStatus(Result<T>&& r) {
  return std::move(r).status();
}
}  // namespace internal

}  // namespace murmur
