#include "stark/witness/witness.h"

#include <zk/check.h>

#include <algorithm>
#include <tuple>

namespace zkvm::stark {

void Table::read(uint64_t first, uint64_t count, Fp* rows) const {
  ZK_CHECK(first + count <= height());
  if (produce)
    produce(first, count, rows);
  else
    std::copy_n(cells.data() + first * width, count * width, rows);
}

Fp& Table::cell(uint64_t row, uint32_t column) {
  ZK_CHECK(row < height() && column < width && !produce);
  return cells[row * width + column];
}

void Witness::sort() {
  // Equal tables keep their order, for determinism. (std::stable_sort warns under clang 19.)
  std::vector<size_t> order(tables.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {},
                    [&](size_t i) { return std::tuple(-tables[i].log_height, tables[i].chip, i); });
  std::vector<Table> sorted;
  for (const size_t i : order) sorted.push_back(std::move(tables[i]));
  tables = std::move(sorted);
}

std::vector<Fp> Witness::late_columns(const Table& table, uint32_t late_width,
                                      const LatePowers& late) const {
  ZK_CHECK((late_width > 0) == (table.make_late != nullptr));
  std::vector<Fp> rows(table.height() * late_width);
  if (late_width > 0) table.make_late(*this, table, late, rows.data());
  return rows;
}

std::vector<TableSpec> Witness::specs() const {
  std::vector<TableSpec> specs;
  for (const Table& table : tables) specs.push_back({table.chip, table.log_height});
  return specs;
}

}  // namespace zkvm::stark
