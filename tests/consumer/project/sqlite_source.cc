// How a table is read exactly:
// - A split is a range of rowids, and is read in their order. A position is the last rowid that was
//   read, so what comes after it is what has a greater one.
// - The scan freezes the ranges, and size and time of the file. A file that changes before all of
// it
//   is counted has no one content that could be counted, so that is an error.
// - Whatever waits, waits in a callback that looks at the stop token: for the lock of a program
// that
//   writes, and in long queries.
#include "sqlite_source.h"

#include <algorithm>
#include <charconv>
#include <deque>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "murmur/registry.h"
#include "sqlite_database.h"

namespace shop {
namespace {

namespace fs = std::filesystem;
using murmur::Cell;
using murmur::Code;
using murmur::DeadReason;
using murmur::ReadState;
using murmur::RecordBatch;
using murmur::Result;
using murmur::Status;

constexpr uint64_t kSplitRowidsMin = 4096;  // fewer are not worth a split
constexpr uint64_t kSplitsMax = 256;
constexpr uint64_t kBatchBytesMax = 4 << 20;

Result<int64_t> ParseRowid(std::string_view text) {
  int64_t rowid = 0;
  const char* const end = text.data() + text.size();
  if (std::from_chars(text.data(), end, rowid).ptr != end || text.empty()) {
    return Status(Code::kInvalidArgument, "'" + std::string(text) + "' is not a rowid");
  }
  return rowid;
}

// The rows of one split. `columns`: the names of all columns of the table.
class RowStream final : public murmur::RecordStream {
 public:
  RowStream(std::string object, std::unique_ptr<Database> database, Statement rows,
            const murmur::Projection& projection, std::vector<std::string> columns,
            uint64_t record_bytes_max)
      : object_(std::move(object)),
        database_(std::move(database)),
        rows_(std::move(rows)),
        fields_(projection.fields),
        columns_(std::move(columns)),
        record_bytes_max_(record_bytes_max) {}

  Result<ReadState> Read(std::stop_token stop, RecordBatch* batch) override {
    batch->Clear();
    texts_.clear();
    if (stop.stop_requested()) return Status(Code::kCancelled, "stopped");
    database_->set_stop(std::move(stop));
    uint32_t read = 0;
    while (!at_end_ && read < murmur::kBatchRows && batch->bytes < kBatchBytesMax) {
      const Result<bool> there = database_->Step(rows_.get());
      if (!there.ok()) {
        batch->Clear();
        return there.status();
      }
      at_end_ = !*there;  // a further step would start again
      if (at_end_) break;
      AddRow(batch);
      ++read;
    }
    if (read == 0) return ReadState::kEnd;
    for (murmur::Column& column : batch->columns) column.SetTypeFromCells(batch->rows);
    batch->object = object_;
    batch->field_names = [this] { return columns_; };
    batch->after = std::to_string(rowid_);
    return ReadState::kRecords;
  }

 private:
  void AddRow(RecordBatch* batch) {
    rowid_ = sqlite3_column_int64(rows_.get(), 0);
    const uint32_t row = batch->rows;
    murmur::DeadLetter dead;
    uint64_t bytes = sizeof rowid_;
    bool good = true;
    for (size_t field = 0; good && field < fields_.size(); ++field) {
      good = ReadCell(field, &batch->columns[field].cells[row], &bytes, &dead);
    }
    batch->bytes += bytes;
    if (good) {
      batch->offsets[row] = static_cast<uint64_t>(rowid_);
      batch->raw[row] = {};
      ++batch->rows;
      return;
    }
    dead.object = object_;
    dead.offset = static_cast<uint64_t>(rowid_);
    batch->dead_letters.push_back(std::move(dead));
  }

  // False, with reason and detail in *dead, if the row can't be counted because of this value.
  bool ReadCell(size_t field, Cell* cell, uint64_t* bytes, murmur::DeadLetter* dead) {
    const int column = static_cast<int>(field) + 1;
    const auto refuse = [&](DeadReason reason, const std::string& why) {
      dead->reason = reason;
      dead->detail = fields_[field].path.ToString() + ": " + why;
      return false;
    };
    switch (sqlite3_column_type(rows_.get(), column)) {
      case SQLITE_INTEGER: *cell = Cell::Int(sqlite3_column_int64(rows_.get(), column)); break;
      case SQLITE_FLOAT: *cell = Cell::Double(sqlite3_column_double(rows_.get(), column)); break;
      case SQLITE_TEXT:
        *cell = Cell::String(texts_.emplace_back(TextOf(rows_.get(), column)));
        *bytes += cell->len;
        if (*bytes > record_bytes_max_) {
          return refuse(DeadReason::kTooLong, "the row is longer than max_record");
        }
        if (!murmur::IsUtf8(cell->text())) {
          return refuse(DeadReason::kInvalidUtf8, "the text is not UTF-8");
        }
        break;
      case SQLITE_BLOB:
        return refuse(DeadReason::kWrongType, "found a BLOB, expected a number or text");
      default: *cell = Cell::Null();
    }
    if (fields_[field].as_time) murmur::ConvertToTime(fields_[field].unit, cell);
    return true;
  }

