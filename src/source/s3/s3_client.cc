#include "source/s3/s3_client.h"

#include <arrow/buffer.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <optional>

#include "base/clock.h"
#include "source/objects.h"
#include "source/retry.h"

namespace murmur {
namespace {

constexpr size_t kKeysPerPage = 1000;
constexpr std::string_view kRegionHeader = "x-amz-bucket-region";

// The text between <tag> and </tag> from *at on; moves *at past it.
std::optional<std::string_view> TakeElement(std::string_view xml, std::string_view tag,
                                            size_t* at) {
  const std::string open = fmt::format("<{}>", tag);
  const std::string close = fmt::format("</{}>", tag);
  const size_t begin = xml.find(open, *at);
  if (begin == xml.npos) return std::nullopt;
  const size_t end = xml.find(close, begin);
  if (end == xml.npos) return std::nullopt;
  *at = end + close.size();
  return xml.substr(begin + open.size(), end - begin - open.size());
}

void AppendUtf8(uint32_t character, std::string* text) {
  if (character < 0x80) {
    *text += static_cast<char>(character);
    return;
  }
  const int more = character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
  constexpr std::array<uint32_t, 4> kLead = {0, 0xC0, 0xE0, 0xF0};
  *text += static_cast<char>(kLead[static_cast<size_t>(more)] | character >> (6 * more));
  for (int i = more - 1; i >= 0; --i) {
    *text += static_cast<char>(0x80 | (character >> (6 * i) & 0x3F));
  }
}

// Text of XML, with its references ("&amp;", "&#13;") resolved.
std::string FromXml(std::string_view xml) {
  constexpr std::pair<std::string_view, char> kNamed[] = {
      {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
  std::string text;
  while (!xml.empty()) {
    const size_t end = xml.starts_with('&') ? xml.find(';') : xml.npos;
    if (end == xml.npos) {
      text += xml.front();
      xml.remove_prefix(1);
      continue;
    }
    std::string_view name = xml.substr(1, end - 1);
    xml.remove_prefix(end + 1);
    for (const auto& [known, c] : kNamed) {
      if (name == known) text += c;
    }
    if (!name.starts_with('#')) continue;
    const bool hex = name.starts_with("#x") || name.starts_with("#X");
    name.remove_prefix(hex ? 2 : 1);
    uint32_t character = 0;
    std::from_chars(name.data(), name.data() + name.size(), character, hex ? 16 : 10);
    if (character <= 0x10FFFF) AppendUtf8(character, &text);
  }
  return text;
}

std::string ElementText(std::string_view xml, std::string_view tag) {
  size_t at = 0;
  const auto element = TakeElement(xml, tag, &at);
  return element ? FromXml(*element) : std::string();
}

// "2026-03-01T12:00:00.000Z", in ns since the Unix epoch.
bool ParseTime(const std::string& text, int64_t* ns) {
  std::tm time{};
  const char* const rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &time);
  if (rest == nullptr) return false;
  *ns = static_cast<int64_t>(timegm(&time)) * 1'000'000'000;
  int64_t unit = 100'000'000;
  for (const char* p = *rest == '.' ? rest + 1 : rest; *p >= '0' && *p <= '9'; ++p, unit /= 10) {
    *ns += (*p - '0') * unit;
  }
  return true;
}

// Storage classes whose objects must, or may have to, be restored before they can be read.
std::string ColdClass(const std::string& storage_class) {
  for (const std::string_view cold : {"GLACIER", "DEEP_ARCHIVE", "INTELLIGENT_TIERING"}) {
    if (storage_class == cold) return storage_class;
  }
  return {};
}

// The store's answer as an error.
Status ErrorOf(const HttpAnswer& answer) {
  const std::string code = ElementText(answer.body, "Code");
  const std::string said = fmt::format(
      "{}{}{} (HTTP status {})", code, code.empty() ? "" : ": ",
      code.empty() ? "the store refused" : ElementText(answer.body, "Message"), answer.status);
  if (code == "NoSuchBucket") {
    return Status(Code::kNotFound, "there is no such bucket: check the path. " + said);
  }
  if (code == "InvalidObjectState") {
    return Status(Code::kFailedPrecondition,
                  "the object is archived, and must be restored before it can be read: restore it "
                  "(aws s3api restore-object), or leave it out of the path. " +
                      said);
  }
  if (answer.status == 301 || answer.status == 307 || code == "AuthorizationHeaderMalformed") {
    const std::string region = answer.Header(kRegionHeader).empty()
                                   ? ElementText(answer.body, "Region")
                                   : std::string(answer.Header(kRegionHeader));
    return Status(Code::kFailedPrecondition,
                  fmt::format("the bucket is in another region: say region: {}. {}",
                              region.empty() ? "…" : region, said));
  }
  if (code == "ExpiredToken") return Status(Code::kUnavailable, said);  // a new one may exist
  if (answer.status == 403 || answer.status == 401) {
    return Status(Code::kPermissionDenied,
                  "the store refuses these credentials, or they may not read there: check "
                  "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or the profile), and the region. " +
                      said);
  }
  if (answer.status == 404) return Status(Code::kNotFound, said);
  if (answer.status == 412) return Status(Code::kFailedPrecondition, said);
  if (answer.status == 503 || code == "SlowDown") {
    return Status(Code::kUnavailable,
                  "the store is overloaded; go on later, what was committed is safe. " + said);
  }
  const bool again = answer.status >= 500 || answer.status == 429 || code == "RequestTimeout";
  return Status(again ? Code::kUnavailable : Code::kInvalidArgument, said);
}

class S3File final : public arrow::io::RandomAccessFile {
 public:
  S3File(const S3Client* client, const std::string& name, const SourceObject& object)
      : client_(client),
        bucket_(name.substr(0, name.find('/'))),
        key_(name.substr(name.find('/') + 1)),
        object_(object) {
    set_mode(arrow::io::FileMode::READ);
  }

  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }
  arrow::Result<int64_t> Tell() const override { return position_; }
  arrow::Status Seek(int64_t position) override {
    position_ = position;
    return arrow::Status::OK();
  }
  arrow::Result<int64_t> GetSize() override { return static_cast<int64_t>(object_.size); }

  arrow::Result<int64_t> Read(int64_t bytes, void* out) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t read, ReadAt(position_, bytes, out));
    position_ += read;
    return read;
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t bytes) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, ReadAt(position_, bytes));
    position_ += buffer->size();
    return buffer;
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t bytes) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(Inside(position, bytes)));
    ARROW_ASSIGN_OR_RAISE(const int64_t read,
                          ReadAt(position, buffer->size(), buffer->mutable_data()));
    ARROW_RETURN_NOT_OK(buffer->Resize(read));
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
  }
  arrow::Result<int64_t> ReadAt(int64_t position, int64_t bytes, void* out) override {
    bytes = Inside(position, bytes);
    if (bytes == 0) return 0;
    const std::string range = fmt::format("range: bytes={}-{}", position, position + bytes - 1);
    auto answer = client_->Get(bucket_, key_, "", {range},
                               {static_cast<char*>(out), static_cast<size_t>(bytes)},
                               client_->interruption().token());
    if (!answer.ok()) return ToArrow(Explained(answer.status()));
    if (answer->size != static_cast<size_t>(bytes)) {
      return arrow::Status::IOError("the store gave ", answer->size, " bytes of ", bytes,
                                    " that were asked for");
    }
    return bytes;
  }

 private:
  int64_t Inside(int64_t position, int64_t bytes) const {
    const auto size = static_cast<int64_t>(object_.size);
    return std::clamp<int64_t>(bytes, 0, std::max<int64_t>(size - position, 0));
  }
  Status Explained(const Status& status) const {
    if (status.code() != Code::kFailedPrecondition || object_.cold.empty()) return status;
    return status.Annotated("storage class " + object_.cold);
  }

  const S3Client* client_;
  const std::string bucket_;
  const std::string key_;
  const SourceObject object_;
  int64_t position_ = 0;
  bool closed_ = false;
};

}  // namespace

