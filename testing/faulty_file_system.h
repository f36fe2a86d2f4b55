// A file system for RocksDB that fails on purpose: it stops at the n-th change, like a killed
// process; it loses what was not synced, like a power cut; it has no space left while told so.
//
// The model of a power cut: each file loses the bytes after its last sync; each folder loses,
// newest first, the entries made, renamed or removed since its last sync. With a random generator,
// any part of both may survive, as on real disks.
// Threads: safe; LoseUnsynced only when nothing is open.
#pragma once

#include <rocksdb/file_system.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace murmur {

class FaultyFileSystem : public rocksdb::FileSystemWrapper {
 public:
  using IOStatus = rocksdb::IOStatus;
  using IOOptions = rocksdb::IOOptions;
  using Debug = rocksdb::IODebugContext;

  // Files that a power cut brings back are kept in `attic`, on the same disk as the database.
  explicit FaultyFileSystem(std::string attic)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), attic_(std::move(attic)) {
    std::filesystem::remove_all(attic_);
    std::filesystem::create_directories(attic_);
  }
  const char* Name() const override { return "murmur.faulty"; }

  // After `changes` more changes, the next one fails halfway and all later ones fail.
  void CrashAfter(uint64_t changes) {
    const std::lock_guard lock(mutex_);
    changes_left_ = changes;
  }
  bool crashed() const {
    const std::lock_guard lock(mutex_);
    return crashed_;
  }
  uint64_t changes() const {
    const std::lock_guard lock(mutex_);
    return changes_;
  }
  void SetDiskFull(bool full) {
    const std::lock_guard lock(mutex_);
    disk_full_ = full;
  }

  // The power cut. `random` null: nothing unsynced survives. REQUIRES: no file is open
  void LoseUnsynced(std::mt19937_64* random) {
    const std::lock_guard lock(mutex_);
    size_t surviving = 0;
    if (random != nullptr) surviving = (*random)() % (entries_.size() + 1);
    while (entries_.size() > surviving) {
      Undo(entries_.back());
      entries_.pop_back();
    }
    for (const auto& [path, file] : files_) {
      std::error_code error;
      const uint64_t size = std::filesystem::file_size(path, error);
      if (error || size <= file->synced) continue;
      uint64_t kept = file->synced;
      if (random != nullptr) kept += (*random)() % (size - kept + 1);
      std::filesystem::resize_file(path, kept);
    }
    entries_.clear();
    files_.clear();
  }

  IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file, Debug* debug) override {
    return OpenForWriting(path, file, [&](auto* out) {
      return target()->NewWritableFile(path, options, out, debug);
    });
  }
  IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* file,
                              Debug* debug) override {
    return OpenForWriting(path, file, [&](auto* out) {
      return target()->ReopenWritableFile(path, options, out, debug);
    });
  }

  IOStatus NewDirectory(const std::string& path, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* folder, Debug* debug) override {
    std::unique_ptr<rocksdb::FSDirectory> opened;
    const IOStatus status = target()->NewDirectory(path, options, &opened, debug);
    if (status.ok()) *folder = std::make_unique<Folder>(this, path, std::move(opened));
    return status;
  }

  IOStatus DeleteFile(const std::string& path, const IOOptions&, Debug*) override {
    const std::lock_guard lock(mutex_);
    if (IOStatus change = Change(); !change.ok()) return change;
    Entry entry{.kind = Entry::kRemoved, .path = path, .kept = KeepAside(path)};
    if (unlink(path.c_str()) != 0) return IOStatus::PathNotFound(path);
    if (const auto file = files_.extract(path)) entry.file = file.mapped();
    entries_.push_back(std::move(entry));
    return IOStatus::OK();
  }

  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      Debug* debug) override {
    const std::lock_guard lock(mutex_);
    if (IOStatus change = Change(); !change.ok()) return change;
    Entry entry{.kind = Entry::kRenamed, .path = to, .from = from, .kept = KeepAside(to)};
    const IOStatus status = target()->RenameFile(from, to, options, debug);
    if (!status.ok()) return status;
    entry.file = std::exchange(files_[to], files_[from]);
    files_.erase(from);
    if (files_[to] == nullptr) files_.erase(to);
    entries_.push_back(std::move(entry));
    return status;
  }

  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                    Debug* debug) override {
    const std::lock_guard lock(mutex_);
    if (IOStatus change = Change(); !change.ok()) return change;
    const IOStatus status = target()->LinkFile(from, to, options, debug);
    if (!status.ok()) return status;
    if (const auto file = files_.find(from); file != files_.end()) files_[to] = file->second;
    entries_.push_back({.kind = Entry::kMade, .path = to});
    return status;
  }

 private:
  struct FileState {
    explicit FileState(uint64_t bytes) : synced(bytes) {}
    uint64_t synced;
  };
  struct Entry {
    enum Kind { kMade, kRemoved, kRenamed } kind;
    std::string path;
    std::string from = {};                 // kRenamed
    std::string kept = {};                 // the file that was at `path`, in the attic
    std::shared_ptr<FileState> file = {};  // and what is known of it
  };

  class File final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    File(FaultyFileSystem* owner, std::shared_ptr<FileState> state,
         std::unique_ptr<rocksdb::FSWritableFile> file)
        : FSWritableFileOwnerWrapper(std::move(file)), owner_(owner), state_(std::move(state)) {}

    IOStatus Append(const rocksdb::Slice& data, const IOOptions& options, Debug* debug) override {
      const std::lock_guard lock(owner_->mutex_);
      const bool crashed_before = owner_->crashed_;
      const IOStatus change = owner_->Change();
      if (!change.ok() && !crashed_before && owner_->crashed_) {  // a torn write
        const rocksdb::Slice half(data.data(), data.size() / 2);
        target()->Append(half, options, debug).PermitUncheckedError();
      }
      return change.ok() ? target()->Append(data, options, debug) : change;
    }
    IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                    const rocksdb::DataVerificationInfo&, Debug* debug) override {
      return Append(data, options, debug);
    }
    IOStatus Truncate(uint64_t size, const IOOptions& options, Debug* debug) override {
      const std::lock_guard lock(owner_->mutex_);
      if (IOStatus change = owner_->Change(); !change.ok()) return change;
      return target()->Truncate(size, options, debug);
    }
    IOStatus Sync(const IOOptions& options, Debug* debug) override {
      const std::lock_guard lock(owner_->mutex_);
      if (IOStatus change = owner_->Change(); !change.ok()) return change;
      state_->synced = target()->GetFileSize(options, debug);
      return IOStatus::OK();
    }
    IOStatus Fsync(const IOOptions& options, Debug* debug) override { return Sync(options, debug); }

   private:
    FaultyFileSystem* owner_;
    std::shared_ptr<FileState> state_;
  };

  class Folder final : public rocksdb::FSDirectoryWrapper {
   public:
    Folder(FaultyFileSystem* owner, std::string path, std::unique_ptr<rocksdb::FSDirectory> folder)
        : FSDirectoryWrapper(std::move(folder)), owner_(owner), path_(std::move(path)) {}
    IOStatus Fsync(const IOOptions&, Debug*) override {
      const std::lock_guard lock(owner_->mutex_);
      if (IOStatus change = owner_->Change(); !change.ok()) return change;
      const auto here = [&](const Entry& entry) {
        return std::filesystem::equivalent(std::filesystem::path(entry.path).parent_path(), path_);
      };
      std::erase_if(owner_->entries_, here);
      return IOStatus::OK();
    }
    IOStatus FsyncWithDirOptions(const IOOptions& options, Debug* debug,
                                 const rocksdb::DirFsyncOptions&) override {
      return Fsync(options, debug);
    }

   private:
    FaultyFileSystem* owner_;
    std::string path_;
  };

  // REQUIRES: mutex_ is held, here and below
  IOStatus Change() {
    if (!crashed_ && changes_left_ == 0) crashed_ = true;
    if (crashed_) return IOStatus::IOError("the test ended the process here");
    if (disk_full_) return IOStatus::NoSpace("the test filled the disk");
    --changes_left_;
    ++changes_;
    return IOStatus::OK();
  }

  template <class Open>
  IOStatus OpenForWriting(const std::string& path, std::unique_ptr<rocksdb::FSWritableFile>* file,
                          Open open) {
    const std::lock_guard lock(mutex_);
    if (IOStatus change = Change(); !change.ok()) return change;
    std::error_code missing;  // a file from before is taken as synced
    const uint64_t size = std::filesystem::file_size(path, missing);
    std::unique_ptr<rocksdb::FSWritableFile> opened;
    const IOStatus status = open(&opened);
    if (!status.ok()) return status;
    auto& state = files_[path];
    if (state == nullptr) state = std::make_shared<FileState>(missing ? 0 : size);
    if (missing) entries_.push_back({.kind = Entry::kMade, .path = path});
    *file = std::make_unique<File>(this, state, std::move(opened));
    return status;
  }

  std::string KeepAside(const std::string& path) {
    std::string kept = attic_ + "/" + std::to_string(++kept_);
    return link(path.c_str(), kept.c_str()) == 0 ? kept : std::string();
  }

  void Undo(const Entry& entry) {
    std::error_code ignored;
    if (entry.kind == Entry::kRenamed) {
      std::filesystem::rename(entry.path, entry.from, ignored);
      if (auto file = files_.extract(entry.path)) {
        file.key() = entry.from;
        files_.insert(std::move(file));
      }
    } else if (entry.kind == Entry::kMade) {
      std::filesystem::remove(entry.path, ignored);
      files_.erase(entry.path);
    }
    if (!entry.kept.empty()) std::filesystem::rename(entry.kept, entry.path, ignored);
    if (entry.file != nullptr) files_[entry.path] = entry.file;
  }

  const std::string attic_;
  mutable std::mutex mutex_;
  uint64_t changes_left_ = UINT64_MAX;
  uint64_t changes_ = 0;
  bool crashed_ = false;
  bool disk_full_ = false;
  uint64_t kept_ = 0;
  std::map<std::string, std::shared_ptr<FileState>> files_;
  std::vector<Entry> entries_;
};

}  // namespace murmur
