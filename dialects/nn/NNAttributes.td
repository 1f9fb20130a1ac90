// Attributes of the nn dialect: the numbers of a machine and the recipe of packed weights.
#ifndef NNCC_DIALECTS_NN_NNATTRIBUTES_TD
#define NNCC_DIALECTS_NN_NNATTRIBUTES_TD
include "dialects/nn/NNDialect.td"

def NN_MachineAttr : AttrDef<NN_Dialect, "Machine"> {
  let mnemonic = "machine";
  let summary = "the numbers of one device that kernels are generated for";
  let description = [{
    Passes read numbers from here and never ask for a target. `vectorBits` is the width of one vector register,
    `vectorRegisters` their count, `fmaLane` says that one FMA can take one lane of a vector as scalar operand,
    `maskedStores` that a store under a mask costs one instruction; cache sizes are bytes per core.

    ```mlir
    module attributes {nn.machines = {cpu0 = #nn.machine<vector_bits = 256, registers = 16, l1_bytes = 32768, l2_bytes = 1048576>}} {}
    ```
  }];
  let parameters = (ins "int64_t":$vectorBits, "int64_t":$vectorRegisters, "bool":$fmaLane, "bool":$maskedStores,
                        "int64_t":$l1Bytes, "int64_t":$l2Bytes);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    /// How many elements of `bits` bits one vector register holds.
    int64_t lanes(int64_t bits = 32) const { return getVectorBits() / bits; }
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