std::string PercentEncoded(std::string_view text, std::string_view keep) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos ||
                       keep.find(c) != keep.npos;
    if (plain) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

Result<ListedPage> ParseListing(std::string_view xml) {
  const Status damaged(Code::kDataLoss, "the store's listing can't be read");
  if (xml.find("<ListBucketResult") == xml.npos) return damaged;
  ListedPage page;
  size_t at = 0;
  while (const auto contents = TakeElement(xml, "Contents", &at)) {
    SourceObject object;
    SetName(ElementText(*contents, "Key"), &object);
    const std::string size = ElementText(*contents, "Size");
    const auto parsed = std::from_chars(size.data(), size.data() + size.size(), object.size);
    if (parsed.ec != std::errc() || RawName(object).empty() ||
        !ParseTime(ElementText(*contents, "LastModified"), &object.mtime_ns)) {
      return damaged;
    }
    object.tag = ElementText(*contents, "ETag");
    std::erase(object.tag, '"');
    object.cold = ColdClass(ElementText(*contents, "StorageClass"));
    page.objects.push_back(std::move(object));
  }
  if (ElementText(xml, "IsTruncated") != "true") return page;
  page.next = ElementText(xml, "NextContinuationToken");
  if (page.next.empty()) return damaged;
  return page;
}

