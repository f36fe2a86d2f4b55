#include "source/jsonl/md5_bytes.h"

#include <openssl/evp.h>

#include <array>
#include <utility>

namespace murmur {
namespace {

class Md5Bytes final : public ByteStream {
 public:
  Md5Bytes(std::unique_ptr<ByteStream> bytes, std::string md5, std::string object)
      : bytes_(std::move(bytes)),
        md5_(std::move(md5)),
        object_(std::move(object)),
        context_(EVP_MD_CTX_new(), EVP_MD_CTX_free),
        is_able_(context_ && EVP_DigestInit_ex(context_.get(), EVP_md5(), nullptr) == 1) {}

  Result<ByteRead> Read(std::stop_token stop, char* out, size_t size) override {
    if (!is_able_) return Status(Code::kInternal, object_ + ": OpenSSL makes no MD5 here");
    MURMUR_ASSIGN(ByteRead read, bytes_->Read(std::move(stop), out, size));
    if (read.size > 0) EVP_DigestUpdate(context_.get(), out, read.size);
    if (read.size > 0 || read.damaged) return read;
    if (md5_of_all_.empty()) md5_of_all_ = Finish();
    if (md5_of_all_ == md5_) return read;
    return Status(Code::kDataLoss, object_ + ": its MD5 is " + md5_of_all_ + ", and should be " +
                                       md5_ + ": it was damaged, or replaced");
  }
  uint64_t source_bytes() const noexcept override { return bytes_->source_bytes(); }

 private:
  std::string Finish() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    EVP_DigestFinal_ex(context_.get(), digest.data(), &size);
    std::array<unsigned char, 2 * EVP_MAX_MD_SIZE> text{};
    const int length = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(size));
    return {reinterpret_cast<const char*>(text.data()), static_cast<size_t>(length)};
  }

  const std::unique_ptr<ByteStream> bytes_;
  const std::string md5_;
  const std::string object_;
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
  const bool is_able_;
  std::string md5_of_all_;  // once the end was read
};

}  // namespace

std::unique_ptr<ByteStream> CheckMd5(std::unique_ptr<ByteStream> bytes, std::string md5,
                                     std::string object) {
  return std::make_unique<Md5Bytes>(std::move(bytes), std::move(md5), std::move(object));
}

}  // namespace murmur
