// RUN: nncc-opt %s --nncc-halve-floats='keep=stem/*,logits' 2>&1 | FileCheck %s
// RUN: nncc-opt %s --nncc-halve-floats='keep=head?' 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not nncc-opt %s --nncc-halve-floats='keep=[a' 2>&1 | FileCheck %s --check-prefix=PATTERN

// What a pattern names stays f32 with its constants: a node, or the tensor that one makes. Casts stand around it.
// CHECK-LABEL: @keeps
// CHECK:       %[[A:.*]] = nn.matmul %arg0, %{{.*}} : tensor<2x3xf32>, tensor<3x5xf32> -> tensor<2x5xf32>
// CHECK:       %[[HALF:.*]] = nn.cast %[[A]] : tensor<2x5xf32> -> tensor<2x5xf16>
// CHECK:       %[[B:.*]] = nn.matmul %[[HALF]], %{{.*}} : tensor<2x5xf16>, tensor<5x7xf16> -> tensor<2x7xf16>
// CHECK:       %[[WIDE:.*]] = nn.cast %[[B]] : tensor<2x7xf16> -> tensor<2x7xf32>
// CHECK:       nn.matmul %[[WIDE]], %{{.*}} : tensor<2x7xf32>, tensor<7x4xf32> -> tensor<2x4xf32>
// CHECK:       nn.unary{{ +}}sigmoid {{.*}} : tensor<2x4xf16> -> tensor<2x4xf16>
func.func @keeps(%x: tensor<2x3xf32>) -> tensor<2x4xf32> {
  %w0 = nn.constant dense<0.5> : tensor<3x5xf32>
  %w1 = nn.constant dense<0.5> : tensor<5x7xf32>
  %w2 = nn.constant dense<0.5> : tensor<7x4xf32>
  %0 = nn.matmul %x, %w0 : tensor<2x3xf32>, tensor<3x5xf32> -> tensor<2x5xf32> loc("stem/fc")
  %1 = nn.matmul %0, %w1 : tensor<2x5xf32>, tensor<5x7xf32> -> tensor<2x7xf32> loc("body/fc")
  %2 = nn.matmul %1, %w2 {nn.tensor = "logits"} : tensor<2x7xf32>, tensor<7x4xf32> -> tensor<2x4xf32> loc("head/fc")
  %3 = nn.unary sigmoid %2 : tensor<2x4xf32> -> tensor<2x4xf32> loc("head/sigmoid")
  return %3 : tensor<2x4xf32>
}

// NONE: warning: no node, and no tensor between nodes, is named 'head?': nothing stays f32 by it
// PATTERN: error: --keep [a=f32: invalid glob pattern
