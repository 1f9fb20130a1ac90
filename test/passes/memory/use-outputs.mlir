// RUN: nncc-opt %s --split-input-file --nncc-plan-memory | FileCheck %s
// RUN: nncc-opt %s --split-input-file --nncc-plan-memory=reuse=false | FileCheck %s --check-prefix=APART

// What softmax overwrites lies where its result goes, the pieces of a concatenation.
// CHECK-LABEL: func.func @main
// CHECK-SAME:  memref<0xi8> {nn.memory = "arena"}
// CHECK-SAME:  %[[Y:arg[0-9]+]]: memref<5x3xf32> {nn.memory = "output"
// CHECK:       %[[A:.*]] = nn.place %[[Y]] at 0 : memref<5x3xf32> to memref<2x3xf32>
// CHECK-NEXT:  nn.kernel "k0" ins({{.*}}) outs(%[[A]] :
// CHECK:       %[[B:.*]] = nn.place %[[Y]] at 24 : memref<5x3xf32> to memref<9xf32>
// CHECK-NEXT:  nn.kernel "k1" ins({{.*}}) outs(%[[B]] :
// CHECK:       %[[FROM:.*]] = nn.place %[[Y]] at 0 : memref<5x3xf32> to memref<5x3xf32>
// CHECK:       %[[TO:.*]] = nn.place %[[Y]] at 0 : memref<5x3xf32> to memref<5x3xf32>
// CHECK-NEXT:  nn.kernel "soft" ins(%[[FROM]] : memref<5x3xf32>) outs(%[[TO]] : memref<5x3xf32>)
// CHECK:       {nn.in_place_of = "logits"}

// The numeric debugger reads all tensors when all kernels have run.
// APART-LABEL: func.func @main
// APART-SAME:  memref<{{[1-9][0-9]*}}xi8> {nn.memory = "arena"}
// APART-NOT:   nn.in_place_of
func.func @main(%x: tensor<2x3xf32> {nn.name = "x"}, %z: tensor<9xf32> {nn.name = "z"}) -> (tensor<5x3xf32> {nn.name = "y"}) {
  %0 = nn.kernel "k0" ins(%x : tensor<2x3xf32>) {
  ^bb0(%p: tensor<2x3xf32>):
    %a = nn.unary tanh %p : tensor<2x3xf32> -> tensor<2x3xf32>
    nn.yield %a : tensor<2x3xf32>
  } -> tensor<2x3xf32>
  %1 = nn.kernel "k1" ins(%z : tensor<9xf32>) {
  ^bb0(%p: tensor<9xf32>):
    %a = nn.unary exp %p : tensor<9xf32> -> tensor<9xf32>
    nn.yield %a : tensor<9xf32>
  } -> tensor<9xf32>
  %2 = nn.reshape %1 : tensor<9xf32> -> tensor<3x3xf32>
  %all = nn.kernel "all" ins(%0, %2 : tensor<2x3xf32>, tensor<3x3xf32>) {
  ^bb0(%p: tensor<2x3xf32>, %q: tensor<3x3xf32>):
    %a = nn.concat %p, %q axis 0 {nn.tensor = "logits"} : tensor<2x3xf32>, tensor<3x3xf32> -> tensor<5x3xf32>
    nn.yield %a : tensor<5x3xf32>
  } -> tensor<5x3xf32>
  %3 = nn.kernel "soft" ins(%all : tensor<5x3xf32>) {
  ^bb0(%p: tensor<5x3xf32>):
    %a = nn.softmax %p axis 1 : tensor<5x3xf32> -> tensor<5x3xf32>
    nn.yield %a : tensor<5x3xf32>
  } -> tensor<5x3xf32>
  return %3 : tensor<5x3xf32>
}

// -----

