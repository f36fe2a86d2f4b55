// The values of rows in MariaDB's binary log → the texts that MariaColumn::select gives for them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/mariadb/binlog_event.h"
#include "source/mariadb/maria_table.h"

namespace murmur {

// Takes a value off the front of *image. Empty: *image ends within it, or the type is not known.
std::optional<std::string_view> TakeBinlogValue(const BinlogType& type, std::string_view* image);
// Appends the text of such a value. False: it is none of this column.
bool AppendBinlogText(const BinlogType& type, const MariaColumn& column, std::string_view value,
                      std::string* text);

// One image of a row. `present`: which of the map's columns it has. `columns`: for each of the
// map's columns the table's that it is; none: it is not read.
struct BinlogImageColumns {
  const std::vector<BinlogColumn>* map = nullptr;
  const std::vector<std::optional<size_t>>* columns = nullptr;
  std::string_view present;
};
// Takes an image off the front of *images. The texts lie in *texts. False: it is damaged.
bool TakeBinlogImage(const BinlogImageColumns& of, const MariaTable& table,
                     std::string_view* images, std::string* texts, TextRow* row);

}  // namespace murmur
