// The passes that write SPIR-V.
#ifndef NNCC_CODEGEN_SPIRV_SPIRVPASSES_TD
#define NNCC_CODEGEN_SPIRV_SPIRVPASSES_TD
include "mlir/Pass/PassBase.td"

def WidenHalves : Pass<"nncc-widen-halves", "::mlir::ModuleOp"> {
  let summary = "Keeps f16 in memory alone: values are f32";
  let description = [{
    Values of f16 become f32, which holds all of them. Loads and stores convert: with `in-words` a buffer of f16 is one
    of words of two, which every GPU has, and a single element is written by atomic operations on its half of a word;
    without, loads and stores are of f16, which GPUs with 16-bit storage have. Both round to the nearest, ties to even.

    Requires G, shaped; guarantees G, and no op on f16 but loads, stores and the conversions beside them.

    ```mlir
    %0 = memref.load %x[%i] : memref<8xvector<4xf16>>
    %1 = arith.extf %0 : vector<4xf16> to vector<4xf32>
    // becomes, in words
    %0 = memref.load %x[%i] : memref<8xvector<2xi32>>
    %1 = ... spirv.GL.UnpackHalf2x16 of both words
    ```
  }];
  let options = [Option<"inWords", "in-words", "bool", /*default=*/"true", "For GPUs without 16-bit storage">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::math::MathDialect", "::mlir::spirv::SPIRVDialect", "::mlir::vector::VectorDialect"];
}

def HalveSums : Pass<"nncc-halve-sums", "::mlir::ModuleOp"> {
  let summary = "Adds up products of f16 in f16, a few at a time";
  let description = [{
    For GPUs that compute with f16, twice as many numbers at once. Where both factors of a chain of `vector.fma` are f16
    that were made wider, 8 to 32 products are added up in f16, from 0 on, and their sum to that of f32: an inner loop
    becomes blocks of iterations. A sum of so many products beyond 65,504 is infinite.

    Requires G, as `nncc-widen-halves` leaves it for 16-bit storage; guarantees G.

    ```mlir
    %sum = scf.for %i = %c0 to %c64 step %c1 iter_args(%s = %before) { ... vector.fma %a, %b, %s : vector<4xf32> ... }
    // becomes
    %sum = scf.for %i = %c0 to %c64 step %c32 iter_args(%s = %before) {
      %h = scf.for %j = %c0 to %c32 step %c1 iter_args(%p = %zero) { ... vector.fma %x, %y, %p : vector<4xf16> ... }
      ... arith.addf %s, (arith.extf %h)
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def ConvertToSpirv : Pass<"nncc-convert-to-spirv", "::mlir::ModuleOp"> {
  let summary = "Makes each gpu.module a spirv.module for Vulkan 1.1";
  let description = [{
    Capability Shader, with `storage16` StorageBuffer16BitAccess, too; 32-bit indices, one entry point. Additions,
    subtractions and multiplications that may not contract are NoContraction: without it drivers reassociate what rounds
    on purpose. Offsets of operands are push constants.

    Requires G, guarantees modules of the SPIR-V dialect, which `spirv-lower-abi-attrs` completes.

    ```mlir
    %0 = arith.addf %a, %b : f32
    // becomes
    %0 = spirv.FAdd %a, %b {no_contraction} : f32
    ```
  }];
  let options = [Option<"storage16", "storage16", "bool", /*default=*/"false",
                        "Buffers may have elements of f16: capability StorageBuffer16BitAccess">];
  let dependentDialects = ["::mlir::spirv::SPIRVDialect", "::mlir::vector::VectorDialect"];
}

def DecorateBuffers : Pass<"nncc-decorate-buffers", "::mlir::spirv::ModuleOp"> {
  let summary = "Says of storage buffers what others may do to their memory, and that they are only read";
  let description = [{
    A variable without a decoration promises that nothing else touches its memory. Buffers of the bindings in
    `nn.aliased`, which `nncc-convert-to-spirv` leaves on the module, get Aliased; those of bindings that nothing writes
    get NonWritable, by which drivers know of buffers without Aliased that loads may be moved and cached. Requires
    variables (`spirv-lower-abi-attrs`).

    ```mlir
    spirv.GlobalVariable @a bind(0, 0) : ...   // becomes
    spirv.GlobalVariable @a bind(0, 0) {aliased, non_writable} : ...
    ```
  }];
}
#endif
