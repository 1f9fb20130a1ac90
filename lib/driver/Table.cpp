// See Table.h.
#include "lib/driver/Table.h"
#include "lib/driver/CommandLine.h"
#include "lib/driver/Diagnostics.h"
#include "lib/support/Assert.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Process.h"
#include <cmath>
#include <numeric>

using namespace llvm;

namespace nncc {

namespace {

cl::opt<std::string> sortOption("sort",
                                cl::desc("The largest kernels first: by time, macs, weights, written, error; "
                                         "each command has some of them (default: the order of the model)"),
                                cl::value_desc("COLUMN"), cl::cat(benchCategory()), cl::cat(inspectCategory()),
                                cl::cat(debugCategory()), cl::cat(outputGroup()));
cl::opt<size_t> topOption("top", cl::desc("Only the first N kernels of the table"), cl::init(SIZE_MAX),
                          cl::value_desc("N"), cl::cat(benchCategory()), cl::cat(inspectCategory()),
                          cl::cat(debugCategory()), cl::cat(outputGroup()));

/// Three digits of a number, and what it counts.
std::string threeDigits(double value, StringRef unit) {
  std::string text;
  raw_string_ostream(text) << format(value < 9.995 ? "%.2f " : value < 99.95 ? "%.1f " : "%.0f ", value) << unit;
  return text;
}

/// The beginning and the end of a name, of at most that many characters.
std::string cut(StringRef name, size_t length) {
  if (name.size() <= length)
    return name.str();
  size_t kept = length - 3, front = (kept + 1) / 2;
  return (name.take_front(front) + "..." + name.take_back(kept - front)).str();
}

/// No name is cut to less.
constexpr size_t kShortest = 12;

} // namespace

json::Value finiteOrNull(std::optional<double> value) {
  return value && std::isfinite(*value) ? json::Value(*value) : json::Value(nullptr);
}

std::string numberText(double value, const char *format) {
  std::string text;
  raw_string_ostream(text) << llvm::format(format, value);
  return text;
}

std::string bytesText(uint64_t bytes) {
  if (bytes < 1024)
    return std::to_string(bytes) + " B";
  double value = double(bytes) / 1024;
  StringRef units[] = {"KiB", "MiB", "GiB"};
  size_t unit = 0;
  for (; value >= 1024 && unit < 2; ++unit)
    value /= 1024;
  return threeDigits(value, units[unit]);
}

std::string timeText(double us) {
  return us < 1000 ? threeDigits(us, "us") : us < 1e6 ? threeDigits(us * 1e-3, "ms") : threeDigits(us * 1e-6, "s");
}

std::string countText(uint64_t count) {
  if (count < 1000)
    return count ? std::to_string(count) : "";
  double value = double(count) * 1e-3;
  StringRef units[] = {"k", "M", "G"};
  size_t unit = 0;
  for (; value >= 1000 && unit < 2; ++unit)
    value *= 1e-3;
  return threeDigits(value, units[unit]);
}

void Table::add(std::vector<std::string> cells) {
  NNCC_ASSERT(cells.size() == columns.size(), "a row has a cell for each column");
  rows.push_back(std::move(cells));
}

void Table::print(raw_ostream &os, size_t width) const {
  std::vector<size_t> widths;
  for (auto [i, column] : enumerate(columns)) {
    widths.push_back(column.title.size());
    for (const auto &row : rows)
      widths[i] = std::max(widths[i], row[i].size());
  }
  // Two blanks stand in front of every column.
  auto total = [&] { return std::accumulate(widths.begin(), widths.end(), 2 * columns.size()); };
  while (width && total() > width) {
    size_t widest = columns.size();
    for (auto [i, column] : enumerate(columns))
      if (column.mayBeCut && widths[i] > kShortest && (widest == columns.size() || widths[i] > widths[widest]))
        widest = i;
    if (widest == columns.size())
      break;
    --widths[widest];
  }
  auto printRow = [&](ArrayRef<std::string> cells) {
    std::string line;
    for (auto [cell, column, size] : zip(cells, columns, widths)) {
      std::string text = column.mayBeCut ? cut(cell, size) : cell;
      std::string blanks(size - std::min(size, text.size()), ' ');
      line += "  " + (column.isNumber ? blanks + text : text + blanks);
    }
    os << StringRef(line).rtrim() << "\n";
  };
  std::vector<std::string> titles;
  for (const Column &column : columns)
    titles.push_back(column.title);
  printRow(titles);
  for (const auto &row : rows)
    printRow(row);
}

size_t terminalColumns() { return sys::Process::StandardOutColumns(); }

std::vector<size_t> RowOrder::choose(size_t rows, function_ref<double(size_t, size_t)> value) const {
  std::vector<size_t> order(rows);
  std::iota(order.begin(), order.end(), 0);
  if (isSorted)
    sort(order, [&](size_t a, size_t b) { return std::pair(value(b, key), a) < std::pair(value(a, key), b); });
  order.resize(std::min(rows, top));
  return order;
}

std::optional<RowOrder> rowOrder(ArrayRef<StringRef> keys) {
  RowOrder order{0, !sortOption.empty(), topOption};
  if (!order.isSorted)
    return order;
  const StringRef *found = find(keys, StringRef(sortOption));
  if (found == keys.end()) {
    reportError("--sort=" + sortOption + " names no column\nnote: it may be " + join(keys, ", "));
    return std::nullopt;
  }
  order.key = found - keys.begin();
  return order;
}

} // namespace nncc
