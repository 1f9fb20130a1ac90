// Every pass in pipeline order: reading this file from top to bottom is the tour of the compiler. Two siblings have the
// rest: codegen/cpu/CpuPasses.td (after the graph phase and after lowering), codegen/CodegenPasses.td (from L2 on).
#ifndef NNCC_PASSES_PASSES_TD
#define NNCC_PASSES_PASSES_TD
include "mlir/Pass/PassBase.td"

//===-- between all phases ----------------------------------------------===//

def Check : Pass<"nncc-check", "::mlir::ModuleOp"> {
  let summary = "Fails unless the module keeps the contract of a stage: N1, N2, P, L1, L2 or G";
  let description = [{
    `--nncc-check=N2` on the command line. The contracts are the table in `passes/check/Stage.cpp`.

    ```mlir
    // at L2:
    %0 = memref.alloc() : memref<4xf32>   // error: 'memref.alloc' op may not be in a kernel's function at stage L2
    ```
  }];
  let options = [Option<"stage", "stage", "std::string", /*default=*/"\"\"", "N1, N2, P, L1, L2 or G">];
}

//===-- graph: N1 -> N2 -------------------------------------------------===//

def DropEmptyTensors : Pass<"nncc-drop-empty-tensors", "::mlir::func::FuncOp"> {
  let summary = "Takes tensors without elements out of the graph";
  let description = [{
    A tensor without elements is a constant of its shape, whatever computes it. Where an operand has no elements and the
    result has some, the result is what nothing gives: a reduction its neutral element, a product 0 or the bias, a
    concatenation the other pieces, a scatter its data, a pad its value. Afterwards only `func.return` reads tensors
    without elements: constants, and arguments that are returned.

    Requires N1, guarantees N1.

    ```mlir
    %0 = nn.reduce sum %x axes [1] : tensor<2x0xf32> -> tensor<2x1xf32>   // becomes nn.constant dense<0.0>
    ```
  }];
  let dependentDialects = ["::nncc::nn::NNDialect"];
}

def DropUnusedOps : Pass<"nncc-drop-unused-ops", "::mlir::func::FuncOp"> {
  let summary = "Erases ops without effects whose results nobody uses";
  let description = [{
    Requires N1, guarantees N1.

    ```mlir
    %0 = nn.unary relu %x : tensor<4xf32> -> tensor<4xf32>   // erased
    return %x : tensor<4xf32>
    ```
  }];
}

def FoldConstants : Pass<"nncc-fold-constants", "::mlir::func::FuncOp"> {
  let summary = "Evaluates ops whose operands are all constants";
  let description = [{
    Layout ops, elementwise ops, casts and reductions are evaluated at compile time; a constant never grows by more
    than `growth-limit` bytes. Reshapes share the bytes.

    Requires N1, guarantees N1.

    ```mlir
    %c = nn.constant dense<[1.0, 4.0]> : tensor<2xf32>
    %0 = nn.unary sqrt %c : tensor<2xf32> -> tensor<2xf32>   // becomes nn.constant dense<[1.0, 2.0]>
    ```
  }];
  let options = [Option<"growthLimit", "growth-limit", "int64_t", /*default=*/"1 << 20",
                        "How many bytes a result may have more than its operands">,
                 Option<"keepQuantized", "keep-quantized", "bool", /*default=*/"false",
                        "Leave nn.dequantize of constants, and nn.cast of 16-bit floats that are weights of products or tables, "
                        "for nncc-form-integers and nncc-keep-small-weights">];
  let dependentDialects = ["::nncc::nn::NNDialect"];
}