// a lies in y until `sum` has read it, and b, which is alive beside it, behind it. c is read while y is written, and not
// element by element: it stays in the arena.
// CHECK-LABEL: func.func @main
// CHECK-SAME:  memref<12xi8> {nn.memory = "arena"}
// CHECK-SAME:  %[[Y:arg[0-9]+]]: memref<64x3xf32> {nn.memory = "output"
// CHECK:       %[[A:.*]] = nn.place %[[Y]] at 0 : memref<64x3xf32> to memref<2x3xf32>
// CHECK-NEXT:  nn.kernel "a" ins({{.*}}) outs(%[[A]] :
// CHECK:       %[[B:.*]] = nn.place %[[Y]] at 64 : memref<64x3xf32> to memref<2x3xf32>
// CHECK-NEXT:  nn.kernel "b" ins({{.*}}) outs(%[[B]] :
// CHECK:       nn.kernel "sum"
func.func @main(%x: tensor<2x3xf32> {nn.name = "x"}) -> (tensor<64x3xf32> {nn.name = "y"}) {
  %zeros = nn.constant dense<0.0> : tensor<64x1xf32>
  %0 = nn.kernel "a" ins(%x : tensor<2x3xf32>) {
  ^bb0(%p: tensor<2x3xf32>):
    %a = nn.unary tanh %p : tensor<2x3xf32> -> tensor<2x3xf32>
    nn.yield %a : tensor<2x3xf32>
  } -> tensor<2x3xf32>
  %1 = nn.kernel "b" ins(%0 : tensor<2x3xf32>) {
  ^bb0(%p: tensor<2x3xf32>):
    %a = nn.unary exp %p : tensor<2x3xf32> -> tensor<2x3xf32>
    nn.yield %a : tensor<2x3xf32>
  } -> tensor<2x3xf32>
  %2 = nn.kernel "sum" ins(%0, %1 : tensor<2x3xf32>, tensor<2x3xf32>) {
  ^bb0(%p: tensor<2x3xf32>, %q: tensor<2x3xf32>):
    %a = nn.reduce sum %p axes [0] : tensor<2x3xf32> -> tensor<1x3xf32>
    %b = nn.reduce sum %q axes [0] : tensor<2x3xf32> -> tensor<1x3xf32>
    %c = nn.binary add %a, %b : tensor<1x3xf32>, tensor<1x3xf32> -> tensor<1x3xf32>
    nn.yield %c : tensor<1x3xf32>
  } -> tensor<1x3xf32>
  %3 = nn.kernel "wide" ins(%2, %zeros : tensor<1x3xf32>, tensor<64x1xf32>) {
  ^bb0(%p: tensor<1x3xf32>, %q: tensor<64x1xf32>):
    %a = nn.binary add %p, %q : tensor<1x3xf32>, tensor<64x1xf32> -> tensor<64x3xf32>
    nn.yield %a : tensor<64x3xf32>
  } -> tensor<64x3xf32>
  return %3 : tensor<64x3xf32>
}

// -----

// What a GPU writes for the caller may lie in memory of its own: nothing else does.
// CHECK-LABEL: func.func @main
// CHECK-SAME:  memref<24xi8> {nn.memory = "arena"}
func.func @main(%x: tensor<2x3xf32> {nn.name = "x"}) -> (tensor<2x3xf32> {nn.name = "y"}) {
  %0 = nn.kernel "k0" ins(%x : tensor<2x3xf32>) {
  ^bb0(%p: tensor<2x3xf32>):
    %a = nn.unary tanh %p : tensor<2x3xf32> -> tensor<2x3xf32>
    nn.yield %a : tensor<2x3xf32>
  } -> tensor<2x3xf32> attributes {device = "gpu0"}
  %1 = nn.kernel "soft" ins(%0 : tensor<2x3xf32>) {
  ^bb0(%p: tensor<2x3xf32>):
    %a = nn.softmax %p axis 1 : tensor<2x3xf32> -> tensor<2x3xf32>
    nn.yield %a : tensor<2x3xf32>
  } -> tensor<2x3xf32> attributes {device = "cpu0"}
  return %1 : tensor<2x3xf32>
}

// -----

// y is the caller's from when it is written on, also when nobody reads it any more.
// CHECK-LABEL: func.func @main
// CHECK-SAME:  memref<24xi8> {nn.memory = "arena"}
// CHECK-SAME:  %[[Y:arg[0-9]+]]: memref<2x3xf32> {nn.memory = "output"
// CHECK:       nn.place %[[Y]] at 0
// CHECK-NEXT:  nn.kernel "early"
// CHECK:       nn.place %[[Y]] at 0
// CHECK-NOT:   nn.place %[[Y]]
func.func @main(%x: tensor<2x3xf32> {nn.name = "x"}) -> (tensor<2x3xf32> {nn.name = "y"}, tensor<1x3xf32> {nn.name = "z"}) {
  %0 = nn.kernel "early" ins(%x : tensor<2x3xf32>) {
  ^bb0(%p: tensor<2x3xf32>):
    %a = nn.unary tanh %p : tensor<2x3xf32> -> tensor<2x3xf32>
    nn.yield %a : tensor<2x3xf32>
  } -> tensor<2x3xf32>
  %1 = nn.kernel "k1" ins(%0 : tensor<2x3xf32>) {
  ^bb0(%p: tensor<2x3xf32>):
    %a = nn.unary exp %p : tensor<2x3xf32> -> tensor<2x3xf32>
    nn.yield %a : tensor<2x3xf32>
  } -> tensor<2x3xf32>
  %2 = nn.kernel "k2" ins(%1 : tensor<2x3xf32>) {
  ^bb0(%p: tensor<2x3xf32>):
    %a = nn.reduce sum %p axes [0] : tensor<2x3xf32> -> tensor<1x3xf32>
    nn.yield %a : tensor<1x3xf32>
  } -> tensor<1x3xf32>
  return %0, %2 : tensor<2x3xf32>, tensor<1x3xf32>
}

// -----

