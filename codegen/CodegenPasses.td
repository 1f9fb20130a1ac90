// The passes between L2 and LLVM IR in their order. What comes before them: passes/Passes.td, codegen/cpu/CpuPasses.td.
#ifndef NNCC_CODEGEN_CODEGENPASSES_TD
#define NNCC_CODEGEN_CODEGENPASSES_TD
include "mlir/Pass/PassBase.td"

def NarrowHalves : Pass<"nncc-narrow-halves", "::mlir::func::FuncOp"> {
  let summary = "Computes in f16 what f32 is only a detour for";
  let description = [{
    On machines with `half_arithmetic`. Where f16 is widened, computed with and rounded, and rounding the operands
    instead gives the same bits, nothing is widened.

    Requires L2, guarantees L2.

    ```mlir
    %wide = arith.extf %x : vector<8xf16> to vector<8xf32>
    %y = arith.maximumf %wide, %zero : vector<8xf32>
    %r = arith.truncf %y : vector<8xf32> to vector<8xf16>
    // becomes
    %r = arith.maximumf %x, %zero_of_f16 : vector<8xf16>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::vector::VectorDialect"];
}

def LowerVectors : Pass<"nncc-lower-vectors", "::mlir::func::FuncOp"> {
  let summary = "Lowers vectors of any rank to one-dimensional ones";
  let description = [{
    A reduction keeps the order of its dims: one over the innermost dim becomes horizontal ones, any other adds whole
    vectors. Transfers are unrolled: loops over them would go through buffers on the stack.

    Requires L2 without mathematical functions (`nncc-expand-math`), guarantees L2 whose vectors have one dim.

    ```mlir
    %s = vector.multi_reduction <add>, %v, %zero [0] : vector<2x8xf32> to vector<8xf32>
    // becomes
    %s = arith.addf %row0, %row1 : vector<8xf32>
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def ExpandViews : Pass<"nncc-expand-views", "::mlir::func::FuncOp"> {
  let summary = "Says the addresses of views as arithmetic";
  let description = [{
    Requires L2, guarantees L2 without subviews and views of other shapes.

    ```mlir
    %row = memref.subview %x[%i, 0] [1, 8] [1, 1] : memref<4x8xf32> to memref<8xf32, strided<[1], offset: ?>>
    // becomes
    %offset = arith.muli %i, %c8 : index
    %row = memref.reinterpret_cast %base to offset: [%offset], sizes: [8], strides: [1] : ...
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect"];
}

def ConvertToLLVMDialect : Pass<"nncc-convert-to-llvm-dialect", "::mlir::ModuleOp"> {
  let summary = "Converts to the LLVM dialect, memref arguments as bare pointers";
  let description = [{
    One conversion for all dialects. A memref argument becomes one pointer; its offset must be 0: the caller adds it.

    Requires L2 without loops and views, guarantees the LLVM dialect.

    ```mlir
    func.func @k0(%x: memref<4xf32>, %i: index) { %v = vector.load %x[%i] : memref<4xf32>, vector<4xf32> ... }
    // becomes
    llvm.func @k0(%x: !llvm.ptr, %i: i64) { %p = llvm.getelementptr %x[%i] ... %v = llvm.load %p ... }
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}
#endif