def FormIntegers : Pass<"nncc-form-integers", "::mlir::func::FuncOp"> {
  let summary = "Computes on integers what lies between dequantize and quantize";
  let description = [{
    Dequantize moves below, quantize above what only moves elements. Contractions of quantized tensors become sums of
    products of bytes with a requantize, or a dequantize where floats are read; functions of one tensor become tables;
    sums, products and means have forms of their own; limits that saturation sets anyway vanish. Constant weights
    become `i8` without a zero point where they fit; else the zero point times the sum of what it is multiplied with is
    subtracted. A contraction whose sums could pass 2^31, by its weights, stays float, and a remark says so. Every form
    computes what docs/quantization.md says, bit by bit. Where `nn.machines` multiply bytes of one sign alone, tensors
    between contractions get that sign. A requantize of sums says what weights prove of them (`fits`, `small_sums`). The
    zero point of what a product or a convolution of single pixels reads becomes part of its bias.

    Requires N1 with nn.dequantize of constants unfolded, guarantees N1.

    ```mlir
    %0 = nn.dequantize %x, %sx, %zx : ...   %1 = nn.dequantize %w, %sw, %zw : ...
    %2 = nn.matmul %0, %1 : tensor<2x3xf32>, tensor<3x5xf32> -> tensor<2x5xf32>
    %3 = nn.quantize %2, %sy, %zy : ... -> tensor<2x5xui8>
    // becomes
    %2 = nn.matmul %x, %w zero_points (%zx, %zw) : tensor<2x3xui8>, tensor<3x5xi8> ... -> tensor<2x5xi32>
    %3 = nn.requantize %2, %m, %zy : tensor<2x5xi32>, ... -> tensor<2x5xui8>
    ```
  }];
  let dependentDialects = ["::nncc::nn::NNDialect"];
}

def KeepSmallWeights : Pass<"nncc-keep-small-weights", "::mlir::func::FuncOp"> {
  let summary = "Keeps the weights of products and convolutions of floats in the 4, 8 or 16 bits that a model stores them in";
  let description = [{
    A matrix product whose right side is a constant behind a dequantize, or a cast from a 16-bit float, and ops that move
    elements, reads the constant as it is stored. Scales belong to a column, and to a block of K or all of it, and take
    16 bits where these hold all of several blocks; one zero point for all is taken out of the constant. Values that 4
    bits hold take 4. Products with fewer than 8 columns, and blocks shorter than 8, stay: what goes with the weights
    would outweigh what they save.

    A convolution reads its filter as it is stored, and its sums are multiplied by the scale of their channel: one for
    all taps, without a zero point that stays. Groups of fewer than 16 input or 8 output channels stay floats, but for
    single ones (depthwise). Where filters are of 1 x 1, without steps, pads and groups, all others are products of
    pixels, too, with blocks, zero points and 4 bits.

    Requires N1 with nn.dequantize and nn.cast of constants unfolded, guarantees N1.

    ```mlir
    %0 = nn.dequantize %q, %s, %z : tensor<64x8xi8>, tensor<1x8xf32>, tensor<1x1xi8> -> tensor<64x8xf32>
    %1 = nn.matmul %a, %0 : tensor<3x64xf32>, tensor<64x8xf32> -> tensor<3x8xf32>
    // becomes
    %1 = nn.matmul_widened %a, %q scale %s block 64 bits 8 : tensor<3x64xf32>, tensor<64x8xi8> ... -> tensor<3x8xf32>
    ```
  }];
  let dependentDialects = ["::nncc::nn::NNDialect"];
}

def Simplify : Pass<"nncc-simplify", "::mlir::func::FuncOp"> {
  let summary = "Rewrites ops as fewer or cheaper ones, and names what exporters write out";
  let description = [{
    Drops identities; turns subtraction of and division by constants into addition and multiplication; merges factors,
    clips, slices, concats and pads; names what exporters write out (sigmoid, silu, gelu, hard swish, softplus, mish,
    prelu, leaky relu, softmax, layer normalization, means and norms); moves pads into windows; brings products to two
    dimensions; leaves out channels that no input changes (decision 0060). Results may differ in the last place, but not
    where that shows: nothing that is rounded, compared or counted changes (decision 0009).

    Requires N1, guarantees N1.

    ```mlir
    %0 = nn.unary sigmoid %x : tensor<2x3xf32> -> tensor<2x3xf32>
    %1 = nn.binary mul %x, %0 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
    // becomes
    %1 = nn.unary silu %x : tensor<2x3xf32> -> tensor<2x3xf32>
    ```
  }];
  let dependentDialects = ["::nncc::nn::NNDialect"];
}

