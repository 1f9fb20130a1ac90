// Tables of kernels on a terminal, and numbers with units.
#ifndef NNCC_LIB_DRIVER_TABLE_H
#define NNCC_LIB_DRIVER_TABLE_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nncc {

/// A number of JSON, which has neither infinity nor NaN: null for them, and for none.
llvm::json::Value finiteOrNull(std::optional<double> value);

/// An error, or a value that one is held against.
std::string numberText(double value, const char *format = "%.3g");
/// `3.75 KiB`, `512 B`
std::string bytesText(uint64_t bytes);
/// Microseconds: `12.3 us`, from a thousand on `1.23 ms`.
std::string timeText(double us);
/// That of a run, with the digits by which builds are compared: `1.76 us`, `43.199 ms`.
std::string runTimeText(double us);
/// `41.5 k`, `1.2 M`; 0 is empty, so that what has none does not fill a column.
std::string countText(uint64_t count);

/// Reads `2MB`: thousands with kB, MB, GB, 1024s with KiB, MiB, GiB. error: nothing
std::optional<uint64_t> parseSize(llvm::StringRef text);

/// Columns under their titles, numbers to the right. On a terminal that is too narrow the cells of some columns are cut
/// in the middle, then some columns are left out, which a last line names; elsewhere nothing is.
class Table {
public:
  struct Column {
    std::string title;
    bool isNumber = false;
    bool mayBeCut = false; ///< names, whose ends say more than their middle
    unsigned goes = 0;     ///< left out where there is no room, the highest number first; 0: never
  };
  explicit Table(std::vector<Column> columns) : columns(std::move(columns)) {}

  void add(std::vector<std::string> cells);
  /// width  of the terminal; 0: none
  void print(llvm::raw_ostream &os, size_t width) const;

private:
  /// The widths with which the chosen columns fit, with cells that may be cut to `shortest`; none where they do not.
  std::optional<std::vector<size_t>> fit(llvm::ArrayRef<size_t> chosen, size_t width, size_t shortest) const;
  /// The column that is left out next; none where all others have to stay.
  const size_t *next(llvm::ArrayRef<size_t> chosen) const;
  size_t naturalWidth(size_t column) const;

  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;
};

/// Words in lines of at most so many columns, which go on below the first word. width: 0: one line
std::string wrapped(llvm::StringRef label, llvm::ArrayRef<std::string> words, size_t width);

/// Columns of the terminal that standard output is; 0 where it is none.
size_t terminalColumns();

/// Which rows of a table are shown, as `--sort` and `--top` say.
struct RowOrder {
  size_t key;    ///< among those that may be sorted by
  bool isSorted; ///< else the order is that of the model
  size_t top;    ///< how many are shown
  bool isAsked;  ///< whether the command line speaks of rows

  /// The rows to show. value: what a row is sorted by, the largest first
  std::vector<size_t> choose(size_t rows, llvm::function_ref<double(size_t row, size_t key)> value) const;
};

/// Reads `--sort` and `--top`.
///
/// keys   what `--sort` may name
/// error  printed; nothing is returned
std::optional<RowOrder> rowOrder(llvm::ArrayRef<llvm::StringLiteral> keys);

} // namespace nncc
#endif
