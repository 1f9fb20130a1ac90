// The passes that make kernels code of a GPU: one on the graph of kernels, then in the order in which compileForGpu runs
// them, with passes of passes/lower and passes/tile between them. They are handed numbers and know no GPU.
#ifndef NNCC_CODEGEN_GPU_GPUPASSES_TD
#define NNCC_CODEGEN_GPU_GPUPASSES_TD
include "mlir/Pass/PassBase.td"

def ReadPlanes : Pass<"nncc-read-planes", "::mlir::ModuleOp"> {
  let summary = "Lets convolutions of a GPU read an input of the model that lies channel by channel";
  let description = [{
    Images are given N x C x H x W, and a kernel puts their channels innermost. A dense convolution of at most four
    channels on a GPU takes the image as it is given as one more operand, and says so: `nn.planes` is the operand's
    number. It does so where tiles read a few pieces of four pixels of a plane. Its code for the CPU reads the
    transposed image; that for the GPU need not, and where no kernel does, the transposition is left out of what a run
    submits (NNCC_DISPATCH_UNREAD).

    Requires N2 with a device for each kernel, before weights are packed; guarantees N2.

    ```mlir
    %t = nn.kernel "k000" ins(%x : tensor<1x3x8x8xf32>) {transpose [0, 2, 3, 1]}
    %y = nn.kernel "k001_conv1" ins(%t, %w) {conv2d}
    // becomes
    %y = nn.kernel "k001_conv1" ins(%t, %w, %x) {conv2d} attributes {nn.planes = 2}
    ```
  }];
  let dependentDialects = ["::nncc::nn::NNDialect"];
}