def SinkTransposes : Pass<"nncc-sink-transposes", "::mlir::func::FuncOp"> {
  let summary = "Moves transposes down until they meet their inverse, a weight or the end of the graph";
  let description = [{
    The importer puts transpositions around every image op; after this pass activations are NHWC inside, and the
    transpositions that stay are at the edges of the graph. Instance and group normalization are written out, with
    channels last, but for that of one group. Elementwise ops, concat, slice, pad, reductions, softmax, resize and
    others are permuted on the way; constants are transposed (`nncc-fold-constants` evaluates that). Reshapes sink below
    elementwise ops. Where a transposition ends in a flattening before a product with constant weights, their rows are
    permuted instead. Each rewrite of an op leaves it fewer operands that are transposed or reshaped at run time, so an
    op is rewritten at most once for each operand.

    Requires N1, guarantees N1.

    ```mlir
    %0 = nn.transpose %x [0, 3, 1, 2] : tensor<1x5x7x3xf32> -> tensor<1x3x5x7xf32>
    %1 = nn.unary relu %0 : tensor<1x3x5x7xf32> -> tensor<1x3x5x7xf32>
    // becomes
    %0 = nn.unary relu %x : tensor<1x5x7x3xf32> -> tensor<1x5x7x3xf32>
    %1 = nn.transpose %0 [0, 3, 1, 2] : tensor<1x5x7x3xf32> -> tensor<1x3x5x7xf32>
    ```
  }];
  let dependentDialects = ["::nncc::nn::NNDialect"];
}

def HoistTransposes : Pass<"nncc-hoist-transposes", "::mlir::func::FuncOp"> {
  let summary = "Moves transposes up where fewer of them are left, and turns those that move no bytes into reshapes";
  let description = [{
    What `nncc-sink-transposes` could not bring together because one operand came without a transposition. Looks
    through at most 32 ops; every rewrite leaves fewer transpositions of values of run time.

    Requires N1, guarantees N1.

    ```mlir
    %0 = nn.transpose %x [1, 0] : tensor<3x2xf32> -> tensor<2x3xf32>
    %1 = nn.binary add %0, %y : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
    %2 = nn.transpose %1 [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
    // becomes
    %0 = nn.transpose %y [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
    %2 = nn.binary add %x, %0 : tensor<3x2xf32>, tensor<3x2xf32> -> tensor<3x2xf32>
    ```
  }];
  let dependentDialects = ["::nncc::nn::NNDialect"];
}

def FoldScale : Pass<"nncc-fold-scale", "::mlir::func::FuncOp"> {
  let summary = "Folds constants per channel, multiplied or added after a contraction, into its weights and bias";
  let description = [{
    Batch normalization is such a multiplication and addition from import on. A whole chain is folded at once, in
    double precision, so weights are copied once; through casts of halves to wider floats and back, too. What would
    overflow, or drown the products in the bias, stays. Needs the channels in the last dim: run after the layout is
    chosen.

    Requires N1, guarantees N1.

    ```mlir
    %0 = nn.matmul %x, %w : tensor<2x3xf32>, tensor<3x5xf32> -> tensor<2x5xf32>
    %1 = nn.binary mul %0, %scale : tensor<2x5xf32>, tensor<1x5xf32> -> tensor<2x5xf32>
    %2 = nn.binary add %1, %shift : tensor<2x5xf32>, tensor<1x5xf32> -> tensor<2x5xf32>
    // becomes
    %2 = nn.matmul %x, %w_scaled bias %shift_as_bias : ... -> tensor<2x5xf32>
    ```
  }];
  let dependentDialects = ["::nncc::nn::NNDialect"];
}

