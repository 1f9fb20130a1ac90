// RUN: nncc-opt %s --nncc-expand-math | FileCheck %s

// CHECK-LABEL: func @exp_is_arithmetic
// CHECK-NOT: math.exp
// CHECK: return
func.func @exp_is_arithmetic(%x: vector<8xf32>) -> vector<8xf32> {
  %0 = math.exp %x : vector<8xf32>
  return %0 : vector<8xf32>
}

// CHECK-LABEL: func @sqrt_is_an_instruction
// CHECK: math.sqrt
func.func @sqrt_is_an_instruction(%x: vector<8xf32>) -> vector<8xf32> {
  %0 = math.sqrt %x : vector<8xf32>
  return %0 : vector<8xf32>
}
