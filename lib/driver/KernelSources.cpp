// See KernelSources.h.
#include "lib/driver/KernelSources.h"
#include "llvm/ADT/STLExtras.h"
#include <map>
#include <set>

using namespace llvm;

namespace nncc {

namespace {

/// Bytes that were written and are not overwritten yet: rows at equal distances, as those of a piece of a
/// concatenation, or all from `begin` to `end`.
struct Written {
  int64_t begin, end;
  int64_t row, pitch; ///< bytes of a row, from row to row; pitch 0: there is one row
  unsigned kernel;
};

/// The rows that an operand touches. Inner dims that lie side by side are a row, and all that is outside of them steps
/// by its distance: that is how slices and pieces lie in a tensor.
Written rowsOf(const OperandPlan &operand, unsigned kernel) {
  Written rows{operand.byteOffset, operand.byteOffset + operand.bytes, operand.bytes, 0, kernel};
  if (!operand.elementType)
    return rows;
  std::vector<std::pair<int64_t, int64_t>> dims; // strides and sizes
  for (auto [stride, size] : zip(operand.strides, operand.shape))
    if (size > 1 && stride > 0) // a broadcast dim shows the same bytes again
      dims.push_back({stride, size});
  sort(dims);
  int64_t width = divideCeil(operand.elementType.getIntOrFloatBitWidth(), 8), side = 1;
  for (auto [stride, size] : dims) {
    if (stride > side) {
      rows.row = side * width, rows.pitch = stride * width;
      break;
    }
    side *= size;
  }
  return rows;
}

/// Whether two have a byte in common. Rows of different distances are taken for all that lies between their ends.
bool overlap(const Written &a, const Written &b) {
  if (a.begin >= b.end || b.begin >= a.end)
    return false;
  if (!a.pitch || a.pitch != b.pitch)
    return true;
  int64_t shift = (b.begin - a.begin) % a.pitch;
  shift += shift < 0 ? a.pitch : 0;
  return shift < a.row || shift + b.row > a.pitch;
}

/// What is left of earlier writings in one memory.
class Memories {
public:
  void write(const Written &now) {
    std::vector<Written> left;
    for (const Written &old : written) {
      if (!overlap(old, now)) {
        left.push_back(old);
        continue;
      }
      // The memory between the rows of a piece belongs to its tensor: whatever lay there alone is dead.
      for (auto [begin, end] : {std::pair(old.begin, now.begin), std::pair(now.end, old.end)})
        if (begin < end && !old.pitch)
          left.push_back({begin, end, end - begin, 0, old.kernel});
    }
    left.push_back(now);
    written = std::move(left);
  }

  void read(const Written &rows, std::set<unsigned> &sources) const {
    for (const Written &old : written)
      if (overlap(old, rows))
        sources.insert(old.kernel);
  }

private:
  std::vector<Written> written;
};

} // namespace

std::vector<std::vector<unsigned>> kernelSources(const ModelPlan &plan) {
  std::map<std::pair<Memory, unsigned>, Memories> memories;
  std::vector<std::vector<unsigned>> all;
  for (auto [number, kernel] : enumerate(plan.kernels)) {
    std::set<unsigned> sources;
    for (const OperandPlan &operand : kernel.operands)
      if (!operand.isOutput && operand.bytes)
        memories[{operand.memory, operand.index}].read(rowsOf(operand, number), sources);
    for (const OperandPlan &operand : kernel.operands)
      if (operand.isOutput && operand.bytes)
        memories[{operand.memory, operand.index}].write(rowsOf(operand, number));
    all.emplace_back(sources.begin(), sources.end());
  }
  return all;
}

} // namespace nncc