def HalveFloats : Pass<"nncc-halve-floats", "::mlir::func::FuncOp"> {
  let summary = "Stores f32 tensors between ops, and f32 constants, as f16";
  let description = [{
    With `--float=f16` or `--gpu-float=f16`. Kernels compute in f32 and round what they store. Arguments and results of
    the function keep their types: casts stand beside them, behind a transposition of an argument, whose kernel takes
    them. An op that is none of f16 stays f32, and so does one with a constant out of
    f16's range, or one so small that f16 has fewer digits of it, and so do squares and all that is computed of them,
    up to a root or logarithm, or to what is bounded, as tanh in a GELU: behind a power that has none of them the
    network stays f32. Where such a root is of single elements, as in a spectrum, products and convolutions whose sums
    are squared stay f32, too, with their operands: a quiet band is less than what rounding takes from the loud ones
    that it is the difference of. Integers of 16 bits and more that become floats stay f32 up to a factor that is none of
    them or a divisor, through sums of products, too. Steps of a scale that is found or given at run time do, from the
    division by the scale, or the product with its reciprocal, to the cast, and so does what makes the scale. Sines,
    cosines, tangents, remainders, fractions (x - floor(x)) and casts to integers of more than 8 bits stay f32 with what
    makes their angles and places element by element and by cumulative sums, up to and with the first other op. What
    a constant beyond f16 makes, as a mask, is limited to f16's largest numbers where it becomes f16. What `keep` names
    stays f32 with its constants; a pattern that names nothing is warned of.

    Requires N1, guarantees N1.

    ```mlir
    %0 = nn.matmul %x, %w : tensor<2x3xf32>, tensor<3x5xf32> -> tensor<2x5xf32>
    // becomes
    %1 = nn.cast %x : tensor<2x3xf32> -> tensor<2x3xf16>
    %2 = nn.cast %w : tensor<3x5xf32> -> tensor<3x5xf16>
    %0 = nn.matmul %1, %2 : tensor<2x3xf16>, tensor<3x5xf16> -> tensor<2x5xf16>
    ```
  }];
  let options = [ListOption<"keep", "keep", "std::string",
                            "Patterns with * and ? of nodes and of tensors, whose ops stay f32">];
  let dependentDialects = ["::nncc::nn::NNDialect"];
}

def FormKernels : Pass<"nncc-form-kernels", "::mlir::func::FuncOp"> {
  let summary = "Groups ops into kernels: N1 becomes N2";
  let description = [{
    A contraction, pooling, reduction, layer normalization, resize or transposition takes the elementwise ops after it
    that have its output's shape, as long as one result stays alive; of two that are added, the later one takes the
    addition. What is left of elementwise ops becomes
    DAGs with one result; every other op is a kernel by itself. Nothing is computed twice but casts of bytes to wider
    integers, which every kernel that reads them, a reduction too, does by itself. Constants whose elements
    are all equal move into the body, other constants are operands; reshapes stay outside.

    Requires N1, guarantees N2.

    ```mlir
    %0 = nn.matmul %x, %w : tensor<2x3xf32>, tensor<3x5xf32> -> tensor<2x5xf32>
    %1 = nn.unary relu %0 : tensor<2x5xf32> -> tensor<2x5xf32>
    // becomes
    %1 = nn.kernel "k000_fc" ins(%x, %w : ...) { ^bb0(...): nn.matmul, nn.unary, nn.yield } -> tensor<2x5xf32>
    ```
  }];
  let options = [
    Option<"onlyContractions", "only-contractions", "bool", /*default=*/"false",
           "Give an epilogue to contractions only, not to pooling, reductions, norms, resizes and transposes">];
  let dependentDialects = ["::nncc::nn::NNDialect"];
}

//===-- place: N2 --------------------------------------------------------===//

def Place : Pass<"nncc-place", "::mlir::ModuleOp"> {
  let summary = "Says on which device each kernel runs, and why";
  let description = [{
    For modules that describe a GPU. All kernels go where `where` says: `gpu`, `cpu`, `auto`, the GPU as far as it has
    code, or `beside`, where what they read is made; single ones where `kernels` says, as `NAME:gpu` or `NAME:cpu`. What is found out later, when code for the GPU
    is made, can bring a kernel back to the CPU: it has code for that in any case.

    Requires N2, guarantees N2.

    ```mlir
    nn.kernel "k000" ... {device = "cpu0"}   // becomes {device = "gpu0", nn.placed = "as asked for", ..}
    ```
  }];
  let options = [Option<"where", "where", "std::string", /*default=*/"\"auto\"", "auto, beside, gpu or cpu">,
                 ListOption<"kernels", "kernels", "std::string", "Single kernels, as NAME:gpu or NAME:cpu">];
  let dependentDialects = ["::nncc::nn::NNDialect"];
}

