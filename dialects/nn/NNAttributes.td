// Attributes of the nn dialect: the numbers of machines and the recipe of packed weights.
#ifndef NNCC_DIALECTS_NN_NNATTRIBUTES_TD
#define NNCC_DIALECTS_NN_NNATTRIBUTES_TD
include "dialects/nn/NNDialect.td"

def NN_DotAttr : AttrDef<NN_Dialect, "Dot"> {
  let mnemonic = "dot";
  let summary = "an instruction that sums products of small integers";
  let description = [{
    Every lane of 32 bits gets the sum of `group` products of integers that lie side by side in its lanes of `lhs` and
    `rhs`. `bits` is the width of the vectors, `instruction` the name of LLVM's intrinsic; it adds to its first operand
    unless `adds` is false.

    `rows` = 2 is a product of matrices instead: of two rows of `lhs` and two of `rhs`, each as long as `group`; the
    four sums lie row by row.

    Where `wordSum` is not empty, `instruction` makes words of 16 bits, the sums of two products each, which saturate;
    `wordSum` sums products of words by words, two in a lane. `shuffle` then puts 16 bytes of a vector in the order that
    another one says: that of values of k is chosen so that no pair saturates.

    ```mlir
    #nn.dot<instruction = "llvm.x86.avx512.vpdpbusd.512", bits = 512, group = 4, lhs = ui8, rhs = i8, adds = true, rows = 1>
    ```
  }];
  let parameters = (ins StringRefParameter<"name of the intrinsic">:$instruction, "int64_t":$bits, "int64_t":$group,
                        "::mlir::Type":$lhs, "::mlir::Type":$rhs, "bool":$adds, "int64_t":$rows,
                        StringRefParameter<"name of the intrinsic, or empty", [{""}]>:$wordSum,
                        StringRefParameter<"name of the intrinsic, or empty", [{""}]>:$shuffle);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Pairs of products are summed in words that saturate.
    bool saturates() const { return !getWordSum().empty(); }
  }];
}

def NN_MachineAttr : AttrDef<NN_Dialect, "Machine"> {
  let mnemonic = "machine";
  let summary = "the numbers of one device that kernels are generated for";
  let description = [{
    Passes read numbers from here and never ask for a target. `vectorBits` is the width of one vector register,
    `vectorRegisters` their count, `fmaLane` says that one FMA can take one lane of a vector as scalar operand,
    `maskedStores` that a store under a mask costs one instruction, `maxNum` that the larger of two floats does, also
    where one may be NaN and the other is the result, `halfArithmetic` that f16 is computed with, and products of f16
    are to be added up in it; cache sizes are bytes per core. `mostLanes` bounds the elements of a vector value; 0: code
    may hold a value in several registers. `runLoad` is LLVM's intrinsic that loads two to four vectors that follow each
    other, without their number; empty: none, or none that is faster than loads of one or two. `dots` are the
    instructions that sum products of small integers, the fastest first.

    ```mlir
    module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 1048576>}} {}
    ```
  }];
  let parameters = (ins "int64_t":$vectorBits, "int64_t":$vectorRegisters, "bool":$fmaLane, "bool":$maskedStores,
                        "bool":$maxNum, "bool":$halfArithmetic, "int64_t":$l1Bytes, "int64_t":$l2Bytes, "int64_t":$mostLanes,
                        StringRefParameter<"name of the intrinsic, or empty">:$runLoad,
                        OptionalArrayRefParameter<"DotAttr">:$dots);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    /// How many elements of `bits` bits one vector register holds.
    int64_t lanes(int64_t bits = 32) const { return getVectorBits() / bits; }
  }];
}

def NN_GpuAttr : AttrDef<NN_Dialect, "Gpu"> {
  let mnemonic = "gpu";
  let summary = "the numbers of one GPU that kernels are generated for";
  let description = [{
    What loops are cut by where an iteration is a thread. `vector_bits` is the widest load, and no value is wider;
    `registers` are the 32-bit registers of a thread beyond which it spills, `warp` the threads that run in step.
    A thread of a contraction makes a tile of `tile_rows` pixels by `tile_columns` channels.

    ```mlir
    module attributes {nn.machines = {gpu0 = #nn.gpu<vector_bits = 128, registers = 64, warp = 16, tile_rows = 4, tile_columns = 4>}} {}
    ```
  }];
  let parameters = (ins "int64_t":$vector_bits, "int64_t":$registers, "int64_t":$warp, "int64_t":$tile_rows,
                        "int64_t":$tile_columns);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// A thread as lowerings to loops over vectors see it.
    MachineAttr getThread() const;
  }];
}

def NN_PackingAttr : AttrDef<NN_Dialect, "Packing"> {
  let mnemonic = "packing";
  let summary = "how a constant is laid out in the weights blob";
  let description = [{
    A recipe that is executed when the blob is written, so that big weights are never held twice.
    `kind` names the recipe, `numbers` are its parameters; `codegen/cpu/Packing.cpp` defines both.

    ```mlir
    #nn.packing<"panels", [16, 0]>
    ```
  }];
  let parameters = (ins StringRefParameter<"recipe">:$kind, OptionalArrayRefParameter<"int64_t">:$numbers);
  let assemblyFormat = "`<` $kind `,` `[` (`]`) : ($numbers^ `]`)? `>`";
}
#endif
