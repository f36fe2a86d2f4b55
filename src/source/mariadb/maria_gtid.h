// Global transaction ids of MariaDB: names of transactions, which are the same on all servers that
// replicate them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace murmur {

// Within a domain, transactions are in one order on all servers.
struct MariaGtid {
  uint32_t domain = 0;
  uint32_t server = 0;  // that wrote it first
  uint64_t seq = 0;

  std::string ToString() const;  // "0-1-4711"
  bool operator==(const MariaGtid&) const = default;
};
// Takes one off the front of *text. False: there is none.
bool TakeMariaGtid(std::string_view* text, MariaGtid* gtid);

// The last transaction of each domain: up to where a log was read, whichever server's it is.
class MariaGtids {
 public:
  // In place of the one that its domain had.
  void Set(const MariaGtid& gtid);
  // Without that of its domain.
  void Erase(uint32_t domain);
  // Null: none of the domain.
  const MariaGtid* Find(uint32_t domain) const noexcept;
  const std::vector<MariaGtid>& all() const noexcept { return last_; }
  // Whether in each domain they are as far as those.
  bool Reach(const MariaGtids& those) const noexcept;
  std::string ToString() const;  // "0-1-4711,1-2-5", "" if there are none

  bool operator==(const MariaGtids&) const = default;

 private:
  std::vector<MariaGtid> last_;  // by domain, ascending
};
// Empty: it is no such text.
std::optional<MariaGtids> ParseMariaGtids(std::string_view text);

}  // namespace murmur