def EmitTiles : Pass<"nncc-emit-tiles", "::mlir::ModuleOp"> {
  let summary = "Writes convolutions and matrix products as one register tile for each thread";
  let description = [{
    A thread computes `tile_rows` pixels of `tile_columns` output channels, with the epilogue, and reads the weights
    from the panels that are packed for the CPU: rows of the panels are rows of vectors of four. Depthwise convolutions
    have a tile of pixels of a line, up to twice `tile_rows`, of four channels. At the border of an image pixels without
    a tap read another one, and what they add up does not count: sums of before the tap are put back, or taps that may be
    outside have sums of their own. Where registers do not suffice for that, what is read becomes 0, and tiles inside of
    the image have code of their own (`nn.share` says how often). Of an image of few channels a tile reads whole pieces
    of lines, or of its planes (`nn.planes`). Kernels that no tile takes are left to `nncc-lower-to-loops`, but those
    whose weights are packed: they are refused (`nn.refused`).

    Requires L1, guarantees L1. Needs the numbers of the GPU: `nn.machines`.

    ```mlir
    func.func @k0(%x: memref<1x8x8x16xf32>, %w: memref<1024xi8>, %y: memref<1x8x8x16xf32>) { nn.kernel ... }
    // becomes
    func.func @k0(%x: ..., %w: memref<256xf32>, ...) {
      scf.for %tile = %c0 to %c16 step %c1 { scf.for %o = %c0 to %c16 step %c4 {...} {nn.parallel} } {nn.parallel}
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def NarrowVectors : Pass<"nncc-narrow-vectors", "::mlir::func::FuncOp"> {
  let summary = "Cuts vectors of more than four lanes into pieces of at most four";
  let description = [{
    A thread of a GPU has vectors of two to four lanes. Wider ones come from groups of elements that are loaded, stored
    or interleaved at once.

    Requires L2, guarantees L2. What is carried through loops has at most four lanes already.

    ```mlir
    %0 = vector.load %x[%i] : memref<32xf32>, vector<8xf32>
    %1 = vector.shuffle %0, %0 [0, 2, 4, 6] : vector<8xf32>, vector<8xf32>
    // becomes two loads of vector<4xf32>, and a vector of their elements 0, 2, 0 and 2
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect", "::mlir::vector::VectorDialect"];
}

def ShareReductions : Pass<"nncc-share-reductions", "::mlir::func::FuncOp"> {
  let summary = "Lets the threads of a workgroup share rows that few threads would run";
  let description = [{
    A loop that only joins what its iterations find (sums, products, maxima) is run by a team: each thread takes every
    `team`th iteration, and halves of the team join each other's partial results until one is left, which all read. Of
    a row that is reduced so, loops that say of each element what follows (`nn.independent`) are shared, too. Loops of a
    team are marked `nn.team`; partial results lie in memory of the workgroup (memref.alloca). A row of fewer iterations
    than a workgroup has threads gets a smaller team, if teams of rows fill workgroups.

    A row whose elements lie side by side is shared sooner, since the threads of a team read a cache line together.

    Requires L2, guarantees L2, and code of the same meaning: the team's loop may run one thread after the other.

    ```mlir
    %sum = scf.for %i = %c0 to %c25600 step %c1 iter_args(%s = %zero) { ... arith.addf %s, %x ... }
    // becomes
    scf.for %t = %c0 to %c64 step %c1 { %p = scf.for ... ; memref.store %p, %partial[%t] } {nn.team}
    scf.for %t = %c0 to %c64 step %c1 { scf.if %t < 32 { ... %partial[%t], %partial[%t + 32] ... } } {nn.team}
    ...
    %joined = memref.load %partial[%c0]
    ```
  }];
  let options = [Option<"team", "team", "int64_t", /*default=*/"64", "Threads of a workgroup: a power of two">,
                 Option<"leastIterations", "least-iterations", "int64_t", /*default=*/"512",
                        "The least iterations of a thread's loops, with those in them, that are worth sharing">,
                 Option<"mostThreads", "most-threads", "int64_t", /*default=*/"512",
                        "The most threads that would run the loops">,
                 Option<"leastOfRow", "least-of-row", "int64_t", /*default=*/"32",
                        "The least iterations that are worth sharing where they go along a row in memory">,
                 Option<"mostRows", "most-rows", "int64_t", /*default=*/"2048",
                        "The most threads that would run such loops">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
}

def PairDoubles : Pass<"nncc-pair-doubles", "::mlir::func::FuncOp"> {
  let summary = "Computes f64 as unevaluated sums of two f32";
  let description = [{
    GPUs have no f64, but long sums of f32 go on in it. The sum of two f32 has 48 significant bits, enough for that:
    addition, subtraction, multiplication and conversions are written with error-free transformations (Dekker 1971;
    Knuth, TAOCP 2, 4.2.2), which no compiler may contract or reorder. Other ops on f64 stay.

    Requires L2, guarantees L2.

    ```mlir
    %0 = arith.extf %x : f32 to f64
    %1 = arith.addf %sum, %0 : f64
    // becomes
    %high, %low = ... six additions of the parts of %sum and %x
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def MapThreads : Pass<"nncc-map-threads", "::mlir::ModuleOp"> {
  let summary = "Makes every independent iteration a thread: L2 becomes G";
  let description = [{
    Perfectly nested parallel loops become one linear number, the innermost loop fastest; a body is a thread. Parallel
    loops beside each other, or beside other work, take consecutive ranges of threads: nothing that they read or write
    is written elsewhere. Each function becomes a gpu.module with one gpu.func, `main`, whose arguments are its operands
    and then the tables that it reads (`nn.table`), flat. `nn.grid`, `nn.block` and `nn.iterations` (those of all loops
    of the longest thread) say how it is to be dispatched.

    A nest with loops of a team (`nn.team`) has so many threads for each iteration, a workgroup or a part of one: such a
    loop is a thread's iteration and a barrier, and what else has effects is left to the team's first thread.

    A function that threads cannot run stays, with the reason in `nn.refused`.

    Requires L2 functions of vectors of at most four lanes, guarantees G but for the refused ones.

    ```mlir
    func.func @k0(%x: memref<8x4xf32>) { scf.for %i = %c0 to %c8 step %c1 { ... } {nn.parallel} }
    // becomes
    gpu.module @k0 { gpu.func @main(%x: memref<32xf32>) kernel attributes {nn.grid = ..., nn.block = ...} {
      %id = ...
      scf.if %id < 8 { ... }
    } }
    ```
  }];
  let options = [Option<"blockThreads", "block-threads", "int64_t", /*default=*/"64", "Threads of a workgroup">,
                 Option<"mostIterations", "most-iterations", "int64_t", /*default=*/"16384",
                        "The most iterations of all loops of one thread">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect"];
}

def PairIntegers : Pass<"nncc-pair-integers", "::mlir::ModuleOp"> {
  let summary = "Moves i64 as two words of 32 bits";
  let description = [{
    GPUs need not have i64; indices and token numbers in memory are. A buffer of i64 becomes one of twice as many words,
    a value its low and its high word. What only moves, widens, narrows or becomes f32 is done with the words; a kernel
    with arithmetic on i64 stays as it is.

    Requires G, guarantees G.

    ```mlir
    %0 = memref.load %x[%i] : memref<8xi64>
    %1 = arith.index_cast %0 : i64 to index
    // becomes
    %0 = memref.load %x[2 * %i] : memref<16xi32>
    %1 = arith.index_cast %0 : i32 to index
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def ShapeBuffers : Pass<"nncc-shape-buffers", "::mlir::ModuleOp"> {
  let summary = "Gives buffers the element types that a GPU loads, and operands their offsets";
  let description = [{
    A buffer whose accesses are all vectors of four at multiples of four becomes one of `vector<4xT>`; of others, single
    elements are loaded and stored. An argument with `nn.offset_multiple` begins somewhere behind the start of its
    binding, at a multiple of so many bytes: it gets an argument of type index, its offset in elements of the buffer.

    Requires G, guarantees G.

    ```mlir
    %v = vector.load %x[%i] : memref<32xf32>, vector<4xf32>   // %i = 4 * %j
    // becomes
    %v = memref.load %x[%j] : memref<8xvector<4xf32>>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::vector::VectorDialect"];
}

def NestBuffers : Pass<"nncc-nest-buffers", "::mlir::ModuleOp"> {
  let summary = "Gives buffers dims for constant distances between what is loaded or stored";
  let description = [{
    Loads and stores that lie a constant apart, such as the rows of a panel for a few steps of k, would each take an
    addition for their index. Where all accesses of a buffer allow it, that becomes groups of parts of elements, in rows
    where that spares a sum: the accesses of a step share the index of the group, the part is a constant, which an
    instruction that loads has room for, and the element of a part is the same in each step.

    Requires G, guarantees G. Nothing is done where the dims would not be known to hold all indices.

    ```mlir
    scf.for %k = %c0 to %c8 step %c1 { memref.load %w[64 * %k + %t]; memref.load %w[64 * %k + 16 + %t]; ... } // %t < 16
    // becomes
    scf.for %k = %c0 to %c8 step %c1 { memref.load %w[%k, %c0, %t]; memref.load %w[%k, %c1, %t]; ... }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def CarryIndices : Pass<"nncc-carry-indices", "::mlir::ModuleOp"> {
  let summary = "Makes running sums of the indices of inner loops, and lets loops count by one of them";
  let description = [{
    In a loop without loops inside, the sum of what does not change and a multiple of the counter is carried from step
    to step, if nothing else needs the multiple: an addition instead of a product and an addition, in no more registers.
    A counter that is only needed for such sums becomes one of them, of which the others are as far behind as before;
    where it is not needed at all, the loop counts by what it carries. Indices that are the same in each step move out
    of branches, too, and constants are added last, so that sums have the rest in common.

    Requires G, guarantees G: the bounds of such loops are no constants any more, but a constant apart.

    ```mlir
    scf.for %i = %c0 to %c8 step %c1 { %0 = arith.muli %i, %c16; %1 = arith.addi %start, %0; memref.load %w[%1] }
    // becomes
    scf.for %1 = %start to (%start + 128) step %c16 { memref.load %w[%1] }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"];
}
#endif
