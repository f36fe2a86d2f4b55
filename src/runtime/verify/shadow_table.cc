#include "runtime/verify/shadow_table.h"

#include <filesystem>
#include <system_error>
#include <utility>

namespace murmur {

Result<std::unique_ptr<ShadowTable>> ShadowTable::Make(const std::string& path,
                                                       StateOptions options,
                                                       const StateSchema& schema) {
  MURMUR_ASSIGN(WriterLock lock, WriterLock::Acquire(path + ".lock", path));
  std::unique_ptr<ShadowTable> shadow(new ShadowTable(path, std::move(lock)));
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return SystemError(error.value(), "removing", path);
  MURMUR_ASSIGN(shadow->directory_, StateDirectory::Open(path, Access::kWrite, options));
  MURMUR_ASSIGN(shadow->table_, shadow->directory_->CreateVersion({}, schema));
  return shadow;
}

ShadowTable::~ShadowTable() {
  if (table_) (void)table_->Close();
  table_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace murmur
