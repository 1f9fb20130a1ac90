// The weights of a model as a file of their own. Streamed like the weights object: the header is written last, into the
// room left for it.
#include "codegen/emit/WeightsFile.h"
#include "nncc/abi.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/BLAKE3.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/EndianStream.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <cstring>

using namespace llvm;

namespace nncc {

namespace {

/// Passes bytes on and makes their XXH64, seed 0. LLVM's xxHash64() wants all of them at once.
/// source  https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
class Xxh64Stream : public raw_ostream {
public:
  explicit Xxh64Stream(raw_ostream &to) : to(to) { SetBufferSize(kBlock); }
  ~Xxh64Stream() override { flush(); }

  /// The hash of all that was written: a multiple of 32 bytes.
  uint64_t finish() {
    flush();
    uint64_t hash = kPrime5;
    if (written) {
      hash = rotl(lanes[0], 1) + rotl(lanes[1], 7) + rotl(lanes[2], 12) + rotl(lanes[3], 18);
      for (uint64_t lane : lanes)
        hash = (hash ^ round(0, lane)) * kPrime1 + kPrime4;
    }
    hash += written;
    hash = (hash ^ hash >> 33) * kPrime2;
    hash = (hash ^ hash >> 29) * kPrime3;
    return hash ^ hash >> 32;
  }

private:
  static constexpr size_t kBlock = 1 << 16;
  static constexpr uint64_t kPrime1 = 0x9e3779b185ebca87, kPrime2 = 0xc2b2ae3d27d4eb4f, kPrime3 = 0x165667b19e3779f9,
                            kPrime4 = 0x85ebca77c2b2ae63, kPrime5 = 0x27d4eb2f165667c5;

  static uint64_t round(uint64_t lane, uint64_t word) { return rotl(lane + word * kPrime2, 31) * kPrime1; }

  void addStripe(const char *bytes) {
    for (uint64_t &lane : lanes) {
      lane = round(lane, support::endian::read64le(bytes));
      bytes += 8;
    }
  }

  void write_impl(const char *data, size_t bytes) override {
    to.write(data, bytes);
    written += bytes;
    if (held) { // complete the stripe that has begun
      size_t taken = std::min(bytes, sizeof stripe - held);
      std::memcpy(stripe + held, data, taken);
      held += taken, data += taken, bytes -= taken;
      if (held < sizeof stripe)
        return;
      addStripe(stripe);
      held = 0;
    }
    for (; bytes >= sizeof stripe; data += sizeof stripe, bytes -= sizeof stripe)
      addStripe(data);
    std::memcpy(stripe, data, bytes);
    held = bytes;
  }
  uint64_t current_pos() const override { return written; }

  raw_ostream &to;
  uint64_t lanes[4] = {kPrime1 + kPrime2, kPrime2, 0, 0 - kPrime1};
  char stripe[32];
  size_t held = 0; ///< bytes in `stripe`
  uint64_t written = 0;
};

} // namespace

std::string weightsFileName(const ModelPlan &plan) { return plan.name + ".weights"; }

uint64_t weightsFileBytes(const ModelPlan &plan) {
  return sizeof(nncc_weights_header) + alignTo(plan.weightsBytes, NNCC_WEIGHTS_ALIGN);
}

uint64_t weightsLayout(const Module &module, const ModelPlan &plan) {
  SmallVector<char, 0> text;
  raw_svector_ostream os(text);
  WriteBitcodeToFile(module, os);
  support::endian::Writer out(os, endianness::little);
  out.write<uint64_t>(plan.arenaBytes);
  out.write<uint64_t>(plan.weightsBytes);
  for (const KernelPlan &kernel : plan.kernels) {
    os << kernel.function << '\0';
    for (int32_t number : kernel.numbers)
      out.write<int32_t>(number);
    for (const OperandPlan &operand : kernel.operands) {
      out.write<uint32_t>(uint32_t(operand.memory));
      out.write<uint32_t>(operand.index);
      out.write<uint64_t>(operand.byteOffset);
      out.write<uint64_t>(operand.bytes);
    }
  }
  auto digest = BLAKE3::hash<8>(arrayRefFromStringRef(StringRef(text.data(), text.size())));
  return support::endian::read64le(digest.data());
}

Expected<uint64_t> writeWeightsFile(const ModelPlan &plan, const WeightWriter &pack, raw_pwrite_stream &os) {
  uint64_t start = os.tell();
  os.write_zeros(sizeof(nncc_weights_header));
  Xxh64Stream weights(os);
  if (Error error = writeWeights(plan, pack, weights))
    return std::move(error);
  weights.write_zeros(alignTo(plan.weightsBytes, NNCC_WEIGHTS_ALIGN) - plan.weightsBytes);
  uint64_t hash = weights.finish();

  SmallString<sizeof(nncc_weights_header)> header;
  raw_svector_ostream headerStream(header);
  support::endian::Writer out(headerStream, endianness::little);
  headerStream << NNCC_WEIGHTS_MAGIC;
  out.write<uint64_t>(weightsFileBytes(plan));
  out.write<uint64_t>(plan.weightsLayout);
  out.write<uint64_t>(hash);
  headerStream.write_zeros(sizeof(nncc_weights_header) - header.size());
  os.pwrite(header.data(), header.size(), start);
  return hash;
}

} // namespace nncc
