// RUN: nncc-opt %s --pass-pipeline="builtin.module(spirv.module(nncc-decorate-buffers))" | FileCheck %s

// CHECK:     spirv.GlobalVariable @a bind(0, 0) {aliased}
// CHECK:     spirv.GlobalVariable @b bind(0, 1) :
// CHECK-NOT: nn.aliased
spirv.module Logical GLSL450 requires #spirv.vce<v1.3, [Shader], []> attributes {nn.aliased = array<i64: 0>} {
  spirv.GlobalVariable @a bind(0, 0) : !spirv.ptr<!spirv.struct<(!spirv.array<8 x f32, stride=4> [0])>, StorageBuffer>
  spirv.GlobalVariable @b bind(0, 1) : !spirv.ptr<!spirv.struct<(!spirv.array<8 x f32, stride=4> [0])>, StorageBuffer>
}