Result<HttpAnswer> S3Client::Get(const std::string& bucket, const std::string& key,
                                 const std::string& query, std::vector<std::string> headers,
                                 std::span<char> out, const std::stop_token& stop) const {
  std::string host = options_.host;
  if (host.empty()) {
    host = fmt::format("s3.{}.amazonaws.com{}", options_.region,
                       options_.region.starts_with("cn-") ? ".cn" : "");
  }
  std::string uri = "/" + PercentEncoded(key, "/");
  // A certificate for *.s3.… does not cover a bucket with a dot in its name.
  const bool dotted = options_.scheme == "https" && bucket.find('.') != bucket.npos;
  if (options_.path_style || dotted) {
    uri = "/" + PercentEncoded(bucket) + (key.empty() ? "" : uri);
  } else {
    host = bucket + "." + host;
  }
  const AwsCredentials credentials = options_.credentials();
  if (!credentials.access_key.empty()) {
    const AwsRequest request{.host = host,
                             .uri = uri,
                             .query = query,
                             .headers = {{"x-amz-content-sha256", Sha256Hex("")}},
                             .service = "s3",
                             .region = options_.region,
                             .time = AwsTime(Clock::System().WallMicros())};
    for (std::string& header : SignedHeaders(credentials, request)) {
      headers.push_back(std::move(header));
    }
  }
  const std::string url =
      fmt::format("{}://{}{}{}{}", options_.scheme, host, uri, query.empty() ? "" : "?", query);
  MURMUR_ASSIGN(
      HttpAnswer answer,
      http_.Ask({.url = url, .headers = std::move(headers), .post = {}, .out = out}, stop));
  if (answer.status != 200 && answer.status != 206) return ErrorOf(answer);
  return answer;
}

Result<std::vector<SourceObject>> S3Client::List(const std::string& prefix, size_t limit,
                                                 const std::stop_token& stop) const {
  const size_t slash = prefix.find('/');
  const std::string bucket = prefix.substr(0, slash);
  const std::string key = slash == prefix.npos ? "" : prefix.substr(slash + 1);
  std::vector<SourceObject> objects;
  std::string token;
  do {
    std::string query = token.empty() ? "" : "continuation-token=" + PercentEncoded(token) + "&";
    query += fmt::format("list-type=2&max-keys={}&prefix={}",
                         std::min(limit - objects.size(), kKeysPerPage), PercentEncoded(key));
    const auto answer = Retried(stop, [&] { return Get(bucket, "", query, {}, {}, stop); });
    if (!answer.ok()) return answer.status().Annotated(fmt::format("listing {}", prefix));
    auto page = ParseListing(answer->body);
    if (!page.ok()) return page.status().Annotated(fmt::format("listing {}", prefix));
    for (SourceObject& object : page->objects) {
      SetName(bucket + "/" + RawName(object), &object);
      objects.push_back(std::move(object));
    }
    token = std::move(page->next);
  } while (!token.empty() && objects.size() < limit);
  return objects;
}

Result<std::shared_ptr<arrow::io::RandomAccessFile>> S3Client::Open(
    const std::string& name, const SourceObject& object) const {
  return std::shared_ptr<arrow::io::RandomAccessFile>(std::make_shared<S3File>(this, name, object));
}

}  // namespace murmur