  const std::string object_;
  const std::unique_ptr<Database> database_;
  const Statement rows_;  // rowid, and the fields in their order
  const std::vector<murmur::FieldRequest> fields_;
  const std::vector<std::string> columns_;
  const uint64_t record_bytes_max_;
  std::deque<std::string> texts_;  // what the cells of the last batch point to
  int64_t rowid_ = 0;              // the last that was read
  bool at_end_ = false;
};

class SqliteSource final : public murmur::SnapshotSource {
 public:
  SqliteSource(std::string name, std::string path, std::string table, uint64_t record_bytes_max)
      : name_(std::move(name)),
        path_(std::move(path)),
        table_(std::move(table)),
        record_bytes_max_(record_bytes_max) {}

  std::string_view Name() const noexcept override { return name_; }

  // An SQLite file has no log of changes that could be followed.
  Result<murmur::HandoffToken> HandoffNow(std::stop_token) override {
    return murmur::HandoffToken();
  }

  Result<murmur::ScanPlan> Scan(std::stop_token stop) override {
    murmur::ScanPlan plan{.source = name_};
    MURMUR_ASSIGN(plan.payload, FileFacts());  // before anything is read: a later change shows
    MURMUR_ASSIGN(const auto database, Database::Open(path_, std::move(stop)));
    MURMUR_TRY(ColumnsOf(*database));
    const std::string from = "(_rowid_) FROM " + Quoted(table_) + ")";
    MURMUR_ASSIGN(const Statement ends,
                  database->Prepare("SELECT (SELECT min" + from + ", (SELECT max" + from));
    MURMUR_TRY(database->Step(ends.get()));
    if (sqlite3_column_type(ends.get(), 0) == SQLITE_NULL) return plan;  // an empty table
    Divide(sqlite3_column_int64(ends.get(), 0), sqlite3_column_int64(ends.get(), 1), &plan);
    return plan;
  }

  Status Resume(const murmur::ScanPlan& plan, std::stop_token) override {
    if (plan.source != name_) {
      return Status(Code::kInvalidArgument, "the plan is of " + plan.source + ", not " + name_);
    }
    return CheckUnchanged(plan);
  }

  Result<std::unique_ptr<murmur::RecordStream>> Open(const murmur::Split& split,
                                                     const murmur::Position& after,
                                                     const murmur::Projection& projection,
                                                     std::stop_token stop) override {
    const size_t space = split.payload.find(' ');
    MURMUR_ASSIGN(int64_t first, ParseRowid(split.payload.substr(0, space)));
    MURMUR_ASSIGN(const int64_t last, ParseRowid(split.payload.substr(space + 1)));
    if (!after.empty()) {
      MURMUR_ASSIGN(first, ParseRowid(after));
    }
    MURMUR_ASSIGN(auto database, Database::Open(path_, std::move(stop)));
    MURMUR_ASSIGN(auto columns, ColumnsOf(*database));
    std::string sql = "SELECT _rowid_";
    for (const murmur::FieldRequest& field : projection.fields) {
      const std::string name = field.path.ToString();
      const bool known = std::find(columns.begin(), columns.end(), name) != columns.end();
      sql += ", " + (known ? Quoted(name) : "NULL");
    }
    sql += " FROM " + Quoted(table_) + " WHERE _rowid_ " + (after.empty() ? ">=" : ">") +
           " ?1 AND _rowid_ <= ?2 ORDER BY _rowid_";
    MURMUR_ASSIGN(Statement rows, database->Prepare(sql));
    sqlite3_bind_int64(rows.get(), 1, first);
    sqlite3_bind_int64(rows.get(), 2, last);
    return std::make_unique<RowStream>(path_ + "/" + table_, std::move(database), std::move(rows),
                                       projection, std::move(columns), record_bytes_max_);
  }

  Result<murmur::ScanEnd> Finish(const murmur::ScanPlan& plan, const ProgressMap& /*progress*/,
                                 std::stop_token) override {
    MURMUR_TRY(CheckUnchanged(plan));
    return murmur::ScanEnd();
  }

  Status Close() override { return {}; }

