// Four storage buffers are what Vulkan guarantees; see Bindings.h.
#include "codegen/gpu/Bindings.h"
#include "codegen/gpu/GpuPasses.h"
#include <numeric>

using namespace mlir;
using namespace nncc;

static constexpr size_t kMostPushConstants = nn::kMostPushConstantBytes / sizeof(uint32_t);

namespace {

/// An argument of the kernel and where it lies in each launch.
struct Bound {
  unsigned argument;
  std::vector<std::pair<GpuMemory, unsigned>> memories;
  std::vector<int64_t> offsets;
  int64_t bytes;
  bool isTable;

  bool isConstant() const {
    return llvm::all_of(memories, [](auto memory) { return memory.first == GpuMemory::Constants; });
  }
};

class Binder {
public:
  Binder(gpu::GPUFuncOp kernel, ArrayRef<const GpuLaunch *> launches) : kernel(kernel), launches(launches) {}

  std::string run() {
    dropUnused();
    for (BlockArgument argument : kernel.getArguments())
      describe(argument);
    for (const Bound &bound : arguments)
      bindings.push_back({bound});
    mergeWhere([](const Bound &a, const Bound &b) { return a.isConstant() && b.isConstant(); });
    mergeWhere([](const Bound &a, const Bound &b) { return a.memories == b.memories; });
    std::string reason;
    llvm::raw_string_ostream os(reason);
    size_t offsets = 0;
    if (static_cast<int64_t>(bindings.size()) > nn::kMostBindings)
      os << "its operands lie in " << bindings.size() << " memories; a GPU need not have more than "
         << nn::kMostBindings << " buffers";
    else if (int64_t bytes = widestRange(); bytes > nn::kMostRangeBytes)
      os << "its operands span " << bytes << " bytes of one memory; a GPU need not reach more than "
         << nn::kMostRangeBytes;
    else if ((offsets = setAttributes()) > kMostPushConstants)
      os << "it has " << offsets << " operands with offsets, more than " << kMostPushConstants;
    return reason;
  }

private:
  void dropUnused() {
    for (unsigned number = kernel.getNumArguments(); number-- > 0;)
      if (kernel.getArgument(number).use_empty())
        (void)kernel.eraseArgument(number);
  }

  void describe(BlockArgument argument) {
    auto type = cast<MemRefType>(argument.getType());
    auto operand = kernel.getArgAttrOfType<IntegerAttr>(argument.getArgNumber(), nn::kOperandAttr);
    Bound bound{
        argument.getArgNumber(), {}, {}, type.getNumElements() * type.getElementTypeBitWidth() / 8, operand == nullptr};
    for (const GpuLaunch *launch : launches) {
      GpuOperand place = operand ? launch->operands[operand.getInt()] : GpuOperand{GpuMemory::Constants, 0, 0};
      bound.memories.push_back(
          {place.memory, place.memory == GpuMemory::Input || place.memory == GpuMemory::Output ? place.index : 0});
      bound.offsets.push_back(place.byteOffset);
    }
    arguments.push_back(bound);
  }

  /// Joins bindings whose arguments may all share one, while there are too many.
  void mergeWhere(function_ref<bool(const Bound &, const Bound &)> mayShare) {
    if (static_cast<int64_t>(bindings.size()) <= nn::kMostBindings)
      return;
    SmallVector<SmallVector<Bound>> merged;
    for (const SmallVector<Bound> &binding : bindings) {
      auto *home = llvm::find_if(merged, [&](const SmallVector<Bound> &other) {
        return llvm::all_of(binding, [&](const Bound &a) {
          return llvm::all_of(other, [&](const Bound &b) { return mayShare(a, b); });
        });
      });
      if (home == merged.end())
        merged.push_back(binding);
      else
        home->append(binding);
    }
    bindings = merged;
  }

  /// The most bytes of one memory that a binding has to reach. Tables are small, and lie right behind the weights: how
  /// far behind, the runtime knows, which binds constants from the first that is used.
  int64_t widestRange() const {
    int64_t widest = 0;
    for (const SmallVector<Bound> &binding : bindings)
      for (size_t launch = 0; launch < launches.size(); ++launch) {
        int64_t begin = std::numeric_limits<int64_t>::max(), end = 0;
        for (const Bound &bound : binding) {
          begin = std::min(begin, bound.offsets[launch]);
          end = std::max(end, bound.offsets[launch] + bound.bytes);
        }
        widest = std::max(widest, end - begin);
      }
    return widest;
  }

  /// Whether a binding begins where an argument does, in every launch. Tables lie behind all weights.
  bool isFirst(const Bound &bound, ArrayRef<Bound> binding) const {
    if (bound.isTable)
      return binding.size() == 1;
    return llvm::all_of(binding, [&](const Bound &other) {
      auto isBehind = [&](size_t launch) { return bound.offsets[launch] <= other.offsets[launch]; };
      return other.isTable || llvm::all_of(llvm::seq<size_t>(0, launches.size()), isBehind);
    });
  }

  /// The number of arguments that have an offset.
  size_t setAttributes() {
    Builder builder(kernel.getContext());
    size_t offsets = 0;
    for (auto [number, binding] : llvm::enumerate(bindings))
      for (const Bound &bound : binding) {
        kernel.setArgAttr(bound.argument, nn::kBindingAttr, builder.getI64IntegerAttr(number));
        int64_t multiple = kGpuOffsetAlignment;
        for (int64_t offset : bound.offsets)
          multiple = std::gcd(multiple, offset);
        if (multiple == kGpuOffsetAlignment && isFirst(bound, binding))
          continue;
        kernel.setArgAttr(bound.argument, nn::kOffsetMultipleAttr, builder.getI64IntegerAttr(multiple));
        ++offsets;
      }
    return offsets;
  }

  gpu::GPUFuncOp kernel;
  ArrayRef<const GpuLaunch *> launches;
  SmallVector<Bound> arguments;
  SmallVector<SmallVector<Bound>> bindings;
};

} // namespace

std::string nncc::assignBindings(gpu::GPUFuncOp kernel, ArrayRef<const GpuLaunch *> launches) {
  return Binder(kernel, launches).run();
}