//===-- memory: N2 -> P --------------------------------------------------===//

def PlanMemory : Pass<"nncc-plan-memory", "::mlir::ModuleOp"> {
  let summary = "Gives every tensor its place in the arena, the weights or the caller's memory";
  let description = [{
    Requires N2, guarantees P. Concatenations, slices and reshapes become views where they can, an elementwise kernel
    takes over the memory of an operand that dies in it, results of the model are written straight to the caller, whose
    memory holds other tensors before, where the arena would be fullest. What no view can replace becomes a copy kernel.
    Where a concatenation makes the peak, an elementwise kernel that is its only reader reads the pieces, and a piece that
    is written there is copied into it later; where what is padded makes it, that lies in the padded tensor. Kernels run in another order where that makes the arena smaller; their names keep the numbers of the model's order. A kernel that offers forms gets the
    first whose scratch memory has room where nothing lies while it runs, or behind all that does, by which the arena grows
    by no more than `slack` bytes or `slack-percent` of it, or a tenth where kernels that were merged (`nn.whole_bytes`)
    saved more, or to what it would be if no tensors lay in outputs. `@main` gets the arguments arena, weights, inputs and outputs, and the
    attributes `nn.arena_lower_bound` (the bytes of tensors and scratch memory in the fullest kernel), `nn.peak_kernel` (its
    index), `nn.peak_tensors` (which they are), `nn.arena_tensors` (all tensors in the arena and when they live) and
    `nn.without_room` (kernels in another form than the first, and the slack that gives them room for that).

    ```mlir
    %y = nn.kernel "k0" ins(%x : tensor<4xf32>) {...} -> tensor<4xf32>
    // becomes
    %p = nn.place %arena at 64 : memref<128xi8> to memref<4xf32>
    nn.kernel "k0" ins(%x : memref<4xf32>) outs(%p : memref<4xf32>) {...}
    ```
  }];
  let options = [Option<"reuse", "reuse", "bool", "true", "let tensors share memory (off: the numeric debugger)">,
                 Option<"slack", "slack", "int64_t", "0", "bytes that the arena may grow by for forms of kernels">,
                 Option<"slackPercent", "slack-percent", "int64_t", "0", "the same as a share of the arena">];
}

//===-- lower: P -> L1 -> L2 --------------------------------------------===//

def OutlineKernels : Pass<"nncc-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "Makes kernels functions of their operands' memory; equal kernels share one";
  let description = [{
    The function's arguments are the operands (inputs, outputs, scratch) at their pointers, `llvm.noalias` where
    nothing else touches the memory that is written. Kernels are equal when bodies, types, strides, device and the
    pattern of in-place operands are; names and origins do not count. `nn.launch` keeps what reports need: name,
    nodes, device, op, macs, and the numbers of inputs and outputs. All of them are functions for the CPU; a kernel of
    a GPU becomes a second one in the module of that device, which the launch names, too.

    Requires P, guarantees P in functions.

    ```mlir
    nn.kernel "k0" ins(%x : memref<4xf32>) outs(%y : memref<4xf32>) {...}
    // becomes
    nn.launch @k0(%x, %y) {name = "k0", ...} : memref<4xf32>, memref<4xf32>
    func.func private @k0(%0: memref<4xf32> {llvm.noalias}, %1: memref<4xf32> {llvm.noalias}) { nn.kernel ... }
    ```
  }];
  let dependentDialects = ["::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect", "::nncc::nn::NNDialect"];
}

