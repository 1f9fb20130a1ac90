// RUN: nncc-opt %s --pass-pipeline="builtin.module(spirv.module(nncc-decorate-buffers))" | FileCheck %s

// @b is read alone; @c and @d are one memory, of which the second is written; @e is only read, but
// its memory is one that others may write.
// CHECK:     spirv.GlobalVariable @a bind(0, 0) {aliased} :
// CHECK:     spirv.GlobalVariable @b bind(0, 1) {non_writable} :
// CHECK:     spirv.GlobalVariable @c bind(0, 2) :
// CHECK:     spirv.GlobalVariable @d bind(0, 2) :
// CHECK:     spirv.GlobalVariable @e bind(0, 3) {aliased, non_writable} :
// CHECK-NOT: nn.aliased
spirv.module Logical GLSL450 requires #spirv.vce<v1.3, [Shader], []> attributes {nn.aliased = array<i64: 0, 3>} {
  spirv.GlobalVariable @a bind(0, 0) : !spirv.ptr<!spirv.struct<(!spirv.array<8 x f32, stride=4> [0])>, StorageBuffer>
  spirv.GlobalVariable @b bind(0, 1) : !spirv.ptr<!spirv.struct<(!spirv.array<8 x f32, stride=4> [0])>, StorageBuffer>
  spirv.GlobalVariable @c bind(0, 2) : !spirv.ptr<!spirv.struct<(!spirv.array<8 x f32, stride=4> [0])>, StorageBuffer>
  spirv.GlobalVariable @d bind(0, 2) : !spirv.ptr<!spirv.struct<(!spirv.array<8 x i32, stride=4> [0])>, StorageBuffer>
  spirv.GlobalVariable @e bind(0, 3) : !spirv.ptr<!spirv.struct<(!spirv.array<8 x f32, stride=4> [0])>, StorageBuffer>
  spirv.func @main() "None" {
    %zero = spirv.Constant 0 : i32
    %a = spirv.mlir.addressof @a : !spirv.ptr<!spirv.struct<(!spirv.array<8 x f32, stride=4> [0])>, StorageBuffer>
    %b = spirv.mlir.addressof @b : !spirv.ptr<!spirv.struct<(!spirv.array<8 x f32, stride=4> [0])>, StorageBuffer>
    %e = spirv.mlir.addressof @e : !spirv.ptr<!spirv.struct<(!spirv.array<8 x f32, stride=4> [0])>, StorageBuffer>
    %d = spirv.mlir.addressof @d : !spirv.ptr<!spirv.struct<(!spirv.array<8 x i32, stride=4> [0])>, StorageBuffer>
    %to = spirv.AccessChain %a[%zero, %zero] : !spirv.ptr<!spirv.struct<(!spirv.array<8 x f32, stride=4> [0])>, StorageBuffer>, i32, i32 -> !spirv.ptr<f32, StorageBuffer>
    %from = spirv.AccessChain %b[%zero, %zero] : !spirv.ptr<!spirv.struct<(!spirv.array<8 x f32, stride=4> [0])>, StorageBuffer>, i32, i32 -> !spirv.ptr<f32, StorageBuffer>
    %other = spirv.AccessChain %e[%zero, %zero] : !spirv.ptr<!spirv.struct<(!spirv.array<8 x f32, stride=4> [0])>, StorageBuffer>, i32, i32 -> !spirv.ptr<f32, StorageBuffer>
    %bits = spirv.AccessChain %d[%zero, %zero] : !spirv.ptr<!spirv.struct<(!spirv.array<8 x i32, stride=4> [0])>, StorageBuffer>, i32, i32 -> !spirv.ptr<i32, StorageBuffer>
    %first = spirv.Load "StorageBuffer" %from : f32
    %second = spirv.Load "StorageBuffer" %other : f32
    %sum = spirv.FAdd %first, %second : f32
    spirv.Store "StorageBuffer" %to, %sum : f32
    %old = spirv.AtomicOr <Device> <None> %bits, %zero : !spirv.ptr<i32, StorageBuffer>
    spirv.Return
  }
}
