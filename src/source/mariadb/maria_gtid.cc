#include "source/mariadb/maria_gtid.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/take_text.h"

namespace murmur {

std::string MariaGtid::ToString() const { return fmt::format("{}-{}-{}", domain, server, seq); }

bool TakeMariaGtid(std::string_view* text, MariaGtid* gtid) {
  return TakeNumber(text, &gtid->domain) && TakeChar(text, '-') &&
         TakeNumber(text, &gtid->server) && TakeChar(text, '-') && TakeNumber(text, &gtid->seq);
}

void MariaGtids::Set(const MariaGtid& gtid) {
  const auto at =
      std::lower_bound(last_.begin(), last_.end(), gtid.domain,
                       [](const MariaGtid& one, uint32_t domain) { return one.domain < domain; });
  if (at != last_.end() && at->domain == gtid.domain) {
    *at = gtid;
  } else {
    last_.insert(at, gtid);
  }
}

void MariaGtids::Erase(uint32_t domain) {
  std::erase_if(last_, [domain](const MariaGtid& one) { return one.domain == domain; });
}

const MariaGtid* MariaGtids::Find(uint32_t domain) const noexcept {
  const auto at = std::find_if(last_.begin(), last_.end(),
                               [domain](const MariaGtid& one) { return one.domain == domain; });
  return at == last_.end() ? nullptr : &*at;
}

bool MariaGtids::Reach(const MariaGtids& those) const noexcept {
  return std::all_of(those.last_.begin(), those.last_.end(), [this](const MariaGtid& one) {
    const MariaGtid* const mine = Find(one.domain);
    return mine != nullptr && mine->seq >= one.seq;
  });
}

std::string MariaGtids::ToString() const {
  std::string text;
  for (const MariaGtid& one : last_) {
    if (!text.empty()) text += ',';
    text += one.ToString();
  }
  return text;
}

std::optional<MariaGtids> ParseMariaGtids(std::string_view text) {
  MariaGtids gtids;
  while (!text.empty()) {
    MariaGtid one;
    if (!TakeMariaGtid(&text, &one)) return std::nullopt;
    gtids.Set(one);
    if (!text.empty() && (!TakeChar(&text, ',') || text.empty())) return std::nullopt;
  }
  return gtids;
}

}  // namespace murmur