 private:
  // Cuts the rowids from `first` to `last` into splits of equal width. Unsigned numbers, as their
  // distance may be more than an int64_t holds.
  void Divide(int64_t first, int64_t last, murmur::ScanPlan* plan) const {
    const auto start = static_cast<uint64_t>(first);
    const uint64_t distance = static_cast<uint64_t>(last) - start;
    const uint64_t width = std::max(kSplitRowidsMin, distance / kSplitsMax + 1);
    std::error_code ignored;
    const uint64_t bytes = fs::file_size(path_, ignored) / (distance / width + 1);
    for (uint64_t from = 0;; from += width) {
      const uint64_t to = from + std::min(width - 1, distance - from);
      const std::string begin = std::to_string(static_cast<int64_t>(start + from));
      const std::string end = std::to_string(static_cast<int64_t>(start + to));
      plan->splits.push_back(
          {.id = table_ + "#" + begin, .bytes = bytes, .payload = begin + " " + end});
      if (to == distance) return;
    }
  }

  // What changes whenever a table does: size and time of the file, and of its write-ahead log.
  Result<std::string> FileFacts() const {
    std::string facts;
    for (const std::string& path : {path_, path_ + "-wal"}) {
      std::error_code error;
      const uint64_t bytes = fs::file_size(path, error);
      const auto time = error ? fs::file_time_type() : fs::last_write_time(path, error);
      if (error && path == path_) {
        const bool missing = error == std::errc::no_such_file_or_directory;
        return Status(missing ? Code::kNotFound : Code::kPermissionDenied,
                      path_ + ": " + error.message());
      }
      if (error || bytes == 0) continue;  // there need not be a log
      facts += std::to_string(bytes) + "@" + std::to_string(time.time_since_epoch().count()) + " ";
    }
    return facts;
  }

  Status CheckUnchanged(const murmur::ScanPlan& plan) const {
    const Result<std::string> facts = FileFacts();
    if (facts.ok() && *facts == plan.payload) return {};
    return Status(Code::kFailedPrecondition,
                  path_ + (facts.ok() ? " has changed" : " is gone") +
                      " since the scan began; count it from the start, with `fresh`");
  }

  // The names of the table's columns. Errors: kNotFound, kInvalidArgument.
  Result<std::vector<std::string>> ColumnsOf(const Database& database) const {
    MURMUR_ASSIGN(const Statement tables,
                  database.Prepare("SELECT name, wr FROM pragma_table_list WHERE schema = 'main' "
                                   "AND type = 'table' AND name NOT LIKE 'sqlite_%'"));
    std::string known;
    for (;;) {
      MURMUR_ASSIGN(const bool there, database.Step(tables.get()));
      if (!there) {
        return Status(Code::kNotFound, path_ + ": no table '" + table_ +
                                           "'; there are: " + (known.empty() ? "none" : known));
      }
      const std::string name = TextOf(tables.get(), 0);
      if (name == table_) break;
      known += (known.empty() ? "" : ", ") + name;
    }
    const Status no_rowids(Code::kInvalidArgument, path_ + ": table '" + table_ +
                                                       "' has no rowids (_rowid_) to read it by");
    if (sqlite3_column_int(tables.get(), 1) != 0) return no_rowids;
    MURMUR_ASSIGN(const Statement list,
                  database.Prepare("SELECT name FROM pragma_table_xinfo(?1)"));
    sqlite3_bind_text(list.get(), 1, table_.c_str(), -1, SQLITE_TRANSIENT);
    std::vector<std::string> columns;
    for (;;) {
      MURMUR_ASSIGN(const bool there, database.Step(list.get()));
      if (!there) return columns;
      columns.push_back(TextOf(list.get(), 0));
      if (sqlite3_stricmp(columns.back().c_str(), "_rowid_") == 0) return no_rowids;
    }
  }

  const std::string name_;
  const std::string path_;
  const std::string table_;
  const uint64_t record_bytes_max_;
};

}  // namespace

Result<std::unique_ptr<murmur::SnapshotSource>> MakeSqliteSource(
    const murmur::Definition& definition) {
  const auto& options = definition.bootstrap->options;
  const std::string& path = options.at("path");
  const std::string& table = options.at("table");
  return std::make_unique<SqliteSource>("sqlite:" + path + "/" + table,
                                        (fs::path(definition.base_directory) / path).string(),
                                        table, definition.max_record_bytes);
}

Status RegisterSqlite() {
  return murmur::RegisterSource({.role = "bootstrap",
                                 .name = "sqlite",
                                 .options = {{.name = "path", .required = true, .identity = true},
                                             {.name = "table", .required = true, .identity = true}},
                                 .make_snapshot = MakeSqliteSource});
}

}  // namespace shop
