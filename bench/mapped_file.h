// A file in memory, and an even cut of its lines: what the reference programs of the benchmark read
// from. They measure a machine, on a file that nobody changes meanwhile.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string_view>
#include <vector>

namespace murmur_bench {

class MappedFile {
 public:
  // Maps `path` with at least `padding` zero bytes after it. text() is empty if that fails.
  explicit MappedFile(const char* path, size_t padding = 4096) {
    const int file = open(path, O_RDONLY);
    struct stat facts;
    if (file < 0) return;
    if (fstat(file, &facts) == 0 && facts.st_size > 0) {
      size_ = static_cast<size_t>(facts.st_size);
      mapped_ = (size_ / 4096 + 1) * 4096 + padding;
      base_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      mmap(base_, size_, PROT_READ, MAP_PRIVATE | MAP_FIXED | MAP_POPULATE, file, 0);
    }
    close(file);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() {
    if (base_ != nullptr) munmap(base_, mapped_);
  }

  std::string_view text() const { return {static_cast<const char*>(base_), size_}; }

 private:
  void* base_ = nullptr;
  size_t size_ = 0;
  size_t mapped_ = 0;
};

// `parts` ranges of whole lines, of about equal length.
inline std::vector<std::string_view> CutAtLines(std::string_view text, size_t parts) {
  std::vector<std::string_view> stretches;
  size_t begin = 0;
  for (size_t part = 1; part <= parts; ++part) {
    size_t end = text.size() * part / parts;
    if (part < parts) {
      const size_t newline = text.find('\n', end);
      end = newline == std::string_view::npos ? text.size() : newline + 1;
    }
    stretches.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return stretches;
}

}  // namespace murmur_bench
