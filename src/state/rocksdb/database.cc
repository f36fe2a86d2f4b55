#include "state/rocksdb/database.h"

#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "murmur/key.h"
#include "state/records.h"
#include "state/state_schema.h"

namespace murmur {
namespace {

constexpr int kBloomBitsPerKey = 10;
constexpr double kMemtableBloomShare = 0.05;  // of the write buffer
constexpr size_t kBlockBytes = 16 << 10;
constexpr int kCacheShardBits = 3;  // few threads read
constexpr uint64_t kTableBytes = 64 << 20;
constexpr uint64_t kLevelBaseBytes = 512 << 20;
// A key that many commits touch is merged once for all of them. Reads look into as many files.
constexpr int kLevel0CompactionFiles = 8;
constexpr uint64_t kLevel0FilesMax = 24;
constexpr uint64_t kPendingCompactionBytesMax = 8ull << 30;
constexpr std::chrono::milliseconds kBackPressureStep{5};
// A wait ends after this time in any case: slow is better than stuck.
constexpr std::chrono::seconds kBackPressureMax{60};
constexpr int kOneRecordFiles = 16;
constexpr int kFileOpeningThreads = 4;  // started each time, even if there are no files
constexpr int kManifestAttempts = 5;
constexpr int kSecondaryOpenAttempts = 20;  // the writer may delete a table while a reader opens
constexpr std::chrono::seconds kSecondarySettlesWithin{2};  // or add one

rocksdb::Options MakeOptions(const DatabaseOptions& from) {
  rocksdb::Options to;
  if (from.env != nullptr) to.env = from.env;
  to.create_if_missing = from.create;
  to.error_if_exists = from.create;
  to.table_properties_collector_factories.push_back(
      std::make_shared<DamageCounterFactory>(from.monoids.size()));
  if (from.visible != nullptr) {
    to.compaction_filter_factory = std::make_shared<RetentionFilterFactory>(from.visible);
  }
  to.write_buffer_size = std::max<uint64_t>(from.resources.write_buffer_bytes / 2, 1 << 20);
  to.max_write_buffer_number = 2;
  to.memtable_prefix_bloom_size_ratio = kMemtableBloomShare;
  to.memtable_whole_key_filtering = true;
  to.max_background_jobs = std::max(from.resources.background_threads, 1);
  to.level0_file_num_compaction_trigger = kLevel0CompactionFiles;
  to.level_compaction_dynamic_level_bytes = true;
  to.target_file_size_base = kTableBytes;
  to.max_bytes_for_level_base = kLevelBaseBytes;
  // Ingested table files use the bottommost compression too.
  to.compression = rocksdb::kNoCompression;
  to.bottommost_compression = rocksdb::kLZ4Compression;
  to.bytes_per_sync = 1 << 20;
  to.max_open_files = -1;  // a reader must keep the files that the writer deletes
  if (from.one_record) to.max_open_files = kOneRecordFiles;
  to.max_file_opening_threads = kFileOpeningThreads;
  to.skip_stats_update_on_db_open = from.access == Access::kRead;
  to.skip_checking_sst_file_sizes_on_db_open = from.access == Access::kRead;
  to.keep_log_file_num = 4;
  to.info_log_level = rocksdb::WARN_LEVEL;
  to.stats_dump_period_sec = 0;
  to.stats_persist_period_sec = 0;
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
  table.block_cache = rocksdb::NewLRUCache(from.resources.cache_bytes, kCacheShardBits);
  table.cache_index_and_filter_blocks = true;  // within the memory limit
  // In parts: a small cache holds only the needed ones, and the writer of a table holds one part.
  table.partition_filters = true;
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.metadata_block_size = kBlockBytes;
  table.block_size = kBlockBytes;
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;
  to.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return to;
}

// Passes deltas on, and stops at one that would damage the store.
class CheckedDeltas {
 public:
  explicit CheckedDeltas(DeltaCursor* deltas) : deltas_(deltas) {}

  bool Next(std::string_view* key, std::string_view* value) {
    if (deltas_ == nullptr || !deltas_->Next(key, value)) return false;
    if (key->empty() || static_cast<unsigned char>(key->front()) < kKeyBase ||
        static_cast<unsigned char>(key->front()) >= kStoreKeyBase || *key <= last_) {
      status_ = Status(Code::kInternal, "a commit's keys are not ascending data keys");
      return false;
    }
    last_.assign(*key);
    return true;
  }
  bool Replaces() const { return deltas_->Replaces(); }
  const Status& status() const { return status_; }

