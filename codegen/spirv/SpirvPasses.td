// The passes that write SPIR-V.
#ifndef NNCC_CODEGEN_SPIRV_SPIRVPASSES_TD
#define NNCC_CODEGEN_SPIRV_SPIRVPASSES_TD
include "mlir/Pass/PassBase.td"

def ConvertToSpirv : Pass<"nncc-convert-to-spirv", "::mlir::ModuleOp"> {
  let summary = "Makes each gpu.module a spirv.module for Vulkan 1.1";
  let description = [{
    Capability Shader alone, 32-bit indices, one entry point. Additions, subtractions and multiplications that may not
    contract are NoContraction: without it drivers reassociate what rounds on purpose. Offsets of operands are push
    constants.

    Requires G, guarantees modules of the SPIR-V dialect, which `spirv-lower-abi-attrs` completes.

    ```mlir
    %0 = arith.addf %a, %b : f32
    // becomes
    %0 = spirv.FAdd %a, %b {no_contraction} : f32
    ```
  }];
  let dependentDialects = ["::mlir::spirv::SPIRVDialect", "::mlir::vector::VectorDialect"];
}

def DecorateBuffers : Pass<"nncc-decorate-buffers", "::mlir::spirv::ModuleOp"> {
  let summary = "Says of storage buffers that others may share their memory";
  let description = [{
    A variable without a decoration promises that nothing else touches its memory. Buffers of the bindings in
    `nn.aliased`, which `nncc-convert-to-spirv` leaves on the module, get Aliased. Requires variables
    (`spirv-lower-abi-attrs`).

    ```mlir
    spirv.GlobalVariable @a bind(0, 0) : ...   // becomes
    spirv.GlobalVariable @a bind(0, 0) {aliased} : ...
    ```
  }];
}
#endif
