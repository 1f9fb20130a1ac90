// The passes that know how CPU code is made. They read the machine's numbers from `nn.machines`, like all others.
#ifndef NNCC_CODEGEN_CPU_CPUPASSES_TD
#define NNCC_CODEGEN_CPU_CPUPASSES_TD
include "mlir/Pass/PassBase.td"

def ApplyTuning : Pass<"nncc-apply-tuning", "::mlir::ModuleOp"> {
  let summary = "Finds the kernels that a tuning file speaks of";
  let description = [{
    Requires N2, guarantees N2, before nncc-pack-weights. `nn.tuning` of the module, which goes, lists what kernels are
    (codegen/cpu/Tuning.h) and the form, tile and blocks that were measured to be fastest. Kernels that are one of those
    get `nn.tuned`, which whoever packs weights, chooses forms and writes code follows. What is of no kernel of the
    module, or does not fit its kernel (a tile that registers do not hold, say), is a warning, and changes nothing.

    ```mlir
    module attributes {nn.tuning = [{kernel = "matmul(4x8xf32, const 8x32xf32) -> 4x32xf32", form = "direct", panel = 1} ]}
    nn.kernel "k000_product" ins(...) {...}
    // becomes
    nn.kernel "k000_product" ins(...) {...} attributes {nn.tuned = {form = "direct", panel = 1}}
    ```
  }];
  // Epilogues are written once for a trial, to count their instructions.
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

def ChooseSmallTiles : Pass<"nncc-choose-small-tiles", "::mlir::ModuleOp"> {
  let summary = "Gives matrix products and convolutions tiles that they share";
  let description = [{
    Requires N2, guarantees N2, after nncc-apply-tuning and before nncc-pack-weights. Every tile that layers differ in is
    a micro-kernel of its own. Products without `nn.tuned` get panels of two vectors (three where that is all), and all
    of them one number of rows, which cuts most of them without a rest.

    ```mlir
    nn.kernel "k000_product" ins(...) {...}
    // becomes
    nn.kernel "k000_product" ins(...) {...} attributes {nn.tuned = {form = "direct", panel = 2, rows = 7}}
    ```
  }];
  // Epilogues are written once for a trial, to count their instructions.
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

def PackWeights : Pass<"nncc-pack-weights", "::mlir::ModuleOp"> {
  let summary = "Decides how the constant weights of contractions are laid out";
  let description = [{
    Requires N2, guarantees N2. Sets `nn.packings` on kernels whose root is a convolution or matrix product: one recipe
    (or unit) per input. From P on, such an input is a memref of as many bytes as the recipe's first number says.

    ```mlir
    nn.kernel "k000_conv1" ins(%x, %w : tensor<1x8x8x3xf32>, tensor<4x3x3x3xf32>) {...}
    // becomes
    nn.kernel "k000_conv1" ins(...) {...} attributes {nn.packings = [unit, #nn.packing<"panels", [432, 1, 4, 27, 4, 4, 0]>]}
    ```
  }];
  // Epilogues are written once for a trial, to count their instructions.
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

def ChooseForms : Pass<"nncc-choose-forms", "::mlir::ModuleOp"> {
  let summary = "Offers convolutions Winograd's form where that is estimated to be faster";
  let description = [{
    Requires N2, guarantees N2, after nncc-pack-weights. What `nn.packings` says serves the direct form, by register
    tiles over the input as it lies. A kernel that is estimated to be faster otherwise gets `nn.forms`
    (dialects/nn/KernelForms.h): Winograd's form with room for several threads, which share out strips of
    tiles or groups of channels, with less room as long as that is still faster, and the direct one. Whoever
    plans the memory takes the first whose scratch memory has room.

    Transformed weights are up to four times as large; those of bytes, which
    become words, eight times. They are taken where they save most cycles for a
    byte, until the weights of the model have grown by half, or by 8 MiB where
    that is more.

    A kernel with `nn.tuned` is offered Winograd's form where that says so, with its tile and strips, whatever is
    estimated, before all others, and other tiles where the weights of those have no room; else the direct form is all
    that it has.

    `form` = `winograd` takes the form for all kernels that can have it, `direct` for none, and `kernels` decides for
    single ones, as `NAME:winograd` or `NAME:direct`. Scratch memory of what is asked for is a part of the plan, even
    where the arena grows.

    ```mlir
    nn.kernel "k000_conv1" ... {nn.packings = [unit, #nn.packing<"panels", [..]>]}
    // becomes
    nn.kernel "k000_conv1" ... {nn.packings = [..], nn.forms = [
      {name = "winograd", tile = array<i64: 4, 4>, strip = 28, slots = 2, groups = 1, scratch_bytes = 1290240, packings = [unit, #nn.packing<"winograd", [..]>]},
      {name = "direct", packings = [unit, #nn.packing<"panels", [..]>]} ]}
    ```
  }];
  let options = [Option<"form", "form", "std::string", /*default=*/"\"auto\"", "auto, winograd or direct">,
                 ListOption<"kernels", "kernels", "std::string", "Single kernels, as NAME:winograd or NAME:direct">,
                 Option<"savesCode", "saves-code", "bool", /*default=*/"false",
                        "No tiles that are cut at edges, which are code of their own">];
  // Epilogues are written once for a trial, to see which kernels have one.
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

def FusePrologues : Pass<"nncc-fuse-prologues", "::mlir::ModuleOp"> {
  let summary = "Moves elementwise kernels into the contractions of single pixels that read them";
  let description = [{
    Requires N2, guarantees N2, after nncc-pack-weights and nncc-choose-forms. A convolution of one tap and step 1, or a
    product with a constant matrix, computes what a sole elementwise kernel before it makes by itself, a strip of pixels
    at a time, in scratch memory that stays in the cache (codegen/cpu/Strips.h): the whole of it never takes memory.

    Only where its main operand is read by others behind it, too, as the features of a dense block are: otherwise the
    elementwise kernel can overwrite it, and the arena would grow by the strips. There have to be twice as many pixels as
    strips of four threads have. Contractions of bytes only where no kernel is offered another form: that would work in
    the memory that is saved.

    ```mlir
    %a = nn.kernel "k007_Relu" ins(%x, %s, %t) {multiply, add, relu}
    %y = nn.kernel "k008_Conv" ins(%a, %w) {conv2d} attributes {nn.packings = [unit, #nn.packing<..>]}
    // becomes
    %y = nn.kernel "k008_Conv" ins(%w, %x, %s, %t) {multiply, add, relu, conv2d} attributes {
      nn.packings = [#nn.packing<..>, unit, unit, unit], nn.scratch_bytes = 487424,
      nn.form = {name = "strips", pixels = 112, slots = 4, scratch_bytes = 487424}}
    ```
  }];
  // Prologues are written once for a trial, to see that they have vector code.
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

def FuseAttention : Pass<"nncc-fuse-attention", "::mlir::ModuleOp"> {
  let summary = "Moves scores, their softmax and the values that they weigh into one kernel";
  let description = [{
    Requires N2, guarantees N2, after nncc-fuse-prologues. Two products of values of run time, with a softmax along rows
    between them that nothing else reads, and elementwise ops behind each, become one kernel, which computes a block of
    rows at a time, in scratch memory that stays in the cache (codegen/cpu/Attention.h): the matrix of all scores never
    takes memory. Kernels that only transpose an operand or the result go into it, too: queries, values and results are
    read and written where they lie, keys are packed, a head at a time.

    Only where blocks of two to four threads, the values and the result take less memory than all scores, so that the
    arena does not grow.

    ```mlir
    %s = nn.kernel "k004_MatMul" ins(%q, %k, %mask) {matmul, multiply, add}
    %p = nn.kernel "k005_Softmax" ins(%s) {softmax}
    %y = nn.kernel "k006_MatMul" ins(%p, %v) {matmul}
    // becomes
    %y = nn.kernel "k006_MatMul" ins(%q, %k, %mask, %v) {matmul, multiply, add, softmax, matmul} attributes {
      nn.scratch_bytes = 279552, nn.form = {name = "attention", rows = 64, slots = 4, scratch_bytes = 279552}}
    ```
  }];
}

def FusePlanes : Pass<"nncc-fuse-planes", "::mlir::ModuleOp"> {
  let summary = "Moves transpositions of images into the convolutions that read them";
  let description = [{
    Requires N2, guarantees N2, after nncc-choose-forms. A dense convolution of few channels reads its image channel by
    channel, as ONNX lays it out, where a kernel before it does nothing but put channels innermost, for it alone: first
    layers of most networks. The taps of a line of a plane are values of k that follow each other, so the weights are
    packed plane by plane.

    Machines that multiply by lanes (`fmaLane` of `#nn.machine`) load vectors of columns, whose lanes serve several
    taps of several pixels: there only f32, three to seven columns at steps of one or two, and long lines.

    ```mlir
    %t = nn.kernel "k000_Conv" ins(%x) {transpose}
    %y = nn.kernel "k001_Conv" ins(%t, %w) {conv2d} attributes {nn.packings = [unit, #nn.packing<"panels", [..]>]}
    // becomes
    %y = nn.kernel "k001_Conv" ins(%w, %x) {transpose, conv2d} attributes {
      nn.packings = [#nn.packing<"panels", [.., 3]>, unit]}
    ```
  }];
  // Epilogues are written once for a trial, to see that they have vector code.
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

def FuseChains : Pass<"nncc-fuse-chains", "::mlir::ModuleOp"> {
  let summary = "Moves convolutions into the convolutions or pooling that read them";
  let description = [{
    Requires N2, guarantees N2, after nncc-fuse-prologues and nncc-fuse-planes. A window (a convolution with constant
    weights, or a maximum) computes what a sole convolution before it makes by itself, a strip of rows at a time, in
    scratch memory that stays in the cache (codegen/cpu/Chains.h): the whole of it never takes memory.

    Only where that is larger than the L2 cache, so that it would go to memory and come back, or is of bytes and makes
    the arena as large as it is. It has to take more memory than all strips and the input of the one or the result of
    the other, and chains that make the arena larger nevertheless, since what is between lay in the caller's memory, are
    left. Rows that the windows of two strips share are kept from one to the next; only where the part of another thread
    begins they are made twice, which has to be little. An elementwise kernel that makes what the first convolution reads,
    of an input of the model or of a part of one (rgb of rgbx), becomes a part of the chain, too.

    ```mlir
    %a = nn.kernel "k003_Conv" ins(%x, %v) {conv2d, relu} attributes {nn.packings = [unit, #nn.packing<..>]}
    %y = nn.kernel "k004_Conv" ins(%a, %w) {conv2d} attributes {nn.packings = [unit, #nn.packing<..>]}
    // becomes
    %y = nn.kernel "k004_Conv" ins(%w, %x, %v) {conv2d, relu, conv2d} attributes {
      nn.packings = [#nn.packing<..>, unit, #nn.packing<..>], nn.scratch_bytes = 655360,
      nn.form = {name = "rows", rows = 2, slots = 4, scratch_bytes = 655360}}
    ```
  }];
  let options = [Option<"savesCode", "saves-code", "bool", /*default=*/"false",
                        "Chains at the wider limits only where the arena falls; no code for rows that stay">,
                 Option<"join", "join", "bool", /*default=*/"true",
                        "Longer chains, and others that are for memory alone, where the arena is fullest">];
  // Epilogues are written once for a trial, to see that they have vector code.
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

def EmitContractions : Pass<"nncc-emit-contractions", "::mlir::ModuleOp"> {
  let summary = "Turns outlined convolutions, matrix products and pooling into calls of micro-kernels";
  let description = [{
    Requires L1 functions that hold one planned `nn.kernel` each; guarantees L2 code in those that it takes. A kernel
    that it does not know is left alone, with a remark that says why; it is an error when its weights are packed.

    ```mlir
    func.func @k000_conv1(%x: memref<..>, %w: memref<432xi8>, %y: memref<..>) { nn.kernel ... }
    // becomes
    func.func @k000_conv1(...) { scf.for ... { call @nncc_gemm_f32_6x4(...) } }
    func.func private @nncc_gemm_f32_6x4(...) { ... vector.fma ... }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}
#endif
