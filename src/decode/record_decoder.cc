#include <fmt/format.h>

#include <map>
#include <mutex>

#include "decode/json_reader.h"
#include "murmur/decoder.h"

namespace murmur {
namespace {

// One JSON object per message. Copies the message, to have its own bytes after the end.
class JsonDecoder final : public RecordDecoder {
 public:
  explicit JsonDecoder(const Projection& projection)
      : reader_(projection, JsonReader::Framing::kMessage) {}

  void BeginBatch() override {
    copies_.Reset();
    batch_begins_ = true;
  }

  bool Decode(std::string_view record, uint32_t row, std::vector<Column>* columns,
              DeadLetter* dead) override {
    if (batch_begins_) reader_.BeginBatch(columns->data());
    batch_begins_ = false;
    char* begin = copies_.Allocate(record.size() + kJsonPadding);
    char* end = std::copy(record.begin(), record.end(), begin);
    std::memset(end, 0, kJsonPadding);
    return reader_.ReadShape({begin, end}, row) ||
           reader_.Walk(begin, end, row, &dead->reason, &dead->detail);
  }

 private:
  JsonReader reader_;
  TextArena copies_;
  bool batch_begins_ = true;
};

class Registry {
 public:
  static Registry& Get() {
    static Registry registry;
    return registry;
  }

  Status Add(std::string format, DecoderFactory factory) {
    const std::lock_guard lock(mutex_);
    if (factories_.contains(format)) {
      return Status(Code::kAlreadyExists, fmt::format("format '{}' is already known", format));
    }
    factories_.emplace(std::move(format), std::move(factory));
    return Status();
  }

  Result<DecoderFactory> Find(std::string_view format) const {
    const std::lock_guard lock(mutex_);
    const auto found = factories_.find(format);
    if (found != factories_.end()) return found->second;
    std::string known;
    for (const auto& entry : factories_) known += (known.empty() ? "" : ", ") + entry.first;
    return Status(Code::kNotFound, fmt::format("no format '{}'; there are: {}", format, known));
  }

 private:
  Registry() {
    factories_["json"] =
        [](const Projection& projection) -> Result<std::unique_ptr<RecordDecoder>> {
      return std::unique_ptr<RecordDecoder>(std::make_unique<JsonDecoder>(projection));
    };
  }

  mutable std::mutex mutex_;
  std::map<std::string, DecoderFactory, std::less<>> factories_;
};

}  // namespace

Status RegisterDecoder(std::string format, DecoderFactory factory) {
  return Registry::Get().Add(std::move(format), std::move(factory));
}

Result<std::unique_ptr<RecordDecoder>> MakeDecoder(std::string_view format,
                                                   const Projection& projection) {
  MURMUR_ASSIGN(const DecoderFactory factory, Registry::Get().Find(format));
  return factory(projection);
}

}  // namespace murmur
