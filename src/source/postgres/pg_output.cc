#include "source/postgres/pg_output.h"

namespace murmur {
namespace {

// Takes values off a message. After a failure everything is 0 or empty.
class Message {
 public:
  explicit Message(std::string_view bytes) : rest_(bytes) { (void)Bytes(1); }

  bool good() const { return good_; }
  bool is_empty() const { return rest_.empty(); }
  std::string_view Bytes(size_t size) {
    if (size > rest_.size()) {
      good_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }
  template <class Number>
  Number Take() {
    Number number = 0;
    for (const char byte : Bytes(sizeof(Number))) {
      number = static_cast<Number>(static_cast<uint64_t>(number) << 8 |
                                   static_cast<unsigned char>(byte));
    }
    return number;
  }
  std::string Name() {
    const size_t end = rest_.find('\0');
    if (end == rest_.npos) {
      good_ = false;
      return {};
    }
    std::string name(Bytes(end));
    (void)Bytes(1);
    return name;
  }
  PgTuple Tuple() {
    PgTuple tuple(Take<uint16_t>());
    for (TextValue& value : tuple) {
      switch (Take<char>()) {
        case 'n': value.is = TextValue::Is::kNull; break;
        case 'u': value.is = TextValue::Is::kUnchanged; break;
        case 't':
          value.is = TextValue::Is::kText;
          value.text = Bytes(Take<uint32_t>());
          break;
        default: good_ = false;
      }
      if (!good_) break;
    }
    return tuple;
  }

 private:
  std::string_view rest_;
  bool good_ = true;
};

}  // namespace

std::optional<PgBegin> ReadPgBegin(std::string_view bytes) {
  Message message(bytes);
  PgBegin begin;
  begin.commit = message.Take<uint64_t>();
  (void)message.Take<uint64_t>();  // its time
  begin.transaction = message.Take<uint32_t>();
  return message.good() ? std::optional(begin) : std::nullopt;
}

std::optional<PgCommit> ReadPgCommit(std::string_view bytes) {
  Message message(bytes);
  PgCommit commit;
  (void)message.Take<uint8_t>();
  commit.commit = message.Take<uint64_t>();
  commit.end = message.Take<uint64_t>();
  return message.good() ? std::optional(commit) : std::nullopt;
}

std::optional<PgRelation> ReadPgRelation(std::string_view bytes) {
  Message message(bytes);
  PgRelation relation;
  relation.oid = message.Take<uint32_t>();
  relation.schema = message.Name();
  relation.table = message.Name();
  relation.identity = message.Take<char>();
  relation.columns.resize(message.Take<uint16_t>());
  for (PgRelation::Column& column : relation.columns) {
    (void)message.Take<uint8_t>();
    column.name = message.Name();
    column.type = message.Take<uint32_t>();
    column.modifier = static_cast<int32_t>(message.Take<uint32_t>());
    if (!message.good()) return std::nullopt;
  }
  return message.good() ? std::optional(std::move(relation)) : std::nullopt;
}

std::optional<PgRowChange> ReadPgRowChange(std::string_view bytes) {
  Message message(bytes);
  PgRowChange change;
  change.relation = message.Take<uint32_t>();
  change.is_update = bytes[0] == static_cast<char>(PgMessageIs::kUpdate);
  while (message.good() && !message.is_empty()) {
    const char which = message.Take<char>();
    PgTuple tuple = message.Tuple();
    if (which == 'N') {
      change.after = std::move(tuple);
    } else if (which == 'O' || which == 'K') {
      change.before_is = which;
      change.before = std::move(tuple);
    } else {
      return std::nullopt;
    }
  }
  return message.good() ? std::optional(std::move(change)) : std::nullopt;
}

std::optional<PgTruncate> ReadPgTruncate(std::string_view bytes) {
  Message message(bytes);
  const auto count = message.Take<uint32_t>();
  (void)message.Take<uint8_t>();
  PgTruncate truncate;
  for (uint32_t i = 0; message.good() && i < count; ++i) {
    truncate.relations.push_back(message.Take<uint32_t>());
  }
  return message.good() ? std::optional(std::move(truncate)) : std::nullopt;
}

}  // namespace murmur
