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
                                cl::desc("The largest kernels first: by time, macs, weights, written, memory, error; "
                                         "each command has some of them (default: the order of the model)"),
                                cl::value_desc("COLUMN"), cl::cat(benchCategory()), cl::cat(inspectCategory()),
                                cl::cat(debugCategory()), cl::cat(estimateCategory()), cl::cat(outputGroup()));
cl::opt<size_t> topOption("top", cl::desc("Only the first N kernels of the table"), cl::init(SIZE_MAX),
                          cl::value_desc("N"), cl::cat(benchCategory()), cl::cat(inspectCategory()),
                          cl::cat(debugCategory()), cl::cat(estimateCategory()), cl::cat(outputGroup()));

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

/// Columns go before a name is cut to less than the first, and none is cut to less than the second.
constexpr size_t kReadable = 20, kShortest = 12;

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

std::string runTimeText(double us) {
  std::string text;
  raw_string_ostream(text) << (us < 1000 ? format("%.2f us", us) : format("%.3f ms", us * 1e-3));
  return text;
}

std::optional<uint64_t> parseSize(StringRef text) {
  static constexpr std::pair<StringLiteral, uint64_t> units[] = {{"KiB", 1 << 10},   {"MiB", 1 << 20}, {"GiB", 1 << 30},
                                                                 {"kB", 1000},       {"KB", 1000},     {"MB", 1000000},
                                                                 {"GB", 1000000000}, {"B", 1},         {"", 1}};
  for (const auto &[unit, bytes] : units) {
    StringRef digits = text;
    if (!digits.consume_back(unit))
      continue;
    double number = 0;
    if (digits.getAsDouble(number) || !(number > 0) || number * bytes > 1e18)
      return std::nullopt;
    return uint64_t(number * bytes);
  }
  return std::nullopt;
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

size_t Table::naturalWidth(size_t column) const {
  size_t width = columns[column].title.size();
  for (const auto &row : rows)
    width = std::max(width, row[column].size());
  return width;
}

std::optional<std::vector<size_t>> Table::fit(ArrayRef<size_t> chosen, size_t width, size_t shortest) const {
  std::vector<size_t> widths;
  for (size_t column : chosen)
    widths.push_back(naturalWidth(column));
  // Two blanks stand in front of every column.
  auto total = [&] { return std::accumulate(widths.begin(), widths.end(), 2 * chosen.size()); };
  while (width && total() > width) {
    size_t widest = chosen.size();
    for (auto [i, column] : enumerate(chosen))
      if (columns[column].mayBeCut && widths[i] > shortest && (widest == chosen.size() || widths[i] > widths[widest]))
        widest = i;
    if (widest == chosen.size())
      return std::nullopt;
    --widths[widest];
  }
  return widths;
}

const size_t *Table::next(ArrayRef<size_t> chosen) const {
  auto isEmpty = [&](size_t column) { return all_of(rows, [&](const auto &row) { return row[column].empty(); }); };
  // One that says nothing goes before all others.
  if (const size_t *empty = find_if(chosen, isEmpty); empty != chosen.end())
    return empty;
  const size_t *found = std::max_element(chosen.begin(), chosen.end(),
                                         [&](size_t a, size_t b) { return columns[a].goes < columns[b].goes; });
  return found == chosen.end() || columns[*found].goes == 0 ? nullptr : found;
}

void Table::print(raw_ostream &os, size_t width) const {
  std::vector<size_t> chosen(columns.size());
  std::iota(chosen.begin(), chosen.end(), 0);
  std::vector<std::string> gone;
  auto widths = fit(chosen, width, kReadable);
  for (const size_t *column; !widths && (column = next(chosen)); widths = fit(chosen, width, kReadable)) {
    if (any_of(rows, [&](const auto &row) { return !row[*column].empty(); }))
      gone.push_back(columns[*column].title);
    chosen.erase(chosen.begin() + (column - chosen.data()));
  }
  if (!widths)
    widths = fit(chosen, width, kShortest);
  if (!widths) // no room for what has to be there: its lines are broken by the terminal
    widths = fit(chosen, 0, 0);
  auto printRow = [&](function_ref<StringRef(size_t)> cellOf) {
    std::string line;
    for (auto [column, size] : zip(chosen, *widths)) {
      std::string text = columns[column].mayBeCut ? cut(cellOf(column), size) : cellOf(column).str();
      std::string blanks(size - text.size(), ' ');
      line += "  " + (columns[column].isNumber ? blanks + text : text + blanks);
    }
    os << StringRef(line).rtrim() << "\n";
  };
  printRow([&](size_t column) { return StringRef(columns[column].title); });
  for (const auto &row : rows)
    printRow([&](size_t column) { return StringRef(row[column]); });
  if (!gone.empty())
    os << "  no room for: " << join(gone, ", ") << " (a wider terminal, -o FILE or --json has all)\n";
}

std::string wrapped(StringRef label, ArrayRef<std::string> words, size_t width) {
  std::string text = label.str();
  size_t column = text.size();
  for (const std::string &word : words) {
    if (width && column > label.size() && column + 1 + word.size() > width) {
      text += "\n" + std::string(label.size(), ' ');
      column = label.size();
    }
    text += " " + word;
    column += 1 + word.size();
  }
  return text + "\n";
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

std::optional<RowOrder> rowOrder(ArrayRef<StringLiteral> keys) {
  if (topOption == 0) {
    reportError("--top must be at least 1");
    return std::nullopt;
  }
  RowOrder order{0, !sortOption.empty(), topOption, !sortOption.empty() || topOption.getNumOccurrences() > 0};
  if (!order.isSorted)
    return order;
  const StringLiteral *found = find(keys, StringRef(sortOption));
  if (found == keys.end()) {
    reportError("--sort=" + sortOption + " names no column\nnote: it may be " + join(keys, ", "));
    return std::nullopt;
  }
  order.key = found - keys.begin();
  return order;
}

} // namespace nncc