def LowerToLinalg : Pass<"nncc-lower-to-linalg", "::mlir::ModuleOp"> {
  let summary = "Writes kernels that are perfect nests as linalg.generic";
  let description = [{
    Elementwise DAGs, transposes, slices, expansions, concatenations, pads, tilings and copies. Every other kernel
    stays: LowerToLoops and the code generators have their own loops for it.

    Requires L1, all of it still kernels in functions; guarantees L1.

    ```mlir
    nn.kernel "k0" ins(%0 : memref<4xf32>) outs(%1 : memref<4xf32>) { ^bb0(%x: tensor<4xf32>): nn.unary relu; nn.yield }
    // becomes
    linalg.generic ins(%0) outs(%1) { ^bb0(%x: f32, %y: f32): arith.maximumf %x, 0.0; linalg.yield }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect"];
}

def LowerToLoops : Pass<"nncc-lower-to-loops", "::mlir::ModuleOp"> {
  let summary = "Writes the kernels that are left as loops over vectors";
  let description = [{
    Reductions, softmax, normalization, gathers and scatters, resampling ... and contractions and pooling that no code
    generator took. Rows stay in registers: no kernel needs scratch memory. Vectors run where memory is contiguous;
    the order of additions is fixed. Positions of resampling are tables (`memref.global`). Needs `nn.machines`.

    Requires L1 (code generators may have written some functions as L2), guarantees L1 without kernels.

    ```mlir
    nn.kernel "k0" ins(%0 : memref<2x16xf32>) outs(%1 : memref<2x1xf32>) { nn.reduce sum axes [1] ... }
    // becomes
    scf.for %i = %c0 to %c2 step %c1 { vector.load ... arith.addf ... memref.store }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def VectorizeLoops : Pass<"nncc-vectorize-loops", "::mlir::func::FuncOp"> {
  let summary = "Writes linalg.generic as loops over vectors";
  let description = [{
    Contiguous loops are joined; vectors as wide as the machine's registers run along the loop in which the output is
    contiguous; what is left is done by smaller vectors and single elements, without masks and without overlap.
    Inputs that lie transposed are read in square blocks. Needs the machine's numbers: `nn.machines`.

    Requires L1, guarantees L2 for what was linalg.

    ```mlir
    linalg.generic ... ins(%0 : memref<2x16xf32>) outs(%1 : memref<2x16xf32>)
    // becomes
    %v = vector.load %flat[%c0] : memref<32xf32>, vector<16xf32> ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def CutKernels : Pass<"nncc-cut-kernels", "::mlir::ModuleOp"> {
  let summary = "Lets kernels run in parts, on several threads";
  let description = [{
    A function with enough work gets two more arguments, the range of its work to be done; `nn.work` says how much
    there is, `nn.parts` into how many ranges it is worth cutting. Work is an estimate in operations on vectors of 32
    bytes. The iterations of loops marked `nn.parallel` are shared out; a function with effects outside of such loops
    stays whole. What an iteration does is not touched, so results are the same bits however the work is cut.
    Why so: docs/decisions/0005-threads.md.

    Requires L2 functions with their marks, guarantees L2 without marks.

    ```mlir
    func.func private @k0(%x: memref<..>, %y: memref<..>) { scf.for %i = %c0 to %c512 step %c1 {...} {nn.parallel} }
    // becomes
    func.func private @k0(%x: memref<..>, %y: memref<..>, %begin: i64, %end: i64) attributes {nn.work = ..., nn.parts = ...} {
      ... scf.for %i = %low to %high step %c1 {...}
    }
    ```
  }];
  let options = [Option<"partWork", "part-work", "int64_t", /*default=*/"8000",
                        "The least work of a part, in operations on vectors of 32 bytes">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"];
}

def ExpandMath : Pass<"nncc-expand-math", "::mlir::func::FuncOp"> {
  let summary = "Rewrites mathematical functions as arithmetic, so that code calls no C library";
  let description = [{
    Requires scalars and vectors (L2), guarantees L2 without `math` ops but fma, sqrt, absf, copysign and the
    roundings, which are instructions. Accuracy: `passes/lower/MathFunctions.h`.

    ```mlir
    %0 = math.exp %x : vector<8xf32>
    // becomes clamping, a polynomial of degree 6 and two multiplications by powers of two
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}
#endif