 private:
  DeltaCursor* deltas_;
  std::string last_;
  Status status_;
};

using KeyRange = std::pair<std::string_view, std::string_view>;

// What goes with all rows of a table.
std::vector<KeyRange> ClearedRanges() {
  static constexpr char kDataBegin = static_cast<char>(kKeyBase);
  static constexpr char kDataEnd = static_cast<char>(kStoreKeyBase);
  return {{{&kDataBegin, 1}, {&kDataEnd, 1}}, {kLedgerPrefix, kLedgerEnd}};
}

// Adds all of `what`, except a commit's number, which comes last, to a WriteBatch or a
// SstFileWriter. *added: how that went. Errors: kInternal (keys out of order).
template <class Target>
Status Fill(const WriteSet& what, Target* to, rocksdb::Status* added) {
  for (const auto& [from, until] : what.clear ? ClearedRanges() : std::vector<KeyRange>()) {
    if (added->ok()) *added = to->DeleteRange(ToSlice(from), ToSlice(until));
  }
  CheckedDeltas checked(what.deltas);
  std::string_view key, value;
  while (added->ok() && checked.Next(&key, &value)) {
    if (!checked.Replaces()) {
      *added = to->Merge(ToSlice(key), ToSlice(value));
    } else {
      *added = value.empty() ? to->Delete(ToSlice(key)) : to->Put(ToSlice(key), ToSlice(value));
    }
  }
  MURMUR_TRY(checked.status());
  for (auto it = what.records.begin(); added->ok() && it != what.records.end(); ++it) {
    *added = to->Put(it->first, it->second);
  }
  const auto add_entries = [to, added](std::span<const LedgerRow> rows, const auto& key_of) {
    for (auto row = rows.begin(); added->ok() && row != rows.end(); ++row) {
      const std::string entry_key = key_of(row->key);
      *added = row->entry ? to->Put(entry_key, *row->entry) : to->Delete(entry_key);
    }
  };
  add_entries(what.ledger, LedgerKey);
  add_entries(what.held, HeldKey);
  return {};
}

bool Contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

Status FromRocks(const rocksdb::Status& status, std::string_view what) {
  const std::string text = status.ToString();
  const auto failed = [&](Code code, std::string_view remedy) {
    return Status(code, std::string(what).append(": ").append(text).append(remedy));
  };
  if (status.IsNoSpace() || Contains(text, "No space left")) {
    return failed(Code::kResourceExhausted,
                  "; the disk is full: free some space and go on, what was committed is safe");
  }
  if (Contains(text, "Permission denied") || Contains(text, "Read-only file system")) {
    return failed(Code::kPermissionDenied, "; make it writable for this user");
  }
  if (status.IsCorruption()) return failed(Code::kDataLoss, "");
  if (status.IsNotFound() || status.IsPathNotFound()) return failed(Code::kNotFound, "");
  if (Contains(text, "lock ")) return failed(Code::kFailedPrecondition, "; it is in use");
  if (status.IsInvalidArgument() || status.IsNotSupported()) return failed(Code::kInternal, "");
  return failed(Code::kUnavailable, "");
}

Result<std::shared_ptr<Database>> Database::Open(DatabaseOptions options) {
  std::shared_ptr<Database> database(new Database(std::move(options)));
  database->rocks_ = MakeOptions(database->options_);
  database->merge_ =
      std::make_shared<ValueMergeOperator>(database->options_.monoids, database->options_.damage);
  database->rocks_.merge_operator = database->merge_;
  const bool read = database->options_.access == Access::kRead;
  MURMUR_TRY(read ? database->OpenSecondary() : database->OpenPrimary());
  if (!read) MURMUR_TRY(database->LoadCommitNumber());
  if (!database->options_.one_record && CountStoredDamage(database->db()) > 0) {
    database->NoteDamage();
  }
  return database;
}

void Database::SetMonoids(std::vector<const Monoid*> monoids) {
  merge_->SetMonoids(monoids);
  options_.monoids = std::move(monoids);
}

Status Database::OpenPrimary() {
  rocksdb::DB* db = nullptr;
  const auto opened = rocksdb::DB::Open(rocks_, path(), &db);
  if (!opened.ok()) return FromRocks(opened, "opening " + path());
  db_.reset(db);

  // A file left by a crash may share its blocks with a table: it is unlinked, never overwritten.
  const std::string staging = path() + "/staging";
  rocksdb::Env* env = rocks_.env;
  auto made = env->CreateDirIfMissing(staging);
  std::vector<std::string> left;
  if (made.ok()) made = env->GetChildren(staging, &left);
  for (const std::string& name : left) {
    if (made.ok() && name != "." && name != "..") made = env->DeleteFile(staging + "/" + name);
  }
  if (!made.ok()) return FromRocks(made, "emptying " + staging);
  std::string session;
  const auto named = db_->GetDbSessionId(session);
  if (!named.ok()) return FromRocks(named, "opening " + path());
  staging_prefix_ = staging + "/" + session + "-";
  return Status();
}

Status Database::OpenSecondary() {
  std::string folder = std::filesystem::temp_directory_path().string() + "/murmur-reader-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) {
    return Status(Code::kUnavailable, "making a temporary folder " + folder + ": " +
                                          std::strerror(errno) + "; set TMPDIR to a writable one");
  }
  secondary_path_ = folder;
  const auto give_up = std::chrono::steady_clock::now() + kSecondarySettlesWithin;
  for (int failed = 0;;) {
    const auto before = Manifest();
    rocksdb::DB* db = nullptr;
    const auto opened = rocksdb::DB::OpenAsSecondary(rocks_, path(), secondary_path_, &db);
    db_.reset(opened.ok() ? db : nullptr);
    const auto after = Manifest();
    const bool whole = before.ok() && after.ok() && *before == *after;
    // RocksDB reads the list of tables first and the log afterwards. If a table comes in between,
    // the log may hold later commits than the tables. The records about the version are in no
    // table of their own, so it does not matter to them.
    if (opened.ok() && (whole || options_.one_record)) {
      if (after.ok()) manifest_ = *after;
      return Status();
    }
    if (!opened.ok() && ++failed == kSecondaryOpenAttempts) {
      return FromRocks(opened, "reading " + path());
    }
    if (opened.ok() && std::chrono::steady_clock::now() >= give_up) {
      MURMUR_TRY(after.status());
      return Status(Code::kUnavailable, "reading " + path() +
                                            ": its writer changes its files all the time; "
                                            "try again");
    }
    std::this_thread::sleep_for(kBackPressureStep);
  }
}

// The name and the size of the file that lists the tables. It grows whenever tables come or go.
Result<std::string> Database::Manifest() const {
  rocksdb::Status read;
  for (int attempt = 0; attempt < kManifestAttempts; ++attempt) {  // it may just be replaced
    std::string name;
    uint64_t size = 0;
    read = rocksdb::ReadFileToString(rocks_.env, path() + "/CURRENT", &name);
    while (!name.empty() && name.back() == '\n') name.pop_back();
    if (read.ok()) read = rocks_.env->GetFileSize(path() + "/" + name, &size);
    if (read.ok()) return name + " " + std::to_string(size);
  }
  return FromRocks(read, "reading " + path());
}

// While no table has come or gone, all that is new is at the end of the log. Else the same deltas
// may be in a new table and in the memory of this reader, which has them from the log: RocksDB 7.8
// would combine them twice.
bool Database::CatchUp() {
  const auto unmoved = [this] {
    const auto now = Manifest();
    return now.ok() && *now == manifest_;
  };
  return unmoved() && db_->TryCatchUpWithPrimary().ok() && unmoved();
}

Database::~Database() {
  db_.reset();
  std::error_code ignored;
  if (!secondary_path_.empty()) std::filesystem::remove_all(secondary_path_, ignored);
}

Result<std::optional<std::string>> Database::Get(std::string_view key,
                                                 const rocksdb::Snapshot* snapshot) const {
  rocksdb::ReadOptions read;
  read.snapshot = snapshot;
  std::string value;
  const auto got = db_->Get(read, ToSlice(key), &value);
  if (got.IsNotFound()) return std::optional<std::string>();
  if (!got.ok()) return FromRocks(got, "reading " + path());
  return std::optional<std::string>(std::move(value));
}

Result<std::vector<bool>> Database::Has(const std::vector<std::string>& keys) const {
  MURMUR_ASSIGN(const auto values, GetMany(keys));
  std::vector<bool> has;
  for (const auto& value : values) has.push_back(value.has_value());
  return has;
}

Result<std::vector<std::optional<std::string>>> Database::GetMany(
    const std::vector<std::string>& keys) const {
  const std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  db_->MultiGet(rocksdb::ReadOptions(), db_->DefaultColumnFamily(), slices.size(), slices.data(),
                values.data(), statuses.data());
  std::vector<std::optional<std::string>> found(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!statuses[i].ok() && !statuses[i].IsNotFound()) {
      return FromRocks(statuses[i], "reading " + path());
    }
    if (statuses[i].ok()) found[i].emplace(values[i].data(), values[i].size());
  }
  return found;
}

