// Where the arena is fullest, tensors move into the caller's memory of outputs that are not written yet.
#include "dialects/nn/KernelForms.h"
#include "passes/memory/ArenaPlanner.h"
#include "passes/memory/MemoryLayout.h"

using namespace mlir;

namespace nncc {

namespace {

class OutputUser {
public:
  explicit OutputUser(MemoryLayout &layout) : layout(layout), elements(layout.buffers.size(), 0) {
    for (const Tensor &tensor : layout.tensors) {
      int64_t &most = elements[layout.root(tensor.buffer)];
      most = std::max(most, elementBytes(tensorOf(tensor.value)));
    }
    for (auto [number, buffer] : llvm::enumerate(layout.buffers))
      if (buffer.kind == BufferKind::Output && buffer.first != ~0u)
        outputs.push_back({int(number), {{buffer.first, ~0u, 0, buffer.bytes}}}); // the caller reads it at the end
    llvm::sort(outputs, [&](const Output &a, const Output &b) {
      return std::pair(layout.buffers[a.buffer].bytes, a.buffer) < std::pair(layout.buffers[b.buffer].bytes, b.buffer);
    });
  }

  /// Moves the largest tensors that are alive where the arena is fullest, with the scratch memory of the forms that
  /// kernels would rather have, down to what tensors need in a step that nothing can be moved from.
  /// Returns whether any moved.
  bool run() {
    if (outputs.empty())
      return false;
    bool hasMoved = false;
    std::vector<int64_t> loads = loadsOfSteps(layout), wanted = loads;
    for (auto [bytes, step] : llvm::zip(wanted, layout.steps))
      if (ArrayAttr forms = step.kernel ? nn::offeredForms(step.kernel) : ArrayAttr(); forms && !forms.empty())
        bytes += llvm::alignTo(nn::scratchBytes(cast<DictionaryAttr>(forms[0])), kArenaAlignment);
    int64_t least = 0;
    for (;;) {
      unsigned fullest = llvm::max_element(wanted) - wanted.begin();
      if (wanted[fullest] <= least)
        return hasMoved;
      std::optional<int> moved = moveFrom(fullest);
      if (!moved) {
        least = std::max(least, loads[fullest]);
        wanted[fullest] = 0;
        continue;
      }
      hasMoved = true;
      const Buffer &buffer = layout.buffers[*moved];
      for (unsigned step = buffer.first; step <= buffer.last; ++step) {
        int64_t bytes = llvm::alignTo(buffer.bytes, kArenaAlignment);
        loads[step] -= bytes, wanted[step] -= bytes;
      }
    }
  }

private:
  /// Bytes of an output from one step to another, both included.
  struct Part {
    unsigned first, last;
    int64_t begin, end;
  };
  struct Output {
    int buffer;
    SmallVector<Part> taken;
  };

  /// What moved out of the arena, of the buffers that are alive in a step.
  std::optional<int> moveFrom(unsigned step) {
    SmallVector<int> alive;
    for (auto [number, buffer] : llvm::enumerate(layout.buffers))
      if (buffer.kind == BufferKind::Arena && buffer.mergedInto < 0 && buffer.first <= step && step <= buffer.last &&
          elements[number] > 0) // kernels have their scratch memory in the arena
        alive.push_back(number);
    llvm::sort(alive, [&](int a, int b) {
      return std::pair(-layout.buffers[a].bytes, a) < std::pair(-layout.buffers[b].bytes, b);
    });
    for (int number : alive)
      for (Output &output : outputs)
        if (move(number, output))
          return number;
    return std::nullopt;
  }

  bool move(int number, Output &output) {
    Buffer &buffer = layout.buffers[number];
    const Buffer &target = layout.buffers[output.buffer];
    // The caller's memory is aligned to its own elements alone.
    if (elements[number] > elements[output.buffer])
      return false;
    std::optional<unsigned> inPlace = buffer.last == target.first ? inputInPlace(number, output.buffer) : std::nullopt;
    std::optional<int64_t> offset = findOffset(buffer, output, inPlace.has_value());
    if (!offset)
      return false;
    if (inPlace) {
      Step &step = layout.steps[buffer.last];
      step.overwrites = *inPlace;
      step.overwritten = tensorName(step.kernel.getInputs()[*inPlace]);
    }
    output.taken.push_back({buffer.first, buffer.last, *offset, *offset + buffer.bytes});
    buffer.kind = BufferKind::Output;
    buffer.index = target.index;
    buffer.offset = *offset;
    return true;
  }

  /// The first place where a buffer fits while it is alive; that of the whole output where it is overwritten in place.
  std::optional<int64_t> findOffset(const Buffer &buffer, const Output &output, bool isInPlace) const {
    SmallVector<Part> beside;
    for (const Part &part : output.taken)
      if (buffer.first <= part.last && part.first <= buffer.last && !(isInPlace && part.first == buffer.last))
        beside.push_back(part);
    llvm::sort(beside, [](const Part &a, const Part &b) { return a.begin < b.begin; });
    int64_t offset = 0;
    for (const Part &part : beside) {
      if (offset + buffer.bytes <= part.begin)
        break;
      offset = std::max<int64_t>(offset, llvm::alignTo(part.end, kArenaAlignment));
    }
    bool fits = offset + buffer.bytes <= layout.buffers[output.buffer].bytes;
    return fits ? std::optional(offset) : std::nullopt;
  }

  /// The input by which the kernel that writes an output overwrites a buffer.
  std::optional<unsigned> inputInPlace(int number, int output) const {
    const Step &step = layout.steps[layout.buffers[number].last];
    for (unsigned input : inputsToOverwrite(layout, step)) {
      nn::KernelOp kernel = step.kernel;
      if (layout.root(layout.places.find(kernel.getInputs()[input])->second.buffer) == number &&
          layout.places.find(kernel.getResult(0))->second.buffer == output)
        return input;
    }
    return std::nullopt;
  }

  MemoryLayout &layout;
  std::vector<int64_t> elements; ///< bytes of the largest in each buffer; 0: no tensor lies there
  std::vector<Output> outputs;   ///< the smallest first
};

} // namespace

bool useOutputs(MemoryLayout &layout) {
  // What a GPU writes for the caller may lie in memory of its own.
  bool hasGpu = llvm::any_of(layout.steps, [](const Step &step) {
    nn::KernelOp kernel = placedLike(step);
    return kernel && kernel.getDevice().value_or("cpu0") != "cpu0";
  });
  return !hasGpu && OutputUser(layout).run();
}

} // namespace nncc