// What "product" makes is in y, and the arena needs no more than 256 bytes; without y it would have 4352. The form of
// "conv" takes of those what it needs.
// CHECK-LABEL: func.func @main
// CHECK-SAME:  memref<4096xi8> {nn.memory = "arena"}
// CHECK:       nn.kernel "conv" ins({{.*}}) outs({{.*}}) scratch(%{{.*}} : memref<3840xi8>)
// CHECK:       nn.form = {name = "large", scratch_bytes = 3840 : i64}
// CHECK:       nn.kernel "soft"
// CHECK:       nn.in_place_of = "logits"
func.func @main(%x: tensor<1x64xf32> {nn.name = "x"}) -> (tensor<1x1024xf32> {nn.name = "y"}) {
  %w = nn.constant dense<0.5> : tensor<64x1024xf32>
  %0 = nn.kernel "conv" ins(%x : tensor<1x64xf32>) {
  ^bb0(%p: tensor<1x64xf32>):
    %a = nn.softmax %p axis 1 : tensor<1x64xf32> -> tensor<1x64xf32>
    nn.yield %a : tensor<1x64xf32>
  } -> tensor<1x64xf32> attributes {nn.forms = [{name = "large", scratch_bytes = 3840}, {name = "none"}]}
  %1 = nn.kernel "product" ins(%0, %w : tensor<1x64xf32>, tensor<64x1024xf32>) {
  ^bb0(%p: tensor<1x64xf32>, %q: tensor<64x1024xf32>):
    %a = nn.matmul %p, %q {nn.tensor = "logits"} : tensor<1x64xf32>, tensor<64x1024xf32> -> tensor<1x1024xf32>
    nn.yield %a : tensor<1x1024xf32>
  } -> tensor<1x1024xf32>
  %2 = nn.kernel "soft" ins(%1 : tensor<1x1024xf32>) {
  ^bb0(%p: tensor<1x1024xf32>):
    %a = nn.softmax %p axis 1 : tensor<1x1024xf32> -> tensor<1x1024xf32>
    nn.yield %a : tensor<1x1024xf32>
  } -> tensor<1x1024xf32>
  return %2 : tensor<1x1024xf32>
}

// -----

// A copy of an input runs where its reader does, on the GPU, which may write y into memory of its own: what "t" makes
// stays in the arena.
// CHECK-LABEL: func.func @main
// CHECK-SAME:  memref<24xi8> {nn.memory = "arena"}
// CHECK:       nn.kernel "all_0"
// CHECK:       device = "gpu0"
func.func @main(%x: tensor<2x3xf32> {nn.name = "x"}, %z: tensor<2x3xf32> {nn.name = "z"}) -> (tensor<4x3xf32> {nn.name = "y"}, tensor<1x3xf32> {nn.name = "s"}) {
  %0 = nn.kernel "t" ins(%z : tensor<2x3xf32>) {
  ^bb0(%p: tensor<2x3xf32>):
    %a = nn.unary tanh %p : tensor<2x3xf32> -> tensor<2x3xf32>
    nn.yield %a : tensor<2x3xf32>
  } -> tensor<2x3xf32> attributes {device = "cpu0"}
  %1 = nn.kernel "s" ins(%0 : tensor<2x3xf32>) {
  ^bb0(%p: tensor<2x3xf32>):
    %a = nn.reduce sum %p axes [0] : tensor<2x3xf32> -> tensor<1x3xf32>
    nn.yield %a : tensor<1x3xf32>
  } -> tensor<1x3xf32> attributes {device = "cpu0"}
  %2 = nn.kernel "all" ins(%x, %z : tensor<2x3xf32>, tensor<2x3xf32>) {
  ^bb0(%p: tensor<2x3xf32>, %q: tensor<2x3xf32>):
    %a = nn.concat %p, %q axis 0 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<4x3xf32>
    nn.yield %a : tensor<4x3xf32>
  } -> tensor<4x3xf32> attributes {device = "gpu0", nn.placed_as = "all"}
  return %2, %1 : tensor<4x3xf32>, tensor<1x3xf32>
}

// -----

// One that nobody placed runs where the kernel before it does: on the GPU it would be a segment of its own.
// CHECK-LABEL: func.func @main
// CHECK:       nn.kernel "all_0"
// CHECK:       device = "cpu0"
// CHECK:       nn.kernel "all_1"
// CHECK:       device = "cpu0"
func.func @main(%x: tensor<2x3xf32> {nn.name = "x"}, %z: tensor<2x3xf32> {nn.name = "z"}) -> (tensor<4x3xf32> {nn.name = "y"}, tensor<2x3xf32> {nn.name = "t"}) {
  %0 = nn.kernel "t" ins(%z : tensor<2x3xf32>) {
  ^bb0(%p: tensor<2x3xf32>):
    %a = nn.unary tanh %p : tensor<2x3xf32> -> tensor<2x3xf32>
    nn.yield %a : tensor<2x3xf32>
  } -> tensor<2x3xf32> attributes {device = "cpu0"}
  %1 = nn.kernel "all" ins(%x, %z : tensor<2x3xf32>, tensor<2x3xf32>) {
  ^bb0(%p: tensor<2x3xf32>, %q: tensor<2x3xf32>):
    %a = nn.concat %p, %q axis 0 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<4x3xf32>
    nn.yield %a : tensor<4x3xf32>
  } -> tensor<4x3xf32> attributes {device = "gpu0"}
  return %1, %0 : tensor<4x3xf32>, tensor<2x3xf32>
}