Status Database::Scan(std::string_view from, std::string_view until,
                      const rocksdb::Snapshot* snapshot,
                      const std::function<bool(std::string_view, std::string_view)>& visit) const {
  rocksdb::ReadOptions read;
  read.snapshot = snapshot;
  const rocksdb::Slice bound = ToSlice(until);
  read.iterate_upper_bound = &bound;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(read));
  for (it->Seek(ToSlice(from)); it->Valid(); it->Next()) {
    if (!visit(ToView(it->key()), ToView(it->value()))) return Status();
  }
  return it->status().ok() ? Status() : FromRocks(it->status(), "reading " + path());
}

Status Database::LoadCommitNumber() {
  MURMUR_ASSIGN(const auto stored, Get(kCommitNumberKey));
  if (!stored) return {};
  MURMUR_ASSIGN(commits_, DecodeCount(*stored));
  return {};
}

uint64_t Database::CommitNumber() const {
  const std::lock_guard lock(publish_);
  return commits_;
}

Status Database::CheckIds(const WriteSet& what) const {
  if (what.ids.empty()) return {};
  std::vector<std::string> keys;
  for (const std::string& id : what.ids) keys.push_back(IdKey(id));
  MURMUR_ASSIGN(const auto stored, Has(keys));
  for (size_t i = 0; i < keys.size(); ++i) {
    if (stored[i]) return IdIsStored(what.ids[i]);
  }
  return {};
}

