#include "source/s3/http.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <strings.h>

#include <cstdlib>
#include <cstring>

namespace murmur {
namespace {

constexpr long kConnectSecondsMax = 5;
constexpr long kSilentSecondsMax = 20;
constexpr size_t kErrorBytesMax = 64 << 10;
constexpr size_t kBodyBytesMax = 64 << 20;  // a page of a listing has about one

// The part of libcurl 7 and 8 in use; its interface has been the same for twenty years.
struct Curl {
  decltype(&curl_global_init) global_init = nullptr;
  decltype(&curl_easy_init) easy_init = nullptr;
  decltype(&curl_easy_reset) easy_reset = nullptr;
  decltype(&curl_easy_setopt) easy_setopt = nullptr;
  decltype(&curl_easy_perform) easy_perform = nullptr;
  decltype(&curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&curl_easy_strerror) easy_strerror = nullptr;
  decltype(&curl_slist_append) slist_append = nullptr;
  decltype(&curl_slist_free_all) slist_free_all = nullptr;
  bool loaded = false;

  Curl() {
    void* const library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return;
    const auto find = [library](auto* function, const char* name) {
      *function = reinterpret_cast<std::remove_pointer_t<decltype(function)>>(dlsym(library, name));
      return *function != nullptr;
    };
    loaded =
        find(&global_init, "curl_global_init") && find(&easy_init, "curl_easy_init") &&
        find(&easy_reset, "curl_easy_reset") && find(&easy_setopt, "curl_easy_setopt") &&
        find(&easy_perform, "curl_easy_perform") && find(&easy_getinfo, "curl_easy_getinfo") &&
        find(&easy_cleanup, "curl_easy_cleanup") && find(&easy_strerror, "curl_easy_strerror") &&
        find(&slist_append, "curl_slist_append") && find(&slist_free_all, "curl_slist_free_all") &&
        global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  }
};

const Curl& TheCurl() {
  static const Curl* const curl = new Curl();
  return *curl;
}

struct Transfer {
  CURL* handle = nullptr;
  std::span<char> out;
  HttpAnswer answer;
  bool too_long = false;
  const std::stop_token* stop = nullptr;
};

size_t TakeBody(char* bytes, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  long status = 0;
  TheCurl().easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &status);
  HttpAnswer& answer = transfer.answer;
  if (status < 300 && transfer.out.data() != nullptr) {
    transfer.too_long = size > transfer.out.size() - answer.size;
    if (transfer.too_long) return 0;
    std::memcpy(transfer.out.data() + answer.size, bytes, size);
  } else {
    const size_t most = status < 300 ? kBodyBytesMax : kErrorBytesMax;
    transfer.too_long = size > most - answer.size;
    if (transfer.too_long) return 0;
    answer.body.append(bytes, size);
  }
  answer.size += size;
  return size;
}

size_t TakeHeader(char* bytes, size_t, size_t size, void* user) {
  constexpr std::string_view kRegion = "x-amz-bucket-region:";
  std::string_view line(bytes, size);
  if (line.size() > kRegion.size() &&
      strncasecmp(line.data(), kRegion.data(), kRegion.size()) == 0) {
    line.remove_prefix(kRegion.size());
    while (line.starts_with(' ')) line.remove_prefix(1);
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    static_cast<Transfer*>(user)->answer.region = line;
  }
  return size;
}

int GoOn(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(user)->stop->stop_requested() ? 1 : 0;
}

void SetUp(const Curl& curl, const std::string& url, curl_slist* headers, Transfer* transfer) {
  const auto set = [&](CURLoption option, auto value) {
    curl.easy_setopt(transfer->handle, option, value);
  };
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PATH_AS_IS, 1L);  // ".." in a key has no special meaning
  set(CURLOPT_HTTPHEADER, headers);
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_CONNECTTIMEOUT, kConnectSecondsMax);
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, kSilentSecondsMax);
  set(CURLOPT_WRITEFUNCTION, &TakeBody);
  set(CURLOPT_WRITEDATA, transfer);
  set(CURLOPT_HEADERFUNCTION, &TakeHeader);
  set(CURLOPT_HEADERDATA, transfer);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, &GoOn);
  set(CURLOPT_XFERINFODATA, transfer);
  for (const char* name : {"AWS_CA_BUNDLE", "SSL_CERT_FILE"}) {
    const char* const bundle = std::getenv(name);
    if (bundle == nullptr || *bundle == '\0') continue;
    set(CURLOPT_CAINFO, bundle);
    break;
  }
}

}  // namespace

HttpClient::~HttpClient() {
  for (void* handle : idle_) TheCurl().easy_cleanup(handle);
}

Result<HttpAnswer> HttpClient::Get(const std::string& url, const std::vector<std::string>& headers,
                                   std::span<char> out, const std::stop_token& stop) {
  const Curl& curl = TheCurl();
  if (!curl.loaded) {
    return Status(Code::kUnimplemented,
                  "reading from S3 needs libcurl.so.4: apt-get install libcurl4");
  }
  Transfer transfer{.out = out, .answer = {}, .stop = &stop};
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      transfer.handle = idle_.back();
      idle_.pop_back();
    }
  }
  if (transfer.handle == nullptr) transfer.handle = curl.easy_init();
  if (transfer.handle == nullptr) return Status(Code::kResourceExhausted, "libcurl: no memory");
  curl.easy_reset(transfer.handle);  // of options; connections stay
  curl_slist* list = nullptr;
  for (const std::string& header : headers) list = curl.slist_append(list, header.c_str());
  SetUp(curl, url, list, &transfer);
  const CURLcode code = curl.easy_perform(transfer.handle);
  long status = 0;
  curl.easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &status);
  curl.slist_free_all(list);
  {
    const std::lock_guard lock(mutex_);
    idle_.push_back(transfer.handle);
  }
  if (code == CURLE_ABORTED_BY_CALLBACK) return Status(Code::kCancelled, "stopped");
  if (transfer.too_long)
    return Status(Code::kUnavailable, "the answer is longer than was asked for");
  if (code != CURLE_OK) {
    return Status(Code::kUnavailable, fmt::format("the store can't be reached, or broke off: {}. "
                                                  "Check `endpoint:` and the network",
                                                  curl.easy_strerror(code)));
  }
  transfer.answer.status = static_cast<int>(status);
  return std::move(transfer.answer);
}

}  // namespace murmur