Status Database::WriteSmall(const WriteSet& what, bool* in_doubt, uint64_t* number) {
  rocksdb::WriteBatch batch;
  rocksdb::Status added;
  MURMUR_TRY(Fill(what, &batch, &added));
  std::unique_lock publish(publish_, std::defer_lock);
  if (number != nullptr) {
    publish.lock();
    MURMUR_TRY(CheckIds(what));
    if (added.ok()) added = batch.Put(ToSlice(kCommitNumberKey), EncodeCount(commits_ + 1));
  }
  if (!added.ok()) return FromRocks(added, "writing to " + path());
  rocksdb::WriteOptions durable;
  durable.sync = true;
  const auto written = db_->Write(durable, &batch);
  *in_doubt = !written.ok();
  if (!written.ok()) return FromRocks(written, "writing to " + path());
  if (number != nullptr) *number = ++commits_;
  return {};
}

// Tables are filled at the same time, and become visible one after another.
Status Database::PublishTable(const std::string& file, const WriteSet& what,
                              rocksdb::SstFileWriter* writer, bool* in_doubt, uint64_t* number) {
  const std::lock_guard publish(publish_);
  MURMUR_TRY(CheckIds(what));
  auto status = writer->Put(ToSlice(kCommitNumberKey), EncodeCount(commits_ + 1));
  if (status.ok()) status = writer->Finish();
  if (!status.ok()) return FromRocks(status, "writing " + file);
  rocksdb::IngestExternalFileOptions ingest;
  ingest.move_files = true;
  ingest.write_global_seqno = false;
  const auto ingested = db_->IngestExternalFile({file}, ingest);
  *in_doubt = !ingested.ok();
  if (!ingested.ok()) return FromRocks(ingested, "ingesting " + file);
  *number = ++commits_;
  return {};
}

Status Database::WriteLarge(const WriteSet& what, bool* in_doubt, uint64_t* number) {
  const std::string file = staging_prefix_ + std::to_string(++staged_) + ".sst";
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), rocks_);
  const auto opened = writer.Open(file);
  rocksdb::Status filled = opened;
  Status written = opened.ok() ? Fill(what, &writer, &filled) : Status();
  if (!filled.ok()) written = FromRocks(filled, "writing " + file);
  if (written.ok()) written = PublishTable(file, what, &writer, in_doubt, number);
  // Opening empties the folder anyway.
  if (!written.ok()) rocks_.env->DeleteFile(file).PermitUncheckedError();
  return written;
}

void Database::WaitForCompaction() const {
  const auto property = [&](const std::string& name) {
    uint64_t value = 0;
    return db_->GetIntProperty(name, &value) ? value : 0;
  };
  const auto deadline = std::chrono::steady_clock::now() + kBackPressureMax;
  while (std::chrono::steady_clock::now() < deadline) {
    std::string files;
    db_->GetProperty(rocksdb::DB::Properties::kNumFilesAtLevelPrefix + "0", &files);
    const bool behind = std::strtoull(files.c_str(), nullptr, 10) > kLevel0FilesMax ||
                        property(rocksdb::DB::Properties::kEstimatePendingCompactionBytes) >
                            kPendingCompactionBytesMax;
    if (!behind || property(rocksdb::DB::Properties::kBackgroundErrors) > 0) return;
    std::this_thread::sleep_for(kBackPressureStep);
  }
}

}  // namespace murmur
